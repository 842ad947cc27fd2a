//! How long clients waited for a token while what was stored was not good enough.

use std::fmt;
use std::time::Duration;

use crate::storm::line::{Line, Told};

/// Every such wait of a storm.
#[derive(Clone, Debug, Default)]
pub struct Waits(Vec<Duration>);

impl Waits {
    /// Those that these lines tell of.
    pub fn of(lines: &[Line]) -> Self {
        let waits = lines.iter().filter_map(|line| match line.told {
            Told::Token { needed: true, wait_micros, .. } => Some(Duration::from_micros(wait_micros)),
            _ => None,
        });
        let mut waits: Vec<_> = waits.collect();
        waits.sort_unstable();
        Self(waits)
    }

    /// The wait that so many of a hundred do not exceed.
    pub fn percentile(&self, percent: usize) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get(last * percent / 100).copied().unwrap_or_default()
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p99] = [50, 99].map(|percent| self.percentile(percent).as_secs_f64() * 1000.0);
        write!(f, "{} waits, p50 {p50:.1} ms, p99 {p99:.1} ms", self.0.len())
    }
}
