//! `doorkey --json`: the shapes of `docs/contracts/json.md`; and what `--trace` writes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Stdio};
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
fn settings_that_cannot_be_used_end_every_command_before_anything_is_stored() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let mut home = Home::new("doorkey-settings");
    home.sealed.unset("DOORKEY_STORE");
    let folder = home.sealed.home.join(".config/doorkey");
    fs::create_dir_all(&folder).unwrap();
    for (settings, key) in [
        ("store = [\"encrypted-file\"]\n", "`store`"),
        ("stores = \"encrypted-file\"\n", "`stores`"),
        ("key_file = true\n", "`key_file`"),
    ] {
        fs::write(folder.join("config.toml"), settings).unwrap();
        let login = ["login", &issuer.url(), "--client-id", "cli", "--no-browser", "--json"];
        for args in [&login[..], &["list", "--json"], &["token", "--json"], &["logout", "--json"]] {
            let told = line(&home.doorkey(args).expect(2));
            assert_eq!(told["error"]["code"], "unusable_setting", "{told}");
            assert!(told["error"]["message"].as_str().unwrap().contains(key), "{told}");
        }
        assert!(!folder.join("credentials").exists());
    }
    assert_eq!(issuer.issued(), 0);
}

#[test]
fn a_login_says_what_will_hide_it() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let mut home = Home::new("doorkey-hidden");
    assert!(!home.login(&issuer, &["--profile", "work"]).stderr.contains("will be used instead"));
    home.sealed.set("DOORKEY_PROFILE", "work");
    assert!(!home.login(&issuer, &["--profile", "work"]).stderr.contains("will be used instead"));
    let other = home.login(&issuer, &["--profile", "other", "--json"]);
    let warning = "warning: DOORKEY_PROFILE is set to \"work\" and will be used instead\n  → unset it";
    assert!(other.stderr.contains(warning), "{other:?}");
    home.sealed.unset("DOORKEY_PROFILE").set("DOORKEY_TOKEN", "another");
    let hidden = home.login(&issuer, &["--profile", "work"]);
    assert!(
        hidden.stderr.contains("warning: DOORKEY_TOKEN is set and will be used instead\n  → unset it"),
        "{hidden:?}"
    );
}

#[test]
fn a_logout_of_nobody_is_no_failure() {
    let home = Home::new("doorkey-nobody");
    assert_eq!(home.doorkey(&["logout"]).expect(0).stdout, "Not signed in; nothing to forget\n");
    let told = line(&home.doorkey(&["logout", "--revoke", "--json"]).expect(0));
    Shapes::read().check("doorkey: logout", &told);
    home.doorkey(&["logout", "--profile", "none"]).expect(2);
    home.doorkey(&["status"]).expect(3);
}

#[test]
fn what_has_no_say_is_refused() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let home = Home::signed_in("doorkey-misplaced", &issuer, &["--profile", "work"]);
    let switch = home.doorkey(&["switch", "work", "--profile", "other"]).expect(2);
    assert!(switch.stderr.contains("--profile has no say in `doorkey switch`"), "{switch:?}");
    let login =
        home.doorkey(&["login", "github:ghe.example.com", "--client-id", "cli", "--no-browser"]).expect(2);
    assert!(login.stderr.contains("github is at one place alone"), "{login:?}");
}

/// A session that cannot be renewed: by the journal, and by the machine that it was made on.
#[test]
fn a_session_that_ends_says_so_and_what_to_do() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let home = Home::signed_in("doorkey-ends", &issuer, &["--profile", "work"]);
    let good = home.sealed.file(".config/doorkey/credentials");
    let has_id = doorkey_store::machine_id().is_some();
    for (key, value, code, next) in [
        ("refused", "expired", "session_expired", "run `doorkey login work`"),
        ("refused", "interrupted", "rotation_interrupted", "run `doorkey login work`"),
        ("machine", "0123456789abcdef", "copied_home", "run `doorkey login work` on this machine"),
    ] {
        if key == "machine" && !has_id {
            continue;
        }
        for (age, state, exit) in [(Duration::ZERO, "ending", 0), (2 * HALF_AN_HOUR, "expired", 3)] {
            home.change_record("work", |record| {
                *record = serde_json::from_str::<Value>(&good).unwrap()["records"]["work"].clone()
            });
            home.change_record("work", |record| record[key] = value.into());
            home.age("work", age);
            let told = line(&home.doorkey(&["status", "--json"]).expect(exit));
            let reason = &told["reason"];
            assert_eq!((&told["state"], &told["renewable"]), (&state.into(), &false.into()), "{told}");
            assert_eq!((&reason["code"], &reason["next"]), (&code.into(), &next.into()), "{told}");
            let shown = home.doorkey(&["status"]).expect(exit).stdout;
            assert!(shown.contains(&format!("  → {next}\n")), "{shown}");
            let checked = home.doorkey(&["status", "--check"]).expect(exit).stdout;
            assert_eq!(checked.matches("  → ").count(), 1, "{checked}");
        }
    }
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
    assert_eq!(fs::metadata(&trace).unwrap().mode() & 0o777, 0o600);
    // What is for others, too, stays so.
    let device = home.sealed.home.join("null");
    assert!(
        Command::new("mknod").arg(&device).args(["c", "1", "3", "-m", "0666"]).status().unwrap().success()
    );
    home.doorkey(&["status", "--trace", device.to_str().unwrap()]).expect(0);
    assert_eq!(fs::metadata(&device).unwrap().mode() & 0o777, 0o666);
    let login = ["login", &issuer.url(), "--client-id", "cli", "--no-browser", "--trace", path];
    home.doorkey(&login).expect(0);
    let tasks: Vec<Value> =
        fs::read_to_string(&trace).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tasks: Vec<&Value> = tasks.iter().map(|line| &line["task"]).filter(|task| !task.is_null()).collect();
    assert!(
        !tasks[0]["discover"].is_null() && !tasks[1]["sign_in"].is_null() && tasks.len() == 2,
        "{tasks:?}"
    );
    check("login, which runs two machines");
    let good = fs::read_to_string(&trace).unwrap();
    let number = 1 + good.lines().position(|line| line.contains("\"sign_in\"")).unwrap();
    fs::write(&trace, good.replace("{\"sign_in\"", "{\"sign_on\"")).unwrap();
    let unreadable = home.doorkey(&["replay", path]).expect(2);
    assert!(unreadable.stderr.contains(&format!("line {number}")), "{unreadable:?}");
    let end = good.rfind("\"outcome\":\"ok\"").unwrap();
    fs::write(&trace, good[..end].to_owned() + &good[end..].replace("\"ok\"", "null")).unwrap();
    let differs = home.doorkey(&["replay", path]).expect(1);
    assert!(differs.stderr.contains(&format!("line {} came out", good.lines().count())), "{differs:?}");
    assert!(differs.stderr.contains("→ replay it with"), "{differs:?}");
    home.doorkey(&["api", "https://other.example.com/", "--trace", path]).expect(2);
    check("api elsewhere");
    home.age(&issuer.url(), HALF_AN_HOUR);
    let (protocol, host) = issuer.url().split_once("://").map(|(p, h)| (p.to_owned(), h.to_owned())).unwrap();
    let asked = format!("protocol={protocol}\nhost={host}\npassword=access-3\n\n");
    let erase = ["credential", "git", "--trace", path, "erase"];
    home.doorkey_with_input(&erase, asked.as_bytes()).expect(0);
    check("erase");
    home.doorkey(&["exec", "--trace", path, "true"]).expect(0);
    check("exec, with a renewal");
    assert_eq!(issuer.issued(), 4);
}
