//! A clock that is ahead.

use std::time::Duration;

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::time::{Now, WallTime};

/// The system's clocks, so much later.
#[derive(Clone, Copy, Debug)]
pub struct LaterClock(pub Duration);

impl Clock for LaterClock {
    fn now(&self) -> Now {
        let now = SystemClock.now();
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let wall = WallTime::from_unix_millis(now.wall.as_unix_millis().saturating_add(millis));
        Now { mono: now.mono + self.0, wall }
    }
}
