//! Where credentials rest: one trait, [`CredentialStore`], over the operating system's keychain, a private file
//! and memory; the lock of one credential; the ledger of what is remembered without secrets; and the [`Vault`]
//! that performs every [`StoreOp`](doorkey_core::store::StoreOp) for the drivers.
//!
//! Nothing here reads the environment or prints: paths, names and limits come in by constructors.
//!
//! ```
//! use std::time::Duration;
//!
//! use doorkey_core::record::Backend;
//! use doorkey_core::store::{StoreAnswer, StoreOp};
//! use doorkey_store::{Lock, Vault, VaultConfig, lock_beside};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("doorkey-store-doc-{}", std::process::id()));
//! let mut vault = Vault::new(VaultConfig::in_folder(&folder));
//! // What a machine asks for, and what its driver tells it.
//! assert_eq!(vault.perform(StoreOp::Probe(Backend::File)), StoreAnswer::Done);
//!
//! // One credential, one lock: nobody else has it until it is dropped.
//! let path = lock_beside(&folder.join("credentials"))?;
//! let lock = Lock::acquire(&[path.clone()], Duration::from_secs(1))?;
//! assert!(Lock::acquire(&[path], Duration::ZERO).is_err());
//! # drop(lock);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `keychain` (default) | the operating system's keychain: Secret Service (libdbus is built in), Keychain, Credential Manager |
//! | `encrypted` | files encrypted by a passphrase or a key file: XChaCha20-Poly1305, Argon2id, HKDF |

// Says which feature an item needs, where docs.rs builds this.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod auth_file;
mod config_file;
pub mod conformance;
mod credential_store;
mod document;
mod emergency_file;
mod envelope;
mod failure;
mod file;
mod file_system;
mod inspect;
#[cfg(feature = "keychain")]
mod keychain;
mod ledger_file;
mod ledger_store;
mod limited;
mod lock;
mod machine;
mod memory;
mod object;
mod ownership;
mod pending_file;
mod plaintext;
mod private_file;
mod profile_config;
mod profile_file;
mod room;
#[cfg(feature = "encrypted")]
mod sealed;
mod settings_file;
mod vault;
mod vault_config;

pub use auth_file::AuthFile;
pub use config_file::ConfigFile;
pub use credential_store::{CredentialStore, Swap};
pub use emergency_file::EmergencyFile;
pub use file::FileStore;
pub use inspect::{Access, Fault, Flaw, inspect_file, inspect_folder, inspect_owner};
#[cfg(feature = "keychain")]
pub use keychain::{KeychainStore, SessionKeychain};
pub use ledger_file::LedgerFile;
pub use ledger_store::LedgerStore;
pub use limited::LimitedStore;
pub use lock::{Lock, LockState, lock_beside};
pub use machine::{boot_id, machine_id};
pub use memory::MemoryStore;
pub use ownership::{create_folders, home_of_effective_user};
pub use pending_file::{Claim, PendingFile};
pub use profile_config::{EncryptionKey, ProfileConfig};
pub use profile_file::ProfileFile;
pub use room::inspect_room;
pub use settings_file::SettingsFile;
pub use vault::Vault;
pub use vault_config::{KeychainConfig, SessionConfig, VaultConfig};

#[cfg(test)]
#[path = "../tests/session/mod.rs"]
mod records;
#[cfg(test)]
#[path = "../tests/scratch/mod.rs"]
mod scratch;
