//! `--json` on every command, in success and in failure: nothing but JSON on standard output, in the documented shapes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use sealed::hostile::Answer;
use sealed::scene::{Scene, TOKEN};
use sealed::shape::Shapes;
use sealed::{Ended, Sealed};
use serde_json::Value;

/// Every command that `--json` applies to.
const COMMANDS: [&[&str]; 9] = [
    &["login"],
    &["logout"],
    &["auth", "use-token", TOKEN],
    &["status", "--check"],
    &["profile"],
    &["scans", "list"],
    &["usage"],
    &["api", "GET", "/v1/scans"],
    &["token"],
];
/// Those whose output is a script, a folder or another program's, and the one that finds faults instead of failing (`cli/tests/doctor`).
const EXEMPT: [&str; 4] = ["completions", "man", "exec", "doctor"];

/// Standard output, which must be lines of JSON, at least one.
fn lines(ended: &Ended) -> Vec<Value> {
    assert!(!ended.stdout.is_empty() && ended.stdout.ends_with('\n'), "{ended:?}");
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    ended.stdout.lines().map(parse).collect()
}

/// The last and only line.
fn line(ended: &Ended) -> Value {
    let mut lines = lines(ended);
    assert_eq!(lines.len(), 1, "{ended:?}");
    lines.remove(0)
}

#[test]
fn no_command_is_forgotten() {
    fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
        let path = format!("{path} {}", command.get_name()).trim().to_owned();
        if !command.has_subcommands() {
            found.insert(path);
            return;
        }
        command.get_subcommands().for_each(|sub| leaves(sub, &path, found));
    }
    let mut found = BTreeSet::new();
    for command in doorkey::pentify::command().get_subcommands() {
        leaves(command, "", &mut found);
    }
    for command in found.iter().filter(|command| !EXEMPT.contains(&command.as_str())) {
        let covered = COMMANDS.iter().any(|args| args.join(" ").starts_with(command.as_str()));
        assert!(covered, "{command} is not covered");
    }
}

