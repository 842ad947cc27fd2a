//! `--json` on every command of `pensar`: nothing but JSON on standard output, in the documented shapes. And the traces
//! of the same runs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::process::Stdio;

use doorkey_core::text::is_treacherous;
use doorkey_sandbox::Person;
use doorkey_sandbox::pensar::{Settings, account};
use sealed::apex::{Apex, click, quick};
use sealed::bus::SilentBus;
use sealed::shape::Shapes;
use sealed::{Ended, finish};
use serde_json::Value;

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
fn every_shape_is_as_documented() {
    let shapes = Shapes::read();
    let mut apex = Apex::new("pensar-json");

    let none = line(&apex.pensar(&["login", "status", "--json"]).expect(3));
    shapes.check("pensar: status", &none);
    shapes.check("pensar: another backend", &none["elsewhere"][0]);
    assert_eq!((&none["state"], &none["reason"]["code"]), (&"none".into(), &"not_signed_in".into()));

    let login = lines(&apex.login(account::LOW, &["--json"]).expect(0));
    assert_eq!(login.len(), 2);
    shapes.check("pensar: device code", &login[0]);
    shapes.check("pensar: login", &login[1]);
    shapes.check("pensar: billing", &login[1]["billing"]);
    assert_eq!(
        (&login[1]["billing"]["advice"], &login[1]["billing"]["balance"]),
        (&"top_up".into(), &0.4.into())
    );
    let status = line(&apex.pensar(&["--json", "login", "status"]).expect(0));
    shapes.check("pensar: status", &status);
    assert_eq!((&status["connected"], &status["auth"]), (&true.into(), &"workos".into()));
    assert_eq!(status["sources"], Value::Null);
    let explained = line(&apex.pensar(&["login", "status", "--explain", "--json"]).expect(0));
    shapes.check("pensar: status", &explained);
    for source in explained["sources"].as_array().unwrap() {
        shapes.check("pensar: source", source);
    }
    let again = line(&apex.pensar(&["login", "--json"]).expect(0));
    shapes.check("pensar: login", &again);
    assert_eq!((&again["already"], &again["billing"]), (&true.into(), &Value::Null));
    let credits = line(&apex.pensar(&["credits", "--json"]).expect(0));
    shapes.check("pensar: credits", &credits);
    shapes.check("pensar: billing", &credits["billing"]);
    assert_eq!(credits["opened"], Value::Null);
    shapes.check("pensar: logout", &line(&apex.pensar(&["login", "logout", "--json"]).expect(0)));
    shapes.check("pensar: logout", &line(&apex.pensar(&["auth", "logout", "--json"]).expect(0)));

    let live = apex.start(&["login", "--json"]);
    click(|send| Person::new(account::NEW).approve(&live.link(0), send).unwrap());
    click(|send| Person::new(account::NEW).create_workspace(&live.link(1), "My Team", send).unwrap());
    shapes.check("pensar: create a workspace", &lines(&live.finish().expect(0))[1]);
    let live = apex.start(&["login", "--json", "--force"]);
    click(|send| Person::new(account::MULTI).approve(&live.link(0), send).unwrap());
    click(|send| Person::new(account::MULTI).choose_workspace(&live.link(1), send).unwrap());
    shapes.check("pensar: choose a workspace", &lines(&live.finish().expect(0))[1]);

    let failed = line(&apex.pensar(&["login", "--json", "--workspace", "nowhere"]).expect(9));
    shapes.check("error", &failed);
    assert_eq!(failed["error"]["code"], "unknown_workspace");
    for nonsense in
        [&["--json"][..], &["login", "extra", "--json"], &["login", "--force", "status", "--json"]]
    {
        let failed = line(&apex.pensar(nonsense).expect(2));
        shapes.check("error", &failed);
        assert_eq!(failed["error"]["code"], "usage", "{nonsense:?}");
    }

    let _bus = SilentBus::start(&mut apex.sealed);
    let logout = line(&apex.pensar(&["login", "logout", "--json"]).expect(6));
    shapes.check("pensar: logout", &logout);
    shapes.expect_all_seen(|heading| heading.starts_with("pensar: "));
}

#[test]
fn api_keys_have_the_same_shapes() {
    let shapes = Shapes::read();
    let apex = Apex::with("pensar-json-key", Settings { legacy: true, ..quick() });
    let login = lines(&apex.login(account::SOLO, &["--json"]).expect(0));
    shapes.check("pensar: device code", &login[0]);
    shapes.check("pensar: login", &login[1]);
    assert_eq!(login[1]["auth"], "api_key");
    let status = line(&apex.pensar(&["login", "status", "--json"]).expect(0));
    shapes.check("pensar: status", &status);
    assert_eq!((&status["auth"], &status["workspace"]["slug"]), (&"api_key".into(), &"acme".into()));
}

#[test]
fn traces_hold_no_secret_and_come_out_the_same_again() {
    let apex = Apex::new("pensar-trace");
    let trace = apex.sealed.home.join("trace.jsonl");
    let path = trace.to_str().unwrap();
    let check = |what: &str| {
        let text = fs::read_to_string(&trace).unwrap();
        // Every credential of the sandbox begins so.
        assert!(!text.contains("psr_"), "{what}: {text}");
        assert!(!text.chars().any(|c| c != '\n' && is_treacherous(c)), "{what}");
        let mut replay = apex.sealed.command(env!("CARGO_BIN_EXE_doorkey"), &["replay", path]);
        let replay = replay.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let replayed = finish(replay.spawn().unwrap()).expect(0);
        assert!(replayed.stdout.contains("gave the same"), "{what}: {replayed:?}");
    };
    let login = apex.login(account::SOLO, &["--trace", path]).expect(0);
    check("login");
    let code = login.stderr.split_once("user_code=").unwrap().1.lines().next().unwrap();
    let access = apex.file("auth.json")["accessToken"].as_str().unwrap().to_owned();
    let (_, signature) = access.rsplit_once('.').unwrap();
    let text = fs::read_to_string(&trace).unwrap();
    assert!(!text.contains(code) && !text.contains(signature), "{text}");
    apex.make_due();
    apex.pensar(&["credits", "--trace", path]).expect(0);
    check("credits, with a renewal");
    apex.pensar(&["login", "status", "--trace", path]).expect(0);
    check("status");
    apex.pensar(&["login", "logout", "--trace", path]).expect(0);
    check("logout");
    apex.pensar(&["credits", "--trace", path]).expect(3);
    check("a failure");
}
