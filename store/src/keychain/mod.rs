//! Credentials in the operating system's keychain, by way of `keyring-core`.
//!
//! On Linux and its kin the store behind it is our own, on the Secret Service; on macOS and Windows it is the
//! ready-made one for the system, in modules that are thin because they are never compiled here.

use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
#[cfg(all(unix, not(target_os = "macos")))]
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use crate::credential_store::{CredentialStore, Swap, spare_the_others};
use crate::failure::failure;

#[cfg(target_os = "macos")]
mod apple;
#[cfg(all(unix, not(target_os = "macos")))]
mod secret_service;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "macos")]
use apple as platform;
#[cfg(all(unix, not(target_os = "macos")))]
use secret_service as platform;
#[cfg(windows)]
use windows as platform;

/// The operating system's keychain. [`Slot::Active`] is a copy of its own, under the account alone; a workspace's
/// record lies under `<account>:<slug>`.
///
/// A keychain cannot compare and swap: here that is read, compare, write, read back, and safe only under the
/// [`Lock`](crate::Lock) of the credential. Nor has it time limits: wrap it in a
/// [`LimitedStore`](crate::LimitedStore).
pub struct KeychainStore {
    service: String,
    account: String,
    platform: platform::Keychain,
}

impl KeychainStore {
    /// The keychain's entries of this service. It is opened by the first operation, and stays open.
    pub fn new(service: String, account: String) -> Self {
        Self { service, account, platform: platform::Keychain::new() }
    }

    fn entry(&self, slot: &Slot) -> Result<Entry, StoreFailure> {
        let account = match slot {
            Slot::Active => self.account.clone(),
            Slot::Workspace(slug) => format!("{}:{slug}", self.account),
        };
        self.platform.build(&self.service, &account, None).map_err(told)
    }

    fn slot(&self, entry: &Entry) -> Option<Slot> {
        let (service, account) = entry.get_specifiers()?;
        if service != self.service {
            return None;
        }
        match account.strip_prefix(&self.account)? {
            "" => Some(Slot::Active),
            rest => rest.strip_prefix(':').map(|slug| Slot::Workspace(slug.to_owned())),
        }
    }

    fn read(&self, entry: &Entry) -> Result<Option<Record>, StoreFailure> {
        let bytes = match entry.get_secret() {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(Error::NoEntry) => return Ok(None),
            Err(error) => return Err(told(error)),
        };
        let text = str::from_utf8(&bytes).map_err(|_| self.unreadable(entry, UnreadableRecord::Malformed))?;
        Record::decode(&Secret::from(text)).map(Some).map_err(|why| self.unreadable(entry, why))
    }

    fn unreadable(&self, entry: &Entry, why: UnreadableRecord) -> StoreFailure {
        let (service, account) = entry.get_specifiers().unwrap_or_default();
        let (service, account) = (harmless(&service), harmless(&account));
        let next = match why {
            UnreadableRecord::NewerForm(_) => "use that version",
            _ => "remove it with the system's keychain program and sign in again",
        };
        failure(
            StoreFailureKind::Unreadable,
            format!("in the keychain, service {service}, account {account}: {why}; {next}"),
        )
    }
}

impl CredentialStore for KeychainStore {
    fn backend(&self) -> Backend {
        Backend::Keychain
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.platform.probe()
    }

    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure> {
        self.platform.unseal(wait)
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        self.read(&self.entry(slot)?)
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        let mut found = Vec::new();
        for entry in self.platform.search(&platform::spec(&self.service)).map_err(told)? {
            let Some(slot) = self.slot(&entry) else { continue };
            match self.read(&entry) {
                // An entry that vanished in between is no entry.
                Ok(record) => found.extend(record.map(|record| (slot, record))),
                Err(failure) => spare_the_others(&slot, failure)?,
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        // An account that lies there twice was read by its one name both times.
        found.dedup_by(|(a, _), (b, _)| a == b);
        Ok(found)
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        let entry = self.entry(slot)?;
        if self.read(&entry)?.as_ref().map(Record::version).as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        entry.set_secret(record.encode().expose_secret().as_bytes()).map_err(told)?;
        match self.read(&entry)? {
            Some(now) if now.version() == record.version() && now.token == record.token => Ok(Swap::Done),
            Some(_) => Ok(Swap::Conflict),
            None => Err(failure(
                StoreFailureKind::Refused,
                "the keychain took the credential but does not have it; look at the system's keychain program",
            )),
        }
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        let entry = self.entry(slot)?;
        match self.read(&entry)? {
            None => return Ok(Swap::Done),
            Some(held) if held.version() != *expected => return Ok(Swap::Conflict),
            Some(_) => {}
        }
        match entry.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(Swap::Done),
            Err(error) => Err(told(error)),
        }
    }
}

/// What a store of `keyring-core` says, as one of our kinds. Our own store says so itself.
fn told(error: Error) -> StoreFailure {
    let (kind, words) = match error {
        Error::PlatformFailure(cause) => match cause.downcast::<StoreFailure>() {
            Ok(failure) => return *failure,
            Err(cause) => (StoreFailureKind::Refused, cause.to_string()),
        },
        Error::NoStorageAccess(cause) => match cause.downcast::<StoreFailure>() {
            Ok(failure) => return *failure,
            Err(cause) => (StoreFailureKind::Locked, cause.to_string()),
        },
        Error::BadEncoding(_) | Error::BadDataFormat(..) | Error::BadStoreFormat(_) => {
            (StoreFailureKind::Unreadable, "its content is damaged".to_owned())
        }
        other => (StoreFailureKind::Refused, other.to_string()),
    };
    let next = "look at the system's keychain program";
    failure(kind, format!("the keychain failed: {}; {next}", harmless(&words)))
}
