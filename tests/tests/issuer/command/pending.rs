//! A login that one process begins and another one finishes.

use std::fs;

use doorkey_tests::browser::Browser;
use doorkey_tests::doorkey::{DeviceCode, FOLDER};
use doorkey_tests::home::Home;
use doorkey_tests::issuer::{Issuer, Options, Person};
use doorkey_tests::running::Running;
use doorkey_tests::wait_for;
use nix::sys::signal::Signal;

use super::token;

/// Begins a login; its code and its handle.
fn start(home: &Home, issuer: &Issuer) -> (DeviceCode, String) {
    let mut login = home.start_doorkey_login(issuer, &["--start"]);
    let code = DeviceCode::of(&mut login);
    let started = login.end().expect(0).json();
    assert_eq!(started["event"], "login_started", "{started}");
    (code, started["handle"].as_str().unwrap().to_owned())
}

fn finish(home: &Home, handle: &str) -> Running {
    home.start_doorkey(&["login", "--finish", handle, "--json"])
}

/// It shows the code when it has the handle to itself.
fn waiting(mut finisher: Running) -> Running {
    DeviceCode::of(&mut finisher);
    finisher
}

#[test]
fn it_is_finished_by_one_of_many_whatever_becomes_of_the_others() {
    let home = Home::new("doorkey-pending");
    let issuer = Issuer::start(&Options::default());
    let browser = Browser::start("doorkey-pending");
    let person = Person { browser: &browser, account: "somebody" };

    let (code, handle) = start(&home, &issuer);
    // Killed while it waits for the person.
    let killed = waiting(finish(&home, &handle));
    killed.signal(Signal::SIGKILL);
    drop(killed.end());
    let interrupted = waiting(finish(&home, &handle));
    interrupted.signal(Signal::SIGINT);
    assert_eq!(interrupted.end().code, 130);

    let first = waiting(finish(&home, &handle));
    let second = finish(&home, &handle).end().expect(6).json();
    assert_eq!(second["error"]["code"], "store_busy", "{second}");
    person.connect(&code.page, &code.code);
    let signed_in = first.end().expect(0).json();
    assert_eq!(signed_in["event"], "signed_in", "{signed_in}");
    assert_eq!(issuer.resource(&token(&home, &[])).status, 200);

    let third = finish(&home, &handle).end().expect(2).json();
    assert_eq!(third["error"]["code"], "unknown_handle", "{third}");
    let pending = home.folder().join(FOLDER).join("pending");
    assert_eq!(fs::read_dir(&pending).unwrap().count(), 0, "nothing is left of it");
}

#[test]
fn one_that_was_denied_or_is_over_is_finished_too() {
    let home = Home::new("doorkey-pending-denied");
    let issuer = Issuer::start(&Options { device_code_lifetime: 4, ..Options::default() });
    let (_, handle) = start(&home, &issuer);
    let over = finish(&home, &handle).end().expect(4).json();
    assert_eq!(over["error"]["code"], "expired_token", "{over}");
    let again = finish(&home, &handle).end().expect(2).json();
    assert_eq!(again["error"]["code"], "unknown_handle", "{again}");

    // What nobody comes back for goes with the next one that begins.
    let (_, left) = start(&home, &issuer);
    let pending = home.folder().join(FOLDER).join("pending");
    assert!(pending.join(&left).exists());
    wait_for("it is over and swept", || {
        let (_, handle) = start(&home, &issuer);
        finish(&home, &handle).signal(Signal::SIGKILL);
        Some(()).filter(|()| !pending.join(&left).exists())
    });
}