#[test]
fn every_shape_is_as_documented() {
    let shapes = Shapes::read();
    let sealed = Sealed::new("json");
    let run = |args: &[&str], code| sealed.pentify(&[args, &["--sandbox", "--json"]].concat()).expect(code);

    let login = lines(&run(&["login"], 0));
    assert_eq!(login.len(), 2);
    shapes.check("pairing", &login[0]);
    shapes.check("login", &login[1]);
    let status = line(&run(&["status", "--check", "--explain"], 0));
    shapes.check("status", &status);
    shapes.check("accepted check", &status["check"]);
    shapes.check("store", &status["stores"][0]);
    assert_eq!(status["stores"][0]["entries"][0]["active"], true);
    shapes.check("profile", &line(&run(&["profile"], 0)));
    shapes.check("usage", &line(&run(&["usage"], 0)));
    shapes.check("scans", &line(&run(&["scans", "list"], 0)));
    shapes.check("scans", &line(&run(&["api", "GET", "/v1/scans"], 0)));

    let refused = line(&run(&["status", "--check", "--api-token", TOKEN], 3));
    shapes.check("status", &refused);
    shapes.check("refused check", &refused["check"]);
    assert_eq!((&refused["source"], &refused["stores"]), (&"flag".into(), &Value::Null));
    shapes.check("error", &line(&run(&["auth", "use-token", TOKEN], 3)));

    shapes.check("logout", &line(&run(&["logout", "--revoke"], 0)));
    shapes.check("logout", &line(&run(&["logout"], 0)));
    let signed_out = line(&run(&["status"], 3));
    shapes.check("status", &signed_out);
    assert_eq!(signed_out["reason"]["code"], "not_signed_in");

    let scene = Scene::new("json", |_| vec![Answer::json(200, r#"{"workspace":{"slug":"acme"}}"#)]);
    let stored = line(&scene.run(&["auth", "use-token", TOKEN, "--json"]).expect(0));
    shapes.check("use-token", &stored);
    let status = line(&scene.run(&["status", "--json"]).expect(0));
    shapes.check(
        "unusable store",
        status["stores"].as_array().unwrap().iter().find(|s| s["state"] != "ok").unwrap(),
    );
    // The others are of other commands.
    shapes.expect_all_seen(|heading| !heading.contains(": ") && heading != "doctor");
}

#[test]
fn a_switch_is_told_as_documented() {
    let scene = Scene::new("json", |_| vec![Answer::json(200, "{}")]);
    let origin = scene.api.url();
    let record = |slug: &str| {
        format!(
            r#""{slug}":{{"v":1,"gen":"{slug}.1","origin":"{origin}","workspace":{{"slug":"{slug}"}},"token":"{TOKEN}{slug}"}}"#
        )
    };
    scene.credentials(&format!(
        r#"{{"v":1,"records":{{{},{}}},"active":"one"}}"#,
        record("one"),
        record("two")
    ));
    let switched = line(&scene.run(&["login", "--workspace", "two", "--json"]).expect(0));
    Shapes::read().check("login", &switched);
    assert_eq!((&switched["how"], &switched["email"]), (&"switched".into(), &Value::Null));
    assert_eq!(scene.run(&["status", "--json"]).expect(0).json()["workspace"]["slug"], "two");
}

/// Answers, and what nobody can use: each command must fail by an error object, whatever it is that it got.
#[test]
fn every_failure_is_an_error_object() {
    let shapes = Shapes::read();
    let refusal = |args: &[&str], scene: &Scene, exit: i32, code: &str| {
        let ended = scene.run(&[args, &["--json"]].concat()).expect(exit);
        let last = lines(&ended).pop().unwrap();
        if args[0] == "status" && last["error"].is_null() {
            shapes.check("status", &last);
            let reason = if last["check"].is_null() { &last["reason"] } else { &last["check"] };
            assert_eq!(reason["code"], code, "{args:?}: {last}");
        } else {
            shapes.check("error", &last);
            let error = &last["error"];
            assert_eq!(
                (&error["code"], &error["exit_code"]),
                (&code.into(), &exit.into()),
                "{args:?}: {last}"
            );
        }
    };
    for args in COMMANDS {
        // A setting that cannot be used.
        let mut scene = Scene::new("json", |_| Vec::new());
        scene.sealed.set("PENTIFY_API_URL", "http://api.pentify.io");
        refusal(args, &scene, 2, "unusable_setting");
        // A store that cannot be read.
        let scene = Scene::new("json", |_| vec![Answer::json(200, "{}")]);
        scene.credentials("{");
        match args[0] {
            "login" => refusal(args, &scene, 6, "no_place_for_token"),
            "auth" => refusal(args, &scene, 6, "stored_nowhere"),
            _ => refusal(args, &scene, 6, "store_unreadable"),
        }
        // A service that says no, to those who ask it.
        if !["logout", "token"].contains(&args[0]) {
            let scene = Scene::new("json", |_| vec![Answer::error(403, "access_denied", "no")]);
            scene.sign_in();
            refusal(args, &scene, if args[0] == "login" { 5 } else { 9 }, "access_denied");
        }
        // A command line that makes no sense.
        let scene = Scene::new("json", |_| Vec::new());
        refusal(&[args, &["--no-such-flag"]].concat(), &scene, 2, "usage");
    }
    let scene = Scene::new("json", |_| Vec::new());
    for nonsense in
        [&["nonsense"][..], &["scans"], &["auth"], &["api", "GET"], &["usage", "--json"], &["usage", "extra"]]
    {
        refusal(nonsense, &scene, 2, "usage");
    }
    // What clap would suggest is not lost.
    let error = &line(&scene.run(&["login", "--no-brower", "--json"]).expect(2))["error"];
    let next = "a similar argument exists: '--no-browser'; see `pentify --help`";
    assert_eq!(error["next"], next, "{error}");
    // A command is missing, and nothing stands before the flag.
    shapes.check("error", &line(&scene.run(&["--json"]).expect(2)));
}

#[test]
fn a_check_says_how_support_finds_the_request_and_what_to_do() {
    let scene = Scene::new("json", |_| vec![Answer::error(403, "insufficient_scope", "no")]);
    scene.sign_in();
    let shown = scene.run(&["status", "--check"]).expect(9);
    assert!(
        shown.stdout.contains("(request req_7)") && shown.stdout.contains("→ see its scopes"),
        "{shown:?}"
    );
    let check = &line(&scene.run(&["status", "--check", "--json"]).expect(9))["check"];
    assert_eq!(check["request_id"], "req_7");
    assert!(check["next"].as_str().unwrap().starts_with("see its scopes"), "{check}");
}

#[test]
fn a_refusal_of_any_kind_has_a_next_step() {
    for status in [400, 404, 409, 422] {
        let scene = Scene::new("json", |_| vec![Answer::error(status, "no", "no")]);
        scene.sign_in();
        let error = &line(&scene.run(&["api", "GET", "/v1/x", "--json"]).expect(9))["error"];
        assert!(error["next"].is_string(), "{status}: {error}");
    }
}

#[test]
fn a_flag_that_has_no_say_is_refused() {
    let scene = Scene::new("json", |_| vec![Answer::json(200, "{}")]);
    scene.sign_in();
    for args in [
        &["login", "--api-token", TOKEN][..],
        &["logout", "--api-token", TOKEN],
        &["auth", "use-token", TOKEN, "--api-token", TOKEN],
        &["auth", "use-token", TOKEN, "--workspace", "acme"],
    ] {
        let error = &line(&scene.run(&[args, &["--json"]].concat()).expect(2))["error"];
        assert_eq!(error["code"], "usage", "{error}");
        assert!(error["message"].as_str().unwrap().contains("has no say in"), "{error}");
    }
    assert!(scene.api.requests().is_empty());
    assert_eq!(scene.run(&["status"]).expect(0).code, 0, "nothing was forgotten");
}

/// The codes that the sources write out are those of the table, each at its exit codes, and none of the table's is gone.
#[test]
fn every_code_is_in_the_table() {
    let sources = sources();
    let table = table();
    let mut missing = Vec::new();
    let mut seen = 0;
    for (path, text) in &sources {
        for call in text.split("Failure::new(").skip(1) {
            let Some(rest) = call.trim_start().strip_prefix("Exit::") else { continue };
            let Some((exit, rest)) = rest.split_once(',') else { continue };
            let rest = rest.trim_start();
            let code = match rest.strip_prefix('"') {
                Some(rest) => rest.split('"').next().unwrap().to_owned(),
                None => match constant(&sources, rest) {
                    Some(code) => code,
                    None => continue,
                },
            };
            seen += 1;
            let exit = exit_code(exit.trim());
            if !table.get(&exit).is_some_and(|codes| codes.contains(&code)) {
                missing.push((path.clone(), exit, code));
            }
        }
    }
    assert!(seen > 100, "only {seen} were found");
    assert!(missing.is_empty(), "{missing:#?}");
    let written = |code: &String| sources.iter().any(|(_, text)| text.contains(&format!("\"{code}\"")));
    let gone: Vec<_> = table.values().flatten().filter(|code| !written(code)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// What is shipped of the core, the stores and the commands, without tests.
fn sources() -> Vec<(PathBuf, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut folders: Vec<PathBuf> =
        ["core/src", "store/src", "cli/src"].map(|folder| root.join(folder)).into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let shipped = text.split("#[cfg(test)]").next().unwrap().to_owned();
                sources.push((path, shipped));
            }
        }
    }
    sources
}

/// `docs/contracts/json.md`: exit codes, and the codes of each.
fn table() -> BTreeMap<u8, Vec<String>> {
    let document = include_str!("../../docs/contracts/json.md");
    let (_, rows) = document.split_once("|---|---|\n").unwrap();
    let rows = rows.lines().take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').split('|');
        let exit = cells.next().unwrap().trim().parse().unwrap();
        (exit, cells.next().unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect())
    })
    .collect()
}

