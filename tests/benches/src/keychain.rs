//! The stored token from gnome-keyring, beside `secret-tool lookup` of the same entry in the same session.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::Binaries;
use crate::document::{table, verdict};
use crate::login::{Terminal, sandbox};
use crate::sample::in_turn;
use doorkey_tests::desktop::{Desktop, Services};

const ROUNDS: usize = 300;
const TOKEN: &str = "pt_live_0123456789abcdefghijklmnopqrstuv";

pub(crate) fn measure(binaries: &Binaries) -> String {
    let desktop = Desktop::start("bench-keychain", Services::Installed).with_unlocked_keyring();
    let (sandbox, _) = sandbox();
    let terminal = Terminal { binary: &binaries.pentify, desktop: &desktop, sandbox: &sandbox };
    let secret_tool = |verb: &str| {
        let mut command = Command::new("secret-tool");
        command.arg(verb).env_clear().envs(desktop.environment());
        command
    };
    // One entry, as another tool stores it: of a login of ours there are two, and both would be read.
    let mut store = secret_tool("store");
    store.args(["--label", "Pentify", "service", "pentify-terminal", "username", "api-token"]);
    let mut store = store.stdin(Stdio::piped()).spawn().unwrap();
    store.stdin.take().unwrap().write_all(TOKEN.as_bytes()).unwrap();
    assert!(store.wait().unwrap().success());
    let status = || {
        let mut status = terminal.command(&["status", "--json"]);
        // A bare token is Pentify's own; nothing is sent anywhere.
        status.env_remove("PENTIFY_API_URL").env_remove("PENTIFY_APP_URL");
        status
    };
    let found: serde_json::Value = serde_json::from_slice(&status().output().unwrap().stdout).unwrap();
    assert_eq!(found["source"], "keychain", "{found}");

    let mut lookup = secret_tool("lookup");
    lookup.args(["service", "pentify-terminal", "username", "api-token"]);
    let mut commands = [status(), lookup];
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
