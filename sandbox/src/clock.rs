//! The sandbox's own time: real time, perhaps sped up.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorkey_core::time::WallTime;

use crate::config::Speed;

/// Starts at the wall clock's reading, runs at its own speed, and never back.
#[derive(Debug)]
pub(crate) struct Clock {
    speed: Speed,
    start: Instant,
    sandbox_start: u64,
}

impl Clock {
    pub(crate) fn new(speed: Speed) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { speed, start: Instant::now(), sandbox_start: millis(since_epoch) }
    }

    pub(crate) fn now(&self) -> WallTime {
        let passed = self.speed.sandbox_millis(millis(self.start.elapsed()));
        WallTime::from_unix_millis(self.sandbox_start.saturating_add(passed))
    }

    /// Goes on from `seen`, if that is later: another server of the same state ran faster or for longer.
    pub(crate) fn catch_up(&mut self, seen: u64) {
        if seen > self.now().as_unix_millis() {
            self.start = Instant::now();
            self.sandbox_start = seen;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
