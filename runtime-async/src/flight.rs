//! One search for a token that several wait for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use doorkey_core::machine::Outcome;
use doorkey_core::resolve::Resolved;
use doorkey_core::verdict::Refusal;
use event_listener::Event;

use crate::post::Interrupter;

/// What was found; `None`: nothing newer than what was refused.
pub(crate) type Found = Outcome<Option<Arc<Resolved>>>;

pub(crate) struct Flight {
    pub(crate) refusal: Option<Refusal>,
    interrupter: Interrupter,
    landed: Event,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    passengers: usize,
    found: Option<Found>,
}

impl Flight {
    pub(crate) fn new(refusal: Option<Refusal>, interrupter: Interrupter) -> Self {
        Self { refusal, interrupter, landed: Event::new(), state: Mutex::default() }
    }

    /// One more waits.
    pub(crate) fn board(&self) {
        self.state().passengers += 1;
    }

    /// What was found, when it is.
    pub(crate) async fn arrival(&self) -> Found {
        loop {
            let landed = self.landed.listen();
            if let Some(found) = &self.state().found {
                return found.clone();
            }
            landed.await;
        }
    }

    /// Everybody gets what was found first.
    pub(crate) fn land(&self, found: Found) {
        self.state().found.get_or_insert(found);
        self.landed.notify(usize::MAX);
    }

    /// One waits no longer. With the last one the search is given up, and `true`.
    pub(crate) fn left(&self) -> bool {
        let mut state = self.state();
        state.passengers -= 1;
        let given_up = state.passengers == 0 && state.found.is_none();
        if given_up {
            self.interrupter.interrupt();
        }
        given_up
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
