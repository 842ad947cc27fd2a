//! The pairing under random faults, at any pace.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cases;
mod timetable;

use std::time::Duration;

use cases::cases;
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::http::{FailureKind, HttpResponse};
use doorkey_core::machine::WakeReason;
use proptest::prelude::*;
use timetable::{envelope, not_yet, paired, service, start_pairing};

const TTL: u64 = 300_000;

/// One thing that the network or the machine does to a poll.
#[derive(Clone, Debug)]
enum Fate {
    Answered { after: u64, status: u16 },
    Lost { after: u64, kind: FailureKind },
    RateLimited { after: u64, seconds: u64 },
    Suspended { after: u64, millis: u64 },
}

fn fate() -> impl Strategy<Value = Fate> {
    let kind = prop_oneof![
        Just(FailureKind::NotSent),
        Just(FailureKind::AnswerLost),
        Just(FailureKind::BodyTooLarge)
    ];
    prop_oneof![
        4 => (0u64..10_000).prop_map(|after| Fate::Answered { after, status: 404 }),
        1 => (0u64..10_000, 500u16..600).prop_map(|(after, status)| Fate::Answered { after, status }),
        2 => (0u64..10_000, kind).prop_map(|(after, kind)| Fate::Lost { after, kind }),
        1 => (0u64..10_000, 0u64..60).prop_map(|(after, seconds)| Fate::RateLimited { after, seconds }),
        1 => (0u64..10_000, 0u64..120_000).prop_map(|(after, millis)| Fate::Suspended { after, millis }),
    ]
}

proptest! {
    #![proptest_config(cases(1_000))]

    /// Whatever happens: no poll leaves after the end, none comes early, the end is sharp, and whoever authorizes in
    /// time (and while polls still get through) is signed in.
    #[test]
    fn no_schedule_of_faults_breaks_the_rules(
        fates in proptest::collection::vec(fate(), 0..200),
        pace in 500u64..40_000,
        first in 0u64..20_000,
        approved_at in proptest::option::of(0u64..290_000),
    ) {
        let mut service = service();
        service.pairing.interval = Duration::from_millis(pace);
        service.pairing.first_poll = Duration::from_millis(first);
        let mut table = start_pairing(service);
        let mut fates = fates.into_iter();
        let mut not_before = first;
        let mut interval = pace;
        let mut delivered_after_approval = false;
        while table.outcome().is_none() {
            let (at, why) = table.next_wake().expect("a machine that runs has a deadline");
            table.jump_to(at.max(table.millis()));
            if why == WakeReason::PairingExpiry || table.millis() >= TTL {
                prop_assert!(table.millis() >= TTL, "ended early, at {}", table.millis());
                table.event(Event::Woke);
                break;
            }
            prop_assert!(table.millis() >= not_before, "early poll at {}", table.millis());
            prop_assert!(table.millis() < TTL, "late poll at {}", table.millis());
            let (id, _) = table.expect_poll_now();
            let approved = approved_at.is_some_and(|approved| approved <= table.millis());
            let fate = fates.next().unwrap_or(Fate::Answered { after: 40, status: 404 });
            match fate {
                Fate::Answered { after, status } => {
                    table.jump_to(table.millis() + after);
                    if approved && status == 404 {
                        delivered_after_approval = true;
                        table.reply(id, paired());
                    } else if status == 404 {
                        table.reply(id, not_yet());
                    } else {
                        table.reply(id, HttpResponse::new(status, "<html>"));
                    }
                }
                Fate::Lost { after, kind } => {
                    table.jump_to(table.millis() + after);
                    table.lose(id, kind);
                }
                Fate::RateLimited { after, seconds } => {
                    table.jump_to(table.millis() + after);
                    table.reply(id, envelope(429, "rate_limited").header("retry-after", seconds.to_string()));
                    interval = pace * 3 / 2;
                    not_before = table.millis() + seconds * 1_000;
                }
                Fate::Suspended { after, millis } => {
                    table.jump_to(table.millis() + after);
                    table.reply(id, not_yet());
                    not_before = table.millis() + interval;
                    table.jump_to(table.millis() + millis);
                    continue;
                }
            }
            not_before = not_before.max(table.millis() + interval);
        }
        prop_assert_eq!(table.outcome().unwrap().is_ok(), delivered_after_approval);
        if !delivered_after_approval {
            prop_assert_eq!(table.failure().exit, Exit::TimedOut);
        }
        table.expect_nothing_left();
    }
}
