//! The sessions of many profiles side by side in one file that only its owner can read, as plain text or encrypted:
//! `{"v":1,"records":{"https://issuer.example":{…},"work":{…}}}`.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot, UnreadableRecord, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::StoreFailure;

use crate::credential_store::{CredentialStore, Swap, no_such_slot, without_generation};
use crate::document::{Document, encode};
use crate::envelope::{Envelope, Purpose};
use crate::ownership::ANY_ACCESS;
use crate::private_file::{Change, PrivateFile, explain};

/// The session of one profile, in [`Slot::Active`] of a file that holds those of others, too. There are no other
/// slots: they are empty and cannot be written to. What the file holds of other profiles, and keys that are not ours,
/// survive every write byte for byte. After the last profile is gone the file stays, and holds nothing.
///
/// Compare-and-swap needs no lock of the caller's: each change holds a short one of its own.
#[derive(Debug)]
pub struct ProfileFile {
    file: PrivateFile,
    profile: String,
    envelope: Option<Arc<dyn Envelope>>,
}

impl ProfileFile {
    /// This profile's session in the file of plain text at this path, which need not exist. Nothing is touched yet.
    pub fn new(path: PathBuf, profile: String) -> Self {
        Self { file: PrivateFile::new(path, ANY_ACCESS), profile, envelope: None }
    }

    /// This profile's session in the encrypted file at this path, which need not exist. Nothing is touched yet, and the
    /// key is derived when it is first needed. Without a key, everything fails with `Locked`.
    #[cfg(feature = "encrypted")]
    pub fn encrypted(path: PathBuf, profile: String, key: Option<crate::EncryptionKey>) -> Self {
        Self::in_envelope(path, profile, Arc::new(crate::sealed::Sealer::new(key)))
    }

    pub(crate) fn in_envelope(path: PathBuf, profile: String, envelope: Arc<dyn Envelope>) -> Self {
        Self { envelope: Some(envelope), ..Self::new(path, profile) }
    }

    /// What the file holds, as plain text.
    fn read(&self) -> Result<Option<Secret>, StoreFailure> {
        if let Some(envelope) = self.envelope.as_ref().filter(|envelope| !envelope.has_key()) {
            envelope.make_ready(self.file.path())?;
        }
        let Some(text) = self.file.read()? else { return Ok(None) };
        match self.open(&text)? {
            Cow::Owned(opened) => Ok(Some(opened)),
            Cow::Borrowed(_) => Ok(Some(text)),
        }
    }

    /// Derives the key while nobody waits for us.
    fn make_ready(&self) -> Result<(), StoreFailure> {
        let Some(envelope) = &self.envelope else { return Ok(()) };
        // Of the salt in the file, if there is one.
        self.read()?;
        envelope.make_ready(self.file.path())
    }

    fn open<'a>(&self, text: &'a Secret) -> Result<Cow<'a, Secret>, StoreFailure> {
        let Some(envelope) = &self.envelope else { return Ok(Cow::Borrowed(text)) };
        envelope.open(self.file.path(), Purpose::Credentials, text.expose_secret()).map(Cow::Owned)
    }

    fn close(&self, text: Secret) -> Result<Secret, StoreFailure> {
        match &self.envelope {
            Some(envelope) => envelope.seal(self.file.path(), Purpose::Credentials, &text),
            None => Ok(text),
        }
    }

    fn parse<'a>(&self, text: Option<&'a Secret>) -> Result<Document<'a>, StoreFailure> {
        text.map_or(Ok(Document::default()), Document::parse).map_err(|why| self.unreadable(why))
    }

    fn held(&self, document: &Document<'_>) -> Result<Option<Record>, StoreFailure> {
        document.record(&self.profile).map_err(|why| self.unreadable(why))
    }

    fn unreadable(&self, why: UnreadableRecord) -> StoreFailure {
        explain(self.file.path(), why)
    }
}

impl CredentialStore for ProfileFile {
    fn backend(&self) -> Backend {
        match self.envelope {
            Some(_) => Backend::EncryptedFile,
            None => Backend::File,
        }
    }

    fn probe(&self) -> Result<(), StoreFailure> {
        self.make_ready()?;
        self.load(&Slot::Active)?;
        self.file.probe()
    }

    /// There is no prompt: whoever configures the store has asked for the passphrase.
    fn unseal(&self, _: Duration) -> Result<(), StoreFailure> {
        self.make_ready()
    }

    fn load(&self, slot: &Slot) -> Result<Option<Record>, StoreFailure> {
        match slot {
            Slot::Active => self.held(&self.parse(self.read()?.as_ref())?),
            Slot::Workspace(_) => Ok(None),
        }
    }

    fn load_all(&self) -> Result<Vec<(Slot, Record)>, StoreFailure> {
        Ok(self.load(&Slot::Active)?.map(|record| (Slot::Active, record)).into_iter().collect())
    }

    fn write(&self, slot: &Slot, expected: Option<&Version>, record: &Record) -> Result<Swap, StoreFailure> {
        if *slot != Slot::Active {
            return Err(no_such_slot());
        }
        if record.generation.is_none() {
            return Err(without_generation());
        }
        self.make_ready()?;
        self.file.change(|text| {
            let encoded = encode(record);
            let text = text.map(|text| self.open(text)).transpose()?;
            let mut document = self.parse(text.as_deref())?;
            if self.held(&document)?.as_ref().map(Record::version).as_ref() != expected {
                return Ok(Change::Keep(Swap::Conflict));
            }
            document.set_record(&self.profile, &encoded).map_err(|why| self.unreadable(why))?;
            Ok(Change::Replace(self.close(document.render())?, Swap::Done))
        })
    }

    fn delete(&self, slot: &Slot, expected: &Version) -> Result<Swap, StoreFailure> {
        // Deleting from nothing leaves no trace, not even a folder.
        if self.load(slot)?.is_none() {
            return Ok(Swap::Done);
        }
        self.file.change(|text| {
            let text = text.map(|text| self.open(text)).transpose()?;
            let mut document = self.parse(text.as_deref())?;
            match self.held(&document)? {
                None => return Ok(Change::Keep(Swap::Done)),
                Some(held) if held.version() != *expected => return Ok(Change::Keep(Swap::Conflict)),
                Some(_) => {}
            }
            document.remove_record(&self.profile);
            Ok(Change::Replace(self.close(document.render())?, Swap::Done))
        })
    }
}
