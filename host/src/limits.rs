//! Limits of every HTTP client here.

use std::time::Duration;

/// No answer of these services is longer, in bytes; a longer one is refused.
pub const BODY_CAP: usize = 1024 * 1024;
/// How long an idle connection is kept: longer than every wait between two polls.
pub const IDLE_AGE: Duration = Duration::from_secs(90);
/// The longest sleep of a driver: a suspend or a jump of the clock is noticed within it.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);
