//! One item for each credential.

use std::fmt;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;

use super::items::{Items as _, ServiceItems};
use super::{lost, unreadable};
use crate::credential_store::{CredentialStore, Swap, spare_the_others};

/// The operating system's keychain. [`Slot::Active`] is a copy of its own, under the account alone; a workspace's
/// record lies under `<account>:<slug>`.
///
/// A keychain cannot compare and swap: here that is read, compare, write, read back, and safe only under the
/// [`Lock`](crate::Lock) of the credential. Nor has it time limits: wrap it in a
/// [`LimitedStore`](crate::LimitedStore).
pub struct KeychainStore {
    account: String,
    items: ServiceItems,
}

impl KeychainStore {
    /// The keychain's entries of this service. It is opened by the first operation, and stays open.
    pub fn new(service: String, account: String) -> Self {
        Self { account, items: ServiceItems::new(service) }
    }

    fn account(&self, slot: &Slot) -> String {
        match slot {
            Slot::Active => self.account.clone(),
            Slot::Workspace(slug) => format!("{}:{slug}", self.account),
        }
    }

    fn slot(&self, account: &str) -> Option<Slot> {
        match account.strip_prefix(&self.account)? {
            "" => Some(Slot::Active),
            rest => rest.strip_prefix(':').map(|slug| Slot::Workspace(slug.to_owned())),
        }
    }
}

impl CredentialStore for KeychainStore {
    fn backend(&self) -> Backend {
        Backend::Keychain
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.items.probe()
    }

    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure> {
        self.items.unseal(wait)
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        let account = self.account(slot);
        let Some(bytes) = self.items.read(&account)? else { return Ok(None) };
        let told = |why| unreadable(self.items.service(), &account, why);
        let text = str::from_utf8(&bytes).map_err(|_| told(UnreadableRecord::Malformed))?;
        Record::decode(&Secret::from(text)).map(Some).map_err(told)
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        let mut found: Vec<(Slot, Record)> = Vec::new();
        for slot in self.items.accounts()?.iter().filter_map(|account| self.slot(account)) {
            match self.load(&slot) {
                // An entry that vanished in between is no entry.
                Ok(None) => {}
                Ok(Some(record)) => {
                    let at = found.partition_point(|(earlier, _)| *earlier < slot);
                    found.insert(at, (slot, record));
                }
                Err(failure) => spare_the_others(&slot, failure)?,
            }
        }
        Ok(found)
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        if self.load(slot)?.as_ref().map(Record::version).as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        self.items.write(&self.account(slot), &record.encode())?;
        match self.load(slot)? {
            Some(now) if now.version() == record.version() && now.token == record.token => Ok(Swap::Done),
            Some(_) => Ok(Swap::Conflict),
            None => Err(lost()),
        }
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        match self.load(slot)? {
            None => return Ok(Swap::Done),
            Some(held) if held.version() != *expected => return Ok(Swap::Conflict),
            Some(_) => {}
        }
        self.items.remove(&self.account(slot)).map(|()| Swap::Done)
    }
}

impl fmt::Debug for KeychainStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeychainStore").field("account", &self.account).finish_non_exhaustive()
    }
}
