//! Rate limits: so many requests in any minute.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::config::Speed;
use crate::moment::{MINUTE, Moment, SECOND};

/// Polls of one address in a minute.
pub(crate) const POLLS: usize = 30;
/// Requests with one key in a minute.
pub(crate) const REQUESTS_OF_A_KEY: usize = 60;

/// When the requests of the last minute came. The minute is the client's: a sandbox that runs faster must not be
/// more lenient, nor answer with seconds that are not the client's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Window(VecDeque<Moment>);

impl Window {
    /// Counts one request, or refuses it and says how many whole seconds to wait.
    pub(crate) fn admit(&mut self, now: Moment, speed: Speed, most: usize) -> Result<(), u64> {
        self.forget_old(now, speed);
        match self.0.front() {
            Some(oldest) if self.0.len() >= most => {
                let left = MINUTE.saturating_sub(speed.real_millis(now.since(*oldest)));
                Err(left.div_ceil(SECOND).max(1))
            }
            _ => {
                self.0.push_back(now);
                Ok(())
            }
        }
    }

    /// How many came in the last minute.
    pub(crate) fn len(&mut self, now: Moment, speed: Speed) -> usize {
        self.forget_old(now, speed);
        self.0.len()
    }

    /// Counts one, allowed or not.
    pub(crate) fn count(&mut self, now: Moment) {
        self.0.push_back(now);
    }

    /// Drops what is older than a minute; says whether nothing is left.
    pub(crate) fn forget_old(&mut self, now: Moment, speed: Speed) -> bool {
        self.0.retain(|at| speed.real_millis(now.since(*at)) < MINUTE);
        self.0.is_empty()
    }
}
