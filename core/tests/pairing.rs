//! The pairing on a timetable: every row of the answers table, and the time limit.

mod timetable;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse};
use doorkey_core::machine::{Disposition, WakeReason};
use doorkey_core::notice::{Notice, PollState};
use doorkey_core::pairing::Pairing;
use timetable::{Timetable, envelope, not_yet, paired, service, start_pairing};

const TTL: u64 = 300_000;

fn start() -> Timetable<Pairing> {
    start_pairing(service())
}

/// Goes on until the first poll is in flight, at 2 s.
fn first_poll() -> (Timetable<Pairing>, CommandId) {
    let mut table = start();
    table.expect_silence_until(2_000);
    let (id, request) = table.expect_poll_now();
    assert_eq!(request.url.to_string(), "https://api.pentify.io/auth/terminal/poll?device_id=…");
    assert_eq!(request.header_value("authorization"), None);
    (table, id)
}

#[test]
fn link_and_check_code_come_from_the_device_id() {
    let mut table = Timetable::new(service(), Pairing::new(Some("blue team".into()), true));
    table.give_entropy();
    let Command::OpenPage { url, .. } = table.take() else { panic!("the page is opened") };
    // 32 bytes of 42 in base64url; its SHA-256 begins, in base32, as computed with coreutils.
    assert_eq!(url.query_value("device_id"), Some("KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio"));
    assert_eq!(url.query_value("workspace"), Some("blue team"));
    let Some(Notice::PairingStarted { check_code, .. }) = table.notices.first() else { panic!("a notice") };
    assert_eq!(check_code.expose(), CHECK_CODE);
}

/// `printf %s KioqKioqKioqKioqKioqKioqKioqKioqKioqKioqKio | sha256sum | xxd -r -p | base32 | cut -c1-8`
const CHECK_CODE: &str = "FVWR-N3FT";

#[test]
fn polls_after_two_seconds_then_every_two_and_a_half() {
    let (mut table, mut id) = first_poll();
    for at in [4_500, 7_000, 9_500] {
        table.reply(id, not_yet());
        table.expect_silence_until(at);
        (id, _) = table.expect_poll_now();
    }
    table.reply(id, paired());
    let paired = table.success();
    assert_eq!(paired.token.expose_secret(), "pt_live_minted0123456789abcdef");
    assert_eq!(paired.workspace.as_ref().map(|w| w.slug.as_str()), Some("acme"));
    table.expect_nothing_left();
}

#[test]
fn the_interval_counts_from_the_answer() {
    let (mut table, id) = first_poll();
    table.jump_to(5_300);
    table.reply(id, not_yet());
    table.expect_silence_until(7_800);
    table.expect_poll_now();
}

/// An answer with an id that is not waited for changes nothing.
#[test]
fn what_became_of_another_page_is_not_told() {
    let mut table = Timetable::new(service(), Pairing::new(None, true));
    table.give_entropy();
    let Command::OpenPage { id, .. } = table.take() else { panic!("the page is opened") };
    let (before, reason) = (table.notices.len(), || "no display".to_owned());
    let other = CommandId(id.0 + 7);
    for event in [Event::PageNotOpened { id: other, reason: reason() }, Event::PageOpened { id: other }] {
        assert!(matches!(table.event(event), Disposition::Ignored(_)));
    }
    assert_eq!(table.notices.len(), before);
    assert_eq!(table.event(Event::PageNotOpened { id, reason: reason() }), Disposition::Used);
    assert_eq!(table.notices.last(), Some(&Notice::PageNotOpened { reason: reason() }));
    assert!(matches!(table.event(Event::PageOpened { id }), Disposition::Ignored(_)), "once is enough");
}

