//! Start-up: a command that needs neither network nor store, with the token in the environment; and commands that look at
//! their stores and find nothing.

use std::path::Path;
use std::process::Command;

use crate::Binaries;
use crate::document::{table, verdict};
use crate::sample::in_turn_ending;
use doorkey_tests::scratch::Scratch;

const ROUNDS: usize = 500;
/// Of a command that has found no credential.
const NOT_SIGNED_IN: i32 = 3;

/// `pentify status --json` in an environment that holds a token and little else.
pub(crate) fn status(binary: &Path, home: &Path) -> Command {
    let mut command = sealed(binary, home);
    command
        .args(["status", "--json"])
        .env("PENTIFY_API_TOKEN", format!("pt_live_{}", "0123456789".repeat(4)));
    command
}

/// A command in an environment of its own.
pub(crate) fn sealed(binary: &Path, home: &Path) -> Command {
    let mut command = Command::new(binary);
    command.env_clear().env("HOME", home).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command
}

pub(crate) fn measure(binaries: &Binaries) -> String {
    let home = Scratch::new("startup");
    let mut gh = sealed(Path::new("/usr/bin/gh"), &home);
    gh.args(["auth", "token"]).env("GH_TOKEN", "x");
    let mut signed_out = sealed(&binaries.pentify, &home);
    signed_out.args(["status", "--json"]);
    let mut not_connected = sealed(&binaries.pensar, &home);
    not_connected.args(["login", "status", "--json"]);
    let mut commands = [
        sealed(&binaries.empty, &home),
        status(&binaries.pentify, &home),
        status(&binaries.minimal, &home),
        gh,
        signed_out,
        not_connected,
    ];
    let codes = [0, 0, 0, 0, NOT_SIGNED_IN, NOT_SIGNED_IN];
    let samples = in_turn_ending(ROUNDS, &mut commands, &codes);
    let [empty, pentify, _, gh, signed_out, not_connected] = &samples[..] else {
        unreachable!("six commands")
    };
    let (floor, peer, other) = (pentify.ratio(empty), gh.ratio(pentify), not_connected.ratio(signed_out));
    let names = [
        "an empty Rust program",
        "`pentify status --json`",
        "the same, minimal build",
        "`gh auth token`",
        "`pentify status --json`, signed out",
        "`pensar login status --json`, not connected",
    ];
    let goals = [
        String::new(),
        format!(
            "{}, {}",
            verdict("≤ 1.5× empty", floor <= 1.5),
            verdict("≥ 25× faster than `gh`", peer >= 25.0)
        ),
        String::new(),
        String::new(),
        String::new(),
        verdict("≤ 1.1× `pentify` signed out", other <= 1.1),
    ];
    let rows = names.iter().zip(&samples).zip(goals).map(|((name, sample), goal)| {
        let [min, median, p99] = sample.cells();
        let (to_empty, to_ours) = (sample.ratio(empty), sample.ratio(pentify));
        vec![(*name).to_owned(), min, median, p99, format!("{to_empty:.2}"), format!("{to_ours:.2}"), goal]
    });
    let head = ["command", "min ms", "median ms", "p99 ms", "× empty", "× `pentify`", "goal"];
    table(&head, &rows.collect::<Vec<_>>())
}
