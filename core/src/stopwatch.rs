//! How much time has really passed, told by two clocks neither of which can be trusted alone.

use core::time::Duration;

use crate::time::{Now, Timestamp};

/// Until something is known of the rate, no more than this goes by without a look.
const LONGEST_SPAN: Duration = Duration::from_secs(10);
/// Two readings closer together than this say nothing of the clocks' rates.
const SHORTEST_SPAN: u64 = 500;

/// Measures from its start on the monotonic clock, corrected by the rate at which that clock runs.
///
/// A monotonic clock never jumps, but may run fast or slow (a virtual machine's, one that was never disciplined). The
/// wall clock runs at the right rate, but somebody may set it. So both are looked at now and then, and each span
/// between two looks counts for the rate if the clocks agree on its length to a factor of 1.5; a span in which they do
/// not is one in which the wall clock was set. If they never agree, the monotonic clock is taken for right.
///
/// What follows, if the monotonic clock runs at 0.7 to 1.4 times real time and the wall clock at real time: however
/// often and far the wall clock is set, a time measured over at least one undisturbed span is right to within the
/// clocks' milliseconds. A step of less than half a span is not noticed, and counts as time that has passed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stopwatch {
    started: Timestamp,
    /// The end of the last span.
    seen: Now,
    /// Milliseconds on both clocks, over all spans in which they agree.
    mono: u64,
    wall: u64,
}

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start(now: Now) -> Self {
        Self { started: now.mono, seen: now, mono: 0, wall: 0 }
    }

    /// Looks at the clocks.
    pub(crate) fn look(&mut self, now: Now) {
        let mono = now.mono.as_millis().saturating_sub(self.seen.mono.as_millis());
        if mono < SHORTEST_SPAN {
            return;
        }
        let wall = now.wall.as_unix_millis().saturating_sub(self.seen.wall.as_unix_millis());
        if agree(mono, wall) {
            self.mono = self.mono.saturating_add(mono);
            self.wall = self.wall.saturating_add(wall);
        }
        self.seen = now;
    }

    /// When to look at the latest; `None`: when there is something else to do.
    pub(crate) fn look_at(&self) -> Option<Timestamp> {
        (self.wall == 0).then(|| self.seen.mono + LONGEST_SPAN)
    }

    /// The monotonic reading at which that much will have passed, as far as is known now.
    pub(crate) fn when(&self, passed: Duration) -> Timestamp {
        if self.wall == 0 {
            return self.started + passed;
        }
        let scaled = (passed.as_millis().saturating_mul(self.mono.into())).div_ceil(self.wall.into());
        self.started + Duration::from_millis(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

/// To a factor of 1.5. The products of two long spans do not fit into 64 bits.
fn agree(one: u64, other: u64) -> bool {
    let (one, other) = (u128::from(one), u128::from(other));
    2 * one <= 3 * other && 2 * other <= 3 * one
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WallTime;

    const DAY: i64 = 86_400_000;
    const HOUR: Duration = Duration::from_secs(3600);

    fn at(mono: u64, wall: i64) -> Now {
        let wall = u64::try_from(100 * DAY + wall).unwrap();
        Now { mono: Timestamp::from_millis(5_000 + mono), wall: WallTime::from_unix_millis(wall) }
    }

    fn when(watch: &Stopwatch) -> u64 {
        watch.when(HOUR).as_millis() - 5_000
    }

    #[test]
    fn the_rate_is_learned_whatever_the_steps() {
        for rate in [700, 850, 1000, 1200, 1400] {
            for steps in [&[0, 0, 0, 0][..], &[DAY, 0, 0, 0], &[0, -DAY, DAY, 0], &[DAY, DAY, 0, -3 * DAY]] {
                let mut watch = Stopwatch::start(at(0, 0));
                let (mut real, mut set) = (0, 0);
                for step in steps {
                    real += 10_000;
                    set += step;
                    watch.look(at(real * rate / 1000, i64::try_from(real).unwrap() + set));
                }
                assert_eq!(when(&watch), 3_600 * rate, "{steps:?}");
            }
        }
    }

    #[test]
    fn a_wall_clock_that_is_never_right_is_nobody() {
        for wall in [0, -DAY, DAY, 10] {
            let mut watch = Stopwatch::start(at(0, 0));
            for look in 1..5 {
                watch.look(at(look * 10_000, wall * i64::try_from(look).unwrap()));
            }
            assert_eq!(when(&watch), 3_600_000, "{wall}");
        }
    }

    #[test]
    fn agreement_ends_at_a_factor_of_one_and_a_half() {
        for (mono, wall, counts) in
            [(15_000, 10_000, true), (10_000, 15_000, true), (15_001, 10_000, false), (10_000, 15_001, false)]
        {
            let mut watch = Stopwatch::start(at(0, 0));
            watch.look(at(mono, wall));
            assert_eq!(when(&watch) != 3_600_000, counts, "{mono} and {wall}");
        }
        assert!(agree(u64::MAX, u64::MAX) && !agree(u64::MAX, 1) && !agree(1, 0));
    }

    #[test]
    fn readings_close_together_are_one_span() {
        let mut watch = Stopwatch::start(at(0, 0));
        for look in 1..=100 {
            // Read in a hurry, the wall clock is late by a few milliseconds now and then.
            watch.look(at(look * 14, i64::try_from(look * 10 - look % 7).unwrap()));
        }
        let error = when(&watch).abs_diff(3_600 * 1_400);
        assert!(error < 3_600 * 14, "{error} ms");
    }
}
