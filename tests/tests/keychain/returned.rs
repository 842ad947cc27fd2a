//! The keychain comes back, with an older token in it.

use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::Home;
use doorkey_tests::login::{MULTI, pair};
use doorkey_tests::sandbox::Sandbox;

use crate::entry::{ACTIVE, lookup, token};

#[test]
fn the_older_token_never_wins_and_the_next_login_moves_back() {
    let sandbox = Sandbox::start("back", &[]);
    let mut desktop = Desktop::start("back-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("back").with_sandbox(&sandbox).with_desktop(&desktop);
    let _ = pair(&home, MULTI, "acme");
    let _ = pair(&home, MULTI, "blue-team");
    let older = token(&desktop, ACTIVE);

    desktop.end_last();
    // Another workspace than that of the older token, which therefore still works: only the order of the logins
    // decides.
    let ended = pair(&home, MULTI, "acme");
    assert!(ended.stderr.contains("stored as plain text"), "{ended:?}");
    let newer = home.credentials()["records"]["acme"]["token"].clone();

    desktop.start_keyring();
    assert_eq!(token(&desktop, ACTIVE), older, "it is back as it was");
    assert_eq!(home.pentify_json(&["profile"]).1["workspace"]["slug"], "acme");
    let _ = home.pentify(&["scans", "list"]).expect(0);
    let (code, status) = home.pentify_json(&["status", "--check"]);
    assert_eq!((code, &status["source"], &status["workspace"]["slug"]), (0, &"file".into(), &"acme".into()));
    assert_eq!(status["check"]["accepted"], true, "{status}");
    let stores = status["stores"].as_array().unwrap();
    let keychain = stores.iter().find(|store| store["backend"] == "keychain").unwrap();
    let stale = |slug: &str, active: bool| {
        let mut entries = keychain["entries"].as_array().unwrap().iter();
        let entry = entries.find(|e| e["workspace"]["slug"] == slug && e["active"] == active);
        entry.unwrap_or_else(|| panic!("{slug}: {status}"))["stale"].clone()
    };
    assert_eq!((stale("acme", false), stale("blue-team", true)), (true.into(), true.into()), "{status}");
    assert_eq!(stale("blue-team", false), false, "the only one of its workspace: {status}");
    let shown = home.pentify(&["status"]).expect(0);
    assert!(shown.stdout.contains("(out of date, not used)"), "{shown:?}");

    let ended = pair(&home, MULTI, "acme");
    assert!(ended.stdout.contains("is stored in the keychain"), "{ended:?}");
    let newest = token(&desktop, ACTIVE);
    assert!(newest != older && Some(newest.as_str()) != newer.as_str());
    assert_eq!(token(&desktop, "api-token:acme"), newest);
    assert!(lookup(&desktop, "api-token:blue-team").is_some());
    assert!(home.credentials()["records"]["acme"].is_null(), "{}", home.credentials());
    let (code, status) = home.pentify_json(&["status"]);
    assert_eq!((code, &status["source"]), (0, &"keychain".into()), "{status}");
    assert!(!status.to_string().contains("\"stale\":true"), "{status}");
    let _ = home.pentify(&["scans", "list"]).expect(0);
}

#[test]
fn an_unlocked_keychain_does_not_bring_back_a_revoked_token() {
    let sandbox = Sandbox::start("unlocked", &[]);
    let mut desktop = Desktop::start("unlocked-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("unlocked").with_sandbox(&sandbox).with_desktop(&desktop);
    let _ = pair(&home, MULTI, "acme");
    let older = token(&desktop, ACTIVE);
    desktop.lock();
    let _ = pair(&home, MULTI, "acme");
    let (_, status) = home.pentify_json(&["status"]);
    assert!(status["stores"].to_string().contains("locked"), "the hidden entry is named: {status}");
    // As a new session does it: a daemon that is given the password from its start.
    desktop.end_last();
    desktop.start_keyring();
    assert_eq!(token(&desktop, ACTIVE), older);
    // The older one was revoked by the second login.
    let _ = home.pentify(&["scans", "list"]).expect(0);
    let (code, gone) = home.pentify_json(&["logout"]);
    assert_eq!((code, &gone["was_signed_in"]), (0, &true.into()));
    assert_eq!(home.pentify(&["status"]).code, 3, "nor does logging out");
}
