//! Values that must not be seen: tokens, device ids, keys.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

/// A secret text. It has no `Display` and no `Serialize`, its `Debug` is redacted, and it is wiped on drop.
///
/// Clones share one copy in memory, which goes with the last of them.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Secret(Arc<Wiped>);

#[derive(Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Wiped(String);

impl Secret {
    /// Takes the text over; no copy of it is left behind.
    pub fn new(text: String) -> Self {
        Self(Arc::new(Wiped(text)))
    }

    /// The text itself. The name is long so that a reader stops here.
    pub fn expose_secret(&self) -> &str {
        &self.0.0
    }

    /// Tells two secrets apart without showing either.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.expose_secret().as_bytes())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A secret text that is put together piece by piece: what it outgrows is wiped.
#[derive(Default)]
pub(crate) struct SecretBuilder(Zeroizing<String>);

impl SecretBuilder {
    pub(crate) fn push_str(&mut self, piece: &str) {
        let length = self.0.len() + piece.len();
        if length > self.0.capacity() {
            let mut larger = Zeroizing::new(String::with_capacity(2 * length));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        self.0.push_str(piece);
    }

    pub(crate) fn finish(mut self) -> Secret {
        Secret::new(core::mem::take(&mut *self.0))
    }
}

impl<'a> Extend<&'a str> for SecretBuilder {
    fn extend<T: IntoIterator<Item = &'a str>>(&mut self, pieces: T) {
        pieces.into_iter().for_each(|piece| self.push_str(piece));
    }
}

impl fmt::Write for SecretBuilder {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        self.push_str(piece);
        Ok(())
    }
}

/// A copy for the types of the `http` crate, which share it: wiped with the last of them.
pub(crate) fn wiped(text: &str) -> Bytes {
    Bytes::from_owner(Zeroizing::new(Vec::from(text)))
}

/// The first 64 bits of a secret's SHA-256, in hex: enough to compare, useless to an attacker of a 256-bit secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(Arc<str>);

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Self(HEXLOWER.encode(digest.get(..8).unwrap_or_default()).into())
    }

    /// A fingerprint read back from where it was written.
    pub fn from_hex(hex: &str) -> Self {
        Self(hex.into())
    }

    /// Sixteen hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Bytes of an HTTP body: redacted in `Debug`, wiped on drop.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Body(Vec<u8>);

impl Body {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self(text.into_bytes())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

/// The text is moved, and copied only if there are clones of it.
impl From<Secret> for Body {
    fn from(mut secret: Secret) -> Self {
        match Arc::get_mut(&mut secret.0) {
            Some(text) => Self(core::mem::take(&mut text.0).into_bytes()),
            None => Self::from(secret.expose_secret()),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// 256 bits from the operating system's generator, handed in by the driver. They stay in one place: what is moved about
/// leaves copies behind.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Entropy(Box<[u8; 32]>);

impl Entropy {
    /// These bytes, for tests: the caller still has them.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Box::new(bytes))
    }

    /// What `fill` writes into the place where it stays.
    ///
    /// # Errors
    /// As `fill`.
    pub fn draw<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut bytes = Self(Box::new([0; 32]));
        fill(&mut *bytes.0)?;
        Ok(bytes)
    }

    /// The bytes themselves.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[entropy]")
    }
}

impl Drop for Entropy {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
