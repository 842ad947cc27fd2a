//! The same start-up in instructions: a figure that hardly moves between runs and machines.

use std::process::Command;

use crate::Binaries;
use crate::document::table;
use crate::startup::{sealed, status};
use doorkey_tests::scratch::Scratch;

pub(crate) fn measure(binaries: &Binaries) -> String {
    let home = Scratch::new("instructions");
    let commands = [
        ("an empty Rust program", sealed(&binaries.empty, &home)),
        ("`pentify status --json`", status(&binaries.pentify, &home)),
        ("the same, minimal build", status(&binaries.minimal, &home)),
    ];
    let counted = commands.map(|(name, command)| (name, count(&command)));
    let floor = counted[0].1;
    let rows = counted.map(|(name, count)| {
        #[allow(clippy::cast_precision_loss)]
        let ratio = count as f64 / floor as f64;
        vec![name.to_owned(), format!("{} k", count / 1000), format!("{ratio:.2}")]
    });
    table(&["command", "instructions", "× empty"], &rows)
}

fn count(command: &Command) -> u64 {
    let mut counted = Command::new("valgrind");
    counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    counted.arg(command.get_program()).args(command.get_args()).env_clear();
    counted.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = String::from_utf8(counted.output().unwrap().stderr).unwrap();
    let collected = output.lines().find_map(|line| line.split_once("Collected : ")).unwrap().1;
    collected.trim().parse().unwrap()
}
