//! The machines without a driver, in a process of its own that counts its allocations.

use std::process::Command;

use crate::Binaries;

pub(crate) fn measure(binaries: &Binaries) -> String {
    let output = Command::new(&binaries.machines).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