/// What an answer must lead to.
enum Then {
    PollsAt(u64),
    Ends(Exit, &'static str),
}

#[test]
fn every_row_of_the_answers_table() {
    use Then::{Ends, PollsAt};
    let html = |status| HttpResponse::new(status, "<html>Please sign in to the hotel's network</html>");
    for (name, answer, then) in [
        ("not clicked yet", not_yet(), PollsAt(4_500)),
        ("404, another code", envelope(404, "not_found"), Ends(Exit::Server, "not_found")),
        ("404 without an envelope", html(404), PollsAt(4_500)),
        ("refused", envelope(403, "access_denied"), Ends(Exit::Denied, "access_denied")),
        ("403, another code", envelope(403, "blocked"), Ends(Exit::Server, "blocked")),
        ("403 without an envelope", html(403), PollsAt(4_500)),
        ("redeemed", envelope(410, "pairing_consumed"), Ends(Exit::Denied, "pairing_consumed")),
        ("410, another code", envelope(410, "gone"), Ends(Exit::Server, "gone")),
        ("400, another code", envelope(400, "bad_request"), Ends(Exit::Server, "bad_request")),
        ("our bug", envelope(400, "validation_error"), Ends(Exit::Internal, "validation_error")),
        ("400 without an envelope", html(400), PollsAt(4_500)),
        ("rate limited", envelope(429, "rate_limited").header("retry-after", "7"), PollsAt(9_000)),
        ("rate limited, shorter", envelope(429, "rate_limited").header("retry-after", "1"), PollsAt(5_750)),
        ("rate limited, plain", HttpResponse::new(429, "slow down"), PollsAt(5_750)),
        ("500", envelope(500, "server_error"), PollsAt(4_500)),
        ("502 html", html(502), PollsAt(4_500)),
        ("503", envelope(503, "engine_unavailable"), PollsAt(4_500)),
        ("200 html", html(200), PollsAt(4_500)),
        ("200 empty", HttpResponse::new(200, ""), PollsAt(4_500)),
        ("200 truncated", HttpResponse::new(200, r#"{"token":"pt_live_mi"#), PollsAt(4_500)),
        ("200 not utf-8", HttpResponse::new(200, vec![b'{', 0xff, 0xfe]), PollsAt(4_500)),
        ("302", html(302).header("location", "https://evil.example/"), PollsAt(4_500)),
        ("200 without token", HttpResponse::new(200, "{}"), Ends(Exit::Server, "unexpected_answer")),
        (
            "200 token a number",
            HttpResponse::new(200, r#"{"token":7}"#),
            Ends(Exit::Server, "unexpected_answer"),
        ),
        (
            "200 token with a line break",
            HttpResponse::new(200, r#"{"token":"pt_live_a\nb"}"#),
            Ends(Exit::Server, "unexpected_answer"),
        ),
        ("401", envelope(401, "invalid_api_key"), Ends(Exit::Server, "invalid_api_key")),
    ] {
        let (mut table, id) = first_poll();
        table.reply(id, answer);
        match then {
            PollsAt(at) => {
                table.expect_silence_until(at);
                table.expect_poll_now();
            }
            Ends(exit, code) => {
                let failure = table.failure();
                assert_eq!((failure.exit, failure.code.as_ref()), (exit, code), "{name}");
                table.expect_nothing_left();
            }
        }
    }
}

#[test]
fn only_the_token_is_required() {
    let (mut table, id) = first_poll();
    table.reply(id, HttpResponse::new(200, r#"{"token":"pt_live_x","workspace":7,"user":[],"unknown":{}}"#));
    assert_eq!(table.success().workspace, None);
}

#[test]
fn troubles_back_off_and_never_shorten_the_wait() {
    let (mut table, mut id) = first_poll();
    let mut waits = Vec::new();
    for _ in 0..8 {
        let sent = table.millis();
        table.lose(id, FailureKind::NotSent);
        let (at, _) = table.next_wake().unwrap();
        waits.push(at - sent);
        table.jump_to(at);
        (id, _) = table.expect_poll_now();
    }
    // 1, 2, 4, … 30 s ±25 %, but never less than the interval.
    for (wait, nominal) in waits.iter().zip([1_000u64, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]) {
        assert!(
            (nominal * 3 / 4..=(nominal * 5 / 4).min(30_000)).contains(wait) || *wait == 2_500,
            "{waits:?}"
        );
        assert!(*wait >= 2_500, "{waits:?}");
    }
    assert_eq!(waits[0], 2_500);
    assert!(waits.windows(2).any(|w| w[0] != w[1]), "jitter: {waits:?}");
    // An answer may have been lost: polls come often enough for the service to repeat it.
    for kind in [FailureKind::AnswerLost, FailureKind::NotSent, FailureKind::NotSent] {
        let now = table.millis();
        table.lose(id, kind);
        let (at, _) = table.next_wake().unwrap();
        assert_eq!(at - now, 7_500, "{kind:?}");
        table.jump_to(at);
        (id, _) = table.expect_poll_now();
    }
    // One good answer, and the pace is the old one.
    let now = table.millis();
    table.reply(id, not_yet());
    assert_eq!(table.next_wake(), Some((now + 2_500, WakeReason::NextPoll)));
}

#[test]
fn after_a_429_the_interval_stays_longer_for_good() {
    let (mut table, id) = first_poll();
    table.reply(id, envelope(429, "rate_limited").header("retry-after", "5"));
    table.expect_silence_until(7_000);
    let (id, _) = table.expect_poll_now();
    table.reply(id, not_yet());
    table.expect_silence_until(10_750);
    table.expect_poll_now();
}

#[test]
fn three_strange_answers_from_the_start_name_the_host() {
    let (mut table, id) = first_poll();
    let strange = || HttpResponse::new(404, "<html>nginx</html>");
    table.reply(id, strange());
    for _ in 0..2 {
        let (at, _) = table.next_wake().unwrap();
        table.jump_to(at);
        let (id, _) = table.expect_poll_now();
        table.reply(id, strange());
    }
    assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::Server, "wrong_host"));
    assert!(table.failure().message.contains("https://api.pentify.io"), "{}", table.failure().message);
}

#[test]
fn strange_answers_later_are_only_trouble() {
    let (mut table, mut id) = first_poll();
    table.reply(id, not_yet());
    for _ in 0..10 {
        let (at, _) = table.next_wake().unwrap();
        table.jump_to(at);
        (id, _) = table.expect_poll_now();
        table.reply(id, HttpResponse::new(404, "<html>nginx</html>"));
        assert_eq!(table.outcome(), None);
    }
}

#[test]
fn a_lost_answer_explains_a_consumed_pairing() {
    for kind in [FailureKind::AnswerLost, FailureKind::BodyTooLarge] {
        let (mut table, id) = first_poll();
        table.lose(id, kind);
        let (at, _) = table.next_wake().unwrap();
        table.jump_to(at);
        let (id, _) = table.expect_poll_now();
        table.reply(id, envelope(410, "pairing_consumed"));
        let Command::Ask { id, .. } = table.take() else { panic!("the person is asked") };
        let mut again = start();
        again.machine = table.machine.clone();
        table.event(Event::Answered { id, yes: false });
        assert_eq!(table.failure().exit, Exit::Denied);
        assert!(table.failure().message.contains("got lost"), "{}", table.failure().message);
        // Yes: a new device id, a new time limit.
        again.jump_to(table.millis());
        again.event(Event::Answered { id, yes: true });
        again.give_entropy();
        assert!(matches!(again.take(), Command::OpenPage { .. }));
        assert_eq!(again.next_wake(), Some((table.millis() + 2_000, WakeReason::NextPoll)));
    }
    // Nothing was lost: somebody else has it.
    let (mut table, id) = first_poll();
    table.lose(id, FailureKind::NotSent);
    let (at, _) = table.next_wake().unwrap();
    table.jump_to(at);
    let (id, _) = table.expect_poll_now();
    table.reply(id, envelope(410, "pairing_consumed"));
    assert!(table.failure().message.contains("someone else"), "{}", table.failure().message);
    assert!(table.failure().next.as_ref().unwrap().contains("https://app.pentify.io/settings/api-keys"));
}

#[test]
fn an_answer_lost_before_anybody_authorized_explains_nothing() {
    let (mut table, id) = first_poll();
    table.lose(id, FailureKind::AnswerLost);
    for answer in [not_yet(), envelope(410, "pairing_consumed")] {
        let (at, _) = table.next_wake().unwrap();
        table.jump_to(at);
        let (id, _) = table.expect_poll_now();
        table.reply(id, answer);
    }
    assert!(table.failure().message.contains("someone else"), "{}", table.failure().message);
}

#[test]
fn an_answer_that_a_gateway_swallowed_counts_as_lost() {
    for (answer, lost) in [
        (HttpResponse::new(502, "<html>"), true),
        (HttpResponse::new(500, ""), true),
        (HttpResponse::new(200, "<html>"), true),
        (HttpResponse::new(299, "<html>"), true),
        (HttpResponse::new(300, "<html>"), false),
        (HttpResponse::new(403, "<html>"), false),
        (HttpResponse::new(499, "<html>"), false),
        (HttpResponse::new(404, "<html>"), false),
        (envelope(429, "rate_limited").header("retry-after", "1"), false),
    ] {
        let (mut table, id) = first_poll();
        table.reply(id, answer);
        let (at, _) = table.next_wake().unwrap();
        table.jump_to(at);
        let (id, _) = table.expect_poll_now();
        table.reply(id, envelope(410, "pairing_consumed"));
        assert_eq!(table.outcome().is_none(), lost, "the person is asked only if it may have been our own");
    }
}

#[test]
fn the_service_repeats_a_token_for_a_while_only() {
    let (mut table, mut id) = first_poll();
    table.lose(id, FailureKind::AnswerLost);
    let lost_at = table.millis();
    let mut waits = Vec::new();
    for _ in 0..10 {
        let (at, _) = table.next_wake().unwrap();
        table.jump_to(at);
        (id, _) = table.expect_poll_now();
        let now = table.millis();
        table.lose(id, FailureKind::NotSent);
        waits.push((now - lost_at, table.next_wake().unwrap().0 - now));
    }
    for (since, wait) in waits {
        assert_eq!(wait > 7_500, since >= 30_000, "{since} ms after the loss it waits {wait} ms");
    }
}

#[test]
fn it_does_so_up_to_the_end_of_that_while() {
    for (since, is_short) in [(29_999, true), (30_000, false)] {
        let (mut table, mut id) = first_poll();
        table.lose(id, FailureKind::AnswerLost);
        let lost_at = table.millis();
        loop {
            let (at, _) = table.next_wake().unwrap();
            table.jump_to(at);
            (id, _) = table.expect_poll_now();
            if table.millis() - lost_at > since - 7_500 {
                break;
            }
            table.lose(id, FailureKind::NotSent);
        }
        table.jump_to(lost_at + since);
        table.lose(id, FailureKind::NotSent);
        let wait = table.next_wake().unwrap().0 - table.millis();
        assert_eq!(wait == 7_500, is_short, "{wait} ms");
    }
}

#[test]
fn a_429_without_a_time_backs_off_more_each_time() {
    let (mut table, mut id) = first_poll();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let now = table.millis();
        table.reply(id, HttpResponse::new(429, "slow down"));
        let (at, _) = table.next_wake().unwrap();
        waits.push(at - now);
        table.jump_to(at);
        (id, _) = table.expect_poll_now();
    }
    assert!(waits[0] == 3_750 && waits[5] > 20_000 && waits.is_sorted(), "{waits:?}");
}

#[test]
fn a_poll_that_fits_before_the_end_still_leaves() {
    for (answered_at, next) in [
        (297_000, (299_500, WakeReason::NextPoll)),
        (297_200, (299_700, WakeReason::NextPoll)),
        (297_499, (299_999, WakeReason::NextPoll)),
        (297_500, (TTL, WakeReason::PairingExpiry)),
        (299_000, (TTL, WakeReason::PairingExpiry)),
    ] {
        let (mut table, mut id) = first_poll();
        while table.millis() < 290_000 {
            table.reply(id, not_yet());
            let (at, _) = table.next_wake().unwrap();
            table.jump_to(at);
            (id, _) = table.expect_poll_now();
        }
        table.jump_to(answered_at);
        table.reply(id, not_yet());
        assert_eq!(table.next_wake(), Some(next), "{answered_at}");
    }
}

#[test]
fn the_end_comes_at_three_hundred_seconds_sharp() {
    let (mut table, mut id) = first_poll();
    let mut last = 0;
    loop {
        table.reply(id, not_yet());
        match table.next_wake().unwrap() {
            (at, WakeReason::NextPoll) => {
                table.expect_silence_until(at);
                last = at;
                (id, _) = table.expect_poll_now();
            }
            (at, why) => {
                assert_eq!((at, why), (TTL, WakeReason::PairingExpiry));
                break;
            }
        }
    }
    assert_eq!(last, TTL - 500, "the last poll is just before the end");
    table.expect_silence_until(TTL);
    table.event(Event::Woke);
    assert_eq!(table.failure().exit, Exit::TimedOut);
    assert_eq!(table.failure().message, "pairing timed out — re-run pentify login");
}

#[test]
fn a_poll_in_flight_at_the_end_is_awaited_and_its_token_taken() {
    for (arrives, answer, token) in [
        (TTL + 9_400, paired(), true),
        (TTL + 10_000, paired(), true),
        (TTL + 10_001, paired(), false),
        (TTL + 9_400, not_yet(), false),
    ] {
        let (mut table, mut id) = first_poll();
        while table.millis() < TTL - 500 {
            table.reply(id, not_yet());
            let (at, _) = table.next_wake().unwrap();
            table.jump_to(at);
            (id, _) = table.expect_poll_now();
        }
        table.expect_silence_until(TTL);
        table.event(Event::Woke);
        assert_eq!(table.outcome(), None, "one is in flight");
        table.jump_to(arrives);
        table.reply(id, answer);
        assert_eq!(table.outcome().unwrap().is_ok(), token);
    }
}

#[test]
fn a_driver_that_never_answers_is_not_awaited_for_ever() {
    let (mut table, _) = first_poll();
    assert_eq!(table.next_wake(), Some((TTL + 10_000, WakeReason::PairingExpiry)));
    table.expect_silence_until(TTL + 10_000);
    table.event(Event::Woke);
    assert_eq!(table.failure().exit, Exit::TimedOut);
}

#[test]
fn a_suspended_laptop_does_not_stop_the_time() {
    let (mut table, id) = first_poll();
    table.reply(id, not_yet());
    table.jump_to(TTL + 3_600_000);
    table.event(Event::Woke);
    assert_eq!(table.failure().exit, Exit::TimedOut);
    table.expect_nothing_left();
}

#[test]
fn a_retry_after_beyond_the_end_sends_nothing_more() {
    let (mut table, id) = first_poll();
    table.reply(id, envelope(429, "rate_limited").header("retry-after", "100000"));
    table.expect_silence_until(TTL);
    table.event(Event::Woke);
    assert_eq!(table.failure().exit, Exit::TimedOut);
}

#[test]
fn stale_and_unasked_events_change_nothing() {
    let (mut table, id) = first_poll();
    let before = table.machine.clone();
    let stale = CommandId(id.0 + 77);
    assert!(matches!(table.reply(stale, paired()), Disposition::Ignored(_)));
    assert!(matches!(table.lose(stale, FailureKind::AnswerLost), Disposition::Ignored(_)));
    assert!(matches!(table.event(Event::Woke), Disposition::Ignored(_)));
    assert!(matches!(table.event(Event::Started { jitter_seed: 1 }), Disposition::Ignored(_)));
    assert!(matches!(table.event(Event::Answered { id, yes: true }), Disposition::Ignored(_)));
    assert_eq!(table.machine, before);
}

#[test]
fn entropy_and_answers_of_others_are_not_taken() {
    let other = CommandId(77);
    let mut table = Timetable::new(service(), Pairing::new(None, true));
    let entropy = doorkey_core::secret::Entropy::new([1; 32]);
    assert!(matches!(table.event(Event::Entropy { id: other, entropy }), Disposition::Ignored(_)));
    assert!(table.notices.is_empty());
    let (mut table, id) = first_poll();
    table.lose(id, FailureKind::AnswerLost);
    let (at, _) = table.next_wake().unwrap();
    table.jump_to(at);
    let (id, _) = table.expect_poll_now();
    table.reply(id, envelope(410, "pairing_consumed"));
    assert!(matches!(table.event(Event::Answered { id: other, yes: false }), Disposition::Ignored(_)));
    assert_eq!(table.outcome(), None);
}

#[test]
fn a_cancel_ends_it_at_once_and_for_good() {
    let (mut table, id) = first_poll();
    table.event(Event::Cancelled);
    assert_eq!(table.failure().exit, Exit::Interrupted);
    assert!(matches!(table.reply(id, paired()), Disposition::Ignored(_)));
    assert_eq!(table.failure().exit, Exit::Interrupted);
    assert_eq!(table.next_wake(), None);
}

#[test]
fn no_secret_shows_in_debug() {
    let (mut table, id) = first_poll();
    table.reply(id, paired());
    let shown = format!("{:?} {:?}", table.machine, table.notices);
    assert!(!shown.contains("KioqKi") && !shown.contains("minted"), "{shown}");
}

#[test]
fn trouble_is_told() {
    let (mut table, id) = first_poll();
    table.reply(id, HttpResponse::new(503, "x"));
    let Some(Notice::Waiting { last_poll, .. }) = table.notices.last() else { panic!("a notice") };
    assert_eq!(*last_poll, PollState::Trouble("HTTP 503".into()));
}
