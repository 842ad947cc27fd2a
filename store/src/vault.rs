//! Everything a service stores, behind one method: what both drivers call.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};

use crate::auth_file::AuthFile;
use crate::credential_store::{CredentialStore, Swap};
use crate::emergency_file::EmergencyFile;
use crate::envelope::Envelope;
use crate::failure::failure;
use crate::file::FileStore;
use crate::file_system::{check_local, shared};
use crate::ledger_file::LedgerFile;
use crate::ledger_store::LedgerStore;
use crate::lock::{Lock, LockState, lock_beside, look_at};
use crate::ownership::{home_of_effective_user, is_ours};
use crate::pending_file::Claim;
use crate::private_file::{folder_of, follow};
use crate::profile_config::{EncryptionKey, ProfileConfig, folder_of_profile};
use crate::profile_file::ProfileFile;
use crate::settings_file::SettingsFile;
use crate::vault_config::{KeychainConfig, SessionConfig, VaultConfig};

/// The ledger, the lock and the backends of one service. Nothing is opened before it is asked for.
///
/// ```
/// use doorkey_core::record::Backend;
/// use doorkey_core::store::{StoreAnswer, StoreOp};
/// use doorkey_store::{MemoryStore, Vault, VaultConfig};
///
/// let place = VaultConfig::in_folder("/nonexistent/my-tool".as_ref());
/// let mut vault = Vault::new(place).with_store(Box::new(MemoryStore::new(Backend::File)));
/// assert_eq!(vault.perform(StoreOp::Probe(Backend::File)), StoreAnswer::Done);
/// ```
pub struct Vault {
    ledger: Box<dyn LedgerStore>,
    locked: Vec<PathBuf>,
    locked_at_home: Option<PathBuf>,
    /// A profile's own folder, relative to that of a data file: its lock is there, for the data files are everybody's.
    own_folder: Option<PathBuf>,
    lock: Option<Lock>,
    file: Box<dyn CredentialStore>,
    encrypted_file: Option<Box<dyn CredentialStore>>,
    keychain: Option<Box<dyn CredentialStore>>,
    session: Option<SessionPlaces>,
    pending: Option<Arc<Claim>>,
}

/// What only a session has.
struct SessionPlaces {
    settings: Option<SettingsFile>,
    emergency: EmergencyFile,
    shared: bool,
}

impl Vault {
    /// A vault for API tokens, one for each workspace. Nothing is touched yet.
    pub fn new(config: VaultConfig) -> Self {
        Self {
            ledger: Box::new(LedgerFile::new(config.ledger)),
            locked: config.locked,
            locked_at_home: config.locked_at_home,
            own_folder: None,
            lock: None,
            file: Box::new(FileStore::new(config.credentials)),
            encrypted_file: None,
            keychain: config.keychain.and_then(keychain),
            session: None,
            pending: None,
        }
    }

    /// A vault for one rotating session. Nothing is touched yet.
    pub fn session(config: SessionConfig) -> Self {
        Self {
            ledger: Box::new(SettingsFile::new(config.settings.clone())),
            locked: vec![config.session.clone()],
            locked_at_home: config.locked_at_home,
            own_folder: None,
            lock: None,
            file: Box::new(AuthFile::new(config.session)),
            encrypted_file: None,
            keychain: config.keychain.and_then(session_keychain),
            session: Some(SessionPlaces {
                settings: Some(SettingsFile::new(config.settings)),
                emergency: EmergencyFile::new(config.emergency),
                shared: config.shared,
            }),
            pending: None,
        }
    }

    /// A vault for the rotating session of one profile among many. Nothing is touched yet, and no key derived.
    pub fn profile(config: ProfileConfig) -> Self {
        let own_folder = folder_of_profile(&config.profile);
        let at = |name: &str| config.folder.join(&own_folder).join(name);
        let (plain, encrypted) = (config.plain_file(), config.encrypted_file());
        // One for the credentials and the emergency file, so that one derivation serves both.
        let envelope = envelope(config.key);
        let emergency = EmergencyFile::new(at("session.emergency")).in_envelope(envelope.clone());
        Self {
            ledger: Box::new(LedgerFile::new(at("state.json"))),
            session: Some(SessionPlaces { settings: None, emergency, shared: config.shared }),
            locked: vec![plain.clone(), encrypted.clone()],
            locked_at_home: config.locked_at_home.map(|folder| folder.join("credentials")),
            own_folder: Some(own_folder),
            lock: None,
            file: Box::new(ProfileFile::new(plain, config.profile.clone())),
            encrypted_file: envelope.map(|envelope| {
                let file = ProfileFile::in_envelope(encrypted, config.profile, envelope);
                Box::new(file) as Box<dyn CredentialStore>
            }),
            keychain: config.keychain.and_then(profile_keychain),
            pending: None,
        }
    }

