//! A process that is stopped while it holds the lock, and a home folder that was copied to another machine.

use doorkey_tests::storm::issuer::Outcome;
use doorkey_tests::storm::line::Told;
use doorkey_tests::storm::site::{Site, Store};

use crate::site::{DEAD, DUE, Kind, access, failure, outcomes, site};

/// The command after the lock was taken.
const LOCKED: [&str; 2] = ["--stop-at", "5"];

#[test]
fn stopped_with_the_lock_of_a_file() {
    stopped_with_the_lock(&site("stopped", Store::File, Kind::Strict));
}

#[test]
fn stopped_with_the_lock_of_the_keychain() {
    stopped_with_the_lock(&site("stopped", Store::Keychain, Kind::Strict));
}

fn stopped_with_the_lock(site: &Site) {
    let Told::SignedIn { access: first, .. } = site.sign_in(0) else { panic!("not signed in") };
    // While the access token lives, the others use it.
    let stopped = site.start(1, &[&DUE[..], &LOCKED, &["once"]].concat());
    stopped.is_stopped();
    let (told, _) = site.run(2, &[&DUE[..], &["once"]].concat());
    assert_eq!(access(&told, true), first);
    let [Told::Token { needed: true, wait_micros, .. }] = told[..] else { panic!("{told:?}") };
    assert!(wait_micros >= 2_000_000, "it would rather have renewed it");
    assert_eq!(outcomes(site), []);
    stopped.go_on();
    assert!(stopped.end().success());
    assert_eq!(outcomes(site), [Outcome::Rotated]);
    assert_ne!(access(&site.run(3, &[&DUE[..], &["once"]].concat()).0, true), first);

    // Without one they wait for half a minute and say why; this one is in a hurry, and waits a tenth of that.
    let stopped = site.start(4, &[&["--later", "700"], &LOCKED[..], &["once"]].concat());
    stopped.is_stopped();
    let (told, _) = site.run(5, &["--later", "700", "--hurried", "once"]);
    assert_eq!(failure(&told), ("store_busy", false));
    assert_eq!(outcomes(site), [Outcome::Rotated], "never without the lock");
    stopped.go_on();
    assert!(stopped.end().success());
    assert_eq!(outcomes(site), [Outcome::Rotated; 2]);
    let struck = |told: &Told| matches!(told, Told::Struck { command, .. } if command == "read ledger");
    assert_eq!(site.lines().iter().filter(|line| struck(&line.told)).count(), 2, "each just after the lock");
}

#[test]
fn a_copied_home_does_not_rotate() {
    let site = site("copied", Store::File, Kind::Strict);
    let Told::SignedIn { access: first, .. } = site.sign_in(0) else { panic!("not signed in") };
    let copy = site.copied_home("copied-home");
    let elsewhere = |when: [&str; 2]| {
        site.run_in(&copy, 1, &[&["--machine", "another"], &when[..], &["once"]].concat()).0
    };
    assert_eq!(access(&elsewhere(DUE), true), first, "what lives is used");
    assert_eq!(failure(&elsewhere(DEAD)), ("copied_home", true));
    assert_eq!(outcomes(&site), [], "and nothing was sent");
    let (told, _) = site.run(2, &[&DEAD[..], &["once"]].concat());
    assert_ne!(access(&told, false), first, "at home it goes on");
    assert_eq!(failure(&elsewhere(DEAD)), ("copied_home", true));
    assert_eq!(outcomes(&site), [Outcome::Rotated]);
}
