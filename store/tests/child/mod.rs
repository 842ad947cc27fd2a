//! Running a part of a test in a process of its own: the test binary starts itself again, with the one test named
//! `child`, which does nothing unless it was given a role.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command};

const ROLE: &str = "DOORKEY_STORE_TEST_ROLE";
const PLACE: &str = "DOORKEY_STORE_TEST_PLACE";

/// What this process was started for: a role and a path. `None` in the parent.
pub(crate) fn role() -> Option<(String, std::path::PathBuf)> {
    Some((env::var(ROLE).ok()?, env::var_os(PLACE)?.into()))
}

/// A command that plays this role at this path. `wrapper` is what runs it: empty, or a program with its options.
pub(crate) fn command(wrapper: &[&str], role: &str, place: &Path) -> Command {
    let me = env::current_exe().unwrap();
    let mut command = match wrapper.split_first() {
        None => Command::new(me),
        Some((program, options)) => {
            let mut command = Command::new(program);
            command.args(options).arg(me);
            command
        }
    };
    command.args(["--exact", "child", "--nocapture", "--quiet"]).env(ROLE, role).env(PLACE, place);
    command
}

/// Tells the parent something, on a line of its own.
#[allow(clippy::print_stdout, reason = "the pipe to the parent")]
pub(crate) fn say(word: &str) {
    println!("\n{word}");
    std::io::stdout().flush().unwrap();
}

/// Waits until a child, whose output is piped, says this.
pub(crate) fn await_line(child: &mut Child, word: &str) {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == word), "the child ended without saying {word}");
}
