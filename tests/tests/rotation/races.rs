//! Several processes, and other programs, at the same record. Each test says who holds what at the end.

use std::time::Duration;

use doorkey_core::bearer::Bearer;
use doorkey_core::disconnect::Disconnect;
use doorkey_core::notice::Notice;
use doorkey_core::record::{Backend, Record};
use doorkey_core::rotation::Journal;
use doorkey_core::task::Task;
use doorkey_sandbox::Rule;

use doorkey_tests::mishap::Mishap;

use crate::world::{LIFETIME, World, expired, good};

/// Runs `pid` until its request for tokens has been answered, but nothing is stored yet.
fn until_answered(world: &mut World, pid: usize) {
    while world.refreshes == 0 {
        assert_eq!(world.run_for(pid, 1), 1);
    }
}

fn logout(world: &mut World) -> usize {
    // What it ends with is no bearer; nobody looks at it.
    world.start_with(Task::Disconnect, Disconnect::default(), |_| Bearer::NothingNewer)
}

#[test]
fn two_processes_with_the_same_old_token_send_it_once() {
    for head_start in 0..40 {
        for strict in [0, 20] {
            let mut world = expired(strict);
            let (first, second) = (world.start(), world.start());
            world.run_for(first, head_start);
            // Turn by turn from there, so that each sees the other half-way.
            for _ in 0..400 {
                world.act(second);
                world.act(first);
            }
            let (first, second) = (good(world.finish(first)), good(world.finish(second)));
            assert_eq!(first.token(), second.token(), "head start {head_start}");
            assert_eq!(world.refreshes, 1, "head start {head_start}");
            assert!(world.accepts(&first) && world.issuer.grade().is_clean());
        }
    }
}

