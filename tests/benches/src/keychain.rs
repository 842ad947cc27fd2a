//! The stored token from gnome-keyring, beside `secret-tool lookup` of the same entry in the same session.

use std::process::Command;

use crate::Binaries;
use crate::document::{table, verdict};
use crate::login::{Terminal, log_in, sandbox};
use crate::sample::in_turn;
use doorkey_tests::desktop::{Desktop, Services};

const ROUNDS: usize = 300;

pub(crate) fn measure(binaries: &Binaries) -> String {
    let desktop = Desktop::start("bench-keychain", Services::Installed).with_unlocked_keyring();
    let (sandbox, _) = sandbox();
    let terminal = Terminal { binary: &binaries.pentify, desktop: &desktop, sandbox: &sandbox };
    log_in(&terminal, std::time::Duration::ZERO);
    let found = terminal.command(&["status", "--json"]).output().unwrap().stdout;
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap();
    assert_eq!(found["source"], "keychain", "{found}");

    let mut lookup = Command::new("secret-tool");
    lookup.args(["lookup", "service", "pentify-terminal", "username", "api-token"]);
    lookup.env_clear().envs(desktop.environment());
    let mut commands = [terminal.command(&["status", "--json"]), lookup];
    let samples = in_turn(ROUNDS, &mut commands);
    let [ours, theirs] = &samples[..] else { unreachable!("two commands") };
    let ratio = ours.ratio(theirs);
    let row = |name: &str, sample: &crate::sample::Sample, ratio: f64, goal: String| {
        let [min, median, p99] = sample.cells();
        vec![name.to_owned(), min, median, p99, format!("{ratio:.2}"), goal]
    };
    let rows = [
        row("`pentify status --json`", ours, ratio, verdict("≤ 0.5× `secret-tool`", ratio <= 0.5)),
        row("`secret-tool lookup`", theirs, 1.0, String::new()),
    ];
    table(&["command", "min ms", "median ms", "p99 ms", "× `secret-tool`", "goal"], &rows)
}
