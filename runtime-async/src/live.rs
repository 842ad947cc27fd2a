//! What is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use event_listener::Event;

/// Counts sessions, and searches that several wait for.
#[derive(Default)]
pub(crate) struct Live {
    under_way: AtomicUsize,
    none_left: Event,
}

/// One of them, until this is dropped, after all that it had.
pub(crate) struct Alive(Arc<Live>);

impl Alive {
    pub(crate) fn new(live: &Arc<Live>) -> Self {
        live.under_way.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(live))
    }
}

impl Live {
    pub(crate) async fn none_left(&self) {
        loop {
            let none_left = self.none_left.listen();
            if self.under_way.load(Ordering::Acquire) == 0 {
                return;
            }
            none_left.await;
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify(usize::MAX);
        }
    }
}
