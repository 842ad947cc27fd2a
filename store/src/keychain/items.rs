//! The items of one service in the operating system's keychain, by account.

use std::collections::BTreeSet;
use std::time::Duration;

use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;
#[cfg(all(unix, not(target_os = "macos")))]
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Error};
use zeroize::Zeroizing;

use super::{platform, told};

/// Items by account. Nothing here shows a prompt but [`unseal`](Self::unseal).
pub(super) trait Items: Send + Sync {
    /// Whether a new item would find a place.
    fn probe(&self) -> Result<(), StoreFailure>;

    /// Lets the system ask the person to unlock the place.
    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure>;

    /// The accounts that there are items of.
    fn accounts(&self) -> Result<BTreeSet<String>, StoreFailure>;

    /// What an item holds; `None` if there is none.
    fn read(&self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure>;

    /// Makes an item, or replaces what it holds.
    fn write(&self, account: &str, value: &Secret) -> Result<(), StoreFailure>;

    /// Removes an item, if there is one.
    fn remove(&self, account: &str) -> Result<(), StoreFailure>;
}

/// The items of a service. The keychain is opened by the first operation, and stays open.
pub(super) struct ServiceItems {
    service: String,
    platform: platform::Keychain,
}

impl ServiceItems {
    pub(super) fn new(service: String) -> Self {
        Self { service, platform: platform::Keychain::new() }
    }

    pub(super) fn service(&self) -> &str {
        &self.service
    }

    fn entry(&self, account: &str) -> Result<Entry, StoreFailure> {
        self.platform.build(&self.service, account, None).map_err(told)
    }
}

impl Items for ServiceItems {
    fn probe(&self) -> Result<(), StoreFailure> {
        self.platform.probe()
    }

    fn unseal(&self, wait: Duration) -> Result<(), StoreFailure> {
        self.platform.unseal(wait)
    }

    fn accounts(&self) -> Result<BTreeSet<String>, StoreFailure> {
        let found = self.platform.search(&platform::spec(&self.service)).map_err(told)?;
        let names = found.iter().filter_map(Entry::get_specifiers);
        // Collecting would sort first, by code of its own.
        let mut accounts = BTreeSet::new();
        accounts.extend(names.filter(|(service, _)| *service == self.service).map(|(_, account)| account));
        Ok(accounts)
    }

    fn read(&self, account: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        match self.entry(account)?.get_secret() {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(told(error)),
        }
    }

    fn write(&self, account: &str, value: &Secret) -> Result<(), StoreFailure> {
        self.entry(account)?.set_secret(value.expose_secret().as_bytes()).map_err(told)
    }

    fn remove(&self, account: &str) -> Result<(), StoreFailure> {
        match self.entry(account)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(told(error)),
        }
    }
}
