//! A clock that is ahead, or runs fast.

use std::time::Duration;

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::time::{Now, WallTime};

/// The system's clocks, so much later and so much faster from now on.
#[derive(Clone, Copy, Debug)]
pub struct OtherClock {
    origin: Now,
    later: Duration,
    speed: u32,
}

impl OtherClock {
    pub fn new(later: Duration, speed: u32) -> Self {
        Self { origin: SystemClock.now(), later, speed }
    }
}

impl Clock for OtherClock {
    fn now(&self) -> Now {
        let now = SystemClock.now();
        let passed = now.mono.since(self.origin.mono);
        let ahead = self.later + passed * self.speed.saturating_sub(1);
        let millis = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        let wall = WallTime::from_unix_millis(now.wall.as_unix_millis().saturating_add(millis));
        Now { mono: now.mono + ahead, wall }
    }
}
