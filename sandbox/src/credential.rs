//! Credentials, recognised by their shape wherever they turn up.

/// A kind of credential that the sandbox gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    /// Pentify's API key, or one that is said to be one.
    PentifyKey,
    /// Pensar's access token: a JWT.
    AccessToken,
    RefreshToken,
    DeviceCode,
    /// Pensar's API key.
    ApiKey,
    /// The key that signs requests to the gateway; it is never sent at all.
    SigningKey,
}

/// How the texts of credentials begin, JWTs excepted.
const PREFIXES: [(&str, Credential); 8] = [
    ("pt_live_", Credential::PentifyKey),
    ("pt_test_", Credential::PentifyKey),
    ("pk_live_", Credential::PentifyKey),
    ("pk_test_", Credential::PentifyKey),
    (REFRESH_TOKEN, Credential::RefreshToken),
    (DEVICE_CODE, Credential::DeviceCode),
    (API_KEY, Credential::ApiKey),
    (SIGNING_KEY, Credential::SigningKey),
];
/// How Pensar's refresh tokens begin.
pub(crate) const REFRESH_TOKEN: &str = "psr_refresh_";
/// How Pensar's device codes begin.
pub(crate) const DEVICE_CODE: &str = "psr_device_";
/// How Pensar's API keys begin.
pub(crate) const API_KEY: &str = "psr_key_";
/// How Pensar's signing keys begin.
pub(crate) const SIGNING_KEY: &str = "psr_sign_";
/// How a JWT begins: `{"` in base64url.
const JWT: &str = "eyJ";
/// The fewest characters after its prefix that make a text look like a credential.
const LEAST: usize = 8;

/// What a text has in it that looks like a credential.
pub(crate) fn credentials_in(text: &str) -> impl Iterator<Item = Credential> {
    let begins = |three: &[u8]| matches!(three, b"pt_" | b"pk_" | b"psr" | b"eyJ");
    let beginnings = text.as_bytes().windows(3).enumerate().filter(move |(_, three)| begins(three));
    beginnings.filter_map(|(at, _)| credential_at(text.get(at..)?))
}

/// Whether a text has anything in it that looks like a credential.
pub(crate) fn has_credential(text: &str) -> bool {
    credentials_in(text).next().is_some()
}

/// The credential that a text begins with.
fn credential_at(text: &str) -> Option<Credential> {
    let is_one = |prefix: &str| text.strip_prefix(prefix).is_some_and(|body| word(body).len() >= LEAST);
    let known = PREFIXES.iter().find(|(prefix, _)| is_one(prefix)).map(|(_, credential)| *credential);
    known.or_else(|| is_jwt(text).then_some(Credential::AccessToken))
}

/// Three words with dots between them.
fn is_jwt(text: &str) -> bool {
    if !text.starts_with(JWT) {
        return false;
    }
    let mut rest = text;
    for _ in 0..2 {
        let header = word(rest);
        match rest.get(header.len()..).and_then(|rest| rest.strip_prefix('.')) {
            Some(after) if header.len() >= LEAST => rest = after,
            _ => return false,
        }
    }
    word(rest).len() >= LEAST
}

fn word(text: &str) -> &str {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let end = text.bytes().position(|byte| !is_of_word(byte));
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_their_shape() {
        for (text, expected) in [
            ("pt_live_abcdefgh", Some(Credential::PentifyKey)),
            ("pt_live_abcdefg", None),
            ("pt_live_ pt_live_abcdefgh", Some(Credential::PentifyKey)),
            ("{\"refresh_token\":\"psr_refresh_abcdefgh\"}", Some(Credential::RefreshToken)),
            ("x psr_device_abcd-fgh y", Some(Credential::DeviceCode)),
            ("Bearer psr_key_abcdefgh", Some(Credential::ApiKey)),
            ("psr_sign_abcdefgh", Some(Credential::SigningKey)),
            ("Bearer eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", Some(Credential::AccessToken)),
            ("eyJhbGciOiJI.eyJzdWIiOiIx", None),
            ("eyJhbGciOiJI.eyJ.c2lnbmF0dXJl", None),
            ("ünïcode eyJ", None),
        ] {
            assert!(credentials_in(text).eq(expected), "{text}");
        }
    }
}
