//! SIGKILL before and after every single command of a renewal, and once more while the next process recovers.

use doorkey_tests::storm::issuer::Outcome;
use doorkey_tests::storm::line::{Moment, Told};
use doorkey_tests::storm::site::{SESSION, Site, Store};
use doorkey_tests::wait_for;

use crate::site::{DEAD, Kind, access, failure, outcomes, site};

/// One more than a renewal has commands; so the second kill comes anywhere in the next one, or not at all.
const COMMANDS: usize = 16;

#[test]
fn in_a_file_with_a_grace_period() {
    assert_eq!(lost_by_kills("steps", Store::File, Kind::Graceful), []);
}

#[test]
fn in_the_keychain_with_a_grace_period() {
    assert_eq!(lost_by_kills("steps", Store::Keychain, Kind::Graceful), []);
}

#[test]
fn in_a_file_with_a_strict_issuer() {
    assert_eq!(lost_by_kills("steps-strict", Store::File, Kind::Strict), unavoidable());
}

#[test]
fn in_the_keychain_with_a_strict_issuer() {
    assert_eq!(lost_by_kills("steps-strict", Store::Keychain, Kind::Strict), unavoidable());
}

#[test]
fn twice_in_a_file_with_a_grace_period() {
    killed_twice("twice", Store::File, Kind::Graceful);
}

#[test]
fn twice_in_the_keychain_with_a_grace_period() {
    killed_twice("twice", Store::Keychain, Kind::Graceful);
}

#[test]
fn twice_in_a_file_with_a_strict_issuer() {
    killed_twice("twice-strict", Store::File, Kind::Strict);
}

#[test]
fn twice_in_the_keychain_with_a_strict_issuer() {
    killed_twice("twice-strict", Store::Keychain, Kind::Strict);
}

/// The one moment, from both its sides: the answer is there, and the new pair is not written.
fn unavoidable() -> [(Moment, String); 2] {
    [(Moment::Before, "write".to_owned()), (Moment::After, "send".to_owned())]
}

/// Where a kill lost the session.
fn lost_by_kills(name: &str, store: Store, kind: Kind) -> Vec<(Moment, String)> {
    let site = site(name, store, kind);
    let (mut lost, mut performed) = (Vec::new(), [0; 2]);
    for (moment, performed) in [Moment::Before, Moment::After].into_iter().zip(&mut performed) {
        for step in 1.. {
            let (first, command) = wait_for("the keyring answers in time", || {
                let first = signed_in(&site);
                Some((first, killed(&site, moment, step)?))
            });
            let Some(command) = command else { break };
            *performed += 1;
            if !recovers(&site, &first, kind) {
                lost.push((moment, command));
            }
        }
    }
    assert_eq!(performed, [COMMANDS - 1; 2]);
    assert_eq!(site.errors(), "");
    lost
}

fn killed_twice(name: &str, store: Store, kind: Kind) {
    let site = site(name, store, kind);
    // Every second step of the first renewal, before and after, and all steps of the next one.
    for (first_step, second_step) in
        (1..COMMANDS).step_by(2).zip((1..=COMMANDS).map(|step| step * 7 % COMMANDS + 1))
    {
        for [first_moment, second_moment] in
            [[Moment::Before, Moment::After], [Moment::After, Moment::Before]]
        {
            let first = wait_for("the keyring answers in time", || {
                let first = signed_in(&site);
                assert!(killed(&site, first_moment, first_step)?.is_some());
                // The second one may have less to do.
                killed(&site, second_moment, second_step)?;
                Some(first)
            });
            recovers(&site, &first, kind);
        }
    }
    assert_eq!(site.errors(), "");
}

/// A new login; its refresh token.
fn signed_in(site: &Site) -> String {
    let Told::SignedIn { token, .. } = site.sign_in(0) else { panic!("not signed in") };
    token
}

/// Renews until it is killed, and says at which command that was, or that it came to its end before. Nothing if it failed
/// because of the keyring: what that has left is not what the next attempt is to begin with.
fn killed(site: &Site, moment: Moment, step: usize) -> Option<Option<String>> {
    let flag = match moment {
        Moment::Before => "--kill-at",
        Moment::After => "--kill-after",
    };
    let (told, succeeded) = site.try_run(1, &[&DEAD[..], &[flag, &step.to_string(), "once"]].concat())?;
    let struck = told.iter().find_map(|told| match told {
        Told::Struck { command, .. } => Some(command.clone()),
        _ => None,
    });
    assert!(struck.is_none() || !succeeded, "{told:?}");
    Some(struck)
}

/// Whether the next process gets a token, after kills. `first`: the refresh token of the login.
fn recovers(site: &Site, first: &str, kind: Kind) -> bool {
    let stored = stored(site);
    let spent = outcomes(site).contains(&Outcome::Rotated);
    let unavoidable = kind == Kind::Strict && spent && stored == first;
    let once = [&DEAD[..], &["once"]].concat();
    let (told, succeeded) = site.run(2, &once);
    if unavoidable {
        assert_eq!(failure(&told), ("rotation_interrupted", true));
        let sent = outcomes(site);
        let most = [Outcome::Rotated, Outcome::ReuseRevoked, Outcome::Revoked];
        assert!(most.starts_with(&sent), "{sent:?}");
        assert_eq!(failure(&site.run(3, &once).0), ("rotation_interrupted", true));
        assert_eq!(outcomes(site), sent, "it is never sent again");
        assert_eq!(self::stored(site), first, "the record is kept until a new login");
        return false;
    }
    assert!(succeeded, "{told:?}");
    let Some(Told::Token { access: renewed, .. }) = told.last() else { panic!("no token: {told:?}") };
    assert_eq!(access(&site.run(3, &once).0, true), *renewed);
    let allowed = match kind {
        Kind::Strict => [Outcome::Rotated].as_slice(),
        Kind::Graceful => &[Outcome::Rotated, Outcome::Repeated],
    };
    assert!(outcomes(site).iter().all(|outcome| allowed.contains(outcome)), "{:?}", outcomes(site));
    true
}

/// The refresh token that is stored, which always is one: nothing is torn or wiped.
fn stored(site: &Site) -> String {
    let Told::Record { token, access, .. } = site.record() else { panic!("no record") };
    assert!(!access.is_empty());
    let file = site.home().folder().join(SESSION).join("auth.json");
    if let Ok(text) = std::fs::read_to_string(file) {
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(record["refreshToken"].as_str().is_some_and(|token| !token.is_empty()));
    }
    token
}
