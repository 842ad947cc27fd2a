//! Awkward answers, and stores that fail exactly when the new pair must be stored.

use std::time::Duration;

use doorkey_core::failure::Exit;
use doorkey_core::notice::Notice;
use doorkey_core::record::Backend;
use doorkey_core::rotation::Journal;
use doorkey_core::store::StoreFailureKind;
use doorkey_sandbox::Rule;
use doorkey_sandbox::pensar::Settings;

use doorkey_tests::mishap::Mishap;

use crate::world::{LIFETIME, World, expired, good, holds_session};

/// Answers that say nothing definite.
const UNCLEAR: [Mishap; 9] = [
    Mishap::AnswerLost,
    Mishap::Intercepted(400, "<html>Bad Request</html>"),
    Mishap::Intercepted(400, ""),
    Mishap::Intercepted(401, ""),
    Mishap::Intercepted(503, "<html>Service Unavailable</html>"),
    Mishap::Intercepted(200, "<html>Please accept our terms</html>"),
    Mishap::Intercepted(500, r#"{"error":"server_error"}"#),
    // Tokens of which one cannot be sent.
    Mishap::Intercepted(200, r#"{"access_token":"access-1","refresh_token":"two words"}"#),
    Mishap::Intercepted(200, r#"{"access_token":"access-1","refresh_token":["refresh-1"]}"#),
];

#[test]
fn an_unclear_answer_is_asked_for_again_within_the_grace() {
    for mishap in UNCLEAR {
        let mut world = expired(20);
        world.mishaps.push_back(mishap.clone());
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "{mishap:?}");
        assert_eq!(world.broken_rules(Rule::RefreshReplayed), 0, "{mishap:?}");
        assert_eq!(world.broken_rules(Rule::RefreshRaced), 0, "{mishap:?}");
    }
}

#[test]
fn unclear_answers_without_end_are_given_up_within_the_grace_and_the_record_is_kept() {
    for mishap in &UNCLEAR[1..] {
        let mut world = expired(20);
        world.mishaps.extend(std::iter::repeat_n(mishap.clone(), 20));
        let before = world.millis;
        let failure = world.token().unwrap_err();
        assert_eq!(failure.exit, Exit::Network, "{mishap:?}: {failure}");
        assert!(world.millis - before <= 20_000, "{mishap:?}");
        assert!(holds_session(world.record()));
        assert!(matches!(world.record().rotation.as_ref().unwrap().journal, Journal::Spending(_)));
        // When the service is back, the session goes on: nothing had reached it.
        world.mishaps.clear();
        world.sleep(Duration::from_secs(3600));
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "{mishap:?}");
    }
}

#[test]
fn on_a_strict_issuer_an_unclear_answer_is_asked_for_once_more_and_only_when_the_token_is_dead() {
    for mishap in UNCLEAR {
        // With a live token nothing is risked.
        let mut world = World::new(crate::world::grace(0), Backend::File);
        world.sleep(LIFETIME - Duration::from_secs(20));
        world.mishaps.push_back(mishap.clone());
        good(world.token());
        let sent = 1 - world.mishaps.len();
        assert_eq!(sent, 1, "{mishap:?}");
        let requests = world.refreshes;
        good(world.token());
        assert_eq!(world.refreshes, requests, "{mishap:?}: while it lives the token is not sent again");
        // With a dead one it is sent once more; whether that works is the issuer's to know.
        world.sleep(Duration::from_secs(30));
        let end = world.token();
        assert_eq!(world.refreshes, requests + 1, "{mishap:?}");
        match mishap {
            Mishap::AnswerLost => assert_eq!(end.unwrap_err().code, "rotation_interrupted"),
            _ => assert!(world.accepts(&good(end)), "{mishap:?}"),
        }
    }
}

#[test]
fn on_a_strict_issuer_four_unclear_answers_end_in_a_clear_request_to_log_in() {
    let mut world = expired(0);
    world.mishaps.extend(std::iter::repeat_n(Mishap::Intercepted(503, ""), 4));
    // One in each run: whoever is in the way may be gone by the next.
    for _ in 0..4 {
        assert_eq!(world.token().unwrap_err().exit, Exit::Network);
    }
    assert!(world.mishaps.is_empty());
    let failure = world.token().unwrap_err();
    assert_eq!((failure.exit, &*failure.code), (Exit::NotSignedIn, "rotation_interrupted"));
    assert!(failure.next.unwrap().contains("pensar login"));
    assert_eq!(world.refreshes, 0, "and it is not sent again");
    assert!(holds_session(world.record()));
}

#[test]
fn what_was_never_sent_costs_nothing() {
    for mishap in [Mishap::NotSent, Mishap::Intercepted(429, "")] {
        let mut world = expired(0);
        world.mishaps.push_back(mishap.clone());
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "{mishap:?}");
        // However often.
        world.sleep(LIFETIME);
        world.mishaps.extend(std::iter::repeat_n(mishap.clone(), 3));
        assert_eq!(world.token().unwrap_err().exit, Exit::Network, "{mishap:?}");
        assert_eq!(world.record().rotation.as_ref().unwrap().journal, Journal::Settled, "{mishap:?}");
        assert!(world.mishaps.is_empty());
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "{mishap:?}");
    }
}

