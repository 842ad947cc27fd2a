//! What every store must do, as a kit that any implementation can be put through.
//!
//! ```
//! use doorkey_core::record::Backend;
//! use doorkey_store::{MemoryStore, conformance::Kit};
//!
//! let store = MemoryStore::new(Backend::File);
//! Kit::new(|| Box::new(store.clone())).check()?;
//! # Ok::<(), doorkey_store::conformance::Violation>(())
//! ```

mod session;
mod slots;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use doorkey_core::record::{Record, Slot};
use doorkey_core::store::StoreFailure;

use crate::credential_store::{CredentialStore, Swap};
use crate::lock::Lock;

const WRITERS: usize = 4;
const ROUNDS: u64 = 5;
const LOCK_WAIT: Duration = Duration::from_secs(30);

/// The kit, over a way to open the same place again and again.
pub struct Kit<F> {
    open: F,
    lock: Option<PathBuf>,
}

impl<F> fmt::Debug for Kit<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kit").field("lock", &self.lock).finish_non_exhaustive()
    }
}

/// A rule that a store breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    rule: &'static str,
    detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

impl std::error::Error for Violation {}

type Checked = Result<(), Violation>;
type Rule = fn(&dyn CredentialStore) -> Result<(), String>;

impl<F: Fn() -> Box<dyn CredentialStore> + Sync> Kit<F> {
    /// A kit for the place that `open` opens a fresh handle to at each call. Everything in it is deleted.
    pub fn new(open: F) -> Self {
        Self { open, lock: None }
    }

    /// Makes concurrent writers hold this lock: for keychains, where compare-and-swap is safe only under it.
    #[must_use]
    pub fn under_lock(self, path: PathBuf) -> Self {
        Self { lock: Some(path), ..self }
    }

    /// Puts a store of API tokens, one for each workspace, through every rule, and leaves it empty.
    ///
    /// # Errors
    /// The first rule that is broken, and how.
    pub fn check(&self) -> Checked {
        self.keeps(&slots::RULES)?;
        let contended = Contended { slot: slots::workspace("contended"), record: slots::contended };
        self.has_one_winner(&contended)
    }

    /// Puts a store of one session, in [`Slot::Active`], through every rule, and leaves it empty.
    ///
    /// # Errors
    /// The first rule that is broken, and how.
    pub fn check_session(&self) -> Checked {
        self.keeps(&session::RULES)?;
        self.has_one_winner(&Contended { slot: Slot::Active, record: session::contended })
    }

    /// Puts a store that shares its session with other programs through every rule about them, and leaves it empty.
    /// `others` does what those do: puts a bare refresh token where all look for it, or takes away what is there.
    ///
    /// # Errors
    /// The first rule that is broken, and how.
    pub fn check_beside_others(&self, others: impl Fn(Option<&str>)) -> Checked {
        for (rule, keeps) in session::RULES_BESIDE_OTHERS {
            self.cleared(rule)?;
            keeps(&*(self.open)(), &others).map_err(|detail| Violation { rule, detail })?;
        }
        self.cleared("everything can be deleted")
    }

    fn keeps(&self, rules: &[(&'static str, Rule)]) -> Checked {
        for (rule, keeps) in rules {
            self.cleared(rule)?;
            keeps(&*(self.open)()).map_err(|detail| Violation { rule, detail })?;
        }
        Ok(())
    }

    fn has_one_winner(&self, contended: &Contended) -> Checked {
        let rule = "of several writers that expect the same, exactly one wins";
        self.cleared(rule)?;
        self.one_winner(contended).map_err(|detail| Violation { rule, detail })?;
        self.cleared("everything can be deleted")
    }

    fn cleared(&self, rule: &'static str) -> Checked {
        clear(&*(self.open)())
            .map_err(|detail| Violation { rule, detail: format!("while clearing: {detail}") })
    }

    fn one_winner(&self, Contended { slot, record }: &Contended) -> Result<(), String> {
        done("first write", (self.open)().write(slot, None, &record(1, 0)))?;
        for counter in 2..2 + ROUNDS {
            let before = record(counter - 1, 0).version();
            let wins = AtomicUsize::new(0);
            let write = |writer: usize| {
                let store = (self.open)();
                let locks = self.lock.iter().cloned().collect::<Vec<_>>();
                let _lock = Lock::acquire(&locks, LOCK_WAIT).map_err(told("lock"))?;
                let mine = record(counter, writer);
                match store.write(slot, Some(&before), &mine).map_err(told("contended write"))? {
                    Swap::Done => wins.fetch_add(1, Ordering::Relaxed),
                    Swap::Conflict => 0,
                };
                Ok::<(), String>(())
            };
            thread::scope(|scope| {
                let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer))).collect();
                writers.into_iter().try_for_each(|writer| {
                    writer.join().unwrap_or_else(|_| Err("a writer panicked".to_owned()))
                })
            })?;
            let wins = wins.into_inner();
            ensure(wins == 1, || format!("{wins} of {WRITERS} writers won round {counter}"))?;
        }
        Ok(())
    }
}

/// What several writers fight for. Each one's record is its own, though the version is the same.
struct Contended {
    slot: Slot,
    record: fn(counter: u64, writer: usize) -> Record,
}

fn clear(store: &dyn CredentialStore) -> Result<(), String> {
    for (slot, record) in store.load_all().map_err(told("load_all"))? {
        done("delete", store.delete(&slot, &record.version()))?;
    }
    let left = store.load_all().map_err(told("load_all"))?.len();
    ensure(left == 0, || format!("{left} records are left"))
}

fn expect_load(store: &dyn CredentialStore, slot: &Slot, expected: Option<&Record>) -> Result<(), String> {
    let found = store.load(slot).map_err(told("load"))?;
    // Both are shown without their secrets.
    ensure(found.as_ref() == expected, || format!("{slot:?} holds {found:?}, not {expected:?}"))
}

fn done(what: &str, swap: Result<Swap, StoreFailure>) -> Result<(), String> {
    let swap = swap.map_err(told(what))?;
    ensure(swap == Swap::Done, || format!("{what} ended in a conflict"))
}

fn conflict(what: &str, swap: Result<Swap, StoreFailure>) -> Result<(), String> {
    let swap = swap.map_err(told(what))?;
    ensure(swap == Swap::Conflict, || format!("{what} was done"))
}

fn told(what: &str) -> impl FnOnce(StoreFailure) -> String {
    move |failure| format!("{what} failed ({}): {failure}", failure.kind.as_str())
}

fn ensure(holds: bool, detail: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(detail()) }
}
