//! `doorkey --json`: the shapes of `docs/contracts/json.md`; and what `--trace` writes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::Duration;

use doorkey_core::url::Url;
use sealed::Ended;
use sealed::apex::Live;
use sealed::hostile::Answer;
use sealed::issuer::{Asked, Home, Issuer, presented};
use sealed::shape::Shapes;
use serde_json::Value;

/// Far from just minted, and far from its end.
const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// Standard output, which must be lines of JSON.
fn lines(ended: &Ended) -> Vec<Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {ended:?}"));
    ended.stdout.lines().map(parse).collect()
}

/// The last and only line.
fn line(ended: &Ended) -> Value {
    let mut lines = lines(ended);
    assert_eq!(lines.len(), 1, "{ended:?}");
    lines.remove(0)
}

/// Goes where an authorization endpoint would send the person's browser.
fn redirect(link: &str) {
    let link = Url::parse(link).unwrap();
    let back = Url::parse(link.query_value("redirect_uri").unwrap()).unwrap();
    let back = back.with("code", "code-1").with("state", link.query_value("state").unwrap());
    let mut stream = TcpStream::connect((back.origin().host(), back.origin().port())).unwrap();
    let target = back.expose_target();
    let host = back.origin().to_string().replace("http://", "");
    write!(stream, "GET {} HTTP/1.1\r\nhost: {host}\r\n\r\n", target.expose_secret()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn every_shape_is_as_documented() {
    let shapes = Shapes::read();
    let issuer = Issuer::start(|_| Answer::json(200, "{\"a\":1}"));
    let mut home = Home::new("doorkey-json");
    let url = issuer.url();
    let login = ["login", &url, "--client-id", "cli", "--no-browser", "--json"];
    let told = lines(&home.doorkey(&login).expect(0));
    assert_eq!(told.len(), 2);
    shapes.check("pensar: device code", &told[0]);
    shapes.check("doorkey: login", &told[1]);

    let started = lines(&home.doorkey(&[&login, &["--start", "--profile", "work"][..]].concat()).expect(0));
    shapes.check("doorkey: login started", started.last().unwrap());
    let handle = started.last().unwrap()["handle"].as_str().unwrap();
    for more in [&["--client-id", "x"][..], &["--token-endpoint", "https://x.example"], &["--profile", "x"]] {
        home.doorkey(&[&["login", "--finish", handle], more].concat()).expect(2);
    }
    let finished = lines(&home.doorkey(&["login", "--finish", handle, "--json"]).expect(0));
    shapes.check("doorkey: login", finished.last().unwrap());

    let authorize = format!("{url}/authorize");
    let args = ["login", &url, "--client-id", "cli", "--browser", "--authorization-endpoint", &authorize];
    let mut command = home.sealed.command(env!("CARGO_BIN_EXE_doorkey"), &[&args, &["--json"][..]].concat());
    let live = Live::start(command.stdin(Stdio::null()));
    live.wait_until("a link", || live.stdout().contains('\n'));
    let request: Value = serde_json::from_str(live.stdout().lines().next().unwrap()).unwrap();
    shapes.check("doorkey: authorization request", &request);
    redirect(request["link"].as_str().unwrap());
    shapes.check("doorkey: login", lines(&live.finish().expect(0)).last().unwrap());

    shapes.check("doorkey: token", &line(&home.doorkey(&["token", "--json"]).expect(0)));
    let list = line(&home.doorkey(&["list", "--json"]).expect(0));
    shapes.check("doorkey: list", &list);
    assert_eq!(list["profiles"].as_array().unwrap().len(), 2);
    shapes.check("doorkey: profile", &list["profiles"][0]);
    shapes.check("doorkey: switch", &line(&home.doorkey(&["switch", "work", "--json"]).expect(0)));
    assert_eq!(line(&home.doorkey(&["api", "/", "--json"]).expect(0)), serde_json::json!({"a": 1}));
    home.sealed.unset("DOORKEY_STORE");
    let status = line(&home.doorkey(&["status", "--json"]).expect(0));
    shapes.check("doorkey: status", &status);
    shapes.check("doorkey: another backend", &status["elsewhere"][0]);
    let explained = line(&home.doorkey(&["status", "--explain", "--json"]).expect(0));
    shapes.check("doorkey: status", &explained);
    for source in explained["sources"].as_array().unwrap() {
        shapes.check("pensar: source", source);
    }
    shapes.check("doorkey: logout", &line(&home.doorkey(&["logout", "--revoke", "--json"]).expect(0)));
    shapes.check("doorkey: logout", &line(&home.doorkey(&["logout", "--json"]).expect(0)));
    shapes.check("doorkey: status", &line(&home.doorkey(&["status", "--json"]).expect(3)));
    shapes.check("error", &line(&home.doorkey(&["token", "--json"]).expect(3)));
    shapes.expect_all_seen(|heading| heading.starts_with("doorkey: "));
}

#[test]
fn traces_hold_no_token_and_come_out_the_same_again() {
    let renewed = |asked: &Asked| presented(asked).as_deref() != Some("access-1");
    let issuer = Issuer::start(move |asked| match renewed(asked) {
        true => Answer::json(200, "{}"),
        false => Answer::new(401, "text/plain", ""),
    });
    let home = Home::signed_in("doorkey-trace", &issuer, &["--api", "https://api.example.com"]);
    let trace = home.sealed.home.join("trace.jsonl");
    let path = trace.to_str().unwrap();
    let check = |what: &str| {
        let text = fs::read_to_string(&trace).unwrap();
        let secrets = ["access-1", "access-2", "refresh-1", "refresh-2", "wanted-1"];
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "{what}: {text}");
        let replayed = home.doorkey(&["replay", path]).expect(0);
        assert!(replayed.stdout.contains("gave the same"), "{what}: {replayed:?}");
    };
    let own = format!("{}/userinfo", issuer.url());
    home.age(&issuer.url(), HALF_AN_HOUR);
    home.doorkey(&["api", &own, "--header", "x-key: wanted-1", "--trace", path]).expect(0);
    check("api, with a renewal");
    home.doorkey(&["api", "https://other.example.com/", "--trace", path]).expect(2);
    check("api elsewhere");
    home.age(&issuer.url(), HALF_AN_HOUR);
    let (protocol, host) = issuer.url().split_once("://").map(|(p, h)| (p.to_owned(), h.to_owned())).unwrap();
    let asked = format!("protocol={protocol}\nhost={host}\npassword=access-2\n\n");
    let erase = ["credential", "git", "--trace", path, "erase"];
    home.doorkey_with_input(&erase, asked.as_bytes()).expect(0);
    check("erase");
    home.doorkey(&["exec", "--trace", path, "true"]).expect(0);
    check("exec, with a renewal");
    assert_eq!(issuer.issued(), 3);
}