#[test]
fn a_repeat_that_did_not_leave_does_not_forget_the_first_attempt() {
    let mut world = expired(20);
    world.mishaps.extend([Mishap::Intercepted(503, ""), Mishap::NotSent]);
    let pid = world.start();
    while world.mishaps.len() > 1 {
        world.run_for(pid, 1);
    }
    while !world.mishaps.is_empty() {
        world.run_for(pid, 1);
    }
    while world.disk.lock.is_some() {
        world.run_for(pid, 1);
    }
    assert!(matches!(world.record().rotation.as_ref().unwrap().journal, Journal::Spending(_)));
    let bearer = good(world.finish(pid));
    assert!(world.accepts(&bearer));
}

#[test]
fn an_answer_without_a_refresh_token_keeps_the_old_one() {
    let mut world = expired(20);
    let before = world.record().token.clone();
    world.mishaps.push_back(Mishap::WithoutRefreshToken);
    let bearer = good(world.token());
    assert!(world.accepts(&bearer));
    assert_eq!(world.record().token, before);
    let rotation = world.record().rotation.clone().unwrap();
    assert_eq!((&rotation.journal, &*rotation.spent), (&Journal::Settled, &[][..]));
}

#[test]
fn a_client_that_is_not_known_is_a_fault_of_configuration() {
    let mut world = expired(0);
    world.mishaps.push_back(Mishap::Intercepted(401, r#"{"error":"invalid_client"}"#));
    let failure = world.token().unwrap_err();
    assert_eq!((failure.exit, &*failure.code), (Exit::Server, "invalid_client"));
    assert_eq!(world.record().rotation.as_ref().unwrap().journal, Journal::Settled);
    let bearer = good(world.token());
    assert!(world.accepts(&bearer), "nothing was spent");
}

#[test]
fn a_store_that_cannot_be_written_stops_a_rotation_before_anything_is_sent() {
    for backend in [Backend::File, Backend::Keychain] {
        for kind in [StoreFailureKind::Refused, StoreFailureKind::Locked, StoreFailureKind::TimedOut] {
            let mut world = World::new(crate::world::grace(0), backend);
            world.sleep(LIFETIME - Duration::from_secs(20));
            world.disk.unwritable.insert(backend, (0, kind));
            let bearer = good(world.token());
            assert!(world.accepts(&bearer), "the live token is used");
            world.sleep(Duration::from_secs(20));
            assert_eq!(world.token().unwrap_err().exit, Exit::Store);
            assert_eq!(world.refreshes, 0, "{kind:?}");
            world.disk.unwritable.clear();
            assert!({
                let bearer = good(world.token());
                world.accepts(&bearer)
            });
        }
    }
}

#[test]
fn without_room_for_the_emergency_file_nothing_is_sent() {
    let mut world = expired(0);
    world.disk.no_emergency = true;
    assert_eq!(world.token().unwrap_err().exit, Exit::Store);
    assert_eq!(world.refreshes, 0);
    assert_eq!(world.record().rotation.as_ref().unwrap().journal, Journal::Settled);
}

#[test]
fn a_store_that_fails_when_the_pair_must_be_stored_leaves_it_in_the_emergency_file() {
    for backend in [Backend::File, Backend::Keychain] {
        for kind in [StoreFailureKind::Refused, StoreFailureKind::Locked, StoreFailureKind::TimedOut] {
            let mut world = World::new(crate::world::grace(0), backend);
            world.sleep(LIFETIME);
            // The journal can be written, the pair cannot.
            world.disk.unwritable.insert(backend, (1, kind));
            let bearer = good(world.token());
            assert!(world.accepts(&bearer));
            assert!(world.notices.iter().any(|n| matches!(n, Notice::KeptInEmergencyFile { .. })));
            let rescued = world.disk.emergency.clone().unwrap().record.unwrap();
            assert!(matches!(world.record().rotation.as_ref().unwrap().journal, Journal::Spending(_)));
            // While the store stays broken, what was rescued is used.
            let again = good(world.token());
            assert_eq!(again.token(), bearer.token());
            assert!(world.disk.emergency.is_some());
            // Once it works again, everything is back where it belongs.
            world.disk.unwritable.clear();
            good(world.token());
            assert_eq!(world.record().token, rescued.token);
            assert_eq!(world.disk.emergency, None);
            assert!(world.notices.contains(&Notice::Recovered));
            world.sleep(LIFETIME);
            let bearer = good(world.token());
            assert!(world.accepts(&bearer));
            assert!(world.issuer.grade().is_clean(), "{kind:?}");
        }
    }
}

#[test]
fn a_late_write_of_the_pair_is_recognised() {
    let mut world = expired(0);
    let pid = world.start();
    while world.refreshes == 0 {
        world.run_for(pid, 1);
    }
    world.disk.late_write = true;
    let bearer = good(world.finish(pid));
    assert!(world.accepts(&bearer));
    assert_eq!(world.disk.emergency, None);
    assert!(world.notices.iter().all(|n| !matches!(n, Notice::KeptInEmergencyFile { .. })));
    world.sleep(LIFETIME);
    good(world.token());
    assert!(world.issuer.grade().is_clean());
}

#[test]
fn a_server_that_always_refuses_does_not_cost_a_rotation_per_command() {
    for status in [401, 403] {
        let mut world = World::new(crate::world::grace(20), Backend::File);
        world.api_says = Some(status);
        let mut commands = 0;
        while world.millis < 250_000 {
            world.call().unwrap_err();
            world.sleep(Duration::from_secs(1));
            commands += 1;
        }
        // A 403 is no matter of the token's age; after a 401 a token is renewed when it is older than its margin.
        let most = if status == 403 { 0 } else { 250 / 30 + 1 };
        assert!(world.refreshes <= most, "{status}: {} for {commands} commands", world.refreshes);
    }
}

#[test]
fn after_a_401_there_is_one_renewal_and_one_retry() {
    let mut world = World::new(crate::world::grace(20), Backend::File);
    world.sleep(Duration::from_secs(100));
    // The issuer revoked the access token only: as if its key had been changed.
    world.forget_access_tokens();
    world.call().unwrap();
    assert_eq!(world.refreshes, 1);
    world.call().unwrap();
    assert_eq!(world.refreshes, 1);
}

#[test]
fn a_token_that_changed_meanwhile_is_tried_instead_of_a_renewal() {
    let mut world = World::new(crate::world::grace(20), Backend::File);
    world.sleep(Duration::from_secs(100));
    let newer = world.sign_in(1);
    let stale = world.record().clone();
    world.forget_access_tokens();
    let pid = world.start_call();
    world.run_for(pid, 7);
    let replacement = doorkey_core::record::Record {
        generation: stale.generation.clone().map(|generation| generation.next()),
        ..newer
    };
    world.disk.records.insert(Backend::File, replacement);
    world.finish(pid).unwrap();
    assert_eq!(world.refreshes, 0);
}

#[test]
fn access_tokens_of_five_seconds_are_renewed_once_each() {
    let settings = Settings { access_lifetime: Duration::from_secs(5), ..crate::world::grace(0) };
    let mut world = World::new(settings, Backend::File);
    for second in 0..60 {
        let bearer = good(world.token());
        assert!(world.accepts(&bearer), "{second}");
        world.sleep(Duration::from_secs(1));
    }
    assert!((11..=15).contains(&world.refreshes), "{}", world.refreshes);
    assert!(world.issuer.grade().is_clean());
}

#[test]
fn access_tokens_without_any_life_are_used_once_each() {
    // Handed out dead: used all the same right after the renewal, and renewed by the next command.
    let settings = Settings { access_lifetime: Duration::from_secs(1), ..crate::world::grace(0) };
    let mut world = World::new(settings, Backend::File);
    world.sleep(Duration::from_secs(2));
    for renewals in 1..5 {
        let bearer = good(world.token());
        assert!(world.accepts(&bearer));
        assert_eq!(world.refreshes, renewals);
        world.sleep(Duration::from_secs(1));
    }
}

#[test]
fn where_nothing_says_how_long_a_token_lives_the_policy_does() {
    let opaque = r#"{"access_token":"opaque","refresh_token":"next"}"#;
    for (hint, lifetime) in [(None, None), (Some(60), Some(60))] {
        let mut world = expired(20);
        let hint = hint.map(Duration::from_secs);
        world.descriptor.oauth.as_mut().unwrap().access_lifetime = hint;
        world.mishaps.push_back(Mishap::Intercepted(200, opaque));
        good(world.token());
        let access = world.record().rotation.clone().unwrap().access.clone().unwrap();
        assert_eq!(access.lifetime, lifetime.map(Duration::from_secs));
    }
}
