//! What is remembered between runs without secrets, wherever it lies.

use doorkey_core::record::{Backend, Slot, Version};
use doorkey_core::store::{Ledger, StoreFailure, Unsettled};
use serde::{Deserialize, Serialize};

/// A place for a [`Ledger`].
pub trait LedgerStore: Send {
    /// What is remembered; nothing if there is no such place yet.
    ///
    /// # Errors
    /// `Refused` if it cannot be read or others may write to it, `Unreadable` if it is not a ledger.
    fn read(&self) -> Result<Ledger, StoreFailure>;

    /// Remembers this instead.
    ///
    /// # Errors
    /// `Refused` if it cannot be written, `Unreadable` if what lies there must not be overwritten.
    fn write(&self, ledger: &Ledger) -> Result<(), StoreFailure>;
}

/// An unsettled entry in JSON. Without `slug` it is that of the active slot; without `version` it is whatever lies
/// there.
#[derive(Serialize, Deserialize)]
pub(crate) struct UnsettledForm {
    backend: Backend,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

impl From<&Unsettled> for UnsettledForm {
    fn from(entry: &Unsettled) -> Self {
        Self {
            backend: entry.backend,
            slug: match &entry.slot {
                Slot::Active => None,
                Slot::Workspace(slug) => Some(slug.clone()),
            },
            version: entry.version.as_ref().map(Version::to_string),
        }
    }
}

impl UnsettledForm {
    /// The entry; `None` if its version is none.
    pub(crate) fn read(self) -> Option<Unsettled> {
        let version = match self.version {
            Some(text) => Some(Version::parse(&text)?),
            None => None,
        };
        let slot = self.slug.map_or(Slot::Active, Slot::Workspace);
        Some(Unsettled { backend: self.backend, slot, version })
    }
}
