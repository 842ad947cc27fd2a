//! The login keychain of macOS, by its ready-made store. Never compiled here, and therefore thin.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use apple_native_keyring_store::keychain::Store;
use doorkey_core::store::StoreFailure;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Result};

/// What to search for to find all entries of a service.
pub(super) fn spec(service: &str) -> HashMap<&str, &str> {
    HashMap::from([("service", service)])
}

/// The user's login keychain. The system itself asks the person when it wants to.
pub(super) struct Keychain;

impl Keychain {
    pub(super) fn new() -> Self {
        Self
    }

    /// The system does not tell without writing.
    pub(super) fn probe(&self) -> std::result::Result<(), StoreFailure> {
        self.store().map(drop).map_err(super::told)
    }

    /// The system asks when an entry is used.
    pub(super) fn unseal(&self, _: Duration) -> std::result::Result<(), StoreFailure> {
        Ok(())
    }

    pub(super) fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        self.store()?.build(service, user, None)
    }

    pub(super) fn search(&self, spec: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        self.store()?.search(spec)
    }

    fn store(&self) -> Result<Arc<Store>> {
        Store::new()
    }
}
