//! The two clocks of a driver.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorkey_core::time::{Now, Timestamp, WallTime};

/// Where a driver reads the time; tests hand in one that jumps.
pub trait Clock {
    /// Both readings, taken together.
    fn now(&self) -> Now;

    /// How long the system takes for a wait of `span` on this clock: less than `span` if it runs faster than the
    /// system's own.
    fn real(&self, span: Duration) -> Duration {
        span
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Now {
        (**self).now()
    }

    fn real(&self, span: Duration) -> Duration {
        (**self).real(span)
    }
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = WallTime::from_unix_millis(u64::try_from(wall.as_millis()).unwrap_or(u64::MAX));
        Now { mono: since_boot(), wall }
    }
}

/// The clock that a suspended machine does not stop.
#[cfg(target_os = "linux")]
fn since_boot() -> Timestamp {
    use nix::time::{ClockId, clock_gettime};
    // Every Linux since 2.6.39 has this clock; the epoch of a clock that failed would only end waits early.
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Never compiled by this project's tests. `Instant` counts through a suspend on macOS and Windows alike as far as
/// their documentation says.
#[cfg(not(target_os = "linux"))]
fn since_boot() -> Timestamp {
    use std::sync::OnceLock;
    use std::time::Instant;
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
    Timestamp::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}
