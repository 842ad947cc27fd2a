//! From what the embedder gave to the key of the cipher.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::header::{Cost, Derivation, Header};
use crate::failure::{failure, shown};
use crate::ownership::check_key_file;
use crate::private_file::{follow, read_checked, unreadable};
use crate::profile_config::EncryptionKey;

/// A key file with fewer bytes could be guessed, since no time is spent on making that slow.
const SHORTEST_KEY_FILE: usize = 32;
/// Which of all keys that could be made of a key file is meant.
const INFO: &[u8] = b"doorkey credentials, form 1";

/// A key of XChaCha20-Poly1305, wiped on drop.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// The key to a file with this header; `path` is that file.
pub(super) fn derive(given: &EncryptionKey, header: &Header, path: &Path) -> Result<Key, StoreFailure> {
    match (given, header.derivation) {
        (EncryptionKey::Passphrase(passphrase), Derivation::Passphrase(cost)) => {
            of_passphrase(passphrase, cost, header, path)
        }
        (EncryptionKey::KeyFile(key_file), Derivation::KeyFile) => of_key_file(key_file, header),
        (EncryptionKey::KeyFile(_), Derivation::Passphrase(_)) => Err(another_kind(path, "a passphrase")),
        (EncryptionKey::Passphrase(_), Derivation::KeyFile) => Err(another_kind(path, "a key file")),
    }
}

fn of_passphrase(passphrase: &Secret, cost: Cost, header: &Header, path: &Path) -> Result<Key, StoreFailure> {
    if passphrase.expose_secret().is_empty() {
        let detail = format!("the passphrase of {} is empty; give one and try again", shown(path));
        return Err(failure(StoreFailureKind::Locked, detail));
    }
    let mut key = Key::default();
    Params::new(cost.memory, cost.passes, cost.lanes, Some(key.len()))
        .and_then(|parameters| {
            Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters).hash_password_into(
                passphrase.expose_secret().as_bytes(),
                &header.salt,
                &mut *key,
            )
        })
        .map_err(|_| unreadable(path, "asks for what is impossible, and must be damaged"))?;
    Ok(key)
}

fn of_key_file(key_file: &Path, header: &Header) -> Result<Key, StoreFailure> {
    let name = shown(key_file);
    let place = follow(key_file)?;
    let content = match read_checked(&place, |found| check_key_file(&place, found)) {
        Ok(Some(content)) if content.len() >= SHORTEST_KEY_FILE => content,
        Ok(Some(content)) => {
            let bytes = content.len();
            let detail = format!(
                "the key file {name} has only {bytes} bytes; use one of at least {SHORTEST_KEY_FILE} random bytes"
            );
            return Err(failure(StoreFailureKind::Refused, detail));
        }
        Ok(None) => {
            let detail = format!("the key file {name} is not there; put it back or name the right one");
            return Err(failure(StoreFailureKind::Locked, detail));
        }
        Err(found) if found.kind == StoreFailureKind::Unreadable => {
            let detail = format!("the key file {name} is too large to be one; name the right one");
            return Err(failure(StoreFailureKind::Refused, detail));
        }
        Err(failure) => return Err(failure),
    };
    let mut key = Key::default();
    // As long as a hash or shorter, it cannot fail.
    let _ = Hkdf::<Sha256>::new(Some(&header.salt), &content).expand(INFO, &mut *key);
    Ok(key)
}

fn another_kind(path: &Path, kind: &str) -> StoreFailure {
    let detail =
        format!("{} is encrypted with {kind}, which is not what was given; give {kind}", shown(path));
    failure(StoreFailureKind::Locked, detail)
}
