//! The device grant on a timetable: what each answer to a poll means.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod issuer;
mod timetable;

use doorkey_core::command::{Command, CommandId, Question};
use doorkey_core::device_grant::{DeviceGrant, Granted};
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse};
use doorkey_core::machine::{Disposition, WakeReason};
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::oauth::Dialect;
use issuer::{USUAL, begun, code, error, first_poll, json, known_client, page, pending, slow_down, tokens};
use timetable::{Timetable, envelope};

/// The statuses under which an OAuth error has been seen.
const STATUSES: [u16; 6] = [200, 400, 401, 403, 404, 428];

/// What an answer must lead to.
#[derive(Clone, Copy, Debug)]
enum Then {
    PollsAt(u64),
    Ends(Exit, &'static str),
}

/// Whether that is what becomes of this answer to the first poll.
fn check(answer: HttpResponse, then: Then) {
    let (mut table, id) = first_poll();
    table.reply(id, answer);
    match then {
        Then::PollsAt(at) => {
            table.expect_silence_until(at);
            table.expect_poll_now();
        }
        Then::Ends(exit, code) => {
            let failure = table.failure();
            assert_eq!((failure.exit, failure.code.as_ref()), (exit, code), "{}", failure.message);
            assert!(failure.next.is_some() && !failure.message.contains('\u{1b}'), "{failure:?}");
            table.expect_nothing_left();
        }
    }
}

#[test]
fn an_oauth_error_means_the_same_under_every_status() {
    use Then::{Ends, PollsAt};
    for status in STATUSES {
        for (code, then) in [
            ("authorization_pending", PollsAt(10_000)),
            ("slow_down", PollsAt(15_000)),
            ("temporarily_unavailable", PollsAt(10_000)),
            ("server_error", PollsAt(10_000)),
            ("access_denied", Ends(Exit::Denied, "access_denied")),
            ("expired_token", Ends(Exit::TimedOut, "expired_token")),
            ("invalid_grant", Ends(Exit::Denied, "invalid_grant")),
            ("invalid_client", Ends(Exit::Server, "invalid_client")),
            ("invalid_request", Ends(Exit::Server, "invalid_request")),
            ("unauthorized_client", Ends(Exit::Server, "unauthorized_client")),
            ("unsupported_grant_type", Ends(Exit::Server, "unsupported_grant_type")),
            ("mfa_enrollment", Ends(Exit::Server, "mfa_enrollment")),
            ("Authorization_Pending", Ends(Exit::Server, "Authorization_Pending")),
            ("", PollsAt(10_000)),
        ] {
            check(error(status, code), then);
        }
    }
}

#[test]
fn what_is_nothing_definite_goes_on() {
    let not_text = |status| json(status, r#"{"error":7}"#);
    for answer in [
        page(200),
        page(400),
        page(401),
        page(403),
        page(404),
        page(418),
        page(500),
        page(502),
        page(302).header("location", "https://evil.example/"),
        envelope(400, "validation_error"),
        envelope(404, "not_found"),
        error(500, "access_denied"),
        error(503, "invalid_client"),
        not_text(400),
        json(200, "{}"),
        json(200, "[]"),
        json(200, ""),
        json(200, r#"{"access_token":"access-mi"#),
        json(200, r#"{"access_token":null}"#),
        json(200, r#"{"refresh_token":"r"}"#),
        json(400, r#"{"access_token":"access-minted-1"}"#),
        HttpResponse::new(200, vec![b'{', 0xff, 0xfe]),
        HttpResponse::new(100, ""),
        HttpResponse::new(999, ""),
    ] {
        check(answer, Then::PollsAt(10_000));
    }
}

#[test]
fn a_429_never_ends_it_whatever_it_says() {
    for answer in [
        page(429),
        error(429, "rate_limited"),
        error(429, "access_denied"),
        error(429, "authorization_pending"),
        envelope(429, "rate_limited"),
    ] {
        let (mut table, id) = first_poll();
        table.reply(id, answer);
        let Some(Notice::Waiting { last_poll, .. }) = table.notices.last() else { panic!("a notice") };
        assert_eq!(*last_poll, PollState::SlowedDown);
        table.expect_silence_until(10_000);
        table.expect_poll_now();
    }
    check(error(429, "slow_down"), Then::PollsAt(15_000));
}

#[test]
fn three_strange_answers_from_the_first_on_are_only_trouble() {
    let (mut table, mut id) = first_poll();
    for _ in 0..5 {
        table.reply(id, page(404));
        (id, _) = table.next_poll();
    }
    table.reply(id, tokens());
    table.success();
}

#[test]
fn tokens_that_cannot_be_used_are_a_failure() {
    for fields in [
        r#""access_token":"a\nb","refresh_token":"r""#,
        r#""access_token":"a\u001b[2Jb","refresh_token":"r""#,
        r#""access_token":"ü","refresh_token":"r""#,
        r#""access_token":7,"refresh_token":"r""#,
        r#""access_token":"a","refresh_token":"r\u0000""#,
        r#""access_token":"a","refresh_token":["r"]"#,
    ] {
        check(json(200, &format!("{{{fields}}}")), Then::Ends(Exit::Server, "unexpected_answer"));
    }
    // What nobody could send, and what would fill the file that other sessions lie in.
    for (length, is_token) in [(32 * 1024, true), (32 * 1024 + 1, false), (400_000, false)] {
        let long = "a".repeat(length);
        for [access, refresh] in [[long.as_str(), "r"], ["a", long.as_str()]] {
            let answer = json(200, &format!(r#"{{"access_token":"{access}","refresh_token":"{refresh}"}}"#));
            if is_token {
                let (mut table, id) = first_poll();
                table.reply(id, answer);
                assert!(matches!(table.success(), Granted::Tokens { .. }));
            } else {
                check(answer, Then::Ends(Exit::Server, "unexpected_answer"));
            }
        }
    }
    for fields in [
        r#""access_token":"a""#,
        r#""access_token":"a","refresh_token":null"#,
        r#""access_token":"a","refresh_token":"","token_type":"BEARER","expires_in":"soon""#,
    ] {
        let (mut table, id) = first_poll();
        table.reply(id, json(200, &format!("{{{fields}}}")));
        let Granted::Tokens { tokens, .. } = table.success() else { panic!("tokens") };
        assert_eq!((tokens.access.expose_secret(), &tokens.refresh), ("a", &None));
    }
}

#[test]
fn what_the_issuer_says_is_shown_harmless() {
    let (mut table, id) = first_poll();
    table.reply(
        id,
        json(
            400,
            r#"{"error":"no\u001b[2J","error_description":"\u202eevil\u0007 words\u001b]0;title\u0007"}"#,
        ),
    );
    let failure = table.failure();
    let text = format!("{} {} {:?}", failure.message, failure.code, failure.next);
    assert!(!text.chars().any(|c| c.is_control() || c == '\u{202e}') && text.contains("words"), "{text}");
}

#[test]
fn trouble_is_told() {
    for (answer, said) in [
        (page(503), "HTTP 503"),
        (page(404), "HTTP 404 that is not from the API"),
        (page(200), "an answer that is not from the API"),
        (error(400, "server_error"), "server_error"),
    ] {
        let (mut table, id) = first_poll();
        table.reply(id, answer);
        let Some(Notice::Waiting { last_poll, next_poll, .. }) = table.notices.last() else {
            panic!("a notice")
        };
        assert_eq!(*last_poll, PollState::Trouble(said.into()));
        assert_eq!(next_poll.map(|at| table.real(at)), table.next_wake().map(|(at, _)| at));
    }
}

#[test]
fn the_state_of_the_wait_is_told() {
    let (mut table, mut id) = first_poll();
    for (answer, state) in [(pending(), PollState::NotYet), (slow_down(""), PollState::SlowedDown)] {
        table.reply(id, answer);
        let Some(Notice::Waiting { last_poll, next_poll, expires_at }) = table.notices.last() else {
            panic!("a notice")
        };
        assert_eq!(*last_poll, state);
        assert_eq!(
            (next_poll.map(|at| table.real(at)), table.real(*expires_at)),
            (table.next_wake().map(|w| w.0), 300_000)
        );
        (id, _) = table.next_poll();
    }
}

/// A grant that has lost the answer to its first poll in this way, and now polls again.
fn lost(
    how: impl FnOnce(&mut Timetable<DeviceGrant>, CommandId) -> Disposition,
) -> (Timetable<DeviceGrant>, CommandId) {
    let (mut table, id) = first_poll();
    how(&mut table, id);
    let (id, _) = table.next_poll();
    (table, id)
}

#[test]
fn a_lost_answer_explains_a_code_that_is_used_up() {
    for kind in [FailureKind::AnswerLost, FailureKind::BodyTooLarge] {
        for yes in [false, true] {
            let (mut table, id) = lost(|table, id| table.lose(id, kind));
            table.reply(id, error(400, "invalid_grant"));
            let Command::Ask { id, question: Question::PairAgain } = table.take() else {
                panic!("a question")
            };
            assert_eq!(table.next_wake(), None, "the person has all the time");
            assert!(matches!(
                table.event(Event::Answered { id: CommandId(id.0 + 9), yes }),
                Disposition::Ignored(_)
            ));
            table.jump_to(1_000_000);
            table.event(Event::Answered { id, yes });
            if !yes {
                assert_eq!(
                    (table.failure().exit, table.failure().code.as_ref()),
                    (Exit::Denied, "invalid_grant")
                );
                assert!(table.failure().message.contains("got lost"), "{}", table.failure().message);
                continue;
            }
            // A new code, and a new time limit.
            let (id, request) = table.take_request();
            assert_eq!(request.url.path(), "/user_management/authorize/device");
            table.reply(id, code(USUAL));
            table.expect_silence_until(1_005_000);
            let (id, _) = table.expect_poll_now();
            table.reply(id, tokens());
            table.success();
        }
    }
}

#[test]
fn only_an_answer_that_may_have_been_the_tokens_explains_it() {
    for (answer, explains) in [
        (page(502), true),
        (page(500), true),
        (page(200), true),
        (json(200, "{}"), true),
        (page(404), false),
        (page(302), false),
        (page(429), false),
        (slow_down(""), false),
        (error(400, "server_error"), false),
    ] {
        let shown = format!("{answer:?}");
        let (mut table, id) = lost(|table, id| table.reply(id, answer));
        table.reply(id, error(400, "invalid_grant"));
        assert_eq!(table.outcome().is_none(), explains, "{shown}");
    }
    let (mut table, id) = lost(|table, id| table.lose(id, FailureKind::NotSent));
    table.reply(id, error(400, "invalid_grant"));
    assert!(!table.failure().message.contains("lost"), "{}", table.failure().message);
}

#[test]
fn an_answer_lost_before_anybody_approved_explains_nothing() {
    let (mut table, id) = lost(|table, id| table.lose(id, FailureKind::AnswerLost));
    table.reply(id, pending());
    let (id, _) = table.next_poll();
    table.reply(id, error(400, "invalid_grant"));
    assert_eq!(table.failure().exit, Exit::Denied);
    // `slow_down` is said before anybody looks at the code.
    let (mut table, id) = lost(|table, id| table.lose(id, FailureKind::AnswerLost));
    table.reply(id, slow_down(""));
    let (id, _) = table.next_poll();
    table.reply(id, error(400, "invalid_grant"));
    assert!(matches!(table.take(), Command::Ask { .. }));
}

#[test]
fn a_code_that_is_unknown_at_its_end_has_expired() {
    // It lives for 300 s from an answer that came at 2 s and took that long: the issuer may count from 0 s.
    for (poll, arrives, exit, told) in [
        (7_000, 7_000, Exit::Denied, "invalid_grant"),
        (292_000, 294_999, Exit::Denied, "invalid_grant"),
        (292_000, 295_000, Exit::TimedOut, "expired_token"),
        (299_500, 299_500, Exit::TimedOut, "expired_token"),
        (299_500, 303_000, Exit::TimedOut, "expired_token"),
    ] {
        let mut table = Timetable::grant(known_client(Dialect::Form), false);
        let (id, _) = table.take_request();
        table.jump_to(2_000);
        table.reply(id, code(r#","expires_in":300,"interval":5"#));
        let (mut id, _) = table.next_poll();
        while table.millis() < poll {
            table.reply(id, pending());
            (id, _) = table.next_poll();
        }
        assert_eq!(table.millis(), poll);
        table.jump_to(arrives);
        table.reply(id, error(400, "invalid_grant"));
        assert_eq!((table.failure().exit, table.failure().code.as_ref()), (exit, told), "{arrives}");
        table.expect_nothing_left();
    }
}

#[test]
fn stale_and_unasked_events_change_nothing() {
    let (mut table, id) = first_poll();
    let before = table.machine.clone();
    let stale = CommandId(id.0 + 77);
    for event in [
        Event::Response { id: stale, response: tokens() },
        Event::Response { id: CommandId(id.0 - 1), response: tokens() },
        Event::Woke,
        Event::Started { jitter_seed: 1 },
        Event::Answered { id, yes: true },
        Event::Chosen { id, index: None },
        Event::PageOpened { id },
    ] {
        assert!(matches!(table.event(event), Disposition::Ignored(_)));
    }
    assert!(matches!(table.lose(stale, FailureKind::AnswerLost), Disposition::Ignored(_)));
    assert_eq!(table.machine, before);
    table.reply(id, pending());
    table.jump_to(9_999);
    assert!(matches!(table.event(Event::Woke), Disposition::Ignored(_)));
    assert!(matches!(table.reply(id, tokens()), Disposition::Ignored(_)), "answered already");
    assert_eq!((table.outcome(), table.next_wake()), (None, Some((10_000, WakeReason::NextPoll))));
}

#[test]
fn a_cancel_ends_it_at_once_and_for_good() {
    let (mut table, id) = first_poll();
    table.event(Event::Cancelled);
    assert_eq!(table.failure().exit, Exit::Interrupted);
    assert!(matches!(table.reply(id, tokens()), Disposition::Ignored(_)));
    assert_eq!((table.failure().exit, table.next_wake()), (Exit::Interrupted, None));
}

#[test]
fn no_secret_shows_in_debug() {
    let mut table = begun(USUAL);
    let mut shown = format!("{:?} {:?}", table.machine, table.notices);
    let (id, _) = table.next_poll();
    shown += &format!("{:?}", table.machine);
    table.reply(id, tokens());
    shown += &format!("{:?} {:?}", table.machine, table.notices);
    for secret in ["dev-code", "ABCD", "minted"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
