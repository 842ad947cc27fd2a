//! A file of settings that people write, too.

use std::path::{Path, PathBuf};

use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};

use crate::failure::{failure, shown};
use crate::ownership::WRITE_ACCESS;
use crate::private_file::{Change, PrivateFile};

/// A text of settings without secrets, which steers where credentials go: nobody else may write it. It is whole at every
/// moment, and a change is never made on top of something already replaced (invariant 15).
#[derive(Debug)]
pub struct ConfigFile {
    file: PrivateFile,
}

impl ConfigFile {
    /// The file at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { file: PrivateFile::new(path, WRITE_ACCESS) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The text; empty if there is no such file.
    ///
    /// # Errors
    /// `Refused` if it cannot be read or others may write it, `Unreadable` if it is no text.
    pub fn read(&self) -> Result<Secret, StoreFailure> {
        Ok(self.file.read()?.unwrap_or_default())
    }

    /// Replaces the text with what `change` makes of it, alone.
    ///
    /// # Errors
    /// As [`read`](Self::read); what `change` says is wrong with the text; `Refused` if it cannot be written.
    pub fn change(&self, change: impl FnOnce(&str) -> Result<String, String>) -> Result<(), StoreFailure> {
        self.file.change(|text| {
            let old = text.map_or("", Secret::expose_secret);
            match change(old) {
                Ok(new) if new == old => Ok(Change::Keep(())),
                Ok(new) => Ok(Change::Replace(Secret::new(new), ())),
                Err(why) => Err(self.unreadable(&why)),
            }
        })
    }

    /// Whether a change would succeed now.
    ///
    /// # Errors
    /// What it would fail with.
    pub fn probe(&self) -> Result<(), StoreFailure> {
        self.file.probe()
    }

    /// The text makes no sense, for this reason.
    pub fn unreadable(&self, why: &str) -> StoreFailure {
        let detail = format!("{} {why}; mend it or move it away", shown(self.path()));
        failure(StoreFailureKind::Unreadable, detail)
    }
}
