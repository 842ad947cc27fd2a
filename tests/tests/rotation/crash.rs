//! Killed between any two actions, and killed again while recovering.

use std::time::Duration;

use doorkey_core::failure::Exit;
use doorkey_core::rotation::Journal;
use doorkey_sandbox::Rule;

use crate::world::{LIFETIME, expired, good, holds_session};

/// Actions of one undisturbed renewal.
fn actions(grace_seconds: u64) -> usize {
    let mut world = expired(grace_seconds);
    let pid = world.start();
    let actions = world.run_for(pid, 10_000);
    good(world.ended(pid).unwrap());
    assert_eq!(world.refreshes, 1);
    actions
}

#[test]
fn an_undisturbed_renewal_takes_one_request_and_leaves_nothing_behind() {
    let mut world = expired(20);
    let first = world.record().clone();
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.refreshes, 1);
    assert_eq!(world.disk.emergency, None);
    assert_eq!(world.disk.lock, None);
    let rotation = world.record().rotation.clone().unwrap();
    assert_eq!(rotation.journal, Journal::Settled);
    assert_eq!(rotation.spent, [first.token.fingerprint()]);
    assert_eq!(world.record().workspace, first.workspace, "what else was known stays");
    // From here on the token is fresh: no request, and no lock.
    let pid = world.start();
    let actions = world.run_for(pid, 10_000);
    good(world.ended(pid).unwrap());
    assert_eq!((world.refreshes, actions), (1, 7), "three reads, an event each, and the start");
    assert!(world.issuer.grade().is_clean());
}

#[test]
fn killed_anywhere_within_the_grace_it_recovers_by_itself() {
    for killed_after in 0..actions(20) {
        let mut world = expired(20);
        let pid = world.start();
        world.run_for(pid, killed_after);
        world.kill(pid);
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "killed after {killed_after}");
        assert!(world.refreshes <= 2, "killed after {killed_after}");
        assert_eq!(world.broken_rules(Rule::RefreshReplayed), 0, "killed after {killed_after}");
        let left = world.disk.emergency.as_ref().and_then(|file| file.record.as_ref());
        assert_eq!(left, None, "killed after {killed_after}");
        // And so it goes on.
        world.sleep(LIFETIME);
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "killed after {killed_after}");
    }
}

#[test]
fn killed_twice_anywhere_within_the_grace_it_still_recovers_by_itself() {
    for first in 0..actions(20) {
        for second in (first % 3..60).step_by(3) {
            let mut world = expired(20);
            let pid = world.start();
            world.run_for(pid, first);
            world.kill(pid);
            let pid = world.start();
            world.run_for(pid, second);
            if world.ended(pid).is_some() {
                break;
            }
            world.kill(pid);
            let bearer = good(world.token());
            assert!(world.accepts(&bearer), "killed after {first}, then after {second}");
            assert_eq!(
                world.broken_rules(Rule::RefreshReplayed),
                0,
                "killed after {first}, then after {second}"
            );
        }
    }
}

/// On a strict issuer a session is lost only if the process was killed after the request was sent and before the new
/// pair was stored; and then the person is asked once, clearly, and nothing is wiped.
#[test]
fn killed_with_a_strict_issuer_only_the_unavoidable_is_lost() {
    let mut lost = Vec::new();
    for killed_after in 0..actions(0) {
        let mut world = expired(0);
        let before = world.record().token.clone();
        let pid = world.start();
        world.run_for(pid, killed_after);
        let unavoidable = world.refreshes > 0 && world.record().token == before;
        world.kill(pid);
        match world.token() {
            Ok(bearer) => {
                assert!(world.accepts(&bearer), "killed after {killed_after}");
                assert!(!unavoidable, "killed after {killed_after}");
            }
            Err(failure) => {
                assert!(unavoidable, "killed after {killed_after}: {failure}");
                assert_eq!(failure.exit, Exit::NotSignedIn);
                assert_eq!(failure.code, "rotation_interrupted");
                assert!(holds_session(world.record()), "the record is kept until a new login");
                let again = world.token().unwrap_err();
                assert_eq!(again.code, "rotation_interrupted");
                assert_eq!(world.refreshes, 2, "the dead token is never sent again");
                lost.push(killed_after);
            }
        }
    }
    // The answer in flight, and the write of the new pair: two actions, however the rest is arranged.
    assert_eq!(lost.len(), 2, "{lost:?}");
}

/// After the grace the outcome cannot be found out any more, but where nothing had been sent nothing is lost.
#[test]
fn found_after_the_grace_an_unsent_token_is_still_good() {
    for killed_after in 0..actions(20) {
        let mut world = expired(20);
        let before = world.record().token.clone();
        let pid = world.start();
        world.run_for(pid, killed_after);
        let unavoidable = world.refreshes > 0 && world.record().token == before;
        world.kill(pid);
        world.sleep(Duration::from_secs(3600));
        let end = world.token();
        assert_eq!(end.is_err(), unavoidable, "killed after {killed_after}: {:?}", end.err());
        assert!(holds_session(world.record()));
    }
}
