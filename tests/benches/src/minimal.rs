//! The build without default features: blocking driver, stores, no sandbox.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::Binaries;
use crate::document::{table, verdict};

const PACKAGE: [&str; 4] = ["--locked", "-p", "doorkey", "--no-default-features"];
const LARGEST: u64 = 3_000_000;
const MOST_CRATES: usize = 90;

pub(crate) fn measure(binaries: &Binaries) -> String {
    // The build is timed, not the network.
    cargo(&["fetch", "--locked"]);
    let _ = fs::remove_dir_all(&binaries.minimal_target);
    let folder = binaries.minimal_target.to_str().unwrap();
    let started = Instant::now();
    cargo(
        &[&["build", "--offline", "--release", "--bin", "pentify", "--target-dir", folder], &PACKAGE[..]]
            .concat(),
    );
    let took = started.elapsed();

    let tree = cargo(&[&["tree", "--offline", "-e", "normal", "--prefix", "none"], &PACKAGE[..]].concat());
    // A crate that is shown again is marked.
    let crates: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    let size = |path| fs::metadata(path).unwrap().len();
    let (minimal, full) = (size(&binaries.minimal), size(&binaries.pentify));
    let megabytes = |bytes: u64| format!("{}.{:02} MB", bytes / 1_000_000, bytes / 10_000 % 100);
    let row = |what: &str, figure: String, goal: String| vec![what.to_owned(), figure, goal];
    table(
        &["what", "figure", "goal"],
        &[
            row("stripped size", megabytes(minimal), verdict("< 3 MB", minimal < LARGEST)),
            row("unique crates", crates.len().to_string(), verdict("< 90", crates.len() < MOST_CRATES)),
            row("cold build", format!("{} s", took.as_secs()), String::new()),
            row("stripped size with the sandbox, for comparison", megabytes(full), String::new()),
        ],
    )
}

pub(crate) fn cargo(args: &[&str]) -> String {
    let output = Command::new("cargo").args(args).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "cargo {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
