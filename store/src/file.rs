//! Credentials in a file that only its owner can read.

use std::path::PathBuf;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;

use crate::credential_store::{CredentialStore, Swap, spare_the_others};
use crate::document::{Document, encode};
use crate::ownership::ANY_ACCESS;
use crate::private_file::{Change, PrivateFile, explain};

/// A credentials file. [`Slot::Active`] is a pointer at one of its records: writing it writes that record too,
/// reading it reads that record, deleting it clears the pointer alone.
///
/// Compare-and-swap needs no lock of the caller's: each change holds a short one of its own.
#[derive(Debug)]
pub struct FileStore {
    file: PrivateFile,
}

impl FileStore {
    /// The file at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { file: PrivateFile::new(path, ANY_ACCESS) }
    }

    fn parse<'a>(&self, text: Option<&'a Secret>) -> Result<Document<'a>, StoreFailure> {
        text.map_or(Ok(Document::default()), Document::parse).map_err(|why| self.unreadable(why))
    }

    fn held(&self, document: &Document<'_>, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        let slug = match slot {
            Slot::Active => document.active(),
            Slot::Workspace(slug) => Some(slug.as_str()),
        };
        slug.map_or(Ok(None), |slug| document.record(slug)).map_err(|why| self.unreadable(why))
    }

    fn unreadable(&self, why: UnreadableRecord) -> StoreFailure {
        explain(self.file.path(), why)
    }
}

impl CredentialStore for FileStore {
    fn backend(&self) -> Backend {
        Backend::File
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.parse(self.file.read()?.as_ref())?;
        self.file.probe()
    }

    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        Ok(())
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        let text = self.file.read()?;
        self.held(&self.parse(text.as_ref())?, slot)
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        let text = self.file.read()?;
        let document = self.parse(text.as_ref())?;
        let slots = document.slugs().map(|slug| Slot::Workspace(slug.to_owned()));
        let mut found = Vec::new();
        for slot in std::iter::once(Slot::Active).chain(slots) {
            match self.held(&document, &slot) {
                Ok(record) => found.extend(record.map(|record| (slot, record))),
                Err(failure) => spare_the_others(&slot, failure)?,
            }
        }
        Ok(found)
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        self.file.change(|text| {
            let encoded = encode(record);
            let mut document = self.parse(text)?;
            let held = self.held(&document, slot)?;
            if held.as_ref().map(Record::version).as_ref() != expected {
                return Ok(Change::Keep(Swap::Conflict));
            }
            let slug = match slot {
                Slot::Workspace(slug) => slug.as_str(),
                Slot::Active => {
                    let slug = record.slug().unwrap_or_default();
                    document.set_active(Some(slug));
                    slug
                }
            };
            document.set_record(slug, &encoded).map_err(|why| self.unreadable(why))?;
            Ok(Change::Replace(document.render(), Swap::Done))
        })
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        // Deleting from nothing leaves no trace, not even a folder.
        if self.load(slot)?.is_none() {
            return Ok(Swap::Done);
        }
        self.file.change(|text| {
            let mut document = self.parse(text)?;
            match self.held(&document, slot)? {
                None => return Ok(Change::Keep(Swap::Done)),
                Some(held) if held.version() != *expected => return Ok(Change::Keep(Swap::Conflict)),
                Some(_) => {}
            }
            match slot {
                Slot::Active => document.set_active(None),
                Slot::Workspace(slug) => document.remove_record(slug),
            }
            Ok(Change::Replace(document.render(), Swap::Done))
        })
    }
}
