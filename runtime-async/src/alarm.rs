//! Waking sessions at their times, by a clock that may be suspended or jump.
//!
//! One task sleeps for all of them, at most a second at a time: the system's timers stop while the machine is suspended,
//! and know nothing of the wall clock.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_io::Timer;
use doorkey_core::time::{Now, Timestamp};
use doorkey_host::Clock;
use doorkey_host::limits::LONGEST_SLEEP;

use crate::executor::executor;

const SHORTEST_SLEEP: Duration = Duration::from_micros(100);

/// The clock of a driver, and everybody who waits for a time on it.
pub(crate) struct Alarm {
    clock: Box<dyn Clock + Send + Sync>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sleepers: BTreeMap<Key, Waker>,
    last_id: u64,
    /// Whether the task runs; it ends when nobody sleeps any more.
    kept: bool,
    /// The task, while it sleeps.
    keeper: Option<Waker>,
}

type Key = (Timestamp, u64);

/// A task that panics, for its clock's sake, is begun anew by the next who sleeps.
struct Kept<'a>(&'a Alarm);

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().kept = false;
        }
    }
}

/// One who sleeps; wakes nobody after it is dropped.
pub(crate) struct Sleeper {
    alarm: Arc<Alarm>,
    key: Option<Key>,
}

impl Alarm {
    pub(crate) fn new(clock: Box<dyn Clock + Send + Sync>) -> Arc<Self> {
        Arc::new(Self { clock, state: Mutex::default() })
    }

    pub(crate) fn now(&self) -> Now {
        self.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No panic can leave it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes everybody whose time has come; how long then to sleep, `None` if nobody is left.
    fn ring(&self) -> Option<Duration> {
        let now = self.now().mono;
        let mut state = self.state();
        while let Some(first) = state.sleepers.first_entry().filter(|first| first.key().0 <= now) {
            first.remove().wake();
        }
        let next = state.sleepers.first_key_value().map(|((at, _), _)| *at);
        state.kept = next.is_some();
        drop(state);
        // Others run on this thread, too, whatever a clock says.
        Some(self.clock.real(next?.since(now)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP))
    }

    async fn keep(self: Arc<Self>) {
        let _kept = Kept(&self);
        while let Some(sleep) = self.ring() {
            let mut timer = pin!(Timer::after(sleep));
            let mut slept = false;
            poll_fn(|cx| {
                // Woken by the timer, or by somebody who sleeps less long than everybody before.
                if slept && self.state().keeper.is_none() {
                    return Poll::Ready(());
                }
                slept = true;
                self.state().keeper = Some(cx.waker().clone());
                timer.as_mut().poll(cx).map(drop)
            })
            .await;
        }
    }
}

impl Sleeper {
    pub(crate) fn new(alarm: Arc<Alarm>) -> Self {
        Self { alarm, key: None }
    }

    /// Ready once it is `at`; until then the task of `cx` is woken then at the latest.
    pub(crate) fn poll_until(&mut self, at: Timestamp, cx: &Context<'_>) -> Poll<()> {
        if self.alarm.now().mono >= at {
            self.rest();
            return Poll::Ready(());
        }
        let mut state = self.alarm.state();
        let known = self.key.filter(|key| key.0 == at).and_then(|key| state.sleepers.get_mut(&key));
        if let Some(waker) = known {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        if let Some(key) = self.key.take() {
            state.sleepers.remove(&key);
        }
        state.last_id += 1;
        let key = (at, state.last_id);
        state.sleepers.insert(key, cx.waker().clone());
        self.key = Some(key);
        let is_first = state.sleepers.first_key_value().is_some_and(|(first, _)| *first == key);
        let keeper = state.keeper.take_if(|_| is_first);
        let starts = !std::mem::replace(&mut state.kept, true);
        drop(state);
        if let Some(keeper) = keeper {
            keeper.wake();
        }
        if starts {
            // Whoever sleeps runs on that thread, so there is one.
            if let Ok(executor) = executor() {
                executor.spawn(Arc::clone(&self.alarm).keep()).detach();
            }
        }
        Poll::Pending
    }

    /// Sleeps no longer.
    pub(crate) fn rest(&mut self) {
        if let Some(key) = self.key.take() {
            self.alarm.state().sleepers.remove(&key);
        }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.rest();
    }
}
