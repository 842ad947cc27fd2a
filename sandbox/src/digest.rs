//! SHA-256: the only form in which the state keeps device ids, keys and cookies.

use std::fmt;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// Of one text.
    pub(crate) fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Of several parts under a name for the purpose; parts cannot run into each other.
    pub(crate) fn of_parts(purpose: &str, parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(purpose.as_bytes());
        for part in parts {
            hash.update([0]);
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The first 64 bits as a number.
    pub(crate) fn first_number(self) -> u64 {
        self.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// 43 characters that carry all of it.
    pub(crate) fn to_base64url(self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// The first 64 bits in hex: enough for a name.
    pub(crate) fn short(self) -> String {
        let mut hex = HEXLOWER.encode(&self.0);
        hex.truncate(16);
        hex
    }

    /// The first 40 bits in base32, in two groups: short enough for a person to compare.
    pub(crate) fn check_code(self) -> String {
        let mut code = BASE32_NOPAD.encode(&self.0);
        code.truncate(8);
        code.insert(4, '-');
        code
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        HEXLOWER.encode(&digest.0)
    }
}

impl TryFrom<String> for Digest {
    type Error = &'static str;

    fn try_from(hex: String) -> Result<Self, Self::Error> {
        let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|_| "not hex")?;
        bytes.try_into().map(Self).map_err(|_| "not 32 bytes")
    }
}

/// The short code that terminal and page both show for a `device_id`: the first 4 + 4 base32 characters of its
/// SHA-256.
pub fn check_code(device_id: &str) -> String {
    Digest::of(device_id).check_code()
}
