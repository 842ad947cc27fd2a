//! The device grant under random answers, faults and clocks.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod issuer;
mod timetable;

use cases::cases;
use doorkey_core::command::Command;
use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse};
use doorkey_core::machine::WakeReason;
use issuer::{begun_at, error, page, pending, slow_down, tokens};
use proptest::prelude::*;
use timetable::Timetable;

/// One thing that becomes of a poll.
#[derive(Clone, Debug)]
enum Fate {
    Pending,
    SlowDown(Option<u32>),
    Page(u16),
    RetryAfter(u16, u32),
    Lost(FailureKind),
    Approved,
    Final(&'static str),
}

fn fate() -> impl Strategy<Value = Fate> {
    let kind = prop_oneof![
        Just(FailureKind::NotSent),
        Just(FailureKind::AnswerLost),
        Just(FailureKind::BodyTooLarge)
    ];
    prop_oneof![
        8 => Just(Fate::Pending),
        2 => proptest::option::of(0u32..90).prop_map(Fate::SlowDown),
        3 => (200u16..600).prop_map(Fate::Page),
        1 => (prop_oneof![Just(400u16), Just(429), Just(503)], 0u32..120).prop_map(|(s, r)| Fate::RetryAfter(s, r)),
        4 => kind.prop_map(Fate::Lost),
        1 => Just(Fate::Approved),
        1 => prop_oneof![Just("access_denied"), Just("expired_token"), Just("invalid_client")].prop_map(Fate::Final),
    ]
}

/// A poll's fate, after how long (less than a request may take on the fastest clock), and whether somebody then sets the
/// wall clock.
type Turn = (Fate, u64, Option<bool>);

fn turn() -> impl Strategy<Value = Turn> {
    (fate(), 0u64..7_000, proptest::option::weighted(0.2, any::<bool>()))
}

const DAY: i64 = 86_400_000;

proptest! {
    #![proptest_config(cases(150))]

    /// No poll comes early by the monotonic clock or late by the real one; the end is when the code expires; the first
    /// definite answer decides.
    #[test]
    fn no_schedule_of_faults_breaks_the_rules(
        turns in proptest::collection::vec(turn(), 0..60),
        rate in 700u64..=1400,
        interval in 1u64..40,
        lifetime in 60u64..300,
    ) {
        let end = lifetime * 1_000;
        let fields = format!(r#","expires_in":{lifetime},"interval":{interval}"#);
        let mut table = begun_at(rate, &fields);
        let mono = |table: &Timetable<_>| table.clock().mono.as_millis();
        let mut not_before = mono(&table) + interval * 1_000;
        let mut least = interval * 1_000;
        // What whole milliseconds cost, scaled up from the first span, which nobody disturbs.
        let rounding = 20 + 3 * end / (interval * 700);
        let mut decided = None;
        let mut turns = turns.into_iter();
        while table.outcome().is_none() {
            let (at, why) = table.next_wake().expect("a machine that runs has a deadline");
            table.jump_to(at.max(table.millis()));
            table.event(Event::Woke);
            if why != WakeReason::NextPoll || table.outcome().is_some()
                || table.next_wake().is_some_and(|(_, why)| why == WakeReason::NextPoll) {
                prop_assert!(table.millis() <= end + 10_000 * 1_000 / 700 + rounding, "it ends");
                continue;
            }
            let (id, _) = table.take_request();
            prop_assert!(mono(&table) >= not_before, "early poll at {}", table.millis());
            prop_assert!(table.millis() < end + rounding, "late poll at {}", table.millis());
            let (fate, after, set) = turns.next().unwrap_or((Fate::Pending, 40, None));
            table.jump_to(table.millis() + after);
            if let Some(forward) = set {
                table.set_wall_clock(if forward { DAY } else { -DAY });
            }
            let mut asked = 0;
            match fate {
                Fate::Pending => {
                    table.reply(id, pending());
                }
                Fate::SlowDown(to) => {
                    table.reply(id, slow_down(&to.map(|to| to.to_string()).unwrap_or_default()));
                    least = (least + 5_000).max(u64::from(to.unwrap_or(0)) * 1_000);
                }
                Fate::Page(status) => {
                    table.reply(id, page(status));
                }
                Fate::RetryAfter(status, seconds) => {
                    let answer = if status == 400 { pending() } else { page(status) };
                    table.reply(id, answer.header("retry-after", seconds.to_string()));
                    asked = u64::from(seconds) * 1_000;
                }
                Fate::Lost(kind) => {
                    table.lose(id, kind);
                }
                Fate::Approved => {
                    table.reply(id, tokens());
                    decided = Some("tokens");
                }
                Fate::Final(code) => {
                    table.reply(id, error(400, code));
                    decided = Some(code);
                }
            }
            not_before = mono(&table) + least.max(asked);
        }
        match (decided, table.outcome().unwrap()) {
            (Some("tokens"), outcome) => prop_assert!(outcome.is_ok()),
            (Some(code), Err(failure)) => prop_assert_eq!(failure.code.as_ref(), code),
            (None, Err(failure)) => {
                prop_assert_eq!(failure.exit, Exit::TimedOut);
                prop_assert!(table.millis() + rounding >= end, "gave up at {}", table.millis());
            }
            (_, outcome) => prop_assert!(false, "{outcome:?}"),
        }
        table.expect_nothing_left();
    }
}

/// Bodies that look like the real ones in places.
fn body() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("access_token"),
        Just("refresh_token"),
        Just("error"),
        Just("interval"),
        Just("expires_in"),
        Just("device_code"),
        Just("user_code"),
        Just("verification_uri"),
        Just("verification_uri_complete"),
        Just("deviceCode"),
        Just("userCode"),
        Just("verificationUri"),
        Just("expiresIn"),
        Just("workosClientId"),
        Just("status"),
        Just("apiKey"),
        Just("workspace"),
        Just("credits"),
        Just("gatewayUrl"),
        Just("x"),
    ];
    let value = prop_oneof![
        Just(r#""https://auth.pensar.dev/device?user_code=QRST""#.to_owned()),
        Just(r#""https://evil.example/a?b""#.to_owned()),
        Just(r#""complete""#.to_owned()),
        Just(r#""slow_down""#.to_owned()),
        Just(r#""authorization_pending""#.to_owned()),
        Just(r#"{"slug":"s","balance":1e3}"#.to_owned()),
        Just("1e300".to_owned()),
        Just("null".to_owned()),
        (-9i32..900).prop_map(|number| number.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        (any::<i32>(), 0u8..100).prop_map(|(whole, decimals)| format!("{whole}.{decimals:02}")),
        ".*".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    let field = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop_oneof![
        8 => proptest::collection::vec(field, 0..8).prop_map(|fields| format!("{{{}}}", fields.join(","))),
        1 => ".*",
    ]
}

fn answer() -> impl Strategy<Value = HttpResponse> {
    let status = prop_oneof![4 => Just(200u16), 2 => Just(400), 1 => Just(404), 1 => any::<u16>()];
    let retry_after = proptest::option::weighted(0.2, "[0-9]{1,12}|.{0,20}");
    (status, body(), retry_after).prop_map(|(status, body, retry_after)| {
        let answer = HttpResponse::new(status, body);
        match retry_after {
            Some(retry_after) => answer.header("retry-after", retry_after),
            None => answer,
        }
    })
}

proptest! {
    #![proptest_config(cases(100))]

    /// Whatever a server says from the first answer on, nothing panics, nothing leaves in a rush, and it ends. Without
    /// a trace: what stands under a plain key here and under a secret one there has no stand-in that serves both.
    #[test]
    fn no_server_can_keep_it_from_ending(answers in proptest::collection::vec(answer(), 1..30)) {
        let mut table = Timetable::new(timetable::pensar(), DeviceGrant::new(true));
        let mut answers = answers.into_iter().cycle();
        let mut sent: Option<u64> = None;
        for _ in 0..200_000 {
            if table.outcome().is_some() {
                break;
            }
            let mut idle = true;
            while let Some(command) = table.next_command() {
                idle = false;
                match command {
                    Command::Send { id, request, .. } => {
                        let is_poll = request.url.path().ends_with("/authenticate")
                            || request.url.path().ends_with("/auth/device/token");
                        if let Some(sent) = sent.filter(|_| is_poll) {
                            prop_assert!(table.millis() >= sent + 500, "two polls within {} ms", table.millis() - sent);
                        }
                        sent = is_poll.then(|| table.millis());
                        let answer = answers.next().unwrap();
                        table.reply(id, answer);
                    }
                    Command::OpenPage { id, url } => {
                        prop_assert!(url.origin().host().ends_with("pensar.dev"), "{url}");
                        table.event(Event::PageOpened { id });
                    }
                    Command::Ask { id, .. } => {
                        table.event(Event::Answered { id, yes: false });
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
            if idle && table.outcome().is_none() {
                let (at, _) = table.next_wake().expect("a machine that runs has a deadline");
                table.jump_to(at.max(table.millis()));
                table.event(Event::Woke);
            }
        }
        prop_assert!(table.outcome().is_some(), "it goes on for ever");
    }
}
