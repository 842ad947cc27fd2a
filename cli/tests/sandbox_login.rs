//! The main job on the embedded service, as the README shows it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Stdio;

use sealed::{Ended, Sealed, finish};

#[test]
fn login_then_scans_in_a_new_process_with_the_stored_token() {
    let sealed = Sealed::new("main-job");
    let login = sealed.pentify(&["login", "--sandbox"]).expect(0);
    assert!(login.stderr.contains("the sandbox's own person authorizes this device"), "{login:?}");
    assert!(
        login.stdout.contains("✓ Signed in to Pentify as solo@pentify.sandbox, workspace Acme (acme)"),
        "{login:?}"
    );
    let scans = sealed.pentify(&["scans", "list", "--sandbox"]).expect(0);
    assert!(scans.stdout.contains("TARGET") && scans.stdout.lines().count() > 1, "{scans:?}");
    // The sandbox never touches the real names.
    assert!(!sealed.home.join(".config").exists());
}

#[test]
fn every_command_speaks_json() {
    let sealed = Sealed::new("json");
    let login = sealed.pentify(&["login", "--sandbox", "--json"]).expect(0);
    let started: serde_json::Value = serde_json::from_str(login.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(started["event"], "pairing_started");
    assert!((1..=300).contains(&started["expires_in"].as_u64().unwrap()), "{started}");
    assert_eq!(login.json()["how"], "paired");
    assert_eq!(login.json()["workspace"]["slug"], "acme");
    assert_eq!(login.json()["backend"], "file");

    let status = sealed.pentify(&["status", "--sandbox", "--json"]).expect(0).json();
    assert_eq!((&status["signed_in"], &status["source"]), (&true.into(), &"file".into()));
    assert_eq!(
        sealed.pentify(&["profile", "--sandbox", "--json"]).expect(0).json()["workspace"]["slug"],
        "acme"
    );
    assert_eq!(
        sealed.pentify(&["usage", "--sandbox", "--json"]).expect(0).json()["workspace"]["slug"],
        "acme"
    );
    assert!(sealed.pentify(&["scans", "list", "--sandbox", "--json"]).expect(0).json()["data"].is_array());
    assert!(sealed.pentify(&["api", "GET", "/v1/usage", "--sandbox"]).expect(0).json()["tokens"].is_object());

    let logout = sealed.pentify(&["logout", "--sandbox", "--json"]).expect(0).json();
    assert_eq!((&logout["was_signed_in"], &logout["revoked"]), (&true.into(), &false.into()));
    assert_eq!(sealed.pentify(&["logout", "--sandbox", "--json"]).expect(0).json()["was_signed_in"], false);
    let status = sealed.pentify(&["status", "--sandbox", "--json"]).expect(3).json();
    assert_eq!(status["reason"]["code"], "not_signed_in");
    let scans = sealed.pentify(&["scans", "list", "--sandbox", "--json"]).expect(3).json();
    assert_eq!(scans["error"]["code"], "not_signed_in");
    assert_eq!(scans["error"]["next"], "run `pentify login --sandbox`");
}

fn pensar(sealed: &Sealed, args: &[&str]) -> Ended {
    let mut command = sealed.command(env!("CARGO_BIN_EXE_pensar"), &[&["--sandbox"], args].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap())
}

#[test]
fn pensar_connects_to_the_embedded_service_too() {
    let sealed = Sealed::new("pensar-sandbox");
    let run = |args: &[&str]| pensar(&sealed, args);
    let login = run(&["login"]).expect(0);
    assert!(login.stderr.contains("the sandbox's own person authorizes this device"), "{login:?}");
    assert_eq!(
        login.stdout,
        "✓ Connected to Pensar Console\n  Workspace: Acme (acme)\n  Balance: $42.00\n  Tokens: in the credentials file\n"
    );
    assert_eq!(run(&["credits"]).expect(0).stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");
    let status = run(&["auth", "status"]).expect(0);
    assert_eq!(
        status.stdout,
        "✓ Connected to Pensar Console\n  Workspace: Acme (acme)\n  Auth: WorkOS\n  Tokens: in the credentials file\n"
    );
    // The sandbox never touches the real names.
    assert!(!sealed.home.join(".pensar").exists());
    run(&["login", "logout"]).expect(0);
    let credits = run(&["credits"]).expect(3);
    assert_eq!(credits.stderr, "error: not signed in\n  → run `pensar login --sandbox`\n");
}

#[test]
fn a_login_holds_where_somebody_has_taken_the_ports_meanwhile() {
    let sealed = Sealed::new("ports-taken");
    sealed.pentify(&["login", "--sandbox"]).expect(0);
    pensar(&sealed, &["login"]).expect(0);
    let ports = || {
        let service = sealed.file(".local/state/doorkey/sandbox/service.json");
        let mut service: serde_json::Value = serde_json::from_str(&service).unwrap();
        serde_json::from_value::<BTreeMap<String, u16>>(service["ports"].take()).unwrap()
    };
    let before = ports();
    // One that somebody else has by now is as good.
    let take =
        |(name, port): (&String, &u16)| Some((name.clone(), TcpListener::bind(("127.0.0.1", *port)).ok()?));
    let taken: BTreeMap<_, _> = before.iter().filter_map(take).collect();
    sealed.pentify(&["usage", "--sandbox"]).expect(0);
    assert_eq!(pensar(&sealed, &["credits"]).expect(0).stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");
    pensar(&sealed, &["login", "logout"]).expect(0);
    let after = ports();
    assert!(taken.keys().all(|name| after[name] != before[name]), "{before:?}, {after:?}");
}
