//! The keychain holds the token.

use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::{CREDENTIALS, Home};
use doorkey_tests::login::{SOLO, pair};
use doorkey_tests::measured;
use doorkey_tests::sandbox::Sandbox;

use crate::entry::{ACTIVE, lookup, token};

#[test]
fn the_keychain_holds_the_token_and_every_command_uses_it() {
    let sandbox = Sandbox::start("held", &[]);
    let desktop = Desktop::start("held-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("held").with_sandbox(&sandbox).with_desktop(&desktop);

    let login = home.start(&["login", "--no-browser"]);
    let (ended, took) = doorkey_tests::login::approved(login, SOLO, "acme");
    measured::took("from the click to the token in the keychain", took);
    let ended = ended.expect(0);
    assert!(ended.stdout.contains("is stored in the keychain"), "{ended:?}");
    assert!(!ended.stderr.contains("warning"), "{ended:?}");
    assert!(!home.folder().join(CREDENTIALS).exists(), "nothing in plain text");

    let entry = lookup(&desktop, ACTIVE).unwrap();
    assert!(entry["token"].as_str().unwrap().starts_with("pt_live_"), "{entry}");
    assert_eq!(
        (&entry["origin"], &entry["workspace"]["slug"]),
        (&sandbox.api.as_str().into(), &"acme".into())
    );
    assert_eq!(lookup(&desktop, "api-token:acme"), Some(entry));

    let (code, status) = home.pentify_json(&["status", "--check"]);
    assert_eq!((code, &status["source"]), (0, &"keychain".into()), "{status}");
    assert_eq!(status["check"]["accepted"], true);
    let scans = home.pentify(&["scans", "list"]).expect(0);
    assert!(scans.stdout.contains("TARGET"), "{scans:?}");

    let (code, logout) = home.pentify_json(&["logout"]);
    assert_eq!((code, &logout["was_signed_in"]), (0, &true.into()), "{logout}");
    assert_eq!(lookup(&desktop, ACTIVE), None);
    assert_eq!(lookup(&desktop, "api-token:acme"), None);
    assert_eq!(home.pentify_json(&["scans", "list"]).1["error"]["code"], "not_signed_in");
}

#[test]
fn pairing_again_ends_the_old_token() {
    let sandbox = Sandbox::start("again", &[]);
    let desktop = Desktop::start("again-desktop", Services::None).with_unlocked_keyring();
    let home = Home::new("again").with_sandbox(&sandbox).with_desktop(&desktop);
    let _ = pair(&home, SOLO, "acme");
    let old = token(&desktop, ACTIVE);
    // An older shell, which has the token in its environment.
    let shell = Home::new("again-shell").with_sandbox(&sandbox).with("PENTIFY_API_TOKEN", &old);
    let _ = shell.pentify(&["scans", "list"]).expect(0);

    let _ = pair(&home, SOLO, "acme");
    assert_ne!(token(&desktop, ACTIVE), old);
    let (code, refused) = shell.pentify_json(&["scans", "list"]);
    assert_eq!((code, &refused["error"]["code"]), (3, &"invalid_api_key".into()), "{refused}");
    let _ = home.pentify(&["scans", "list"]).expect(0);
}
