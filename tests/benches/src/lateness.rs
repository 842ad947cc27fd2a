//! How late polls are, counted without memory for each of them. A part of every client that is measured.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const STEP: Duration = Duration::from_micros(100);
/// Up to a second; what is later counts as that.
static STEPS: [AtomicU32; 10_000] = [const { AtomicU32::new(0) }; 10_000];

/// Begins anew.
pub(crate) fn forget() {
    STEPS.iter().for_each(|step| step.store(0, Ordering::Relaxed));
}

/// A poll was so late.
pub(crate) fn record(late: Duration) {
    let step = usize::try_from(late.as_micros() / STEP.as_micros()).unwrap_or(usize::MAX);
    STEPS[step.min(STEPS.len() - 1)].fetch_add(1, Ordering::Relaxed);
}

/// How many polls there were, and the microseconds that half of them, and all but one in a hundred, did not exceed.
pub(crate) fn told() -> String {
    let counts: Vec<u64> = STEPS.iter().map(|step| step.load(Ordering::Relaxed).into()).collect();
    let polls: u64 = counts.iter().sum();
    let quantile = |percent: u64| {
        let mut seen = 0;
        let step = counts.iter().position(|count| {
            seen += count;
            seen * 100 >= polls * percent
        });
        (step.unwrap_or_default() as u128 + 1) * STEP.as_micros()
    };
    format!("{polls} {} {}", quantile(50), quantile(99))
}
