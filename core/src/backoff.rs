//! Waiting longer after each failure, a little differently each time.

use core::time::Duration;

use crate::machine::Context;
use crate::service::RetryPolicy;

/// The wait after the `failures`-th failure in a row (from 1), without jitter: doubled each time, capped.
pub fn backoff(policy: &RetryPolicy, failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(31);
    policy.first_wait.saturating_mul(1 << doublings).min(policy.longest_wait)
}

/// How long to wait before a request is tried again that was sent `tries` times: as the answer `asked`, else the longer
/// the more tries; `None`: that is too often, or too long.
pub(crate) fn before_next_try(cx: &mut Context<'_>, tries: u32, asked: Option<Duration>) -> Option<Duration> {
    let policy = cx.service.retry;
    let wait = asked.unwrap_or_else(|| cx.jittered(backoff(&policy, tries)));
    (tries < policy.tries && wait <= policy.patience).then_some(wait)
}

/// A small deterministic generator (SplitMix64), so that many clients that failed together do not return together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Jitter(u64);

impl Jitter {
    /// Seeded by the driver.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `wait`, ±25 %.
    pub fn spread(&mut self, wait: Duration) -> Duration {
        // 750 to 1250 thousandths.
        let thousandths = 750 + u32::try_from(self.next() % 501).unwrap_or_default();
        wait.saturating_mul(thousandths) / 1000
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
