//! Flag before environment before store; and with the first two, nobody knocks at the keychain.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;

use sealed::bus::SilentBus;
use sealed::hostile::Answer;
use sealed::pty::Terminal;
use sealed::scene::{OLD_TOKEN, Scene, TOKEN};

const FLAG_TOKEN: &str = "pt_live_FLAGabcdefghijklmnopqrst";
const COMMANDS: [&[&str]; 6] = [
    &["status"],
    &["status", "--json", "--check"],
    &["usage"],
    &["profile", "--json"],
    &["scans", "list"],
    &["api", "GET", "/v1/targets"],
];

/// A scene where three tokens are to be had, and a keychain might be.
fn scene() -> (Scene, SilentBus) {
    let mut scene = Scene::new("precedence", |_| vec![Answer::json(200, r#"{"data":[]}"#)]);
    scene.sign_in();
    let bus = SilentBus::start(&mut scene.sealed);
    (scene, bus)
}

fn sent(scene: &Scene) -> Vec<String> {
    let of = |request: &String| {
        let line = request.lines().find(|line| line.to_lowercase().starts_with("authorization: "));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    };
    scene.api.requests().iter().map(of).collect()
}

#[test]
fn with_a_flag_or_variable_no_store_is_opened() {
    for args in COMMANDS {
        let (mut scene, bus) = scene();
        let asks = args != ["status"];
        scene.sealed.set("PENTIFY_API_TOKEN", TOKEN);
        scene.run(args).expect(0);
        scene.run(&[&["--api-token", FLAG_TOKEN], args].concat()).expect(0);
        assert_eq!(sent(&scene), if asks { vec![TOKEN, FLAG_TOKEN] } else { vec![] }, "{args:?}");
        assert_eq!(bus.connections(), 0, "{args:?} asked the keychain");
    }
}

/// The control: the very same commands do look, if they have to.
#[test]
fn without_them_the_stores_are_asked_in_order() {
    std::thread::scope(|threads| {
        for args in COMMANDS {
            threads.spawn(move || {
                let (mut scene, bus) = scene();
                // An empty variable is none.
                scene.sealed.set("PENTIFY_API_TOKEN", "");
                let ended = scene.run(args);
                assert!(bus.connections() > 0, "{args:?} did not ask the keychain");
                // It did not answer; the file, which is next, did.
                assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
                let asks = args != ["status"];
                assert_eq!(sent(&scene), if asks { vec![OLD_TOKEN] } else { vec![] }, "{args:?}");
            });
        }
    });
}

#[test]
fn status_says_what_it_did_not_look_at() {
    let (mut scene, bus) = scene();
    scene.sealed.set("PENTIFY_API_TOKEN", TOKEN);
    let status = scene.run(&["status"]).expect(0);
    assert_eq!(
        status.stdout,
        "✓ A token is given\n  token:  pt_live_abcd… from PENTIFY_API_TOKEN\n  \
        store:  not looked at (--explain looks)\n"
    );
    assert_eq!(scene.run(&["status", "--json"]).expect(0).json()["stores"], serde_json::Value::Null);
    assert_eq!(bus.connections(), 0);

    let explained = scene.run(&["status", "--explain"]).expect(0);
    assert!(bus.connections() > 0);
    assert!(explained.stdout.contains("from PENTIFY_API_TOKEN"), "{explained:?}");
    assert!(explained.stdout.contains("  keychain: not usable (timed_out): "), "{explained:?}");
    assert!(explained.stdout.contains("  file: active acme pt_live_OLDa…"), "{explained:?}");
    let json = scene.run(&["status", "--explain", "--json"]).expect(0).json();
    assert_eq!((&json["source"], &json["stores"][0]["state"]), (&"environment".into(), &"timed_out".into()));
    assert_eq!(json["stores"][1]["entries"][0]["workspace"]["slug"], "acme");
}

#[test]
fn a_refused_flag_or_variable_never_touches_the_store() {
    for (name, args, variable, next) in [
        ("flag", &["--api-token", TOKEN, "usage"][..], None, "check the token given with --api-token"),
        (
            "environment",
            &["usage"][..],
            Some(TOKEN),
            "set PENTIFY_API_TOKEN to a valid token, or unset it to use the stored one",
        ),
    ] {
        let mut scene = Scene::new("precedence", |_| vec![Answer::error(401, "invalid_api_key", "revoked")]);
        scene.sign_in();
        let bus = SilentBus::start(&mut scene.sealed);
        if let Some(token) = variable {
            scene.sealed.set("PENTIFY_API_TOKEN", token);
        }
        let before = scene.files();
        let error = scene.run(&[&["--json"], args].concat()).expect(3).json()["error"].clone();
        assert_eq!((&error["code"], &error["next"]), (&"invalid_api_key".into(), &next.into()), "{name}");
        assert_eq!(scene.files(), before, "{name}");
        assert_eq!((bus.connections(), sent(&scene)), (0, vec![TOKEN.to_owned()]), "{name}");
    }
}

#[test]
fn a_malformed_flag_does_not_fall_through_to_the_variable() {
    let (mut scene, bus) = scene();
    scene.sealed.set("PENTIFY_API_TOKEN", TOKEN);
    let error = scene.run(&["--json", "--api-token", "hunter2", "usage"]).expect(2).json();
    assert_eq!(error["error"]["code"], "malformed_token");
    assert_eq!((scene.api.connections(), bus.connections()), (0, 0));
}

fn minted() -> Vec<Answer> {
    vec![Answer::json(200, format!(r#"{{"token":"{TOKEN}","workspace":{{"slug":"acme","name":"Acme"}}}}"#))]
}

#[test]
fn a_login_warns_of_the_variable_that_will_hide_it() {
    let mut scene = Scene::new("precedence", |_| minted());
    let quiet = scene.run(&["login"]).expect(0);
    assert!(!quiet.stderr.contains("PENTIFY_API_TOKEN"), "{quiet:?}");
    scene.sealed.set("PENTIFY_API_TOKEN", OLD_TOKEN);
    let login = scene.run(&["login"]).expect(0);
    let warning = "warning: PENTIFY_API_TOKEN is set: it will hide the stored token until you unset it";
    assert!(login.stderr.lines().any(|line| line == warning), "{login:?}");
    // Polls carry no token at all.
    assert!(scene.api.requests().iter().all(|request| !request.to_lowercase().contains("authorization")));
}

#[test]
fn a_browser_inherits_no_token() {
    let mut scene = Scene::new("precedence", |_| minted());
    let (script, dump) = (scene.sealed.home.join("browser"), scene.sealed.home.join("dump"));
    let text =
        format!("{{ env; echo \"$@\"; }} > {dump}.part\nmv {dump}.part {dump}\n", dump = dump.display());
    fs::write(&script, text).unwrap();
    // A program of our own could not be run while another test's child, not yet another program, has it open.
    scene.sealed.set("BROWSER", format!("/bin/sh {}", script.display())).set("CONTROL", "inherited");
    scene.sealed.set("PENTIFY_API_TOKEN", OLD_TOKEN).set("DOORKEY_TOKEN", OLD_TOKEN);
    let mut terminal = Terminal::start(&scene.command(&["login"]));
    terminal.wait_until(|_| dump.exists());
    let seen = fs::read_to_string(&dump).unwrap();
    assert_eq!(terminal.finish(), Some(0), "{}", terminal.screen());
    assert!(seen.contains("CONTROL=inherited\n"), "{seen}");
    assert!(seen.contains("http://127.0.0.1:9/auth/terminal-pair?device_id="), "{seen}");
    for token in [OLD_TOKEN, "TOKEN="] {
        assert!(!seen.contains(token), "{token} in {seen}");
    }
}

#[test]
fn a_store_that_cannot_be_read_is_told_once() {
    let scene = Scene::new("unreadable", |_| Vec::new());
    scene.credentials("nonsense");
    let status = scene.run(&["status"]).expect(6);
    assert_eq!(status.stdout.matches("is not a credentials file").count(), 1, "{status:?}");
    assert!(status.stdout.ends_with("\n  file: not usable (unreadable)\n"), "{status:?}");
}

#[test]
fn a_logout_names_what_stays_and_a_revocation_that_failed_is_no_success() {
    let scene = Scene::new("logout-stays", |_| vec![Answer::error(403, "no_such_right", "")]);
    let records = r#"{"v":1,"records":{"acme":"pt_live_a","blue team":"pt_live_b"},"active":"acme"}"#;
    scene.credentials(records);
    let other = scene.run(&["logout", "--workspace", "nope"]).expect(0);
    assert_eq!(other.stdout, "Not signed in to workspace \"nope\"; nothing to forget\n");
    assert!(
        other.stderr.starts_with("Tokens of other workspaces stay stored: acme, blue team\n"),
        "{other:?}"
    );
    let ended = scene.run(&["logout", "--revoke"]);
    assert_ne!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.starts_with("✓ Signed out"), "{ended:?}");
    assert!(
        ended.stderr.contains("\n  → `pentify logout --workspace 'blue team'` forgets that one\n"),
        "{ended:?}"
    );
    assert!(ended.stderr.contains("warning: the key could not be revoked: "), "{ended:?}");
}
