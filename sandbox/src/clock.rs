//! The sandbox's own time: real time, perhaps sped up, or what the caller says.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorkey_core::time::WallTime;

use crate::config::Speed;
use crate::options::TimeSource;

/// Runs at its own speed, and never back.
pub(crate) enum Clock {
    /// Started at the wall clock's reading.
    Running { speed: Speed, start: Instant, sandbox_start: u64 },
    /// Somebody else's.
    Told(TimeSource),
}

impl Clock {
    pub(crate) fn new(speed: Speed) -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::Running { speed, start: Instant::now(), sandbox_start: millis(since_epoch) }
    }

    pub(crate) fn now(&self) -> WallTime {
        match self {
            Self::Running { speed, start, sandbox_start } => {
                let passed = speed.sandbox_millis(millis(start.elapsed()));
                WallTime::from_unix_millis(sandbox_start.saturating_add(passed))
            }
            Self::Told(source) => source(),
        }
    }

    /// Goes on from `seen`, if that is later: another server of the same state ran faster or for longer. Whoever brings
    /// a clock along answers for it.
    pub(crate) fn catch_up(&mut self, seen: u64) {
        let is_behind = seen > self.now().as_unix_millis();
        if let Self::Running { start, sandbox_start, .. } = self
            && is_behind
        {
            *start = Instant::now();
            *sandbox_start = seen;
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
