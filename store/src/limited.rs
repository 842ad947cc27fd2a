//! A time limit on every call of a store (invariant 13).
//!
//! The calls run one after the other on a helper thread. A call that does not come back in time is given up, and
//! its thread with it: nothing can stop a thread that waits inside a C library or a kernel call. From then on the
//! store answers `TimedOut` at once, so that a broken keychain costs its limit once and not at every step.
//!
//! The step at which it hangs may still happen, but no further one begins. What arrives so late was noted
//! as unsettled by whoever asked for it, and is removed by a later process.

use std::fmt;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;

use crate::credential_store::{CredentialStore, Swap};
use crate::failure::failure;

type Job = Box<dyn FnOnce(&dyn CredentialStore) + Send>;

/// Any store, with a time limit on each call.
pub struct LimitedStore {
    inner: Arc<dyn CredentialStore>,
    limit: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The helper thread; none before the first call.
    helper: Option<Sender<Job>>,
    /// Set for good by the first call that took too long.
    stuck: bool,
}

impl LimitedStore {
    /// Puts a limit on each call of `inner`; [`unseal`](CredentialStore::unseal) gets it on top of its own wait.
    /// No thread is started before the first call.
    pub fn new(inner: Arc<dyn CredentialStore>, limit: Duration) -> Self {
        Self { inner, limit, state: Mutex::default() }
    }

    fn call<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&dyn CredentialStore) -> Result<T, StoreFailure> + Send + 'static,
    ) -> Result<T, StoreFailure> {
        if self.state().stuck {
            return Err(self.timed_out(limit));
        }
        // The result comes beside the channel: one of its own for each kind of result would be 4 kB of code each.
        let (result, (done, finished)) = (Arc::new(Mutex::new(None)), channel());
        let kept = Arc::clone(&result);
        // Whoever gave up does not come for it; the result is then dropped with the job, and a secret in it wiped.
        let job: Job = Box::new(move |store| {
            let result = work(store);
            *locked(&kept) = Some(result);
            let _ = done.send(());
        });
        let helper = self.helper()?;
        // A helper that has ended (a panic inside the store) drops the job, which the next line notices at once.
        drop(helper.send(job));
        let in_time = finished.recv_timeout(limit).ok();
        in_time.and_then(|()| locked(&result).take()).unwrap_or_else(|| {
            self.state().stuck = true;
            self.inner.give_up();
            Err(self.timed_out(limit))
        })
    }

    fn helper(&self) -> Result<Sender<Job>, StoreFailure> {
        let mut state = self.state();
        if let Some(helper) = &state.helper {
            return Ok(helper.clone());
        }
        let (helper, jobs) = channel::<Job>();
        let inner = Arc::clone(&self.inner);
        thread::Builder::new()
            .name("store".into())
            .spawn(move || jobs.into_iter().for_each(|job| job(&*inner)))
            .map_err(|cause| {
                let cause = harmless(&cause.to_string());
                let detail = format!("could not start a thread for the {}: {cause}", self.name());
                failure(StoreFailureKind::Refused, detail)
            })?;
        Ok(state.helper.insert(helper).clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    fn timed_out(&self, limit: Duration) -> StoreFailure {
        failure(
            StoreFailureKind::TimedOut,
            format!(
                "the {} did not answer within {} ms; restart it, then try again",
                self.name(),
                limit.as_millis()
            ),
        )
    }

    fn name(&self) -> &'static str {
        match self.inner.backend() {
            Backend::Keychain => "keychain",
            Backend::File => "credentials file",
            Backend::EncryptedFile => "encrypted credentials file",
        }
    }
}

impl CredentialStore for LimitedStore {
    fn backend(&self) -> Backend {
        self.inner.backend()
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.call(self.limit, |store| store.probe())
    }

    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure> {
        self.call(self.limit + wait, move |store| store.unseal(wait))
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        let slot = slot.clone();
        self.call(self.limit, move |store| store.load(&slot))
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        self.call(self.limit, |store| store.load_all())
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        let (slot, expected, record) = (slot.clone(), expected.cloned(), record.clone());
        self.call(self.limit, move |store| store.write(&slot, expected.as_ref(), &record))
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        let (slot, expected) = (slot.clone(), expected.clone());
        self.call(self.limit, move |store| store.delete(&slot, &expected))
    }
}

impl fmt::Debug for LimitedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitedStore").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// No panic can leave what is in it half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
