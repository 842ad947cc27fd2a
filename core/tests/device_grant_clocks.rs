//! The device grant with a monotonic clock that runs fast or slow, and a wall clock that somebody sets.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod issuer;
mod timetable;

use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::event::Event;
use doorkey_core::failure::Exit;
use doorkey_core::machine::WakeReason;
use issuer::{USUAL, begun_at, pending, slow_down};
use timetable::Timetable;

const DAY: i64 = 86_400_000;
const END: u64 = 300_000;
const RATES: [u64; 7] = [700, 800, 950, 1000, 1050, 1250, 1400];
/// What whole milliseconds can cost.
const ROUNDING: u64 = 20;

/// Polls until it ends, each poll answered after 40 ms. Gives the real times of the polls.
fn run(
    table: &mut Timetable<DeviceGrant>,
    mut answer: impl FnMut(&mut Timetable<DeviceGrant>) -> doorkey_core::http::HttpResponse,
) -> Vec<u64> {
    let mut polls = Vec::new();
    while table.outcome().is_none() {
        let (at, why) = table.next_wake().unwrap();
        table.jump_to(at.max(table.millis()));
        if why == WakeReason::NextPoll {
            table.event(Event::Woke);
            // The clock turned out to run otherwise than it seemed.
            if table.next_wake().unwrap().1 == WakeReason::NextPoll || table.outcome().is_some() {
                continue;
            }
            let (id, _) = table.take_request();
            polls.push(table.millis());
            table.jump_to(table.millis() + 40);
            let answer = answer(table);
            table.reply(id, answer);
        } else {
            table.event(Event::Woke);
        }
    }
    assert_eq!(table.failure().exit, Exit::TimedOut);
    polls
}

/// What is guaranteed: no poll after the end, no giving up before it, and a last poll not long before.
fn check(table: &Timetable<DeviceGrant>, polls: &[u64], rate: u64) {
    let ended = table.millis();
    assert!((END - ROUNDING..=END + ROUNDING).contains(&ended), "rate {rate}: ended at {ended}");
    let last = *polls.last().unwrap();
    assert!(last < END, "rate {rate}: polled at {last}");
    assert!(last >= END - 1_000, "rate {rate}: last polled at {last}");
}

#[test]
fn at_every_rate_the_code_lives_exactly_as_long_as_it_lives() {
    for rate in RATES {
        let mut table = begun_at(rate, USUAL);
        let polls = run(&mut table, |_| pending());
        check(&table, &polls, rate);
        assert!(polls.windows(2).all(|pair| (pair[1] - pair[0]) * rate / 1000 >= 5_000), "rate {rate}");
    }
}

#[test]
fn a_wall_clock_that_is_set_changes_nothing() {
    for rate in [700, 1000, 1400] {
        for day in [DAY, -DAY] {
            // The last one is set back again.
            for (set_at, back_at) in [(0, 99), (1, 99), (30, 99), (7, 10)] {
                let mut table = begun_at(rate, USUAL);
                let mut poll = 0;
                if set_at == 0 {
                    table.set_wall_clock(day);
                }
                let polls = run(&mut table, |table| {
                    poll += 1;
                    if poll == set_at {
                        table.set_wall_clock(day);
                    } else if poll == back_at {
                        table.set_wall_clock(-day);
                    }
                    pending()
                });
                check(&table, &polls, rate);
            }
        }
    }
}

#[test]
fn a_wall_clock_that_is_never_right_leaves_the_monotonic_one() {
    for rate in RATES {
        let mut table = begun_at(rate, USUAL);
        table.set_wall_clock(DAY);
        let polls = run(&mut table, |table| {
            table.set_wall_clock(DAY);
            pending()
        });
        let end = END * 1000 / rate;
        assert!(table.millis().abs_diff(end) <= ROUNDING, "rate {rate}: ended at {}", table.millis());
        assert!(*polls.last().unwrap() < end, "rate {rate}");
    }
}

#[test]
fn a_wall_clock_that_stands_still_leaves_the_monotonic_one() {
    let mut table = begun_at(1000, USUAL);
    let mut last = 0;
    run(&mut table, |table| {
        let now = table.millis();
        table.set_wall_clock(-i64::try_from(now - last).unwrap());
        last = now;
        pending()
    });
    assert!(table.millis().abs_diff(END) <= ROUNDING, "ended at {}", table.millis());
}

/// Between the code and the first poll there are no answers to look at the clocks with.
#[test]
fn a_long_wait_is_as_exact_as_many_short_ones() {
    for interval in ["120", "200", "1000000"] {
        for rate in RATES {
            let mut table = begun_at(rate, &format!(r#","expires_in":300,"interval":{interval}"#));
            let polls = run(&mut table, |_| pending());
            check(&table, &polls, rate);
        }
    }
}

/// A service that demands its interval in real time, and raises it with every `slow_down` (RFC 8628 §3.5).
#[test]
fn slow_downs_stay_few_at_every_rate() {
    for rate in [700, 1000, 1050, 1400] {
        for (raise, named) in [(0, false), (5_000, false), (5_000, true)] {
            let mut table = begun_at(rate, r#","expires_in":1800,"interval":5"#);
            let (mut demanded, mut last, mut slow_downs) = (5_000, 0, 0);
            let polls = run(&mut table, |table| {
                let arrived = table.millis() - 20;
                let gap = arrived - last;
                last = arrived;
                if gap >= demanded {
                    return pending();
                }
                slow_downs += 1;
                demanded += raise;
                slow_down(&if named { (demanded / 1000).to_string() } else { String::new() })
            });
            assert!(slow_downs <= 3, "rate {rate}, {raise} ms more each time: {slow_downs} times");
            assert_eq!(slow_downs > 0, rate > 1000, "rate {rate}");
            assert!(polls.len() > 50, "rate {rate}: and polls are not rare: {}", polls.len());
        }
    }
}
