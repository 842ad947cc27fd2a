//! The Credential Manager of Windows, by its ready-made store. Never compiled here, and therefore thin.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::store::StoreFailure;
use keyring_core::api::CredentialStoreApi as _;
use keyring_core::{Entry, Result};
use windows_native_keyring_store::Store;

/// What to search for to find all entries of a service: all there are, since the search is by pattern and the
/// names need no escaping that way. The caller looks at the service.
pub(super) fn spec(_: &str) -> HashMap<&str, &str> {
    HashMap::new()
}

/// The user's credentials, open for as long as the user is signed in.
pub(super) struct Keychain;

impl Keychain {
    pub(super) fn new() -> Self {
        Self
    }

    /// The system does not tell without writing.
    pub(super) fn probe(&self) -> std::result::Result<(), StoreFailure> {
        self.store().map(drop).map_err(super::told)
    }

    /// There is no lock apart from the sign-in to the system.
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
