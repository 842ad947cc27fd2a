//! Secrets that can be told from everything else.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use doorkey_core::secret::Entropy;

/// What every secret has in it, and nothing else.
pub const MARK: &str = "canary";

/// The secret text of this number.
pub fn secret(number: u8) -> String {
    format!("{MARK}-{number:03}-0123456789")
}

/// A JSON Web Token that says how long it lives.
pub fn token_of(number: u8, issued: u64, lifetime: Duration) -> String {
    let claims = format!(r#"{{"iat":{issued},"exp":{}}}"#, issued + lifetime.as_secs());
    format!("e30.{}.{}", BASE64URL_NOPAD.encode(claims.as_bytes()), secret(number))
}

/// Entropy whose text form has the mark in it: base64url of these bytes is `canary` and more.
pub fn entropy(number: u8) -> Entropy {
    let text = format!("{MARK}AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    let mut bytes = [0; 32];
    let decoded = BASE64URL_NOPAD.decode(&text.as_bytes()[..40]).expect("it is base64url");
    bytes[..30].copy_from_slice(&decoded);
    bytes[31] = number;
    Entropy::new(bytes)
}
