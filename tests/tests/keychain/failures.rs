//! Every way in which the keychain cannot take the token: the login still succeeds, and says what happened.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use doorkey_tests::desktop::{Desktop, Services};
use doorkey_tests::home::{CREDENTIALS, Home};
use doorkey_tests::login::{SOLO, approved};
use doorkey_tests::measured;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;

use crate::prompts::Prompts;

/// Who started the login.
enum By {
    /// A person at a terminal, who can be asked.
    Person,
    /// A program.
    Program,
}

/// Logs in, and checks that the token is in the file and that login and status name this kind of failure and this
/// reason.
fn falls_back(name: &str, home: Home, by: &By, kind: &str, reason: &str) -> Home {
    let sandbox = Sandbox::start(name, &[]);
    let home = home.with_sandbox(&sandbox);
    let args = ["login", "--no-browser"];
    let login = match by {
        By::Person => home.start_on_terminal(&args),
        By::Program => home.start(&args),
    };
    let (ended, took) = approved(login, SOLO, "acme");
    measured::took(format_args!("from the click to the end of the login, {name}"), took);
    let ended = ended.expect(0);
    for said in ["warning:", reason, ", so the token is stored as plain text"] {
        assert!(ended.stderr.contains(said), "{said:?}: {ended:?}");
    }
    assert!(ended.stdout.contains("is stored in the credentials file"), "{ended:?}");

    let mode = fs::metadata(home.folder().join(CREDENTIALS)).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let token = &home.credentials()["records"]["acme"]["token"];
    assert!(token.as_str().unwrap().starts_with("pt_live_"));

    let (code, status) = home.pentify_json(&["status"]);
    assert_eq!((code, &status["source"]), (0, &"file".into()), "{status}");
    let stores = status["stores"].as_array().unwrap();
    let keychain = stores.iter().find(|store| store["backend"] == "keychain").unwrap();
    assert_eq!(keychain["state"], kind, "{status}");
    assert!(keychain["reason"].as_str().is_some_and(|text| text.contains(reason)), "{status}");
    let shown = home.pentify(&["status"]).expect(0);
    assert!(shown.stdout.contains(&format!("keychain: not usable ({kind}): {reason}")), "{shown:?}");

    let _ = home.pentify(&["scans", "list"]).expect(0);
    home
}

/// A home on a desktop whose keychain is locked.
fn locked(name: &str, desktop: Desktop) -> (Desktop, Home) {
    let desktop = desktop.with_unlocked_keyring();
    desktop.lock();
    let home = Home::new(name).with_desktop(&desktop);
    (desktop, home)
}

const IS_LOCKED: &str = "the keychain is locked";

#[test]
fn locked_without_a_display() {
    let (_desktop, home) = locked("locked", Desktop::start("locked-desktop", Services::Installed));
    let prompts = Prompts::watch(&home);
    falls_back("locked", home, &By::Program, "locked", IS_LOCKED);
    assert!(!prompts.were_shown(), "nobody was asked");
}

#[test]
fn locked_without_a_display_for_a_person() {
    let (_desktop, home) = locked("lockedtty", Desktop::start("lockedtty-desktop", Services::Installed));
    falls_back("lockedtty", home, &By::Person, "locked", IS_LOCKED);
}

#[test]
fn locked_with_a_display() {
    let (_desktop, home) = locked("display", Desktop::start_with_display("display-desktop"));
    let prompts = Prompts::watch(&home);
    falls_back("display", home, &By::Program, "locked", IS_LOCKED);
    assert!(!prompts.were_shown(), "nobody was asked");
}

#[test]
fn locked_with_a_display_and_a_person_who_does_not_answer() {
    let (_desktop, home) = locked("prompt", Desktop::start_with_display("prompt-desktop"));
    let prompts = Prompts::watch(&home);
    falls_back("prompt", home, &By::Person, "locked", IS_LOCKED);
    wait_for("the person is asked", || prompts.were_shown().then_some(()));
}

#[test]
fn no_collection() {
    let desktop = Desktop::start("nocollection-desktop", Services::Installed);
    // It is started by the first who asks, and a login does not wait long for that.
    desktop.activate_keyring();
    let home = Home::new("nocollection").with_desktop(&desktop);
    falls_back("nocollection", home, &By::Program, "absent", "the keychain has no default collection");
}

#[test]
fn a_bus_without_a_service() {
    let desktop = Desktop::start("noservice-desktop", Services::None);
    let home = Home::new("noservice").with_desktop(&desktop);
    falls_back(
        "noservice",
        home,
        &By::Program,
        "absent",
        "there is no keychain to talk to: DBus error: The name org.freedesktop.secrets was not provided",
    );
}

#[test]
fn no_bus() {
    falls_back("nobus", Home::new("nobus"), &By::Program, "absent", "there is no D-Bus session here");
}

#[test]
fn a_dead_bus() {
    let home = Home::new("deadbus");
    let socket = home.folder().join("bus");
    drop(UnixListener::bind(&socket).unwrap());
    let home = home.with("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()));
    falls_back(
        "deadbus",
        home,
        &By::Program,
        "absent",
        "there is no keychain to talk to: DBus error: Failed to connect to socket",
    );
}

#[test]
fn a_bus_that_never_answers() {
    for (name, by) in [("silentbus", By::Program), ("silentbustty", By::Person)] {
        let home = Home::new(name);
        let socket = home.folder().join("bus");
        let _silent = UnixListener::bind(&socket).unwrap();
        let home = home.with("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", socket.display()));
        falls_back(name, home, &by, "timed_out", "the keychain did not answer within 3000 ms");
    }
}
