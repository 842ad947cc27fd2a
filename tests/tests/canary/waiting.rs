//! What a command has in its memory while it waits for its person.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read as _;

use doorkey_tests::canary::canaries;
use doorkey_tests::home::{CREDENTIALS, Home};
use doorkey_tests::login::{SOLO, pair};
use doorkey_tests::memory::Memory;
use doorkey_tests::pensar::{DeviceCode, SESSION};
use doorkey_tests::running::Running;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::wait_for;
use nix::unistd::getuid;

/// Nothing of what is stored is in its memory, but what it shows is. Nobody but root can find out.
fn expect_only_what_is_shown(home: &Home, stored: &str, waiting: &Running, shown: &str) {
    let stored = fs::read_to_string(home.folder().join(stored)).unwrap();
    let stored: BTreeSet<String> = canaries(&stored).into_iter().map(str::to_owned).collect();
    assert!(!stored.is_empty(), "there is no earlier login");
    let pid = waiting.id();
    if !getuid().is_root() {
        let memory = File::open(format!("/proc/{pid}/mem")).and_then(|mut memory| memory.read(&mut [0]));
        assert!(memory.is_err(), "others of this user can look into it");
        return;
    }
    let memory = Memory::of(pid);
    assert!(!memory.copies(&[shown.to_owned()].into()).is_empty(), "{shown} is not in its memory");
    let found = memory.copies(&stored);
    assert!(found.is_empty(), "{} copies: {found:#?}", found.len());
}

#[test]
fn a_login_that_waits_has_nothing_of_the_session_that_it_replaces() {
    let sandbox = Sandbox::start("canary-waiting-pensar", &["--device-interval", "1"]);
    let home = Home::new("canary-waiting-pensar").with_sandbox(&sandbox);
    home.connect();
    // It has looked at the session, and asked whether there shall be another one.
    let login = home.start_pensar_on_terminal(&["login", "--no-browser"]);
    wait_for("the question", || login.stderr().contains("[y/N]").then_some(()));
    login.type_in("y\n");
    let code = DeviceCode::of(&login).code;
    expect_only_what_is_shown(&home, SESSION, &login, &code);
}

#[test]
fn a_pairing_that_waits_has_nothing_of_the_token_that_it_replaces() {
    let sandbox = Sandbox::start("canary-waiting-pentify", &[]);
    let home = Home::new("canary-waiting-pentify").with_sandbox(&sandbox);
    pair(&home, SOLO, "acme");
    let login = home.start(&["login", "--re-pair", "--no-browser"]);
    let link = login.invitation().link;
    expect_only_what_is_shown(&home, CREDENTIALS, &login, canaries(&link)[0]);
}
