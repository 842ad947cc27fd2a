//! Where a rotated pair goes that the store would not take (invariant 12).
//!
//! The file is made at full size before a refresh token is sent, so that filling it needs no more room on the disk. It
//! is filled in place: the record on one line, the line's checksum on the next. A crash in between leaves something
//! whose checksum does not fit; like a file that was never filled, it counts as empty. Where there is an envelope with a
//! key, the line is the sealed record. Beside a login that rests encrypted a plain one is never believed: we would not
//! have written it, and whoever did may have no key.
//!
//! All of it happens under the lock of the credential; only reading may happen without.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use doorkey_core::record::{Record, Slot};
use doorkey_core::secret::{Fingerprint, Secret};
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use zeroize::Zeroizing;

use crate::credential_store::{CredentialStore, without_generation};
use crate::envelope::{Envelope, Purpose};
use crate::failure::{failure, io_failure, shown};
use crate::ownership::{ANY_ACCESS, check_file, create_folders, private_options};
use crate::private_file::{LONGEST, explain, folder_of, read_private, sync_folder};

/// Room is made in steps of so many bytes.
const STEP: usize = 4096;
const BLANK: u8 = b' ';
/// The checksum in hex, and two line ends.
const CHECKSUM: usize = 16 + 2;

/// The emergency file of one credential, which is rarely there.
#[derive(Debug)]
pub struct EmergencyFile {
    path: PathBuf,
    envelope: Option<Arc<dyn Envelope>>,
}

