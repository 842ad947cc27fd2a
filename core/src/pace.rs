//! When the polls of a device grant leave, and when it is over.
//!
//! What holds about time, whatever the issuer, the network and the clocks do (invariants 1 to 3):
//!
//! - A poll leaves no earlier than the interval after the answer, or the failure, of the one before, on the monotonic
//!   clock; the first one waits as long after the device code. Backoff and `Retry-After` only lengthen a wait.
//!   `slow_down` raises the interval for good. An interval longer than the code lives still leaves the one poll just
//!   before the end: an interval is between polls (RFC 8628 §3.2), and without any poll nobody could log in.
//! - No poll leaves later than `expires_in` after the request for the code, and there is no giving up earlier than
//!   `expires_in` after its answer, both in real time, if the monotonic clock runs at 0.7 to 1.4 times that:
//!   `stopwatch.rs` says how, and what a set wall clock does. It takes up to ten seconds to learn how fast a clock is, so
//!   codes that live for less have only the monotonic one. What is in flight at the end is awaited for one request's
//!   limit.
//! - On a fast clock polls come too early for the issuer, which then says `slow_down`. Two in a row mean that its
//!   5 s more are too short by our clock: from there on the interval grows by a quarter, too, which overtakes any
//!   factor of the clock after a few.

use core::time::Duration;

use crate::backoff::backoff;
use crate::device_code::DeviceCode;
use crate::machine::Context;
use crate::poll_time::next_poll;
use crate::stopwatch::Stopwatch;
use crate::time::{Now, Timestamp};

/// By how much `slow_down` raises the interval (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The last poll is placed so long before the end.
const LAST_POLL_BEFORE_END: Duration = Duration::from_millis(500);

/// The times of one device code.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pace {
    /// Started with the answer that brought the code.
    watch: Stopwatch,
    lifetime: Duration,
    /// How long that answer took: the issuer's clock may have started so much earlier.
    lag: Duration,
    /// Never shrinks.
    interval: Duration,
    /// `slow_down` in a row; what is no answer of the issuer's does not interrupt it.
    slow_downs: u32,
    /// Transient troubles in a row.
    troubles: u32,
    /// No poll has left: the interval, which is between polls, may be cut short by the end.
    first: bool,
}

impl Pace {
    /// Of a code that has just come, `lag` after it was asked for.
    pub(crate) fn start(now: Now, code: &DeviceCode, lag: Duration) -> Self {
        Self {
            watch: Stopwatch::start(now),
            lifetime: code.lifetime,
            lag,
            interval: code.interval,
            slow_downs: 0,
            troubles: 0,
            first: true,
        }
    }

    /// From one poll's answer to the next poll.
    pub(crate) fn interval(&self) -> Duration {
        self.interval
    }

    /// There is no giving up before this.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.watch.when(self.lifetime)
    }

    /// No poll leaves from here on.
    pub(crate) fn closes_at(&self) -> Timestamp {
        self.expires_at().before(self.lag)
    }

    /// From here on a code that the issuer does not know any more has run out: issuers forget codes at their end, and may
    /// see that a little earlier than we do. Nobody's denial is hidden by that: it is `access_denied`.
    pub(crate) fn fades_at(&self) -> Timestamp {
        self.closes_at().before(self.interval)
    }

    /// When the next poll leaves, which may not be before `earliest`; `None`: none does any more.
    pub(crate) fn next_poll(&self, earliest: Timestamp) -> Option<Timestamp> {
        let closes_at = self.closes_at();
        let last = closes_at.before(LAST_POLL_BEFORE_END).max(self.watch.when(Duration::ZERO));
        let earliest = if self.first { earliest.min(last) } else { earliest };
        next_poll(earliest, self.interval, closes_at, LAST_POLL_BEFORE_END)
    }

    /// Before what time no poll may leave after this one's answer, or the code's; `wait` is what else asks for a pause.
    pub(crate) fn earliest(&self, now: Now, wait: Option<Duration>) -> Timestamp {
        now.mono + self.interval.max(wait.unwrap_or_default())
    }

    /// When to [look](Self::look) at the clocks at the latest, if at all.
    pub(crate) fn look_at(&self) -> Option<Timestamp> {
        self.watch.look_at()
    }

    /// Looks at the clocks: all times are by what is known of them.
    pub(crate) fn look(&mut self, now: Now) {
        self.watch.look(now);
    }

    /// It is a poll's turn: what comes after it is not the first one any more.
    pub(crate) fn take_turn(&mut self) {
        self.first = false;
    }

    /// The issuer said `authorization_pending`: whatever came in a row has ended.
    pub(crate) fn authorization_pending(&mut self) {
        (self.slow_downs, self.troubles) = (0, 0);
    }

    /// The issuer said `slow_down`, and may have named the interval.
    pub(crate) fn slow_down(&mut self, asked: Option<Duration>) {
        self.troubles = 0;
        let raised = self.interval.saturating_add(SLOW_DOWN).max(asked.unwrap_or_default());
        self.interval = if self.slow_downs == 0 { raised } else { quarter_more(raised) };
        self.slow_downs = self.slow_downs.saturating_add(1);
    }

    /// There was no definite answer: how long to pause, as it was `asked`, else the longer the more often in a row.
    pub(crate) fn back_off(&mut self, cx: &mut Context<'_>, asked: Option<Duration>) -> Duration {
        self.troubles = self.troubles.saturating_add(1);
        asked.unwrap_or_else(|| cx.jittered(backoff(&cx.service.retry, self.troubles)))
    }
}

/// A quarter more, rounded up to the millisecond.
fn quarter_more(duration: Duration) -> Duration {
    let millis = duration.as_millis().saturating_mul(5).div_ceil(4);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
