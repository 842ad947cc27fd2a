//! Access tokens: JWTs (RFC 7519) signed with HMAC-SHA256.

use data_encoding::BASE64URL_NOPAD;
use doorkey_core::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::digest::Digest;

/// The first part of every token: `{"alg":"HS256","typ":"JWT"}` in base64url.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(super) exp: u64,
    /// Whole seconds since the epoch, rounded down.
    pub(super) iat: u64,
    /// Tells two tokens of one second apart.
    pub(super) jti: String,
    /// The session: a family of refresh tokens.
    pub(super) sid: Digest,
    /// The account's id.
    pub(super) sub: String,
}

impl Claims {
    /// The token that says so.
    pub(super) fn sign(&self, key: Digest) -> Secret {
        let claims = serde_json::to_vec(self).unwrap_or_default();
        let mut token = format!("{HEADER}.");
        BASE64URL_NOPAD.encode_append(&claims, &mut token);
        let signature = hmac(key.as_bytes(), token.as_bytes()).finalize().into_bytes();
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        Secret::new(token)
    }

    /// What a token says, if it is one of ours. Its time is not looked at.
    pub(super) fn verify(token: &str, key: Digest) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        hmac(key.as_bytes(), signed.as_bytes()).verify_slice(&signature).ok()?;
        let (_, claims) = signed.split_once('.')?;
        serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).ok()?).ok()
    }
}

/// The HMAC-SHA256 of a text (RFC 2104), to be taken or compared in constant time.
pub(super) fn hmac(key: &[u8], text: &[u8]) -> Hmac<Sha256> {
    #[allow(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104 §2)")]
    Hmac::<Sha256>::new_from_slice(key).expect("a key").chain_update(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_tokens_are_believed() {
        let (key, other) = (Digest::of("key"), Digest::of("other"));
        let claims =
            Claims { sub: "user".into(), sid: Digest::of("family"), jti: "1".into(), iat: 10, exp: 310 };
        let token = claims.sign(key);
        let token = token.expose_secret();
        let header = token.split('.').next().map(|header| BASE64URL_NOPAD.decode(header.as_bytes()));
        assert_eq!(header, Some(Ok(br#"{"alg":"HS256","typ":"JWT"}"#.to_vec())), "{token}");
        assert_eq!(Claims::verify(token, key), Some(claims.clone()));
        assert_eq!(Claims::verify(token, other), None);
        let longer = Claims { exp: 1_000_000, ..claims }.sign(other);
        let (forged, _) = longer.expose_secret().rsplit_once('.').unwrap();
        let (_, signature) = token.rsplit_once('.').unwrap();
        for wrong in [
            format!("{forged}.{signature}"),
            format!("{forged}."),
            forged.to_owned(),
            "..".into(),
            String::new(),
        ] {
            assert_eq!(Claims::verify(&wrong, key), None, "{wrong}");
        }
    }
}