impl EmergencyFile {
    /// The file at this path. Nothing is touched yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, envelope: None }
    }

    /// The same, whose record goes into this envelope if that has a key.
    pub(crate) fn in_envelope(self, envelope: Option<Arc<dyn Envelope>>) -> Self {
        Self { envelope, ..self }
    }

    /// What it holds; `None` if there is no file, or none that was filled to its end.
    ///
    /// # Errors
    /// `Refused` if it cannot be read or is open to others, `Unreadable` if a newer version of this program filled it, or
    /// it was filled under another key, `Locked` if that is not given.
    pub fn read(&self) -> Result<Option<Record>, StoreFailure> {
        self.read_beside(None)
    }

    /// The same; a plain record of a login that the `encrypted` store holds counts as none.
    pub(crate) fn read_beside(
        &self,
        encrypted: Option<&dyn CredentialStore>,
    ) -> Result<Option<Record>, StoreFailure> {
        self.record_in(self.content()?.as_deref(), encrypted)
    }

    /// Makes room for a record of so many bytes; none is made that is there already.
    ///
    /// # Errors
    /// `Refused` if the file holds a record, which must be merged first, or cannot be made.
    pub fn reserve(&self, bytes: usize) -> Result<(), StoreFailure> {
        self.reserve_beside(bytes, None)
    }

    /// The same; a plain record of a login that the `encrypted` store holds makes way.
    pub(crate) fn reserve_beside(
        &self,
        bytes: usize,
        encrypted: Option<&dyn CredentialStore>,
    ) -> Result<(), StoreFailure> {
        let found = self.content()?;
        if self.record_in(found.as_deref(), encrypted)?.is_some() {
            return Err(failure(
                StoreFailureKind::Refused,
                format!("{} holds tokens that are not merged yet; try again in a moment", shown(&self.path)),
            ));
        }
        let bytes = match self.sealing() {
            Some(envelope) => {
                // Later there is no time for it, and no way back.
                envelope.make_ready(&self.path)?;
                envelope.sealed_length(bytes)
            }
            None => bytes,
        };
        let bytes = (bytes.min(LONGEST - STEP) + CHECKSUM).next_multiple_of(STEP);
        if found.is_some_and(|found| found.len() >= bytes && found.iter().all(|byte| *byte == BLANK)) {
            return Ok(());
        }
        create_folders(folder_of(&self.path))?;
        self.remove()?;
        let file = self.create()?;
        self.fill(&file, &vec![BLANK; bytes])?;
        sync_folder(folder_of(&self.path))
    }

    /// Fills the room with a record; what the record needs beyond it, the disk may still give.
    ///
    /// # Errors
    /// `Refused` if the file is not ours alone or cannot be written.
    pub fn write(&self, record: &Record) -> Result<(), StoreFailure> {
        if record.generation.is_none() {
            return Err(without_generation());
        }
        let record = record.encode();
        let line = match self.sealing() {
            Some(envelope) => envelope.seal(&self.path, Purpose::Emergency, &record)?,
            None => record,
        };
        let line = line.expose_secret();
        let sum = Fingerprint::of(line.as_bytes());
        let mut text = Zeroizing::new(String::with_capacity(line.len() + CHECKSUM));
        text.extend([line, "\n", sum.as_str(), "\n"]);
        if text.len() > LONGEST {
            let detail =
                format!("{} would become larger than {LONGEST} bytes; sign in again", shown(&self.path));
            return Err(failure(StoreFailureKind::Refused, detail));
        }
        let file = match private_options().write(true).open(&self.path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                create_folders(folder_of(&self.path))?;
                self.create()?
            }
            Err(cause) => return Err(io_failure("open", &self.path, &cause)),
        };
        let found = file.metadata().map_err(|cause| io_failure("look at", &self.path, &cause))?;
        check_file(&self.path, &found, ANY_ACCESS)?;
        self.fill(&file, text.as_bytes())?;
        sync_folder(folder_of(&self.path))
    }

    /// Removes the file with whatever it holds.
    ///
    /// # Errors
    /// `Refused` if there is one that cannot be removed.
    pub fn remove(&self) -> Result<(), StoreFailure> {
        match fs::remove_file(&self.path) {
            Ok(()) => sync_folder(folder_of(&self.path)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(io_failure("remove", &self.path, &cause)),
        }
    }

    fn content(&self) -> Result<Option<Zeroizing<Vec<u8>>>, StoreFailure> {
        read_private(&self.path, ANY_ACCESS)
    }

    fn record_in(
        &self,
        content: Option<&Vec<u8>>,
        encrypted: Option<&dyn CredentialStore>,
    ) -> Result<Option<Record>, StoreFailure> {
        let Some(line) = content.and_then(|content| whole_line(content)) else { return Ok(None) };
        let decode = |text| Record::decode(&text).map_err(|why| explain(&self.path, why));
        match &self.envelope {
            Some(envelope) if !line.starts_with('{') => {
                decode(envelope.open(&self.path, Purpose::Emergency, line)?).map(Some)
            }
            // One of a login that rests elsewhere may have been filled where no key was known.
            _ => Ok(Some(decode(Secret::from(line))?).filter(|plain| !is_held(encrypted, plain))),
        }
    }

    fn sealing(&self) -> Option<&dyn Envelope> {
        self.envelope.as_deref().filter(|envelope| envelope.has_key())
    }

    fn create(&self) -> Result<File, StoreFailure> {
        private_options()
            .write(true)
            .create_new(true)
            .open(&self.path)
            .map_err(|cause| io_failure("create", &self.path, &cause))
    }

    /// Writes from the start, durably.
    fn fill(&self, mut file: &File, content: &[u8]) -> Result<(), StoreFailure> {
        file.write_all(content)
            .and_then(|()| file.sync_all())
            .map_err(|cause| io_failure("write", &self.path, &cause))
    }
}

/// Whether the store holds a record of the same login. One that cannot be opened holds none that is in use.
fn is_held(store: Option<&dyn CredentialStore>, record: &Record) -> bool {
    let held = store.and_then(|store| store.load(&Slot::Active).ok().flatten());
    let login = |record: &Record| record.generation.as_ref().map(|generation| generation.login.clone());
    held.is_some_and(|held| login(&held) == login(record))
}

/// The first line, if the second one is its checksum. What follows may be left of something longer.
fn whole_line(content: &[u8]) -> Option<&str> {
    let mut lines = content.split(|byte| *byte == b'\n');
    let (line, sum) = (lines.next()?, lines.next()?);
    let is_whole = Fingerprint::of(line).as_str().as_bytes() == sum;
    is_whole.then(|| str::from_utf8(line).ok()).flatten()
}
