//! Credentials in memory: for programs that keep theirs no longer than they run, and for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::store::StoreFailure;

use crate::credential_store::{CredentialStore, Swap};

/// Credentials that end with the process. Clones share them. [`Slot::Active`] is a copy, as in a keychain.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    backend: Backend,
    records: Arc<Mutex<BTreeMap<Slot, Record>>>,
}

impl MemoryStore {
    /// An empty store that stands in for this kind of place.
    pub fn new(backend: Backend) -> Self {
        Self { backend, records: Arc::default() }
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<Slot, Record>) -> T) -> T {
        // Every change is one call on the map, so that a panicking thread cannot have left it half done.
        work(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CredentialStore for MemoryStore {
    fn backend(&self) -> Backend {
        self.backend
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        Ok(self.with(|records| records.get(slot).cloned()))
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        Ok(self.with(|records| records.iter().map(|(slot, record)| (slot.clone(), record.clone())).collect()))
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        Ok(self.with(|records| {
            if records.get(slot).map(Record::version).as_ref() != expected {
                return Swap::Conflict;
            }
            records.insert(slot.clone(), record.clone());
            Swap::Done
        }))
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        Ok(self.with(|records| {
            if records.get(slot).is_some_and(|held| held.version() != *expected) {
                return Swap::Conflict;
            }
            records.remove(slot);
            Swap::Done
        }))
    }
}
