//! What a row of the table is, and how it is checked.

use serde_json::Value;

use crate::sealed::Ended;
use crate::sealed::hostile::Answer;
use crate::sealed::scene::{OLD_TOKEN, Scene, TOKEN};

pub struct Row {
    pub name: &'static str,
    /// What the API answers, in order, the last for ever; told where the bystander listens.
    pub answers: fn(&str) -> Vec<Answer>,
    /// The files, the environment, the standard input.
    pub prepare: fn(&mut Scene),
    pub args: &'static [&'static str],
    pub exit: i32,
    /// The `--json` code; empty where there is no error object: a success, a `status`.
    pub code: &'static str,
    pub stderr: &'static str,
    /// Whether it stores something; else all files stay as they are.
    pub writes: bool,
    /// Further things that must hold.
    pub also: fn(&Scene, &Seen),
}

/// What a row's command did, in its human and its JSON form.
pub struct Seen {
    pub human: String,
    pub json: Value,
}

pub fn check(row: &Row) {
    let (scene, human) = play(row, &[]);
    let (_, json) = play(row, &["--json"]);
    let said = scene.normalised(&human.stderr);
    assert_eq!(said, row.stderr, "stderr of {}", row.name);
    assert_eq!(human.code, row.exit, "exit code of {}: {human:?}", row.name);
    assert_eq!(json.code, row.exit, "exit code of {} with --json: {json:?}", row.name);
    let lines: Vec<Value> = json
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line:?}")))
        .collect();
    let last = lines.last().unwrap_or_else(|| panic!("{}: nothing on stdout", row.name));
    assert_eq!(last["error"]["code"].as_str().unwrap_or_default(), row.code, "{}: {last}", row.name);
    if !row.code.is_empty() {
        assert_eq!(last["error"]["exit_code"], row.exit, "{}", row.name);
        assert_eq!(human.stdout, "", "{}: a failure prints no data", row.name);
    }
    (row.also)(&scene, &Seen { human: human.stdout, json: last.clone() });
}

/// Runs a row once, in a world of its own, and checks what must hold for all.
fn play(row: &Row, more: &[&str]) -> (Scene, Ended) {
    let mut scene = Scene::new("bad-input", row.answers);
    (row.prepare)(&mut scene);
    let before = scene.files();
    let args: Vec<&str> = more.iter().chain(row.args).copied().collect();
    let ended = scene.run(&args);
    if !row.writes {
        assert_eq!(scene.files(), before, "{}: files changed", row.name);
    }
    assert_eq!(scene.bystander.connections(), 0, "{}: somebody else was asked", row.name);
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!text.contains(TOKEN) && !text.contains(OLD_TOKEN), "{}: a token was shown", row.name);
        let steers = |c: char| doorkey_core::text::is_treacherous(c) && c != '\n';
        assert!(!text.contains(steers), "{}: {text:?} can steer a terminal", row.name);
    }
    (scene, ended)
}

pub const ROW: Row = Row {
    name: "",
    answers: |_| vec![Answer::json(200, "{}")],
    prepare: |scene| drop(scene.sign_in()),
    args: &["usage"],
    exit: 0,
    code: "",
    stderr: "",
    writes: false,
    also: |_, _| {},
};

/// Nobody is signed in.
pub const NOBODY: Row = Row { prepare: |_| {}, ..ROW };

pub const USE_STDIN: Row = Row { args: &["auth", "use-token", "-"], ..NOBODY };

/// A login as a person on a server without a browser does it.
pub const LOGIN: Row = Row { args: &["login"], prepare: |scene| scene.before = Some(NAMED.into()), ..NOBODY };

/// The machine's name is part of what a login shows.
pub const NAMED: &str = "printf box > /proc/sys/kernel/hostname";

pub const API: Row = Row { also: unasked, exit: 2, code: "bad_request", ..ROW };

pub fn unasked(scene: &Scene, _: &Seen) {
    assert_eq!(scene.api.connections(), 0);
}

/// 10 MB of a JSON text that never ends.
pub fn ten_megabytes() -> Vec<u8> {
    [b"{\"a\":\"".as_slice(), &vec![b'x'; 10_000_000]].concat()
}

pub fn deep(front: &str, back: &str) -> String {
    format!("{front}{}{}{back}", "[".repeat(100_000), "]".repeat(100_000))
}

pub const HTML: &str = "<!doctype html><title>Hotel</title><p>Please accept our terms";
pub const DENIED: fn() -> Answer = || Answer::error(403, "access_denied", "no");
