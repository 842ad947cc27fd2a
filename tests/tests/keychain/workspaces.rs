//! Several workspaces, one of them active.

use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::Home;
use doorkey_tests::login::{MULTI, approved, pair};
use doorkey_tests::running::Running;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;
use serde_json::Value;

use crate::entry::{ACTIVE, lookup, store, token};

const A: &str = "api-token:acme";
const B: &str = "api-token:blue-team";

fn active(home: &Home) -> Value {
    let (code, status) = home.pentify_json(&["status"]);
    assert_eq!((code, &status["source"]), (0, &"keychain".into()), "{status}");
    status["workspace"]["slug"].clone()
}

#[test]
fn switching_back_needs_no_browser_and_a_revoked_token_a_new_pairing() {
    let sandbox = Sandbox::start("switch", &[]);
    let desktop = Desktop::start("switch-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("switch").with_sandbox(&sandbox).with_desktop(&desktop);
    let _ = pair(&home, MULTI, "acme");
    let login = home.start(&["login", "--no-browser", "--workspace", "blue-team"]);
    let (ended, _) = approved(login, MULTI, "blue-team");
    let _ = ended.expect(0);
    let (a, b) = (token(&desktop, A), token(&desktop, B));
    assert_eq!((token(&desktop, ACTIVE), active(&home)), (b.clone(), "blue-team".into()));

    let before = sandbox.requests().len();
    let (code, switched) = home.pentify_json(&["login", "--workspace", "acme"]);
    assert_eq!((code, &switched["how"]), (0, &"switched".into()), "{switched}");
    assert_eq!(sandbox.requests()[before..], ["GET /v1/usage 200"], "neither page nor poll");
    assert_eq!((token(&desktop, ACTIVE), active(&home)), (a.clone(), "acme".into()));
    assert_eq!((token(&desktop, A), token(&desktop, B)), (a.clone(), b.clone()));
    assert_eq!(home.pentify_json(&["profile"]).1["workspace"]["slug"], "acme");

    let _ = home.pentify(&["login", "--workspace", "blue-team"]).expect(0);
    let _ = home.pentify(&["api", "DELETE", "/v1/keys/current", "--workspace", "acme"]).expect(0);
    let before = sandbox.requests().len();
    let login = home.start(&["login", "--no-browser", "--workspace", "acme"]);
    let (ended, _) = approved(login, MULTI, "acme");
    assert!(ended.expect(0).stdout.contains("Signed in to Pentify as multi@pentify.sandbox, workspace Acme"));
    assert_eq!(sandbox.requests()[before], "GET /v1/usage 401", "it was asked first");
    assert_ne!(token(&desktop, A), a, "a new one");
    assert_eq!((token(&desktop, ACTIVE), active(&home)), (token(&desktop, A), "acme".into()));
    assert_eq!(token(&desktop, B), b, "the other workspace's stays");
    let _ = home.pentify(&["scans", "list", "--workspace", "blue-team"]).expect(0);
    assert_eq!(active(&home), "acme", "that was for one call only");
}

#[test]
fn the_active_entry_is_written_last() {
    let sandbox = Sandbox::start("order", &[]);
    let desktop = Desktop::start("order-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("order").with_sandbox(&sandbox).with_desktop(&desktop);
    let monitor = Running::start(home.command("dbus-monitor", &["--session", "member='CreateItem'"]));
    wait_for("the monitor sees the bus", || monitor.stdout().contains("NameAcquired").then_some(()));
    let _ = pair(&home, MULTI, "acme");
    let written = || {
        let seen = monitor.stdout();
        let texts = seen.lines().map(|line| line.trim().trim_start_matches("variant").trim());
        let texts: Vec<String> = texts.map(|line| line.replace("string ", "")).collect();
        let names = texts.windows(2).filter(|pair| pair[0] == "\"username\"").map(|pair| pair[1].clone());
        names.collect::<Vec<_>>()
    };
    wait_for("the monitor has seen both", || (written().len() == 2).then_some(()));
    assert_eq!(written(), ["\"api-token:acme\"", "\"api-token\""]);
}

/// A login writes the workspace's own entry first and the active one last, as the test before shows. Ending a process
/// exactly between the two calls cannot be done reliably; what it leaves behind can: the first entry new, the
/// second as it was.
#[test]
fn stopped_between_the_two_writes_the_old_workspace_stays_active() {
    let sandbox = Sandbox::start("between", &[]);
    let desktop = Desktop::start("between-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("between").with_sandbox(&sandbox).with_desktop(&desktop);
    let _ = pair(&home, MULTI, "acme");
    let _ = pair(&home, MULTI, "blue-team");
    let (a, b) = (lookup(&desktop, A).unwrap(), lookup(&desktop, B).unwrap());

    // Another login, whose token the service knows, of the workspace that is not active.
    let elsewhere = Home::new("between-elsewhere").with_sandbox(&sandbox);
    let _ = pair(&elsewhere, MULTI, "acme");
    let mut written = a.clone();
    written["token"] = elsewhere.credentials()["records"]["acme"]["token"].clone();
    written["gen"] = "0123456789abcdef.1".into();
    assert_ne!(written, a);
    store(&desktop, A, &written);
    assert_eq!(lookup(&desktop, A), Some(written.clone()));
    assert_eq!(lookup(&desktop, ACTIVE), Some(b.clone()));
    assert_eq!(active(&home), "blue-team");
    assert_eq!(home.pentify_json(&["profile"]).1["workspace"]["slug"], "blue-team");
    // Nothing is lost: the interrupted switch can be made good.
    let (code, switched) = home.pentify_json(&["login", "--workspace", "acme"]);
    assert_eq!((code, &switched["how"]), (0, &"switched".into()), "{switched}");
    assert_eq!(lookup(&desktop, ACTIVE), Some(written));
    assert_eq!(home.pentify_json(&["profile"]).1["workspace"]["slug"], "acme");

    // The same of the workspace that is active.
    let mut written = lookup(&desktop, ACTIVE).unwrap();
    written["gen"] = "fedcba9876543210.1".into();
    store(&desktop, A, &written);
    assert_eq!(active(&home), "acme");
    assert_eq!(lookup(&desktop, B), Some(b));
}
