//! The device grant's times: intervals, `slow_down`, backoff, `Retry-After`, and the end.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod issuer;
mod timetable;

use doorkey_core::command::CommandId;
use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::FailureKind;
use doorkey_core::machine::WakeReason;
use doorkey_core::oauth::Dialect;
use issuer::{USUAL, begun, code, error, first_poll, json, known_client, page, pending, slow_down, tokens};
use timetable::{Timetable, WALL};

const END: u64 = 300_000;

/// The device code's fields of time.
fn times(expires_in: &str, interval: &str) -> String {
    let field = |name: &str, value: &str| {
        if value.is_empty() { String::new() } else { format!(r#","{name}":{value}"#) }
    };
    field("expires_in", expires_in) + &field("interval", interval)
}

/// Nothing leaves before these times, one after the other, and a poll does at each; all are pending.
fn expect_polls(table: &mut Timetable<DeviceGrant>, at: &[u64]) {
    for at in at {
        table.expect_silence_until(*at);
        let (id, _) = table.expect_poll_now();
        table.reply(id, pending());
    }
}

fn expect_expiry(table: &mut Timetable<DeviceGrant>, at: u64) {
    table.expect_silence_until(at);
    table.event(Event::Woke);
    assert_eq!((table.failure().exit, table.failure().code.as_ref()), (Exit::TimedOut, "expired_token"));
    table.expect_nothing_left();
}

#[test]
fn the_interval_is_understood_in_every_spelling() {
    for (interval, polls) in [
        ("", [5_000, 10_000, 15_000]),
        ("null", [5_000, 10_000, 15_000]),
        ("0", [5_000, 10_000, 15_000]),
        ("-3", [5_000, 10_000, 15_000]),
        (r#""soon""#, [5_000, 10_000, 15_000]),
        ("1", [1_000, 2_000, 3_000]),
        ("7", [7_000, 14_000, 21_000]),
        (r#""7""#, [7_000, 14_000, 21_000]),
        ("0.25", [1_000, 2_000, 3_000]),
        ("6.5", [7_000, 14_000, 21_000]),
        (r#""6.5""#, [7_000, 14_000, 21_000]),
    ] {
        let mut table = begun(&times("300", interval));
        expect_polls(&mut table, &polls);
    }
}

#[test]
fn a_huge_interval_leaves_one_poll_just_before_the_end() {
    for interval in ["300", "301", "1000000", "1e300", r#""99999999999999999999999""#] {
        let mut table = begun(&times("300", interval));
        expect_polls(&mut table, &[END - 500]);
        expect_expiry(&mut table, END);
    }
    // Two polls do not fit: the second would come too early.
    let mut table = begun(&times("300", "200"));
    expect_polls(&mut table, &[END - 500]);
    expect_expiry(&mut table, END);
    let mut table = begun(&times("300", "140"));
    expect_polls(&mut table, &[140_000, END - 500]);
    expect_expiry(&mut table, END);
}

#[test]
fn the_interval_counts_from_the_answer_and_from_the_failure() {
    let (mut table, id) = first_poll();
    table.jump_to(8_300);
    table.reply(id, pending());
    table.expect_silence_until(13_300);
    let (id, _) = table.expect_poll_now();
    table.jump_to(22_000);
    table.lose(id, FailureKind::NotSent);
    table.expect_silence_until(27_000);
    table.expect_poll_now();
}

#[test]
fn slow_down_raises_the_interval_for_good() {
    // 5, 10, (15 → 18.75), (23.75 → 29.6875, rounded up) seconds.
    for (answers, waits) in [
        (["", "", ""], [10_000, 18_750, 29_688]),
        (["12", "", "60"], [12_000, 21_250, 75_000]),
        (["2", "1", "0"], [10_000, 18_750, 29_688]),
        ([r#""12""#, "11.2", "-1"], [12_000, 21_250, 32_813]),
    ] {
        let mut table = begun(&times("3000", "5"));
        let (mut id, _) = table.next_poll();
        for (answer, wait) in answers.iter().zip(waits) {
            let now = table.millis();
            table.reply(id, slow_down(answer));
            table.expect_silence_until(now + wait);
            (id, _) = table.expect_poll_now();
        }
        // It stays.
        let now = table.millis();
        table.reply(id, pending());
        table.expect_silence_until(now + waits[2]);
        (id, _) = table.expect_poll_now();
        // After another answer in between it is the first in a row again.
        let now = table.millis();
        table.reply(id, slow_down(""));
        assert_eq!(table.next_wake(), Some((now + waits[2] + 5_000, WakeReason::NextPoll)));
    }
}

#[test]
fn a_failure_between_does_not_end_a_row_of_slow_downs() {
    let (mut table, mut id) = first_poll();
    table.reply(id, slow_down(""));
    for trouble in 0..3 {
        (id, _) = table.next_poll();
        let now = table.millis();
        match trouble {
            0 => table.lose(id, FailureKind::NotSent),
            1 => table.reply(id, page(503)),
            _ => table.reply(id, page(429)),
        };
        table.expect_silence_until(now + 10_000);
    }
    (id, _) = table.next_poll();
    let now = table.millis();
    table.reply(id, slow_down(""));
    table.expect_silence_until(now + 18_750);
    table.expect_poll_now();
}

#[test]
fn a_slow_down_beyond_the_end_leaves_no_poll() {
    let (mut table, id) = first_poll();
    table.reply(id, slow_down("400"));
    expect_expiry(&mut table, END);
    let (mut table, id) = first_poll();
    table.reply(id, slow_down("1e18"));
    table.expect_silence_until(15_000);
}

#[test]
fn troubles_back_off_and_never_shorten_the_wait() {
    let (mut table, mut id) = first_poll();
    let mut waits = Vec::new();
    for _ in 0..7 {
        let now = table.millis();
        table.lose(id, FailureKind::NotSent);
        let (at, _) = table.next_wake().unwrap();
        waits.push(at - now);
        table.jump_to(at);
        (id, _) = table.expect_poll_now();
    }
    // 1, 2, 4, … 30 s ±25 %, but never less than the interval.
    for (wait, nominal) in waits.iter().zip([1_000u64, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
        let range = (nominal * 3 / 4).max(5_000)..=(nominal * 5 / 4).max(5_000);
        assert!(range.contains(wait), "{waits:?}");
    }
    assert_ne!(waits[5], waits[6], "jitter");
    // One good answer, and the pace is the old one.
    let now = table.millis();
    table.reply(id, pending());
    assert_eq!(table.next_wake(), Some((now + 5_000, WakeReason::NextPoll)));
}

/// `WALL` and five seconds, when the first poll leaves: Tue, 14 Nov 2023 22:13:20 GMT, and 25.
#[test]
fn retry_after_is_obeyed_in_both_forms() {
    assert_eq!(WALL / 1000, 1_700_000_000);
    let dates = |date: &str, retry_after: &str| {
        let answer = page(429).header("retry-after", retry_after);
        if date.is_empty() { answer } else { answer.header("date", date) }
    };
    for (answer, wait) in [
        (page(429).header("retry-after", "17"), 17_000),
        (page(503).header("retry-after", "17"), 17_000),
        (pending().header("retry-after", "17"), 17_000),
        (slow_down("").header("retry-after", "17"), 17_000),
        (error(400, "server_error").header("retry-after", "17"), 17_000),
        // Never shorter than the interval.
        (page(429).header("retry-after", "2"), 5_000),
        (slow_down("").header("retry-after", "2"), 10_000),
        (page(429).header("retry-after", "0"), 5_000),
        (page(429).header("retry-after", "soon"), 5_000),
        // By the server's clock, a year off.
        (dates("Thu, 14 Nov 2024 00:00:00 GMT", "Thu, 14 Nov 2024 00:00:20 GMT"), 20_000),
        // By ours.
        (dates("", "Tue, 14 Nov 2023 22:13:45 GMT"), 20_000),
        (dates("yesterday", "Tue, 14 Nov 2023 22:13:45 GMT"), 20_000),
        (
            dates("Tue, 14 Nov 2023 22:10:00 GMT", "Tue, 14 Nov 2023 22:13:45 GMT").header("age", "225"),
            20_000,
        ),
        (dates("", "Tue, 14 Nov 2023 22:13:00 GMT"), 5_000),
    ] {
        let (mut table, id) = first_poll();
        let shown = format!("{answer:?}");
        table.reply(id, answer);
        assert_eq!(table.next_wake(), Some((5_000 + wait, WakeReason::NextPoll)), "{shown}");
        table.expect_silence_until(5_000 + wait);
        let (id, _) = table.expect_poll_now();
        // It was for once.
        table.reply(id, pending());
        let interval = if wait == 10_000 || shown.contains("slow_down") { 10_000 } else { 5_000 };
        assert!(table.next_wake().unwrap().0 - table.millis() >= interval);
    }
}

#[test]
fn a_retry_after_beyond_the_end_sends_nothing_more() {
    for retry_after in ["296", "100000", "99999999999999999999", "Fri, 14 Nov 2025 00:00:00 GMT"] {
        let (mut table, id) = first_poll();
        table.reply(id, page(429).header("retry-after", retry_after));
        expect_expiry(&mut table, END);
    }
    let (mut table, id) = first_poll();
    table.reply(id, page(429).header("retry-after", "294"));
    expect_polls(&mut table, &[END - 500]);
}

#[test]
fn the_end_comes_when_the_code_expires() {
    for (expires_in, end) in [
        ("60", 60_000),
        (r#""60""#, 60_000),
        ("59.1", 60_000),
        ("", END),
        ("0", END),
        ("-1", END),
        ("null", END),
        (r#""soon""#, END),
    ] {
        let mut table = begun(&times(expires_in, "5"));
        let mut polls: Vec<u64> = (1..end / 5_000 - 1).map(|poll| poll * 5_000).collect();
        // The last interval is stretched to end just before the end.
        polls.push(end - 500);
        expect_polls(&mut table, &polls);
        expect_expiry(&mut table, end);
    }
    for expires_in in ["86400", "86401", "1e300", "99999999999"] {
        let mut table = begun(&times(expires_in, "43200"));
        expect_polls(&mut table, &[86_399_500]);
        expect_expiry(&mut table, 86_400_000);
    }
    // Shorter than a margin before the end is long.
    let mut table = begun(&times("1", "5"));
    expect_polls(&mut table, &[500]);
    expect_expiry(&mut table, 1_000);
}

#[test]
fn a_poll_that_fits_before_the_end_still_leaves() {
    for (answered_at, next) in [
        (289_400, (294_400, WakeReason::NextPoll)),
        (289_500, (294_500, WakeReason::NextPoll)),
        (289_501, (299_500, WakeReason::NextPoll)),
        (294_500, (299_500, WakeReason::NextPoll)),
        (294_700, (299_700, WakeReason::NextPoll)),
        (294_999, (299_999, WakeReason::NextPoll)),
        (295_000, (END, WakeReason::CodeExpiry)),
        (299_000, (END, WakeReason::CodeExpiry)),
    ] {
        let (mut table, mut id) = first_poll();
        while table.millis() < 285_000 {
            table.reply(id, pending());
            (id, _) = table.next_poll();
        }
        table.jump_to(answered_at);
        table.reply(id, pending());
        assert_eq!(table.next_wake(), Some(next), "{answered_at}");
    }
}

/// A poll is in flight in the last half second.
fn last_poll() -> (Timetable<DeviceGrant>, CommandId) {
    let mut table = begun(&times("300", "299"));
    table.expect_silence_until(END - 500);
    let (id, _) = table.expect_poll_now();
    (table, id)
}

#[test]
fn a_poll_in_flight_at_the_end_is_awaited_and_its_token_taken() {
    for (arrives, answer, taken) in [
        (END + 9_400, tokens(), true),
        (END + 10_000, tokens(), true),
        (END + 10_001, tokens(), false),
        (END - 1, pending(), false),
        (END + 9_400, pending(), false),
        (END + 9_400, slow_down(""), false),
        (END + 9_400, page(502), false),
    ] {
        let (mut table, id) = last_poll();
        if arrives > END {
            table.expect_silence_until(END);
            table.event(Event::Woke);
            assert_eq!(table.outcome(), None, "one is in flight");
        }
        table.jump_to(arrives);
        table.reply(id, answer);
        if arrives < END {
            expect_expiry(&mut table, END);
        } else {
            assert_eq!(table.outcome().unwrap().is_ok(), taken, "{arrives}");
        }
        table.expect_nothing_left();
    }
    let (mut table, id) = last_poll();
    table.jump_to(END + 3_000);
    table.reply(id, error(400, "access_denied"));
    assert_eq!(table.failure().exit, Exit::Denied, "a definite answer stands");
}

#[test]
fn a_driver_that_never_answers_is_not_awaited_for_ever() {
    let (mut table, _) = last_poll();
    assert_eq!(table.next_wake(), Some((END + 10_000, WakeReason::CodeExpiry)));
    expect_expiry(&mut table, END + 10_000);
}

#[test]
fn a_suspended_laptop_does_not_stop_the_time() {
    let (mut table, id) = first_poll();
    table.reply(id, pending());
    table.jump_to(END + 3_600_000);
    table.event(Event::Woke);
    assert_eq!(table.failure().exit, Exit::TimedOut);
    table.expect_nothing_left();
}

/// The issuer's clock may have started when the request for the code left.
#[test]
fn a_slow_answer_with_the_code_shortens_the_polling_not_the_waiting() {
    let mut table = Timetable::grant(known_client(Dialect::Json), false);
    let (id, _) = table.take_request();
    table.lose(id, FailureKind::AnswerLost);
    let (sent, _) = table.next_wake().unwrap();
    table.jump_to(sent);
    let (id, _) = table.expect_poll_now();
    table.jump_to(sent + 4_000);
    table.reply(id, code(&times("60", "299")));
    expect_polls(&mut table, &[sent + 60_000 - 500]);
    expect_expiry(&mut table, sent + 4_000 + 60_000);
}

/// A grant whose code was asked for so long before it came.
fn begun_after(lag: u64, fields: &str) -> Timetable<DeviceGrant> {
    let mut table = Timetable::grant(known_client(Dialect::Json), false);
    let (id, _) = table.take_request();
    table.jump_to(lag);
    table.reply(id, code(fields));
    table
}

#[test]
fn whoever_wakes_too_late_for_a_poll_waits_for_the_end() {
    for (polls, woken) in [(0, 60_000), (0, 62_000), (1, 60_000), (1, 62_000)] {
        let mut table = begun_after(4_000, &times("60", "10"));
        for _ in 0..polls {
            let (id, _) = table.next_poll();
            table.reply(id, pending());
        }
        // At or past the code's possible end at 60 s, not past its certain one at 64 s.
        table.jump_to(woken);
        table.event(Event::Woke);
        expect_expiry(&mut table, 64_000);
    }
}

#[test]
fn a_code_that_may_have_expired_on_its_way_is_not_polled_for() {
    let mut table = begun_after(9_000, &times("8", "5"));
    expect_expiry(&mut table, 17_000);
    let mut table = begun_after(9_000, &times("10", "5"));
    expect_polls(&mut table, &[9_500]);
    expect_expiry(&mut table, 19_000);
}

#[test]
fn without_polls_that_get_through_it_still_ends() {
    let (mut table, mut id) = first_poll();
    loop {
        table.lose(id, FailureKind::NotSent);
        match table.next_wake().unwrap() {
            (_, WakeReason::NextPoll) => (id, _) = table.next_poll(),
            (at, _) => {
                assert_eq!(at, END);
                break;
            }
        }
    }
    expect_expiry(&mut table, END);
}

#[test]
fn a_slow_down_with_tokens_after_it_signs_in() {
    let mut table = begun(USUAL);
    let (id, _) = table.next_poll();
    table.reply(id, json(200, r#"{"error":"slow_down","interval":6}"#));
    let (id, _) = table.next_poll();
    assert_eq!(table.millis(), 15_000);
    table.reply(id, tokens());
    table.success();
}
