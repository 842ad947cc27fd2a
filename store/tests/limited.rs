//! The time limit, over a store that can be made slow.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_store::{CredentialStore, LimitedStore, MemoryStore, Swap};

const LIMIT: Duration = Duration::from_secs(1);
/// Far longer than anything takes, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Every call waits for a word from the test.
struct SlowStore {
    inner: MemoryStore,
    go: Mutex<Receiver<()>>,
    given_up: Arc<AtomicBool>,
}

impl SlowStore {
    fn wait(&self) -> &MemoryStore {
        self.go.lock().unwrap().recv().unwrap();
        &self.inner
    }
}

impl CredentialStore for SlowStore {
    fn backend(&self) -> Backend {
        self.inner.backend()
    }
    fn probe(&self) -> Result<(), StoreFailure> {
        self.wait().probe()
    }
    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure> {
        self.wait().unseal(wait)
    }
    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        self.wait().load(slot)
    }
    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        self.wait().load_all()
    }
    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        self.wait().write(slot, expected, record)
    }
    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        self.wait().delete(slot, expected)
    }
    fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }
}

fn slow() -> (LimitedStore, Sender<()>, Arc<AtomicBool>) {
    slow_one(Backend::Keychain)
}

fn slow_one(backend: Backend) -> (LimitedStore, Sender<()>, Arc<AtomicBool>) {
    let (go, wait) = channel();
    let given_up = Arc::new(AtomicBool::new(false));
    let inner = MemoryStore::new(backend);
    let slow = SlowStore { inner, go: Mutex::new(wait), given_up: Arc::clone(&given_up) };
    (LimitedStore::new(Arc::new(slow), LIMIT), go, given_up)
}

fn bare(token: &str) -> Record {
    Record::bare(Secret::from(token))
}

fn kind<T: std::fmt::Debug>(result: Result<T, StoreFailure>) -> StoreFailureKind {
    result.unwrap_err().kind
}

fn timed<T>(call: impl FnOnce() -> T) -> (T, Duration) {
    let started = Instant::now();
    (call(), started.elapsed())
}

#[test]
fn a_slow_call_is_given_up_and_the_next_ones_fail_at_once() {
    let in_time = |(store, go, given_up): &(LimitedStore, Sender<()>, Arc<AtomicBool>)| {
        go.send(()).unwrap();
        store.load(&Slot::Active) == Ok(None) && !given_up.load(Ordering::Relaxed)
    };
    // The machine may be slow, but not each time.
    let (store, go, given_up) = (0..9).map(|_| slow()).find(in_time).unwrap();

    let (result, took) = timed(|| kind(store.load(&Slot::Active)));
    assert_eq!(result, StoreFailureKind::TimedOut);
    assert!(took >= LIMIT, "{took:?}");
    assert!(given_up.load(Ordering::Relaxed), "the store is told");

    // Even if it would answer now: what was slow once is not trusted again in this process.
    (0..99).for_each(|_| go.send(()).unwrap());
    let version = bare("pt_live_x").version();
    let is_quick = |_| {
        let (results, took) = timed(|| {
            [
                kind(store.probe()),
                kind(store.unseal(LIMIT)),
                kind(store.load(&Slot::Active)),
                kind(store.load_all()),
                kind(store.write(&Slot::Active, None, &bare("pt_live_x"))),
                kind(store.delete(&Slot::Active, &version)),
            ]
        });
        assert_eq!(results, [StoreFailureKind::TimedOut; 6]);
        took < LIMIT
    };
    assert!((0..9).any(is_quick));
}

#[test]
fn a_person_gets_their_time_on_top() {
    let (store, go, _) = slow();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(LIMIT * 2);
            go.send(()).unwrap();
        });
        assert_eq!(store.unseal(PATIENCE), Ok(()));
    });
}

#[test]
fn a_store_that_panics_is_a_store_that_does_not_answer() {
    let (store, go, _) = slow();
    drop(go);
    assert_eq!(kind(store.load(&Slot::Active)), StoreFailureKind::TimedOut);
}

#[test]
fn which_store_did_not_answer_is_told() {
    for (backend, name) in [
        (Backend::Keychain, "keychain"),
        (Backend::File, "credentials file"),
        (Backend::EncryptedFile, "encrypted credentials file"),
    ] {
        let (store, go, _) = slow_one(backend);
        drop(go);
        let said = format!("the {name} did not answer within 1000 ms; restart it, then try again");
        assert_eq!(store.probe().unwrap_err().detail, said);
        assert_eq!(format!("{store:?}"), "LimitedStore { limit: 1s, .. }");
    }
}
