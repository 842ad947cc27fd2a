//! What is remembered between runs, without secrets:
//! `{"v":1,"backend":"keychain","active":"acme","unsettled":[{"backend":"keychain","slug":"acme","version":"…"}]}`.
//! An unsettled entry without `slug` is that of the active slot; one without `version` is whatever lies there.

use std::path::PathBuf;

use doorkey_core::record::{Backend, Slot, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{Ledger, StoreFailure, StoreFailureKind, Unsettled};
use serde::{Deserialize, Serialize};

use crate::failure::{failure, shown};
use crate::ownership::WRITE_ACCESS;
use crate::private_file::{Change, PrivateFile, unreadable};

/// The version of the form that this code reads and writes.
const FORM: u64 = 1;

/// The file of a [`Ledger`].
#[derive(Debug)]
pub struct LedgerFile {
    file: PrivateFile,
}

impl LedgerFile {
    /// The file at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { file: PrivateFile::new(path, WRITE_ACCESS) }
    }

    /// What is remembered; nothing if there is no file.
    ///
    /// # Errors
    /// `Refused` if the file cannot be read or others may write to it, `Unreadable` if it is not a ledger.
    pub fn read(&self) -> Result<Ledger, StoreFailure> {
        let Some(text) = self.file.read()? else { return Ok(Ledger::default()) };
        match form(&text) {
            Some(FORM) => {}
            Some(newer) if newer > FORM => return Err(self.newer(newer)),
            _ => return Err(self.malformed()),
        }
        let read: Written = serde_json::from_str(text.expose_secret()).map_err(|_| self.malformed())?;
        let unsettled = read.unsettled.into_iter().map(|entry| self.unsettled(entry));
        Ok(Ledger {
            backend: read.backend,
            active: read.active,
            unsettled: unsettled.collect::<Result<_, _>>()?,
            ..Ledger::default()
        })
    }

    /// Remembers this instead. A damaged file is replaced; one that a newer version wrote is not.
    ///
    /// # Errors
    /// `Refused` if the file cannot be written, `Unreadable` if a newer version wrote it.
    pub fn write(&self, ledger: &Ledger) -> Result<(), StoreFailure> {
        let unsettled = ledger.unsettled.iter().map(|entry| WrittenUnsettled {
            backend: entry.backend,
            slug: match &entry.slot {
                Slot::Active => None,
                Slot::Workspace(slug) => Some(slug.clone()),
            },
            version: entry.version.as_ref().map(Version::to_string),
        });
        let written = Written {
            v: FORM,
            backend: ledger.backend,
            active: ledger.active.clone(),
            unsettled: unsettled.collect(),
        };
        // Serialising strings and numbers into memory has no way to fail.
        let text = serde_json::to_string(&written).unwrap_or_default() + "\n";
        self.file.change(|old| match old.and_then(form) {
            Some(newer) if newer > FORM => Err(self.newer(newer)),
            _ => Ok(Change::Replace(Secret::new(text), ())),
        })
    }

    fn unsettled(&self, entry: WrittenUnsettled) -> Result<Unsettled, StoreFailure> {
        let version = entry.version.map(|text| Version::parse(&text).ok_or_else(|| self.malformed()));
        Ok(Unsettled {
            backend: entry.backend,
            slot: entry.slug.map_or(Slot::Active, Slot::Workspace),
            version: version.transpose()?,
        })
    }

    fn newer(&self, form: u64) -> StoreFailure {
        failure(
            StoreFailureKind::Unreadable,
            format!(
                "a newer version of this program wrote {} (form {form}); use that version",
                shown(self.file.path())
            ),
        )
    }

    fn malformed(&self) -> StoreFailure {
        unreadable(self.file.path(), "is damaged")
    }
}

#[derive(Serialize, Deserialize)]
struct Written {
    v: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    backend: Option<Backend>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unsettled: Vec<WrittenUnsettled>,
}

#[derive(Serialize, Deserialize)]
struct WrittenUnsettled {
    backend: Backend,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

/// The version of the form, if there is one at all.
fn form(text: &Secret) -> Option<u64> {
    #[derive(Deserialize)]
    struct Form {
        v: u64,
    }
    serde_json::from_str::<Form>(text.expose_secret()).ok().map(|form| form.v)
}
