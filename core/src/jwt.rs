//! What a JSON Web Token says about its own lifetime (RFC 7519 §4.1). Its signature is not ours to check: the two
//! claims are hints for refreshing, never a proof of anything.

use core::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde_json::Number;

use crate::secret::Secret;
use crate::time::WallTime;

/// A token with a longer payload is not looked into.
const LONGEST_PAYLOAD: usize = 64 * 1024;
/// A lifetime of more than a century is a mistake, and counts as unknown.
const LONGEST_LIFETIME: u64 = 100 * 365 * 24 * 60 * 60;

/// The claims about time, on the issuer's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lifetime {
    /// `iat`: when it was issued.
    pub issued_at: Option<WallTime>,
    /// `exp`: from when on it is not accepted any more.
    pub expires_at: Option<WallTime>,
}

impl Lifetime {
    /// Reads the claims; what is no JSON Web Token, or has no usable claim, says nothing.
    pub fn of(token: &Secret) -> Self {
        #[derive(Deserialize)]
        struct Claims {
            #[serde(default)]
            iat: Option<Number>,
            #[serde(default)]
            exp: Option<Number>,
        }
        let payload = token.expose_secret().split('.').nth(1).filter(|text| text.len() <= LONGEST_PAYLOAD);
        let bytes = payload
            .and_then(|text| BASE64URL_NOPAD.decode(text.trim_end_matches('=').as_bytes()).ok())
            .map(zeroize::Zeroizing::new);
        let claims = bytes.and_then(|bytes| serde_json::from_slice::<Claims>(&bytes).ok());
        let time = |number: Option<Number>| {
            let seconds = whole_seconds(&number?)?;
            Some(WallTime::from_unix_millis(seconds.checked_mul(1000)?))
        };
        claims.map_or_else(Self::default, |claims| Self {
            issued_at: time(claims.iat),
            expires_at: time(claims.exp),
        })
    }

    /// From `issued_at` to `expires_at`, if both are known and make sense together.
    pub fn duration(&self) -> Option<Duration> {
        span(self.issued_at?, self.expires_at?)
    }

    /// From `now`, on the issuer's clock, to `expires_at`.
    pub fn left_at(&self, now: WallTime) -> Option<Duration> {
        span(now, self.expires_at?)
    }
}

fn span(from: WallTime, to: WallTime) -> Option<Duration> {
    let millis = to.as_unix_millis().checked_sub(from.as_unix_millis()).filter(|millis| *millis > 0)?;
    (millis / 1000 <= LONGEST_LIFETIME).then(|| Duration::from_millis(millis))
}

/// A `NumericDate` may have decimals (RFC 7519 §2); they do not matter here.
fn whole_seconds(number: &Number) -> Option<u64> {
    if let Some(whole) = number.as_u64() {
        return Some(whole);
    }
    let text = alloc::string::ToString::to_string(number);
    let whole = text.split(['.', 'e', 'E']).next()?;
    if text.contains(['e', 'E']) { None } else { whole.parse().ok() }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    fn token(payload: &str) -> Secret {
        Secret::new(format!("e30.{}.c2ln", BASE64URL_NOPAD.encode(payload.as_bytes())))
    }

    #[test]
    fn claims_are_read_and_nonsense_says_nothing() {
        for (payload, lifetime) in [
            (r#"{"iat":1700000000,"exp":1700000300}"#, Some(300_000)),
            (r#"{"iat":1700000000.9,"exp":1700000005.2}"#, Some(5_000)),
            (r#"{"iat":1700000300,"exp":1700000300}"#, None),
            (r#"{"iat":1700000301,"exp":1700000300}"#, None),
            (r#"{"exp":1700000300}"#, None),
            (r#"{"iat":0,"exp":18446744073709551615}"#, None),
            (r#"{"iat":0,"exp":1e300}"#, None),
            (r#"{"iat":-5,"exp":7}"#, None),
            (r#"{"iat":"1","exp":"2"}"#, None),
            ("[]", None),
        ] {
            let read = Lifetime::of(&token(payload)).duration();
            assert_eq!(read, lifetime.map(Duration::from_millis), "{payload}");
        }
        for opaque in ["", "a", "a.b.c", "..", "a.!.c"] {
            assert_eq!(Lifetime::of(&Secret::from(opaque)), Lifetime::default(), "{opaque}");
        }
    }

    #[test]
    fn what_is_left_depends_on_the_clock() {
        let lifetime = Lifetime::of(&token(r#"{"exp":1700000300}"#));
        let at = |seconds: u64| WallTime::from_unix_millis(seconds * 1000);
        assert_eq!(lifetime.left_at(at(1_700_000_200)), Some(Duration::from_secs(100)));
        assert_eq!(lifetime.left_at(at(1_700_000_300)), None);
    }
}