    /// The same with a store of the embedder's own in the place of the one of its
    /// [kind](CredentialStore::backend). The ledger, the lock and the emergency file stay where they are. What a store
    /// must do is in [`conformance`](crate::conformance).
    #[must_use]
    pub fn with_store(mut self, store: Box<dyn CredentialStore>) -> Self {
        match store.backend() {
            Backend::File => self.file = store,
            Backend::Keychain => self.keychain = Some(store),
            Backend::EncryptedFile => self.encrypted_file = Some(store),
        }
        self
    }

    /// The same, which keeps what becomes of a login that another process began for the one after this.
    #[must_use]
    pub fn with_pending(mut self, claim: Arc<Claim>) -> Self {
        self.pending = Some(claim);
        self
    }

    /// How the lock of the credential stands, found out without taking it or creating anything.
    ///
    /// # Errors
    /// `Refused` if a lock file cannot be looked at or is not ours.
    pub fn lock_state(&self) -> Result<LockState, StoreFailure> {
        for path in self.locks()? {
            if look_at(&path)? == LockState::Held {
                return Ok(LockState::Held);
            }
        }
        Ok(LockState::Free)
    }

    /// Performs one operation; whatever goes wrong is [`StoreAnswer::Failed`]. Blocks for as long as the operation
    /// may take: its own `wait`, the keychain's limit, a few milliseconds for files.
    pub fn perform(&mut self, op: StoreOp) -> StoreAnswer {
        self.attempt(op).unwrap_or_else(StoreAnswer::Failed)
    }

    fn attempt(&mut self, op: StoreOp) -> Result<StoreAnswer, StoreFailure> {
        Ok(match op {
            StoreOp::ReadLedger => StoreAnswer::Ledger(self.ledger.read()?),
            StoreOp::WriteLedger(ledger) => done(self.ledger.write(&ledger)?),
            StoreOp::Lock { wait } => {
                if self.lock.is_none() {
                    self.lock = Some(Lock::acquire(&self.locks()?, wait)?);
                }
                StoreAnswer::Done
            }
            StoreOp::Unlock => {
                self.lock = None;
                StoreAnswer::Done
            }
            StoreOp::Probe(backend) => done(self.backend(backend)?.probe()?),
            StoreOp::Unseal { backend, wait } => done(self.backend(backend)?.unseal(wait)?),
            StoreOp::Load { backend, slot } => records(slot.clone(), self.backend(backend)?.load(&slot)?),
            StoreOp::LoadAll(backend) => StoreAnswer::Records(self.backend(backend)?.load_all()?),
            StoreOp::Write { backend, slot, expected, record } => {
                swapped(self.backend(backend)?.write(&slot, expected.as_ref(), &record)?)
            }
            StoreOp::Delete { backend, slot, expected } => {
                swapped(self.backend(backend)?.delete(&slot, &expected)?)
            }
            StoreOp::CheckLock => done(self.check_lock()?),
            StoreOp::ReadEmergency => match &self.session {
                Some(session) => {
                    let found = session.emergency.read_beside(self.encrypted_file.as_deref())?;
                    records(Slot::Active, found)
                }
                None => records(Slot::Active, None),
            },
            StoreOp::ReserveEmergency { bytes } => {
                done(self.emergency()?.reserve_beside(bytes, self.encrypted_file.as_deref())?)
            }
            StoreOp::WriteEmergency(record) => done(self.emergency()?.write(&record)?),
            StoreOp::RemoveEmergency => match &self.session {
                Some(session) => done(session.emergency.remove()?),
                None => StoreAnswer::Done,
            },
            StoreOp::WritePending(grant) => match &self.pending {
                Some(claim) => done(claim.keep(&grant)?),
                None => {
                    let detail = "nothing is kept here of a login that another process began";
                    return Err(failure(StoreFailureKind::Absent, detail));
                }
            },
            StoreOp::ReadPlaintext => match self.settings() {
                Some(settings) => records(Slot::Active, settings.read_plaintext()?),
                None => records(Slot::Active, None),
            },
            StoreOp::RemovePlaintext { expected } => match self.settings() {
                Some(settings) => swapped(settings.remove_plaintext(&expected)?),
                None => StoreAnswer::Done,
            },
        })
    }

