//! Texts that rest encrypted: XChaCha20-Poly1305 under a key that Argon2id makes of a passphrase, or HKDF of a key file.
//!
//! A sealed text is one line, `<header> <body>`: the header is authenticated with the text, the body is nonce, cipher
//! text and tag in base64. Every bit counts: no two lines mean the same. The nonce is random and new for each sealing;
//! with 192 bits that may go on for ever under one key. The salt stays with the file, so that one derivation serves
//! for all that a command does.
//!
//! What this protects is what rests: somebody who reads the disk, a backup or a home on a server learns nothing. Who
//! can write to the disk can still put an older file back in its place.

mod header;
mod key;
mod stack;

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use data_encoding::BASE64_NOPAD;
use doorkey_core::record::UnreadableRecord;
use doorkey_core::secret::Secret;
use doorkey_core::store::{StoreFailure, StoreFailureKind};
use doorkey_core::text::harmless;
use zeroize::Zeroizing;

use self::header::{Cost, Derivation, Header, SALT, Unusable, split};
use self::key::{Key, derive};
use self::stack::wiping_stack;
use crate::envelope::{Envelope, Purpose};
use crate::failure::{failure, shown};
use crate::private_file::{explain, unreadable};
use crate::profile_config::EncryptionKey;

const NONCE: usize = 24;
const TAG: usize = 16;
/// No header has more bytes.
const LONGEST_HEADER: usize = 128;

/// An envelope of this key, or of none. It keeps what it derived, for the file that it last opened or began.
pub(crate) struct Sealer {
    given: Option<EncryptionKey>,
    cost: Cost,
    derived: Mutex<Option<(Header, Key)>>,
}

impl Sealer {
    /// Nothing is derived yet.
    pub(crate) fn new(given: Option<EncryptionKey>) -> Self {
        Self { given, cost: Cost::RECOMMENDED, derived: Mutex::default() }
    }

    fn given(&self, path: &Path) -> Result<&EncryptionKey, StoreFailure> {
        self.given.as_ref().ok_or_else(|| {
            failure(
                StoreFailureKind::Locked,
                format!(
                    "{} is encrypted, and neither passphrase nor key file is given; give a key file, or a passphrase at a terminal, and try again",
                    shown(path)
                ),
            )
        })
    }

    /// The header and the key to seal with: those of the file that is there, else fresh ones.
    fn ready(&self, path: &Path) -> Result<MutexGuard<'_, Option<(Header, Key)>>, StoreFailure> {
        let given = self.given(path)?;
        let mut derived = self.derived();
        if derived.is_none() {
            let derivation = match given {
                EncryptionKey::Passphrase(_) => Derivation::Passphrase(self.cost),
                EncryptionKey::KeyFile(_) => Derivation::KeyFile,
            };
            let header = Header { derivation, salt: random::<SALT>()? };
            let key = derive(given, &header, path)?;
            *derived = Some((header, key));
        }
        Ok(derived)
    }

    fn sealed(&self, path: &Path, purpose: Purpose, text: &[u8]) -> Result<Secret, StoreFailure> {
        let derived = self.ready(path)?;
        let Some((header, key)) = derived.as_ref() else { return Err(unsealable(path)) };
        let mut line = header.text(purpose);
        let nonce = random::<NONCE>()?;
        // One allocation of the right size: growing would leave copies of the text behind.
        let mut body = Zeroizing::new(Vec::with_capacity(NONCE + text.len() + TAG));
        body.extend_from_slice(&nonce);
        body.extend_from_slice(text);
        let tag = XChaCha20Poly1305::new((&**key).into())
            .encrypt_inout_detached(&nonce.into(), line.as_bytes(), (&mut body[NONCE..]).into())
            .map_err(|_| unsealable(path))?;
        body.extend_from_slice(&tag);
        line.push(' ');
        BASE64_NOPAD.encode_append(&body, &mut line);
        Ok(Secret::new(line))
    }

    fn opened(&self, path: &Path, purpose: Purpose, line: &str) -> Result<Secret, StoreFailure> {
        let given = self.given(path)?;
        let (header, authenticated, body) = split(line, purpose).map_err(|why| unusable(path, why))?;
        let malformed = || explain(path, UnreadableRecord::Malformed);
        let mut body = Zeroizing::new(BASE64_NOPAD.decode(body.as_bytes()).map_err(|_| malformed())?);
        let (nonce, rest) = body.split_first_chunk_mut::<NONCE>().ok_or_else(malformed)?;
        let (text, tag) = rest.split_last_chunk_mut::<TAG>().ok_or_else(malformed)?;
        let mut derived = self.derived();
        let key = match &*derived {
            Some((known, key)) if *known == header => key.clone(),
            _ => derive(given, &header, path)?,
        };
        XChaCha20Poly1305::new((&*key).into())
            .decrypt_inout_detached(&(*nonce).into(), authenticated.as_bytes(), text.into(), &(*tag).into())
            .map_err(|_| wrong(path, given))?;
        // Only now: nobody without the key decides what is derived anew for the next text that is sealed.
        *derived = Some((header, key));
        str::from_utf8(text).map(Secret::from).map_err(|_| malformed())
    }

    fn derived(&self) -> MutexGuard<'_, Option<(Header, Key)>> {
        // It is only ever replaced as a whole.
        self.derived.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Envelope for Sealer {
    fn has_key(&self) -> bool {
        self.given.is_some()
    }

    fn make_ready(&self, path: &Path) -> Result<(), StoreFailure> {
        wiping_stack(|| self.ready(path).map(drop))
    }

    fn seal(&self, path: &Path, purpose: Purpose, text: &Secret) -> Result<Secret, StoreFailure> {
        wiping_stack(|| self.sealed(path, purpose, text.expose_secret().as_bytes()))
    }

    fn open(&self, path: &Path, purpose: Purpose, line: &str) -> Result<Secret, StoreFailure> {
        wiping_stack(|| self.opened(path, purpose, line))
    }

    fn sealed_length(&self, bytes: usize) -> usize {
        LONGEST_HEADER + BASE64_NOPAD.encode_len(NONCE + bytes + TAG)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("given", &self.given).finish_non_exhaustive()
    }
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], StoreFailure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|cause| {
        let cause = harmless(&cause.to_string());
        let detail = format!("the system gave no random numbers: {cause}; try again");
        failure(StoreFailureKind::Refused, detail)
    })?;
    Ok(bytes)
}

fn unusable(path: &Path, why: Unusable) -> StoreFailure {
    match why {
        Unusable::Unreadable(why) => explain(path, why),
        Unusable::TooCostly(Cost { memory, passes, lanes }) => unreadable(
            path,
            &format!("asks for more work than any file of ours (m={memory} KiB, t={passes}, p={lanes})"),
        ),
    }
}

/// Of a wrong key and a changed file the cipher says the same.
fn wrong(path: &Path, given: &EncryptionKey) -> StoreFailure {
    let given = match given {
        EncryptionKey::Passphrase(_) => "the passphrase is wrong",
        EncryptionKey::KeyFile(_) => "the key file is not the right one",
    };
    failure(
        StoreFailureKind::Unreadable,
        format!(
            "{} could not be decrypted: {given}, or the file is damaged; try the right one, or move the file away \
             and sign in again",
            shown(path)
        ),
    )
}

fn unsealable(path: &Path) -> StoreFailure {
    failure(StoreFailureKind::Refused, format!("{} could not be encrypted; try again", shown(path)))
}

#[cfg(test)]
mod tests;