/// The text of a constant that is named here.
fn constant(sources: &[(PathBuf, String)], rest: &str) -> Option<String> {
    let name =
        rest.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().filter(|name| name.len() > 3)?;
    let definition = format!("const {name}: &str = \"");
    sources.iter().find_map(|(_, text)| Some(text.split_once(&definition)?.1.split('"').next()?.to_owned()))
}

fn exit_code(name: &str) -> u8 {
    match name {
        "Internal" => 1,
        "Usage" => 2,
        "NotSignedIn" => 3,
        "TimedOut" => 4,
        "Denied" => 5,
        "Store" => 6,
        "Network" => 7,
        "Server" => 8,
        "RefusedByApi" => 9,
        "Interrupted" => 130,
        other => panic!("{other}"),
    }
}

#[test]
fn api_prints_json_or_says_that_it_cannot() {
    let answered = |answer: Answer| {
        let scene = Scene::new("json", |_| vec![answer]);
        scene.sign_in();
        scene.run(&["api", "GET", "/v1/x", "--json"])
    };
    assert_eq!(answered(Answer::json(200, "{\n \"a\":\t[1,\n2]}")).expect(0).stdout, "{  \"a\": [1, 2]}\n");
    assert_eq!(answered(Answer::json(204, "")).expect(0).stdout, "null\n");
    assert_eq!(
        answered(Answer::new(200, "text/plain", "pong")).expect(8).json()["error"]["code"],
        "unexpected_answer"
    );
    // What could steer a terminal is escaped, and comes out of the JSON unchanged.
    let odd = answered(Answer::json(200, "{\"a\":\"\u{202e}\u{9b}\u{e0041}é\"}")).expect(0);
    assert_eq!(odd.stdout, "{\"a\":\"\\u202e\\u009b\\udb40\\udc41é\"}\n");
    assert_eq!(odd.json()["a"], "\u{202e}\u{9b}\u{e0041}é");
}
