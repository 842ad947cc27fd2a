//! Numbered stand-ins for secrets.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::jwt::Lifetime;
use crate::secret::{Entropy, Fingerprint, Secret};
use crate::text::is_treacherous;
use crate::time::WallTime;
use crate::token::{LONGEST_TOKEN, is_api_token};
use crate::url::Url;

/// Shorter texts than this are replaced where they stand for a secret, but not searched for in other texts.
const SEARCHABLE: usize = 6;

/// JSON keys whose texts are no secrets in any answer of the service.
const PLAIN_KEYS: &[&str] = &[
    "client_id",
    "code",
    "created_at",
    "email",
    "end",
    "error",
    "error_description",
    "expires_in",
    "expiresIn",
    "grant_type",
    "id",
    "interval",
    "issuer",
    "key_name",
    "message",
    "name",
    "prefix",
    "request_id",
    "scan_type",
    "scope",
    "scopes",
    "slug",
    "start",
    "status",
    "target",
    "token_type",
    "top_up_url",
    "next_cursor",
    "workosClientId",
    "workspaceId",
];

/// JSON keys whose texts are addresses of pages or hosts: machines decide by origin and path, and the query is secret.
const URL_KEYS: &[&str] = &[
    "authorization_endpoint",
    "billingUrl",
    "consoleUrl",
    "device_authorization_endpoint",
    "gatewayUrl",
    "redirect_uri",
    "revocation_endpoint",
    "selectionUrl",
    "token_endpoint",
    "verification_uri",
    "verification_uri_complete",
    "verification_url",
    "verification_url_complete",
    "verificationUri",
    "verificationUriComplete",
];

/// The secrets seen so far, numbered in the order of their first appearance: the same secret has the same number,
/// whatever its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Placeholders {
    secrets: BTreeMap<Secret, usize>,
    draws: usize,
}

impl Placeholders {
    /// Stands for a secret: of the same shape as far as machines look at it.
    pub(super) fn secret(&mut self, secret: &Secret) -> String {
        let next = self.secrets.len() + 1;
        let number = *self.secrets.entry(secret.clone()).or_insert(next);
        shape(secret.expose_secret(), number)
    }

    /// What a placeholder stands for in a replay: what the machine made with that number, or else the placeholder
    /// itself, as good a secret as any.
    pub(super) fn meaning(&self, placeholder: &str) -> Secret {
        let number = placeholder.rsplit(['-', ' ']).next().and_then(|digits| digits.parse::<usize>().ok());
        let made = self.secrets.iter().find(|(_, made)| Some(**made) == number).map(|(secret, _)| secret);
        match made {
            Some(secret) if shape(secret.expose_secret(), number.unwrap_or_default()) == placeholder => {
                secret.clone()
            }
            _ => Secret::from(placeholder),
        }
    }

    /// Stands for something derived from a secret.
    pub(super) fn derived(&mut self, text: &str) -> String {
        self.secret(&Secret::from(text))
    }

    /// Stands for a fingerprint: of the placeholder of its secret if that was seen already, so that a replay can tell
    /// that they belong together; else it is opaque.
    pub(super) fn fingerprint(&mut self, fingerprint: &Fingerprint) -> Value {
        let of = self.secrets.iter().find(|(secret, _)| secret.fingerprint() == *fingerprint);
        match of {
            Some((secret, number)) => json!({"of": shape(secret.expose_secret(), *number)}),
            None => json!({"opaque": self.derived(fingerprint.as_str())}),
        }
    }

    /// A text that is no secret itself, but might repeat one.
    pub(super) fn plain(&self, text: &str) -> String {
        let mut text = Zeroizing::new(String::from(text));
        for (secret, number) in &self.secrets {
            let secret = secret.expose_secret();
            if secret.len() >= SEARCHABLE && text.contains(secret) {
                text = Zeroizing::new(text.replace(secret, &shape(secret, *number)));
            }
        }
        core::mem::take(&mut *text)
    }

    /// The number of a draw of entropy.
    pub(super) fn draw(&mut self) -> usize {
        self.draws += 1;
        self.draws
    }

    /// The URL with placeholders in its query; what is none is a secret as a whole.
    fn url(&mut self, text: &str) -> String {
        let Ok(url) = Url::parse(text) else { return self.derived(text) };
        let base = format!("{}{}", url.origin(), self.plain(url.path()));
        let Ok(mut stand_in) = Url::parse(&base) else { return self.derived(text) };
        for (name, value) in url.query() {
            let value = self.derived(value.expose());
            stand_in = stand_in.with(&self.plain(name), value);
        }
        stand_in.expose().expose_secret().into()
    }

    /// A server's JSON: only texts under known harmless keys are kept.
    pub(super) fn json(&mut self, key: Option<&str>, value: &Value) -> Value {
        match value {
            Value::String(text) if key.is_some_and(is_plain) => self.plain(text).into(),
            Value::String(text) if key.is_some_and(|key| URL_KEYS.contains(&key)) => self.url(text).into(),
            Value::String(text) => self.secret(&Secret::from(text.as_str())).into(),
            Value::Array(items) => items.iter().map(|item| self.json(key, item)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| (key.clone(), self.json(Some(key), value))).collect()
            }
            other => other.clone(),
        }
    }
}

/// Beside the [known keys](PLAIN_KEYS) what an issuer says that it supports (RFC 8414 §2): words of the protocol, which also
/// stand in requests and paths.
fn is_plain(key: &str) -> bool {
    PLAIN_KEYS.contains(&key) || key.ends_with("_supported")
}

/// The bits that stand for a draw in a replay.
pub(super) fn entropy(draw: u64) -> Entropy {
    let mut bytes = [0; 32];
    for (byte, source) in bytes.iter_mut().zip(draw.to_be_bytes()) {
        *byte = source;
    }
    Entropy::new(bytes)
}

/// The payload of a JSON Web Token that says the same of its lifetime, and nothing else.
fn lifetime(secret: &Secret) -> Option<String> {
    let claims = Lifetime::of(secret);
    let seconds = |time: Option<WallTime>| time.map(WallTime::as_unix_seconds);
    let payload = json!({"iat": seconds(claims.issued_at), "exp": seconds(claims.expires_at)});
    (claims != Lifetime::default()).then(|| format!("{payload}"))
}

fn shape(secret: &str, number: usize) -> String {
    if secret.is_empty() {
        String::new()
    } else if let Some(token) = secret.strip_prefix("Bearer ") {
        format!("Bearer {}", shape(token, number))
    } else if is_api_token(&Secret::from(secret)) {
        format!("pt_live_placeholder-{number}")
    } else if secret.len() > LONGEST_TOKEN {
        format!("placeholder {number}")
    } else if let Some(payload) = lifetime(&Secret::from(secret)) {
        format!("e30.{}.placeholder-{number}", BASE64URL_NOPAD.encode(payload.as_bytes()))
    } else if secret.chars().any(is_treacherous) {
        format!("placeholder\u{1} {number}")
    } else if secret.chars().any(|c| c.is_whitespace() || !c.is_ascii()) {
        format!("placeholder {number}")
    } else {
        format!("placeholder-{number}")
    }
}
