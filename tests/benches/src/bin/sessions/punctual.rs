//! A machine whose polls are watched: how late they leave.

use std::time::Duration;

use doorkey_core::event::Event;
use doorkey_core::machine::{Context, Logic, Step, WakeReason};
use doorkey_core::time::Timestamp;
use nix::time::{ClockId, clock_gettime};

use crate::lateness;

/// Any machine. Its requests leave in the same breath as it is woken for them.
pub(crate) struct Punctual<L>(pub(crate) L);

impl<L: Logic> Logic for Punctual<L> {
    type Output = L::Output;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<L::Output> {
        self.0.start(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<L::Output> {
        let due = match (event, self.0.deadline()) {
            (Event::Woke, Some((at, WakeReason::NextPoll))) => Some(at),
            _ => None,
        };
        let step = self.0.handle(cx, event);
        if let (Some(due), Step::Pending) = (due, &step) {
            // The driver's own clock, less coarse.
            let now = Duration::from(clock_gettime(ClockId::CLOCK_BOOTTIME).unwrap());
            lateness::record(now.saturating_sub(Duration::from_millis(due.as_millis())));
        }
        step
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<L::Output> {
        self.0.interrupted(cx)
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        self.0.deadline()
    }
}