#[test]
fn a_stale_refusal_is_answered_with_what_another_client_stored_meanwhile() {
    // Another client, which knows nothing of our lock, rotated and stores its pair a moment after we were refused.
    let mut world = expired(0);
    let mut theirs = world.sign_in(1);
    theirs.generation = None;
    let old = world.record().clone();
    world.mishaps.push_back(Mishap::Intercepted(400, r#"{"error":"invalid_grant"}"#));
    let pid = world.start();
    while world.disk.lock.is_none() {
        world.run_for(pid, 1);
    }
    while world.disk.lock.is_some() {
        world.run_for(pid, 1);
    }
    assert_eq!(world.record().token, old.token);
    world.disk.records.insert(Backend::File, Record::bare_refresh(theirs.token.clone()));
    let bearer = good(world.finish(pid));
    assert!(world.accepts(&bearer), "their token was rotated, not ours");
    assert_eq!(world.refreshes, 1);
}

#[test]
fn a_real_refusal_marks_the_record_and_the_token_is_never_sent_again() {
    let mut world = World::new(crate::world::grace(0), Backend::File);
    world.sleep(LIFETIME - Duration::from_secs(20));
    for _ in 0..2 {
        world.mishaps.push_back(Mishap::Intercepted(400, r#"{"error":"invalid_grant"}"#));
    }
    // The access token still lives: it is used, and the person is told once it is dead.
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert!(world.notices.iter().any(|notice| matches!(notice, Notice::NotRenewed { .. })));
    assert_eq!(world.mishaps.len(), 1);
    good(world.token());
    world.sleep(Duration::from_secs(30));
    let failure = world.token().unwrap_err();
    assert_eq!(failure.code, "session_expired");
    assert_eq!(world.mishaps.len(), 1, "it was sent once");
    assert!(!world.record().is_tombstone(), "the record stays until a new login or a logout");
}

#[test]
fn a_login_as_someone_else_while_the_answer_was_on_its_way_wins() {
    let mut world = expired(20);
    let pid = world.start();
    until_answered(&mut world, pid);
    // A program that knows nothing of our lock signs in as somebody else.
    let other = world.sign_in(9);
    world.disk.records.insert(Backend::File, other.clone());
    let failure = world.finish(pid).unwrap_err();
    assert_eq!(failure.code, "signed_in_as_someone_else");
    assert_eq!(*world.record(), other, "theirs is untouched");
    assert_eq!(world.disk.emergency, None, "ours was thrown away");
    let bearer = good(world.token());
    assert_eq!(bearer.token(), doorkey_core::bearer::bearer_of(&other));
}

#[test]
fn another_program_that_writes_the_spent_token_again_costs_no_pair() {
    for strict in [0, 20] {
        for bare in [true, false] {
            let mut world = expired(strict);
            let before = world.record().clone();
            let pid = world.start();
            until_answered(&mut world, pid);
            // It knows nothing of our lock, and of no newer token.
            let theirs = if bare { Record::bare_refresh(before.token.clone()) } else { before };
            world.disk.records.insert(Backend::File, theirs.clone());
            let bearer = good(world.finish(pid));
            assert!(world.accepts(&bearer));
            assert_ne!(world.record().token, theirs.token);
            assert_eq!(good(world.token()), bearer, "it is what is stored");
            world.sleep(LIFETIME);
            good(world.token());
            assert_eq!(world.refreshes, 2);
            assert!(world.issuer.grade().is_clean());
        }
    }
}

#[test]
fn after_a_refusal_a_newer_login_is_used_whosever_it_is() {
    let mut world = expired(0);
    world.mishaps.push_back(Mishap::Intercepted(400, r#"{"error":"invalid_grant"}"#));
    let pid = world.start();
    while !matches!(world.record().rotation.as_ref().unwrap().journal, Journal::Refused { .. }) {
        assert_eq!(world.run_for(pid, 1), 1);
    }
    let other = world.sign_in(9);
    world.disk.records.insert(Backend::File, other.clone());
    let bearer = good(world.finish(pid));
    assert_eq!(bearer.token(), doorkey_core::bearer::bearer_of(&other));
    assert_eq!((world.refreshes, world.record()), (0, &other), "it is as it was stored");
}

#[test]
fn a_login_between_the_look_and_the_lock_is_simply_used() {
    for after in 0..8 {
        let mut world = expired(0);
        let pid = world.start();
        world.run_for(pid, after);
        if world.disk.lock.is_some() {
            break;
        }
        let other = world.sign_in(9);
        world.disk.records.insert(Backend::File, other.clone());
        let bearer = good(world.finish(pid));
        assert_eq!(bearer.token(), doorkey_core::bearer::bearer_of(&other));
        assert_eq!(world.refreshes, 0, "nothing was sent with a token that was no longer stored");
    }
}

#[test]
fn a_logout_waits_for_the_rotation_and_then_nothing_is_left() {
    let mut world = expired(20);
    let pid = world.start();
    until_answered(&mut world, pid);
    let out = logout(&mut world);
    for _ in 0..50 {
        world.act(out);
    }
    assert!(!world.record().is_tombstone(), "it waits for the lock");
    good(world.finish(pid));
    world.finish(out).unwrap();
    assert!(world.record().is_tombstone());
    assert_eq!(world.token().unwrap_err().code, "not_signed_in");
}

#[test]
fn what_a_slow_rotation_stores_after_a_logout_does_not_bring_the_session_back() {
    let mut world = expired(20);
    let pid = world.start();
    until_answered(&mut world, pid);
    // The logout of a program that knows nothing of our lock.
    let tombstone = Record::tombstone(world.record().generation.clone().unwrap().next());
    world.disk.records.insert(Backend::File, tombstone.clone());
    assert_eq!(world.finish(pid).unwrap_err().code, "not_signed_in");
    assert_eq!(*world.record(), tombstone);
    assert_eq!(world.token().unwrap_err().code, "not_signed_in");
}

#[test]
fn logout_and_login_between_read_and_write_are_noticed() {
    let mut world = expired(20);
    let pid = world.start();
    until_answered(&mut world, pid);
    // The very same refresh token under another login id: only the generation tells.
    let mut other = world.record().clone();
    other.generation = Some(doorkey_core::record::Generation { login: "login-2".into(), counter: 1 });
    world.disk.records.insert(Backend::File, other.clone());
    assert_eq!(world.finish(pid).unwrap_err().code, "signed_in_as_someone_else");
    assert_eq!(*world.record(), other);
}

#[test]
fn a_process_stopped_with_the_lock_makes_the_others_wait_a_bounded_time() {
    // SIGSTOP just after the lock was taken; the access token is dead.
    let mut world = expired(20);
    let stopped = world.start();
    while world.disk.lock.is_none() {
        world.run_for(stopped, 1);
    }
    let before = world.millis;
    assert_eq!(world.token().unwrap_err().code, "store_busy");
    assert!((30_000..31_000).contains(&(world.millis - before)), "half a minute");
    assert_eq!(world.refreshes, 0, "never without the lock");
    // It wakes up and goes on as if nothing had been.
    let bearer = good(world.finish(stopped));
    assert!(world.accepts(&bearer));

    // With a token that still lives nobody waits that long.
    world.sleep(LIFETIME - Duration::from_secs(20));
    let stopped = world.start();
    while world.disk.lock.is_none() {
        world.run_for(stopped, 1);
    }
    let before = world.millis;
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert!(world.millis - before < 2_200, "two seconds, then the live token");
}

#[test]
fn a_last_resort_on_its_way_is_waited_for_and_not_taken_for_a_failure() {
    let mut world = expired(0);
    // One process was killed before its request left; another one makes the last resort of it.
    let killed = world.start();
    while !matches!(world.record().rotation.as_ref().unwrap().journal, Journal::Spending(_)) {
        world.run_for(killed, 1);
    }
    world.kill(killed);
    let second = world.start();
    until_answered(&mut world, second);
    let third = world.start();
    for _ in 0..100 {
        world.act(third);
    }
    assert_eq!(world.ended(third), None, "it waits for the lock");
    let (second, third) = (good(world.finish(second)), good(world.finish(third)));
    assert_eq!(second.token(), third.token());
    assert_eq!(world.refreshes, 1);
}

#[test]
fn suspended_after_the_send_for_longer_than_the_grace() {
    for strict in [0, 20] {
        let mut world = expired(strict);
        let pid = world.start();
        until_answered(&mut world, pid);
        // The answer is in the kernel's buffer when the laptop sleeps for a night.
        world.sleep(Duration::from_secs(8 * 3600));
        let bearer = good(world.finish(pid));
        assert_eq!(world.refreshes, 1);
        assert!(world.record().rotation.as_ref().unwrap().spent.len() == 1);
        // The access token is dead by now, but the refresh token was stored.
        assert!(!world.accepts(&bearer));
        let bearer = good(world.token());
        assert!(world.accepts(&bearer));
        assert_eq!(world.broken_rules(Rule::RefreshReplayed), 0);
    }
}

#[test]
fn an_interrupt_after_the_send_loses_nothing_on_a_strict_issuer() {
    for actions in 0..40 {
        let mut world = expired(0);
        let pid = world.start();
        world.run_for(pid, actions);
        if world.ended(pid).is_some() {
            break;
        }
        world.interrupt(pid);
        world.interrupt(pid);
        let failure = world.finish(pid).unwrap_err();
        assert_eq!(failure.code, "interrupted");
        assert_eq!(world.disk.lock, None);
        assert!(world.refreshes <= 1);
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "interrupted after {actions}");
        assert_eq!(world.refreshes, 1, "interrupted after {actions}");
    }
}

#[test]
fn a_copied_home_does_not_rotate_but_uses_what_lives() {
    let mut world = World::new(crate::world::grace(0), Backend::File);
    world.descriptor.machine_id = Some("machine-2".into());
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    world.sleep(LIFETIME);
    let failure = world.token().unwrap_err();
    assert_eq!(failure.code, "copied_home");
    assert_eq!(world.refreshes, 0);
}

#[test]
fn on_a_network_file_system_nothing_rotates_but_what_lives_is_used() {
    let mut world = World::new(crate::world::grace(0), Backend::File);
    world.disk.shared = true;
    world.sleep(LIFETIME - Duration::from_secs(20));
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    world.sleep(Duration::from_secs(20));
    assert_eq!(world.token().unwrap_err().code, "store_shared");
    assert_eq!(world.refreshes, 0);
}
