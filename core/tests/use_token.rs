//! `use-token` on a timetable: nothing is stored unless the service says 200, however long that takes to find out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod timetable;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse};
use doorkey_core::machine::WakeReason;
use doorkey_core::notice::Notice;
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreOp;
use doorkey_core::use_token::UseToken;
use timetable::{Timetable, envelope, service};

const TOKEN: &str = "pt_live_abcdefghijklmnopqrstuvwx";
/// Tries in all.
const TRIES: usize = 5;

/// Until the first request is in flight.
fn asked() -> (Timetable<UseToken>, CommandId) {
    let mut table = Timetable::new(service(), UseToken::new(Secret::from(TOKEN), false));
    let (id, request) = table.take_request();
    assert_eq!(request.url.to_string(), "https://api.pentify.io/v1/usage");
    assert_eq!(request.header_value("authorization"), Some("Bearer pt_live_abcdefghijklmnopqrstuvwx"));
    table.expect_nothing_left();
    (table, id)
}

/// Tries again as often as it is done, with `answer` each time; returns the waits.
fn exhaust(
    mut id: CommandId,
    table: &mut Timetable<UseToken>,
    answer: impl Fn(&mut Timetable<UseToken>, CommandId),
) -> Vec<u64> {
    let mut waits = Vec::new();
    loop {
        answer(table, id);
        table.expect_nothing_left();
        if table.outcome().is_some() {
            return waits;
        }
        let (at, why) = table.next_wake().unwrap();
        assert_eq!(why, WakeReason::Retry);
        waits.push(at - table.millis());
        table.expect_silence_until(at);
        (id, _) = table.expect_poll_now();
    }
}

/// 1, 2, 4 and 8 s, each ±25 %.
fn assert_doubling(waits: &[u64]) {
    assert_eq!(waits.len(), TRIES - 1);
    for (wait, planned) in waits.iter().zip([1_000, 2_000, 4_000, 8_000]) {
        assert!((planned * 3 / 4..=planned * 5 / 4).contains(wait), "{waits:?}");
    }
}

#[test]
fn a_service_that_never_answers_stores_nothing() {
    for kind in [FailureKind::AnswerLost, FailureKind::NotSent] {
        let (mut table, id) = asked();
        let waits = exhaust(id, &mut table, |table, id| {
            // The driver's limit for one request.
            table.jump_to(table.millis() + 10_000);
            table.lose(id, kind);
        });
        assert_doubling(&waits);
        let failure = table.failure();
        assert_eq!((failure.exit, &*failure.code), (Exit::Network, "network"));
        assert!(failure.message.ends_with("; nothing was stored"), "{failure}");
        assert_eq!(table.next_wake(), None);
    }
}

#[test]
fn a_service_in_trouble_stores_nothing() {
    let (mut table, id) = asked();
    let waits = exhaust(id, &mut table, |table, id| {
        table.reply(id, envelope(503, "engine_unavailable"));
    });
    assert_doubling(&waits);
    assert_eq!((table.failure().exit, &*table.failure().code), (Exit::Server, "engine_unavailable"));
    assert!(table.failure().message.ends_with("; nothing was stored"));
}

#[test]
fn a_definite_no_is_believed_at_once() {
    for (answer, exit, code) in [
        (envelope(401, "invalid_api_key"), Exit::NotSignedIn, "invalid_api_key"),
        (HttpResponse::new(401, ""), Exit::NotSignedIn, "unauthorized"),
        (envelope(403, "insufficient_scope"), Exit::RefusedByApi, "insufficient_scope"),
        (
            HttpResponse::new(307, "").header("location", "https://evil.example/"),
            Exit::Server,
            "redirect_refused",
        ),
        (HttpResponse::new(200, "<html>Please accept our terms</html>"), Exit::Server, "unexpected_answer"),
        (HttpResponse::new(204, ""), Exit::Server, "unexpected_answer"),
    ] {
        let (mut table, id) = asked();
        table.reply(id, answer);
        table.expect_nothing_left();
        assert_eq!((table.failure().exit, &*table.failure().code), (exit, code));
        assert!(table.failure().message.ends_with("; nothing was stored"), "{}", table.failure());
        assert_eq!(table.notices, []);
    }
}

#[test]
fn an_answer_too_long_is_not_asked_for_again() {
    let (mut table, id) = asked();
    table.lose(id, FailureKind::BodyTooLarge);
    assert_eq!((table.failure().exit, &*table.failure().code), (Exit::Server, "unexpected_answer"));
    table.expect_nothing_left();
}

#[test]
fn what_is_no_token_is_not_sent() {
    let table = Timetable::new(service(), UseToken::new(Secret::from("pt_live_a\u{1b}[31m"), true));
    assert_eq!((table.failure().exit, &*table.failure().code), (Exit::Usage, "malformed_token"));
    table.expect_nothing_left();
}

#[test]
fn only_a_yes_begins_the_storing() {
    let mut table = Timetable::new(service(), UseToken::new(Secret::from(TOKEN), true));
    assert_eq!(table.notices, [Notice::VariableHides { variable: "PENTIFY_API_TOKEN".into() }]);
    let (id, _) = table.take_request();
    table.lose(id, FailureKind::NotSent);
    let (at, _) = table.next_wake().unwrap();
    table.jump_to(at);
    let (again, _) = table.expect_poll_now();
    // The first one's answer comes after all, too late.
    table.reply(id, envelope(401, "invalid_api_key"));
    assert_eq!(table.outcome(), None);
    table.reply(again, HttpResponse::new(200, r#"{"workspace":{"slug":"acme"}}"#));
    table.give_entropy();
    let Command::Store { op: StoreOp::Lock { .. }, .. } = table.take() else { panic!("the lock is taken") };
    table.expect_nothing_left();
}
