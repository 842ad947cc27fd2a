//! A rotating session in the keychain, where other programs read and write its refresh token.

use std::os::unix::net::UnixListener;
use std::thread::sleep;
use std::time::Duration;

use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::Home;
use doorkey_tests::pensar::{SESSION, SETTINGS, secrets_in};
use doorkey_tests::sandbox::Sandbox;

use crate::prompts::Prompts;

const SERVICE: &str = "dev.pensar.apex";
/// The account under which every client looks for the refresh token.
const BARE: &str = "workos-refresh-token";
/// Codes that may be polled for as often as the protocol can say.
const QUICK: [&str; 2] = ["--device-interval", "1"];
/// How long an access token is good where it must end: a request with a new one surely arrives in time.
const LIFETIME: Duration = Duration::from_secs(10);

/// The bare refresh token, as another program finds it.
fn bare(desktop: &Desktop) -> String {
    let found = desktop.run("secret-tool", &["lookup", "service", SERVICE, "account", BARE], "");
    String::from_utf8(found.stdout).unwrap()
}

/// Writes a bare refresh token as another program would.
fn write_bare(desktop: &Desktop, token: &str) {
    let args = ["store", "--label=x", "service", SERVICE, "username", BARE, "account", BARE];
    let stored = desktop.run("secret-tool", &args, token);
    assert!(stored.status.success(), "{stored:?}");
}

/// Everything that the keychain holds for the service, attributes and secrets.
fn everything(desktop: &Desktop) -> String {
    let found = desktop.run("secret-tool", &["search", "--all", "--unlock", "service", SERVICE], "");
    String::from_utf8(found.stdout).unwrap()
}

/// A desktop whose keychain is open, and a home on it.
fn at_home(name: &str, sandbox: &Sandbox) -> (Desktop, Home) {
    let desktop = Desktop::start(&format!("{name}-desktop"), Services::None).with_unlocked_keyring();
    let home = Home::new(name).as_known_to_the_system().with_sandbox(sandbox).with_desktop(&desktop);
    (desktop, home)
}

/// How often a session was renewed.
fn renewals(sandbox: &Sandbox) -> usize {
    sandbox.outcomes().iter().filter(|outcome| *outcome == "rotated").count()
}

#[test]
fn the_keychain_holds_a_session_from_login_to_logout() {
    let lifetime = LIFETIME.as_secs().to_string();
    let sandbox = Sandbox::start("apex-held", &[&QUICK[..], &["--access-lifetime", &lifetime]].concat());
    let (desktop, home) = at_home("apex-held", &sandbox);
    let ended = home.connect();
    assert!(ended.stdout.ends_with("  Tokens: in the keychain\n"), "{ended:?}");
    assert!(!ended.stderr.contains("warning"), "{ended:?}");
    assert!(!home.folder().join(SESSION).exists(), "nothing in plain text");
    assert_eq!(home.json_file(SETTINGS)["credentialBackend"], "os-vault");
    let first = bare(&desktop);
    assert!(first.starts_with("psr_refresh_") && secrets_in(&first) == 1, "{first}");

    let (code, status) = home.pensar_json(&["login", "status"]);
    assert_eq!(
        (code, &status["backend"], &status["auth"]),
        (0, &"keychain".into(), &"workos".into()),
        "{status}"
    );
    let before = renewals(&sandbox);
    sleep(LIFETIME);
    let credits = home.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");
    assert!(renewals(&sandbox) > before, "it was due");
    let renewed = bare(&desktop);
    assert!(renewed.starts_with("psr_refresh_") && renewed != first, "{renewed}");
    assert!(!everything(&desktop).contains(&first), "the spent one is gone");

    let gone = home.pensar(&["login", "logout"]).expect(0);
    assert!(gone.stdout.contains("✓ Disconnected from Pensar Console (acme)\n"), "{gone:?}");
    let left = everything(&desktop);
    assert_eq!((bare(&desktop).as_str(), secrets_in(&left)), ("", 0), "{left}");
    assert_eq!(home.secrets(SESSION) + home.secrets(SETTINGS), 0);
    assert_eq!(home.pensar_json(&["credits"]).1["error"]["code"], "not_signed_in");
    sandbox.end_with_good_grade();
}

