//! Bad input of every kind, as one table: what the person reads, what a script reads, and that nothing changed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealed::hostile::Answer;
use sealed::scene::{OLD_TOKEN, Scene, TOKEN};
use serde_json::Value;

/// As many rows run at the same time: most of them wait.
const AT_ONCE: usize = 16;

struct Row {
    name: &'static str,
    /// What the API answers, in order, the last for ever; told where the bystander listens.
    answers: fn(&str) -> Vec<Answer>,
    /// The files, the environment, the standard input.
    prepare: fn(&mut Scene),
    args: &'static [&'static str],
    exit: i32,
    /// The `--json` code; empty for success.
    code: &'static str,
    stderr: &'static str,
    /// Whether it stores something; else all files stay as they are.
    writes: bool,
    /// Further things that must hold.
    also: fn(&Scene, &Seen),
}

/// What a row's command did, in its human and its JSON form.
struct Seen {
    human: String,
    json: Value,
}

#[test]
fn bad_input() {
    let rows = rows();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let checked = std::panic::catch_unwind(|| check(row));
                    if checked.is_err() {
                        wrong.lock().unwrap().push(row.name);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} rows: {wrong:?}", wrong.len(), rows.len());
}

fn check(row: &Row) {
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
    if row.exit != 0 {
        assert_eq!(last["error"]["exit_code"], row.exit, "{}", row.name);
        assert_eq!(human.stdout, "", "{}: a failure prints no data", row.name);
    }
    (row.also)(&scene, &Seen { human: human.stdout, json: last.clone() });
}

/// Runs a row once, in a world of its own, and checks what must hold for all.
fn play(row: &Row, more: &[&str]) -> (Scene, sealed::Ended) {
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

const ROW: Row = Row {
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
const NOBODY: Row = Row { prepare: |_| {}, ..ROW };

const USE_STDIN: Row = Row { args: &["auth", "use-token", "-"], ..NOBODY };

/// A login as a person on a server without a browser does it.
const LOGIN: Row = Row { args: &["login"], ..NOBODY };

const API: Row = Row { also: unasked, exit: 2, code: "bad_request", ..ROW };

fn unasked(scene: &Scene, _: &Seen) {
    assert_eq!(scene.api.connections(), 0);
}

/// 10 MB of a JSON text that never ends.
fn ten_megabytes() -> Vec<u8> {
    [b"{\"a\":\"".as_slice(), &vec![b'x'; 10_000_000]].concat()
}

fn deep(front: &str, back: &str) -> String {
    format!("{front}{}{}{back}", "[".repeat(100_000), "]".repeat(100_000))
}

const HTML: &str = "<!doctype html><title>Hotel</title><p>Please accept our terms";
const DENIED: fn() -> Answer = || Answer::error(403, "access_denied", "no");

fn rows() -> Vec<Row> {
    let groups =
        [slow(), tokens(), bodies(), shapes(), hosts(), terminals(), homes(), files(), paths(), arguments()];
    groups.into_iter().flatten().collect()
}

/// Those that take long begin first.
fn slow() -> Vec<Row> {
    vec![
        Row {
            name: "500 for ever",
            answers: |_| vec![Answer::error(500, "server_error", "boom")],
            exit: 8,
            code: "server_error",
            also: |scene, _| assert_eq!(scene.api.requests().len(), 5),
            ..ROW
        },
        Row {
            name: "nobody listens",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_URL", "http://127.0.0.1:1");
                scene.sign_in_at("http://127.0.0.1:1");
            },
            exit: 7,
            code: "network",
            ..ROW
        },
        Row {
            name: "a redirect instead of every poll",
            answers: |other| {
                vec![Answer::with_headers(307, &format!("location: {other}/auth/terminal/poll\r\n"), "")]
            },
            exit: 8,
            code: "wrong_host",
            ..LOGIN
        },
        Row {
            name: "10 MB instead of a poll's answer, then a refusal",
            answers: |_| vec![Answer::json(200, ten_megabytes()), DENIED()],
            exit: 5,
            code: "access_denied",
            ..LOGIN
        },
        Row {
            name: "an answer that breaks off, then a whole one",
            answers: |_| {
                vec![
                    Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"tok".to_vec()),
                    Answer::json(200, "{}"),
                ]
            },
            also: |scene, _| assert_eq!(scene.api.requests().len(), 2),
            ..ROW
        },
    ]
}

