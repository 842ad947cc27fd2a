//! Everything a service stores, behind one method: what both drivers call.

use std::path::PathBuf;
use std::time::Duration;

use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};

use crate::credential_store::{CredentialStore, Swap};
use crate::failure::failure;
use crate::file::FileStore;
use crate::ledger_file::LedgerFile;
use crate::ledger_store::LedgerStore as _;
use crate::lock::{Lock, lock_beside};
use crate::ownership::{home_of_effective_user, is_ours};

/// Where a service's things lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultConfig {
    /// The file of what is remembered without secrets.
    pub ledger: PathBuf,
    /// The credentials file.
    pub credentials: PathBuf,
    /// Data files whose locks ([`lock_beside`](crate::lock_beside)) are taken together, in this order. Two names of
    /// one file count once.
    pub locked: Vec<PathBuf>,
    /// One more, below the home folder that the password database names
    /// ([`home_of_effective_user`](crate::home_of_effective_user)): with a keychain, the credentials file's namesake.
    /// The database may be on the network, so it is asked when the lock is first taken.
    pub locked_at_home: Option<PathBuf>,
    /// The names in the operating system's keychain; `None`: it is never opened.
    pub keychain: Option<KeychainConfig>,
}

/// A service's names in the operating system's keychain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeychainConfig {
    /// The service, like `pentify-terminal`.
    pub service: String,
    /// The account of the active credential, like `api-token`; a workspace's is `<account>:<slug>`.
    pub account: String,
    /// The time limit of each call; 3 seconds is a good one.
    pub limit: Duration,
}

/// The ledger, the lock and the backends of one service. Nothing is opened before it is asked for.
pub struct Vault {
    ledger: LedgerFile,
    locked: Vec<PathBuf>,
    locked_at_home: Option<PathBuf>,
    lock: Option<Lock>,
    file: Box<dyn CredentialStore>,
    keychain: Option<Box<dyn CredentialStore>>,
}

impl Vault {
    /// A vault over these places. Nothing is touched yet.
    pub fn new(config: VaultConfig) -> Self {
        Self {
            ledger: LedgerFile::new(config.ledger),
            locked: config.locked,
            locked_at_home: config.locked_at_home,
            lock: None,
            file: Box::new(FileStore::new(config.credentials)),
            keychain: config.keychain.and_then(keychain),
        }
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
                    let below_home = self.locked_at_home.as_ref();
                    let at_home = below_home.and_then(|path| Some(own_home()?.join(path)));
                    let locks = self.locked.iter().chain(&at_home).map(|data| lock_beside(data));
                    let locks = locks.collect::<Result<Vec<_>, _>>()?;
                    self.lock = Some(Lock::acquire(&locks, wait)?);
                }
                StoreAnswer::Done
            }
            StoreOp::Unlock => {
                self.lock = None;
                StoreAnswer::Done
            }
            StoreOp::Probe(backend) => done(self.backend(backend)?.probe()?),
            StoreOp::Unseal { backend, wait } => done(self.backend(backend)?.unseal(wait)?),
            StoreOp::Load { backend, slot } => {
                let found = self.backend(backend)?.load(&slot)?;
                records(found.map(|record| (slot, record)).into_iter().collect())
            }
            StoreOp::LoadAll(backend) => records(self.backend(backend)?.load_all()?),
            StoreOp::Write { backend, slot, expected, record } => {
                swapped(self.backend(backend)?.write(&slot, expected.as_ref(), &record)?)
            }
            StoreOp::CheckLock
            | StoreOp::ReadEmergency
            | StoreOp::ReserveEmergency { .. }
            | StoreOp::WriteEmergency(_)
            | StoreOp::RemoveEmergency
            | StoreOp::ReadPlaintext
            | StoreOp::RemovePlaintext { .. } => {
                return Err(failure(StoreFailureKind::Absent, "rotating sessions are not kept here"));
            }
            StoreOp::Delete { backend, slot, expected } => {
                swapped(self.backend(backend)?.delete(&slot, &expected)?)
            }
        })
    }

    fn backend(&self, backend: Backend) -> Result<&dyn CredentialStore, StoreFailure> {
        match backend {
            Backend::File => Ok(&*self.file),
            Backend::Keychain => self.keychain.as_deref().ok_or_else(|| {
                failure(StoreFailureKind::Absent, "no keychain is used here; the credentials file is")
            }),
        }
    }
}

/// Users without a home folder of their own have no keychain to guard either.
fn own_home() -> Option<PathBuf> {
    home_of_effective_user().filter(|home| is_ours(home))
}

#[cfg(feature = "keychain")]
fn keychain(config: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    let store = crate::KeychainStore::new(config.service, config.account);
    Some(Box::new(crate::LimitedStore::new(std::sync::Arc::new(store), config.limit)))
}

#[cfg(not(feature = "keychain"))]
fn keychain(_: KeychainConfig) -> Option<Box<dyn CredentialStore>> {
    None
}

fn done((): ()) -> StoreAnswer {
    StoreAnswer::Done
}

fn records(found: Vec<(Slot, Record)>) -> StoreAnswer {
    StoreAnswer::Records(found)
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