/// A bare token says nothing of who issued it, so it counts as the real service's, and goes nowhere else.
#[test]
fn a_token_that_another_program_has_put_there_is_adopted_for_the_real_service_alone() {
    let sandbox = Sandbox::start("apex-adopt", &QUICK);
    let (desktop, home) = at_home("apex-adopt", &sandbox);
    let _ = home.connect();
    let theirs = "somebody-elses-refresh-token";
    write_bare(&desktop, theirs);
    let asked = sandbox.requests().len();
    let (code, refused) = home.pensar_json(&["credits"]);
    assert_eq!((code, &refused["error"]["code"]), (3, &"other_issuer".into()), "{refused}");
    assert_eq!(sandbox.requests().len(), asked, "it was sent nowhere");
    assert_eq!(bare(&desktop), theirs);

    // The same on a machine that is to use the real service, which it cannot reach.
    let home = Home::new("apex-adopt-real").as_known_to_the_system().with_desktop(&desktop);
    let home = home.with("HTTPS_PROXY", "http://127.0.0.1:9");
    let status = home.pensar(&["login", "status"]).expect(0);
    assert!(status.stdout.starts_with("✓ Connected to Pensar Console\n  Auth: WorkOS\n"), "{status:?}");
    let (code, tried) = home.pensar_json(&["credits"]);
    assert_eq!(code, 7, "{tried}");
    assert_eq!(bare(&desktop), theirs, "nothing left this machine: it is as good as before");
    sandbox.end_with_good_grade();
}

/// Connects where the keychain is not usable, and checks that the session is in the file and that login and status name
/// this kind of failure and this reason. What cannot be looked at cannot be cleared: then the logout says so.
fn falls_back(name: &str, home: Home, kind: &str, reason: &str, logout: i32) {
    let sandbox = Sandbox::start(name, &QUICK);
    let home = home.as_known_to_the_system().with_sandbox(&sandbox);
    let ended = home.connect();
    for said in ["warning:", reason, ", so the token is stored as plain text"] {
        assert!(ended.stderr.contains(said), "{said:?}: {ended:?}");
    }
    assert!(ended.stdout.ends_with("  Tokens: in the credentials file\n"), "{ended:?}");
    assert_eq!(home.secrets(SESSION), 3);
    assert_eq!(home.json_file(SETTINGS)["credentialBackend"], "secure-file");
    let (code, status) = home.pensar_json(&["login", "status"]);
    assert_eq!((code, &status["backend"]), (0, &"file".into()), "{status}");
    let keychain = &status["elsewhere"][0];
    assert_eq!((&keychain["backend"], &keychain["state"]), (&"keychain".into(), &kind.into()), "{status}");
    assert!(keychain["reason"].as_str().is_some_and(|text| text.contains(reason)), "{status}");
    let credits = home.pensar(&["credits"]).expect(0);
    assert_eq!(credits.stdout, "Workspace: Acme (acme)\nBalance: $42.00\n");

    let gone = home.pensar(&["login", "logout"]).expect(logout);
    assert!(gone.stdout.contains("Disconnected from Pensar Console (acme)\n"), "{gone:?}");
    assert_eq!(gone.stderr.contains("the keychain could not be cleared"), logout != 0, "{gone:?}");
    assert_eq!(home.secrets(SESSION), 0);
    let _ = home.pensar(&["login", "status"]).expect(3);
    sandbox.end_with_good_grade();
}

#[test]
fn a_session_and_a_locked_keychain() {
    let desktop = Desktop::start("apex-locked-desktop", Services::Installed).with_unlocked_keyring();
    // Something that must be hidden: an empty keychain tells even locked that it is empty.
    write_bare(&desktop, "somebody-elses-refresh-token");
    desktop.lock();
    let home = Home::new("apex-locked").with_desktop(&desktop);
    let prompts = Prompts::watch(&home);
    falls_back("apex-locked", home, "locked", "the keychain is locked", 6);
    assert!(!prompts.were_shown(), "nobody was asked");
}

#[test]
fn a_session_without_a_bus() {
    falls_back("apex-nobus", Home::new("apex-nobus"), "absent", "there is no D-Bus session here", 0);
}

#[test]
fn a_session_and_a_keychain_that_never_answers() {
    let home = Home::new("apex-silent");
    let socket = home.folder().join("bus");
    let _silent = UnixListener::bind(&socket).unwrap();
    let home = home.with("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()));
    falls_back("apex-silent", home, "timed_out", "the keychain did not answer within 3000 ms", 6);
}

#[test]
fn a_keychain_that_comes_back_does_not_bring_an_older_session() {
    let sandbox = Sandbox::start("apex-back", &QUICK);
    let (mut desktop, home) = at_home("apex-back", &sandbox);
    let _ = home.connect();
    let older = bare(&desktop);
    desktop.end_last();
    let ended = home.connect();
    assert!(ended.stderr.contains("stored as plain text"), "{ended:?}");
    desktop.start_keyring();
    assert_eq!(bare(&desktop), older, "it is back as it was");
    let (code, status) = home.pensar_json(&["login", "status"]);
    assert_eq!((code, &status["backend"]), (0, &"file".into()), "{status}");
    let stale = (&status["elsewhere"][0]["backend"], &status["elsewhere"][0]["stale"]);
    assert_eq!(stale, (&"keychain".into(), &true.into()), "{status}");

    let ended = home.connect();
    assert!(ended.stdout.ends_with("  Tokens: in the keychain\n"), "{ended:?}");
    assert_ne!(bare(&desktop), older);
    assert_eq!(home.secrets(SESSION), 0, "nothing in plain text any more");
    sandbox.end_with_good_grade();
}