fn tokens() -> Vec<Row> {
    vec![
        Row {
            name: "an escape in the flag's token",
            args: &["--api-token", "pt_live_a\x1b[31mb", "usage"],
            exit: 2,
            code: "malformed_token",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a line break in the variable's token",
            prepare: |scene| {
                scene.sealed.set("PENTIFY_API_TOKEN", "pt_live_abc\ndef");
                scene.sign_in();
            },
            exit: 2,
            code: "malformed_token",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a variable's token that is not Unicode",
            prepare: |scene| {
                scene.sign_in();
                scene.before = Some("export PENTIFY_API_TOKEN=$(printf 'pt_live_abc\\377')".into());
            },
            exit: 2,
            code: "malformed_token",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a bell in the token on standard input",
            prepare: |scene| scene.input = b"pt_live_abc\x07def\n".to_vec(),
            exit: 2,
            code: "malformed_token",
            also: unasked,
            ..USE_STDIN
        },
        Row {
            name: "standard input that is not UTF-8",
            prepare: |scene| scene.input = b"pt_live_\xff\xfe\n".to_vec(),
            exit: 2,
            code: "unreadable_input",
            also: unasked,
            ..USE_STDIN
        },
        Row {
            name: "10 MB on standard input",
            prepare: |scene| scene.input = vec![b'a'; 10_000_000],
            exit: 2,
            code: "unreadable_input",
            also: unasked,
            ..USE_STDIN
        },
        Row {
            name: "nothing on standard input",
            exit: 2,
            code: "malformed_token",
            also: unasked,
            ..USE_STDIN
        },
        Row {
            name: "no token and no terminal",
            args: &["auth", "use-token"],
            exit: 2,
            code: "no_token",
            also: unasked,
            ..USE_STDIN
        },
        Row {
            name: "a minted token with an escape",
            answers: |_| vec![Answer::json(200, r#"{"token":"pt_live_a\u001b[31mb"}"#)],
            exit: 8,
            code: "unexpected_answer",
            ..LOGIN
        },
        Row {
            name: "a minted token of another kind",
            answers: |_| vec![Answer::json(200, r#"{"token":7}"#)],
            exit: 8,
            code: "unexpected_answer",
            ..LOGIN
        },
        Row {
            name: "no minted token",
            answers: |_| vec![Answer::json(200, r#"{"token_":"pt_live_x"}"#)],
            exit: 8,
            code: "unexpected_answer",
            ..LOGIN
        },
        Row {
            name: "a stored token with a space",
            prepare: |scene| drop(scene.credentials(r#"{"v":1,"records":{"":"pt_live_a b"},"active":""}"#)),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
    ]
}

fn bodies() -> Vec<Row> {
    vec![
        Row {
            name: "10 MB",
            answers: |_| vec![Answer::json(200, ten_megabytes())],
            exit: 8,
            code: "unexpected_answer",
            also: |scene, _| assert_eq!(scene.api.requests().len(), 1),
            ..ROW
        },
        Row {
            name: "10 MB for a pasted token",
            answers: |_| vec![Answer::json(200, ten_megabytes())],
            prepare: |scene| {
                scene.input = TOKEN.into();
                scene.sign_in();
            },
            exit: 8,
            code: "unexpected_answer",
            ..USE_STDIN
        },
        Row {
            name: "HTML",
            answers: |_| vec![Answer::new(200, "text/html", HTML)],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "HTML called JSON",
            answers: |_| vec![Answer::json(200, HTML)],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "JSON called HTML",
            answers: |_| vec![Answer::new(200, "text/html", r#"{"tokens":{"balance":5,"used":1}}"#)],
            also: |_, seen| {
                assert!(seen.human.contains("tokens:     5 left, 1 used"), "{}", seen.human);
                assert_eq!(seen.json["tokens"]["balance"], 5);
            },
            ..ROW
        },
        Row {
            name: "HTML for a pasted token",
            answers: |_| vec![Answer::new(200, "text/html", HTML)],
            prepare: |scene| {
                scene.input = TOKEN.into();
                scene.sign_in();
            },
            exit: 8,
            code: "unexpected_answer",
            ..USE_STDIN
        },
        Row {
            name: "HTML with 401",
            answers: |_| vec![Answer::new(401, "text/html", HTML)],
            exit: 3,
            code: "unauthorized",
            ..ROW
        },
        Row {
            name: "invalid UTF-8",
            answers: |_| vec![Answer::json(200, b"{\"tokens\":\"\xff\xfe\"}")],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "invalid UTF-8 in an error",
            answers: |_| vec![Answer::json(402, b"{\"error\":{\"code\":\"\xff\"}}")],
            exit: 9,
            code: "payment_required",
            ..ROW
        },
        Row {
            name: "deep JSON",
            answers: |_| vec![Answer::json(200, deep("{\"a\":", "}"))],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "deep JSON in an error",
            answers: |_| vec![Answer::json(409, deep(r#"{"error":{"code":"conflict","details":"#, "}}"))],
            exit: 9,
            code: "refused",
            ..ROW
        },
        Row {
            name: "an empty answer",
            answers: |_| vec![Answer::json(200, "")],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "no HTTP at all",
            answers: |_| {
                vec![
                    Answer::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
                    Answer::error(403, "insufficient_scope", "no"),
                ]
            },
            exit: 9,
            code: "insufficient_scope",
            ..ROW
        },
        Row {
            name: "text for `api --json`",
            answers: |_| vec![Answer::new(200, "text/plain", "pong")],
            args: &["--json", "api", "GET", "/v1/ping"],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "a wait of an hour",
            answers: |_| vec![Answer::with_headers(429, "retry-after: 3600\r\n", "")],
            exit: 8,
            code: "rate_limited",
            ..ROW
        },
    ]
}

fn shapes() -> Vec<Row> {
    vec![
        Row {
            name: "an empty profile",
            args: &["profile"],
            also: |_, seen| assert!(seen.human.starts_with("user:       - (-)\n"), "{}", seen.human),
            ..ROW
        },
        Row {
            name: "a profile of wrong types",
            args: &["profile"],
            answers: |_| {
                vec![Answer::json(200, r#"{"user":[],"key":{"scopes":{"a":1},"name":7,"prefix":null}}"#)]
            },
            also: |_, seen| assert!(seen.human.contains("key:        7 (-…)"), "{}", seen.human),
            ..ROW
        },
        Row {
            name: "usage of wrong types",
            answers: |_| vec![Answer::json(200, r#"{"tokens":"many","period":3}"#)],
            also: |_, seen| assert!(seen.human.contains("tokens:     - left, - used"), "{}", seen.human),
            ..ROW
        },
        Row {
            name: "a list instead of an object",
            answers: |_| vec![Answer::json(200, "[]")],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row { name: "no list of scans", args: &["scans", "list"], exit: 8, code: "unexpected_answer", ..ROW },
        Row {
            name: "a text as list of scans",
            args: &["scans", "list"],
            answers: |_| vec![Answer::json(200, r#"{"data":"none"}"#)],
            exit: 8,
            code: "unexpected_answer",
            ..ROW
        },
        Row {
            name: "scans of wrong types",
            args: &["scans", "list"],
            answers: |_| vec![Answer::json(200, r#"{"data":[7,null,{"id":{"a":1}}],"next_cursor":7}"#)],
            also: |_, seen| {
                assert!(
                    seen.human.lines().count() == 4 && seen.human.contains(r#"{"a":1}"#),
                    "{}",
                    seen.human
                )
            },
            ..ROW
        },
        Row {
            name: "an error's code is a number",
            answers: |_| vec![Answer::json(403, r#"{"error":{"code":7,"message":[]}}"#)],
            exit: 9,
            code: "refused",
            ..ROW
        },
        Row {
            name: "an error's message is a list",
            answers: |_| {
                vec![Answer::json(
                    422,
                    r#"{"error":{"code":"unprocessable","message":["x"],"request_id":9}}"#,
                )]
            },
            exit: 9,
            code: "unprocessable",
            ..ROW
        },
        Row {
            name: "an error is a text",
            answers: |_| vec![Answer::json(404, r#"{"error":"nope"}"#)],
            exit: 9,
            code: "not_found",
            ..ROW
        },
        Row {
            name: "usage without a workspace for a pasted token",
            prepare: |scene| scene.input = TOKEN.into(),
            answers: |_| vec![Answer::json(200, r#"{"workspace":7}"#)],
            writes: true,
            also: |scene, seen| {
                assert_eq!(seen.json["workspace"], Value::Null);
                assert!(scene.sealed.file(".config/pentify/credentials").contains(TOKEN));
            },
            ..USE_STDIN
        },
        Row {
            name: "a pairing's workspace of wrong types",
            answers: |_| {
                vec![Answer::json(
                    200,
                    format!(
                        r#"{{"token":"{TOKEN}","workspace":{{"slug":[],"name":1}},"user":"me","scopes":3,"key_name":{{}}}}"#
                    ),
                )]
            },
            writes: true,
            also: |_, seen| {
                assert_eq!((&seen.json["workspace"], &seen.json["email"]), (&Value::Null, &Value::Null))
            },
            ..LOGIN
        },
        Row {
            name: "a poll's error without a code",
            answers: |_| vec![Answer::json(403, r#"{"error":{"message":"go away"}}"#), DENIED()],
            exit: 5,
            code: "access_denied",
            ..LOGIN
        },
    ]
}

fn hosts() -> Vec<Row> {
    vec![
        Row {
            name: "a redirect to another host",
            answers: |other| vec![Answer::with_headers(307, &format!("location: {other}/v1/usage\r\n"), "")],
            exit: 8,
            code: "redirect_refused",
            ..ROW
        },
        Row {
            name: "a redirect for a pasted token",
            answers: |other| vec![Answer::with_headers(302, &format!("location: {other}/\r\n"), "")],
            prepare: |scene| scene.input = TOKEN.into(),
            exit: 8,
            code: "redirect_refused",
            ..USE_STDIN
        },
        Row {
            name: "plain http to a public host",
            prepare: |scene| drop(scene.sealed.set("PENTIFY_API_URL", "http://api.pentify.io")),
            exit: 2,
            code: "unusable_setting",
            ..NOBODY
        },
        Row {
            name: "plain http to localhost",
            prepare: |scene| {
                let port = scene.api.port();
                scene.sealed.set("PENTIFY_API_URL", format!("http://localhost:{port}"));
            },
            exit: 2,
            code: "unusable_setting",
            also: unasked,
            ..NOBODY
        },
        Row {
            name: "a host that only begins like loopback",
            prepare: |scene| drop(scene.sealed.set("PENTIFY_API_URL", "http://127.0.0.1.evil.example")),
            exit: 2,
            code: "unusable_setting",
            ..NOBODY
        },
        Row {
            name: "a user in the API's address",
            prepare: |scene| drop(scene.sealed.set("PENTIFY_API_URL", "https://me:pw@api.pentify.io")),
            exit: 2,
            code: "unusable_setting",
            ..NOBODY
        },
        Row {
            name: "a page address that is no URL",
            prepare: |scene| drop(scene.sealed.set("PENTIFY_APP_URL", "app.pentify.io")),
            args: &["login"],
            exit: 2,
            code: "unusable_setting",
            also: unasked,
            ..NOBODY
        },
        Row {
            name: "loopback behind a proxy",
            prepare: |scene| {
                let proxy = scene.bystander.url();
                for name in
                    ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"]
                {
                    scene.sealed.set(name, &proxy);
                }
                scene.sign_in();
            },
            also: |scene, _| assert_eq!(scene.api.requests().len(), 1),
            ..ROW
        },
        Row {
            name: "an unusable proxy",
            prepare: |scene| {
                scene
                    .sealed
                    .set("PENTIFY_API_URL", "https://api.pentify.io")
                    .set("HTTPS_PROXY", "socks5://me:secret@127.0.0.1:9");
                scene.sign_in_at("https://api.pentify.io");
            },
            exit: 2,
            code: "unusable_setting",
            ..NOBODY
        },
        Row {
            name: "an unusable proxy for a login",
            args: &["login"],
            prepare: |scene| {
                drop(
                    scene
                        .sealed
                        .set("PENTIFY_API_URL", "https://api.pentify.io")
                        .set("all_proxy", "ftp://127.0.0.1:9"),
                )
            },
            exit: 2,
            code: "unusable_setting",
            ..NOBODY
        },
        Row {
            name: "another API than the token's",
            prepare: |scene| drop(scene.sign_in_at("https://api.pentify.io")),
            exit: 3,
            code: "other_issuer",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a bare token and another API",
            prepare: |scene| {
                drop(scene.credentials(&format!(r#"{{"v":1,"records":{{"":"{OLD_TOKEN}"}},"active":""}}"#)))
            },
            exit: 3,
            code: "other_issuer",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a host name with URL characters",
            answers: |_| vec![DENIED()],
            prepare: |scene| scene.before = Some("printf '%s' 'a&?#=b' > /proc/sys/kernel/hostname".into()),
            exit: 5,
            code: "access_denied",
            ..LOGIN
        },
        Row {
            name: "a host name that is not ASCII",
            answers: |_| vec![DENIED()],
            prepare: |scene| {
                scene.before = Some("printf 'b\\303\\274ro\\033[31m' > /proc/sys/kernel/hostname".into())
            },
            exit: 5,
            code: "access_denied",
            ..LOGIN
        },
    ]
}

fn terminals() -> Vec<Row> {
    vec![
        Row {
            name: "escapes in an error",
            answers: |_| {
                vec![Answer::error(
                    422,
                    "bad\u{1b}[2J",
                    "\u{1b}]0;pwned\u{7}\u{9b}31m \u{202e}txt.exe\r\nerror: signed out",
                )]
            },
            exit: 9,
            code: "bad\u{fffd}[2J",
            ..ROW
        },
        Row {
            name: "a very long error",
            answers: |_| vec![Answer::error(422, "long", &"a".repeat(100_000))],
            exit: 9,
            code: "long",
            ..ROW
        },
        Row {
            name: "where to top up",
            answers: |_| {
                vec![Answer::json(
                    402,
                    r#"{"error":{"code":"insufficient_tokens","message":"empty","details":{"top_up_url":"https://app.pentify.io/billing"},"request_id":"r\u001b1"}}"#,
                )]
            },
            exit: 9,
            code: "insufficient_tokens",
            ..ROW
        },
        Row {
            name: "a script as the place to top up",
            answers: |_| {
                vec![Answer::json(
                    402,
                    r#"{"error":{"code":"insufficient_tokens","details":{"top_up_url":"javascript:alert(1)"}}}"#,
                )]
            },
            exit: 9,
            code: "insufficient_tokens",
            ..ROW
        },
        Row {
            name: "escapes in a workspace's name",
            answers: |_| {
                vec![Answer::json(
                    200,
                    format!(
                        r#"{{"token":"{TOKEN}","workspace":{{"slug":"ac\u001b[2Jme","name":"\u202eemcA\u0007"}},"user":{{"email":"a\u009b@b"}},"key_name":"k\u2066"}}"#
                    ),
                )]
            },
            writes: true,
            also: |_, seen| {
                assert!(
                    seen.human.contains("workspace \u{fffd}emcA\u{fffd} (ac\u{fffd}[2Jme)"),
                    "{}",
                    seen.human
                )
            },
            ..LOGIN
        },
        Row {
            name: "escapes in a profile",
            args: &["profile"],
            answers: |_| vec![Answer::json(200, r#"{"user":{"name":"\u001b[31m\u202e","email":"\u009b"}}"#)],
            also: |_, seen| assert_eq!(seen.json["user"]["name"], "\u{1b}[31m\u{202e}"),
            ..ROW
        },
        Row {
            name: "escapes in a stored workspace",
            args: &["status"],
            prepare: |scene| {
                let origin = scene.api.url();
                scene.credentials(&format!(r#"{{"v":1,"records":{{"x":{{"v":1,"gen":"0.1","origin":"{origin}","workspace":{{"slug":"\u001b[2J\u202e"}},"token":"{OLD_TOKEN}"}}}},"active":"x"}}"#));
            },
            also: unasked,
            ..ROW
        },
        Row {
            name: "escapes in a stored origin",
            prepare: |scene| drop(scene.sign_in_at("\\u001b[2J")),
            exit: 3,
            code: "other_issuer",
            also: unasked,
            ..ROW
        },
        Row {
            name: "escapes in an asked workspace",
            args: &["--workspace", "a\x1b[2J", "usage"],
            exit: 3,
            code: "not_signed_in",
            also: unasked,
            ..ROW
        },
        Row {
            name: "an ambiguous workspace",
            args: &["--workspace", "Twin", "usage"],
            prepare: |scene| {
                let origin = scene.api.url();
                let record = |slug: &str| {
                    format!(
                        r#""{slug}":{{"v":1,"gen":"{slug}.1","origin":"{origin}","workspace":{{"slug":"{slug}","name":"Twin"}},"token":"{OLD_TOKEN}"}}"#
                    )
                };
                scene.credentials(&format!(r#"{{"v":1,"records":{{{},{}}}}}"#, record("one"), record("two")));
            },
            exit: 2,
            code: "ambiguous_workspace",
            also: unasked,
            ..ROW
        },
    ]
}

const READ_ONLY: &str = "mount --bind \"$HOME\" \"$HOME\"; mount -o remount,ro,bind \"$HOME\"";
const FULL: &str = "mkdir -p \"$HOME/.config\"; mount -t tmpfs -o size=64k,mode=700 tmpfs \"$HOME/.config\"; head -c 65536 /dev/zero > \"$HOME/.config/filler\"";

fn homes() -> Vec<Row> {
    vec![
        Row {
            name: "a login in a read-only home",
            prepare: |scene| scene.before = Some(READ_ONLY.into()),
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..LOGIN
        },
        Row {
            name: "a pasted token in a read-only home",
            prepare: |scene| {
                scene.before = Some(READ_ONLY.into());
                scene.input = TOKEN.into();
            },
            exit: 6,
            code: "store_refused",
            ..USE_STDIN
        },
        Row {
            name: "a stored token in a read-only home",
            prepare: |scene| {
                scene.sign_in();
                scene.before = Some(READ_ONLY.into());
            },
            ..ROW
        },
        Row {
            name: "a logout in a read-only home",
            args: &["logout"],
            prepare: |scene| {
                scene.sign_in();
                scene.before = Some(READ_ONLY.into());
            },
            exit: 6,
            code: "store_refused",
            ..ROW
        },
        Row {
            name: "a login on a full disk",
            prepare: |scene| scene.before = Some(FULL.into()),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,
            ..LOGIN
        },
        Row {
            name: "a pasted token on a full disk",
            prepare: |scene| {
                scene.before = Some(FULL.into());
                scene.input = TOKEN.into();
            },
            exit: 6,
            code: "stored_nowhere",
            ..USE_STDIN
        },
        Row {
            name: "a login in somebody else's home",
            prepare: |scene| chown(&scene.sealed.home, Some(12345), None).unwrap(),
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..LOGIN
        },
        Row {
            name: "a home that is no folder",
            prepare: |scene| drop(scene.sealed.set("HOME", "/dev/null")),
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..LOGIN
        },
    ]
}

fn files() -> Vec<Row> {
    fn sign_in_elsewhere(scene: &Scene) {
        let stranger = scene.sealed.home.join("stranger");
        fs::rename(scene.sign_in(), &stranger).unwrap();
        chown(&stranger, Some(12345), None).unwrap();
        symlink(&stranger, scene.config().join("credentials")).unwrap();
    }
    fn remembered(scene: &Scene, content: &str) {
        scene.sign_in();
        fs::write(scene.config().join("state.json"), content).unwrap();
    }
    vec![
        Row {
            name: "0644",
            prepare: |scene| fs::set_permissions(scene.sign_in(), fs::Permissions::from_mode(0o644)).unwrap(),
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..ROW
        },
        Row {
            name: "0644 at a login",
            args: &["login"],
            prepare: |scene| fs::set_permissions(scene.sign_in(), fs::Permissions::from_mode(0o644)).unwrap(),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,
            ..ROW
        },
        Row {
            name: "somebody else's",
            prepare: |scene| chown(scene.sign_in(), Some(12345), None).unwrap(),
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a symlink to somebody else's",
            prepare: |scene| sign_in_elsewhere(scene),
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a symlink to somebody else's at a login",
            args: &["login"],
            prepare: |scene| sign_in_elsewhere(scene),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a folder that others may write to",
            prepare: |scene| {
                scene.sign_in();
                fs::set_permissions(scene.config(), fs::Permissions::from_mode(0o777)).unwrap();
            },
            args: &["login"],
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a folder instead of the file",
            prepare: |scene| {
                let path = scene.credentials("");
                fs::remove_file(&path).unwrap();
                fs::create_dir(path).unwrap();
            },
            exit: 6,
            code: "store_refused",
            also: unasked,
            ..ROW
        },
        Row {
            name: "broken JSON",
            prepare: |scene| drop(scene.credentials("{\"v\":1,")),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "broken JSON at a login",
            args: &["login"],
            prepare: |scene| drop(scene.credentials("{\"v\":1,")),
            exit: 6,
            code: "no_place_for_token",
            also: unasked,
            ..ROW
        },
        Row {
            name: "broken JSON at a status",
            args: &["status"],
            prepare: |scene| drop(scene.credentials("{\"v\":1,")),
            exit: 6,
            also: unasked,
            ..ROW
        },
        Row {
            name: "a newer version's",
            prepare: |scene| drop(scene.credentials(r#"{"v":2,"records":{}}"#)),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a newer version's at a logout",
            args: &["logout"],
            prepare: |scene| drop(scene.credentials(r#"{"v":2,"records":{}}"#)),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "not text",
            prepare: |scene| {
                let path = scene.credentials("");
                fs::write(path, [0xff, 0xfe, 0x00]).unwrap();
            },
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "too large",
            prepare: |scene| drop(scene.credentials(&" ".repeat(1_000_001))),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "deep JSON in the file",
            prepare: |scene| drop(scene.credentials(&deep("{\"v\":1,\"records\":", "}"))),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a damaged memory",
            prepare: |scene| remembered(scene, "{"),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a damaged memory at a login",
            args: &["login"],
            prepare: |scene| remembered(scene, "{"),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
        Row {
            name: "a newer version's memory",
            prepare: |scene| remembered(scene, r#"{"v":2}"#),
            exit: 6,
            code: "store_unreadable",
            also: unasked,
            ..ROW
        },
    ]
}

fn paths() -> Vec<Row> {
    vec![
        Row { name: "api //evil/x", args: &["api", "GET", "//evil/x"], ..API },
        Row { name: "api http://evil/", args: &["api", "GET", "http://evil/"], ..API },
        Row { name: "api /v1/../..", args: &["api", "GET", "/v1/../.."], ..API },
        Row { name: "api /v1/%2E%2e/", args: &["api", "GET", "/v1/%2E%2e/"], ..API },
        Row { name: "api @evil", args: &["api", "GET", "@evil"], ..API },
        Row { name: "api /\\evil", args: &["api", "GET", "/\\evil"], ..API },
        Row { name: "api with a line break", args: &["api", "GET", "/v1/usage\r\nx-evil: 1"], ..API },
        Row { name: "api with a space", args: &["api", "GET", "/v1/a b"], ..API },
        Row { name: "api with what is not ASCII", args: &["api", "GET", "/v1/\u{202e}ü"], ..API },
        Row { name: "api with a fragment", args: &["api", "GET", "/v1/scans#top"], ..API },
        Row { name: "api TRACE", args: &["api", "TRACE", "/v1/usage"], ..API },
        Row {
            name: "api with a method and a header",
            args: &["api", "GET / HTTP/1.1\r\nx: y", "/v1/usage"],
            ..API
        },
        Row {
            name: "api with data that is no JSON",
            args: &["api", "POST", "/v1/scans", "--data", "{\"a\":"],
            ..API
        },
        Row {
            name: "api with 10 MB of data",
            args: &["api", "POST", "/v1/scans", "--data", "-"],
            prepare: |scene| {
                scene.sign_in();
                scene.input = ten_megabytes();
            },
            code: "unreadable_input",
            ..API
        },
    ]
}

fn arguments() -> Vec<Row> {
    const USAGE: Row = Row { exit: 2, code: "usage", also: unasked, ..ROW };
    vec![
        Row { name: "an unknown flag", args: &["usage", "--colour"], ..USAGE },
        Row { name: "an unknown command", args: &["logn"], ..USAGE },
        Row { name: "no command", args: &["scans"], ..USAGE },
        Row { name: "no path", args: &["api", "GET"], ..USAGE },
        Row { name: "a flag without its value", args: &["usage", "--workspace"], ..USAGE },
    ]
}