    /// The files to lock, in this order.
    fn locks(&self) -> Result<Vec<PathBuf>, StoreFailure> {
        let at_home = self.locked_at_home.as_ref().and_then(|path| Some(own_home()?.join(path)));
        let lock = |data: &PathBuf| match &self.own_folder {
            Some(own_folder) => lock_in(own_folder, data),
            None => lock_beside(data),
        };
        self.locked.iter().chain(&at_home).map(lock).collect()
    }

    fn settings(&self) -> Option<&SettingsFile> {
        self.session.as_ref()?.settings.as_ref()
    }

    fn check_lock(&self) -> Result<(), StoreFailure> {
        let assumed = self.session.as_ref().is_some_and(|session| session.shared);
        self.locks()?.iter().map(|lock| folder_of(lock)).try_for_each(|folder| match assumed {
            true => Err(shared(folder, "by configuration")),
            false => check_local(folder),
        })
    }

    fn emergency(&self) -> Result<&EmergencyFile, StoreFailure> {
        let session = self.session.as_ref().map(|session| &session.emergency);
        session.ok_or_else(|| failure(StoreFailureKind::Absent, "this place is not made for sessions"))
    }

    fn backend(&self, backend: Backend) -> Result<&dyn CredentialStore, StoreFailure> {
        match backend {
            Backend::File => Ok(&*self.file),
            Backend::Keychain => self.keychain.as_deref().ok_or_else(|| {
                failure(StoreFailureKind::Absent, "no keychain is used here; the credentials file is")
            }),
            Backend::EncryptedFile => self.encrypted_file.as_deref().ok_or_else(|| {
                failure(StoreFailureKind::Absent, "no encrypted file is used here; choose another store")
            }),
        }
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("locked", &self.locked).finish_non_exhaustive()
    }
}

/// Users without a home folder of their own have no keychain to guard either.
fn own_home() -> Option<PathBuf> {
    home_of_effective_user().filter(|home| is_ours(home))
}

/// A profile's lock beside a data file that it shares with others: beside the file that its symlinks lead to, so that
/// two names of one file share their locks.
fn lock_in(own_folder: &Path, data: &Path) -> Result<PathBuf, StoreFailure> {
    Ok(folder_of(&follow(data)?).join(own_folder).join("session.lock"))
}

#[cfg(feature = "encrypted")]
fn envelope(key: Option<EncryptionKey>) -> Option<Arc<dyn Envelope>> {
    Some(Arc::new(crate::sealed::Sealer::new(key)))
}

#[cfg(not(feature = "encrypted"))]
fn envelope(_: Option<EncryptionKey>) -> Option<Arc<dyn Envelope>> {
    None
}

#[cfg(feature = "keychain")]
fn keychain(config: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    let store = crate::KeychainStore::new(config.service, config.account);
    Some(Box::new(crate::LimitedStore::new(Arc::new(store), config.limit)))
}

#[cfg(feature = "keychain")]
fn session_keychain(config: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    let store = crate::SessionKeychain::new(config.service, config.account);
    Some(Box::new(crate::LimitedStore::new(Arc::new(store), config.limit)))
}

#[cfg(feature = "keychain")]
fn profile_keychain(config: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    let store = crate::SessionKeychain::of_profile(config.service, config.account);
    Some(Box::new(crate::LimitedStore::new(Arc::new(store), config.limit)))
}

#[cfg(not(feature = "keychain"))]
fn profile_keychain(_: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    None
}

#[cfg(not(feature = "keychain"))]
fn session_keychain(_: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    None
}

#[cfg(not(feature = "keychain"))]
fn keychain(_: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    None
}

fn done((): ()) -> StoreAnswer {
    StoreAnswer::Done
}

fn records(slot: Slot, found: Option<Record>) -> StoreAnswer {
    StoreAnswer::Records(found.map(|record| (slot, record)).into_iter().collect())
}

fn swapped(swap: Swap) -> StoreAnswer {
    match swap {
        Swap::Done => StoreAnswer::Done,
        Swap::Conflict => StoreAnswer::Conflict,
    }
}

/// The asynchronous driver performs operations on a thread of its pool.
const _: fn() = || {
    fn is_send<T: Send>() {}
    is_send::<Vault>();
};
