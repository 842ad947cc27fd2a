//! The fingerprint of a state: what does not tell its future from another's is left out.
//!
//! Times count from now. Both clocks begin so far out that no other number is taken for one of theirs, so that whatever
//! derives `Hash` is hashed as it is, deadlines within the machines and the issuer's own times included. An access token
//! is known by its id and by when it ends, not by its text, which has the date.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};

use data_encoding::BASE64URL_NOPAD;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Where the monotonic clock begins.
pub const MONO: u64 = 1 << 52;
/// Where the wall clock begins: in 2027.
pub const WALL: u64 = 1_800_000_000_000;
/// No run takes longer, in either direction.
const SPAN: u64 = 100 * 24 * 60 * 60 * 1000;

/// Hashes relative to a moment.
pub struct Relative {
    sip: SipHasher13,
    millis: u64,
}

impl Relative {
    /// Relative to so many milliseconds after the beginning.
    pub fn to(millis: u64) -> Self {
        Self { sip: SipHasher13::new(), millis }
    }

    /// All 128 bits of one value.
    pub fn of(millis: u64, value: &impl Hash) -> u128 {
        let mut hasher = Self::to(millis);
        value.hash(&mut hasher);
        hasher.finish128()
    }

    /// All 128 bits.
    pub fn finish128(&self) -> u128 {
        self.sip.finish128().as_u128()
    }
}

impl Hasher for Relative {
    fn write(&mut self, bytes: &[u8]) {
        let token = match bytes {
            [b'e', b'y', b'J', ..] => bytes,
            [b'B', b'e', b'a', b'r', b'e', b'r', b' ', token @ ..] => token,
            _ => return self.sip.write(bytes),
        };
        let (id, ends) = claims(token);
        self.sip.write(id.as_bytes());
        self.write_u64(ends.saturating_mul(1000));
    }

    fn write_u64(&mut self, number: u64) {
        let origin = if (MONO - SPAN..=MONO + SPAN).contains(&number) {
            MONO
        } else if (WALL - SPAN..=WALL + SPAN).contains(&number) {
            WALL
        } else {
            return self.sip.write_u64(number);
        };
        self.sip.write_u64(origin);
        self.sip.write_u64(number.wrapping_sub(origin + self.millis));
    }

    fn finish(&self) -> u64 {
        self.sip.finish()
    }
}

/// An access token's id and end (RFC 7519 §4.1), looked up once each.
fn claims(token: &[u8]) -> (String, u64) {
    thread_local! {
        static KNOWN: RefCell<HashMap<Vec<u8>, (String, u64)>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        if let Some(claims) = known.get(token) {
            return claims.clone();
        }
        let read = || {
            let payload = token.split(|byte| *byte == b'.').nth(1)?;
            let claims = BASE64URL_NOPAD.decode(payload).ok()?;
            let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
            Some((claims["jti"].as_str()?.to_owned(), claims["exp"].as_u64()?))
        };
        let claims = read().unwrap_or_else(|| (String::from_utf8_lossy(token).into_owned(), 0));
        known.insert(token.to_owned(), claims.clone());
        claims
    })
}
