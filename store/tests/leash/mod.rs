//! Programs that a test starts and that must end with it, also when it is killed.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A command that the kernel ends should the thread that starts it end without doing so.
pub fn leashed(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).arg(program.as_ref());
    command
}

/// Everything that runs with `XDG_RUNTIME_DIR` set to `run` below this folder: what a leashed program started is not
/// our child, but has inherited that.
pub fn running_in(folder: &Path) -> Vec<String> {
    let mark = format!("XDG_RUNTIME_DIR={}/run\0", folder.display());
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter(|process| {
        fs::read(process.path().join("environ"))
            .is_ok_and(|found| found.windows(mark.len()).any(|part| part == mark.as_bytes()))
    })
    .map(|process| process.file_name().to_string_lossy().into_owned())
    .collect()
}

/// Ends all of these.
pub fn end_all(pids: &[String]) {
    for pid in pids {
        let _ = Command::new("kill").args(["-9", pid]).status();
    }
}
