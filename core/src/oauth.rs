//! An OAuth 2.0 issuer: its endpoints and habits as data, and what its token endpoint answers.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use form_urlencoded::byte_serialize;
use serde_json::Value;

use crate::envelope::json_object;
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::http_date::answered_at;
use crate::json::Object;
use crate::jwt::Lifetime;
use crate::secret::{Body, Secret, SecretBuilder};
use crate::text::harmless;
use crate::token::is_bearer;
use crate::url::{Origin, Text, Url};

/// The grant type of RFC 8628 §3.4.
pub const DEVICE_CODE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// The grant type of RFC 6749 §6.
pub const REFRESH_GRANT: &str = "refresh_token";
/// A longer lifetime is a mistake, and counts as unknown.
const LONGEST_LIFETIME: u64 = 100 * 365 * 24 * 60 * 60;

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OAuth {
    /// Its identifier (RFC 8414 §2), which is compared exactly; `None`: it has none.
    pub issuer: Option<String>,
    /// Where a person's browser is sent (RFC 6749 §3.1), if it has such a place.
    pub authorization_endpoint: Option<Url>,
    /// Where device and user codes come from (RFC 8628 §3.1), if it has such a place.
    pub device_authorization_endpoint: Option<Url>,
    /// Where tokens come from (RFC 6749 §3.2).
    pub token_endpoint: Url,
    /// Where tokens are revoked (RFC 7009 §2), if it has such a place.
    pub revocation_endpoint: Option<Url>,
    /// What access is asked for (RFC 6749 §3.3); `None`: what the issuer grants without being asked.
    pub scope: Option<String>,
    /// It names itself in every answer that a browser brings (RFC 9207 §3).
    pub names_issuer: bool,
    /// Hosts beside its own site whose pages may be opened in the person's browser, in lower case.
    pub page_hosts: Vec<String>,
    /// Where its tokens may be sent, beside the issuer itself: the APIs that they are for, as whoever signed in says.
    pub resources: Vec<Origin>,
    /// How requests are written.
    pub dialect: Dialect,
    /// The client's id; `None`: the service's API tells it.
    pub client_id: Option<String>,
    /// How long after its first use a refresh token is answered again; `None`: never (strict).
    pub grace: Option<Duration>,
    /// How long access tokens live, as far as is known, where neither the answer nor the token says so.
    pub access_lifetime: Option<Duration>,
    /// How long a request may take.
    pub request_limit: Duration,
}

impl OAuth {
    /// An issuer of which nothing but this endpoint is known: strict, with the standard's own requests.
    pub fn new(token_endpoint: Url) -> Self {
        Self {
            issuer: None,
            authorization_endpoint: None,
            device_authorization_endpoint: None,
            token_endpoint,
            revocation_endpoint: None,
            scope: None,
            names_issuer: false,
            page_hosts: Vec::new(),
            resources: Vec::new(),
            dialect: Dialect::Form,
            client_id: None,
            grace: None,
            access_lifetime: None,
            request_limit: Duration::from_secs(10),
        }
    }
}

/// How requests to the endpoints are written. Answers are JSON in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `application/x-www-form-urlencoded`, the standard's own (RFC 6749 §4, RFC 8628 §3.1).
    Form,
    /// The same names as a JSON object (WorkOS).
    Json,
}

/// A parameter of a request.
pub type Parameter<'a> = (&'a str, Text);

impl Dialect {
    /// A `POST` of these parameters.
    pub fn request(self, endpoint: &Url, parameters: &[Parameter<'_>]) -> HttpRequest {
        let (content_type, body) = match self {
            Self::Form => {
                let pairs = parameters.iter().map(|(name, value)| (*name, value.expose()));
                ("application/x-www-form-urlencoded", Body::from(form(pairs)))
            }
            Self::Json => {
                let parameters: BTreeMap<_, _> =
                    parameters.iter().map(|(name, value)| (*name, value.expose())).collect();
                let mut body = SecretBuilder::default();
                let mut object = Object::begin(&mut body);
                parameters.into_iter().for_each(|(name, value)| object.set_text(name, value));
                object.end();
                ("application/json", Body::from(body.finish()))
            }
        };
        HttpRequest::new(Method::Post, endpoint.clone())
            .header("accept", "application/json")
            .body(content_type, body)
    }
}

/// What a token endpoint answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TokenReply {
    /// Tokens (RFC 6749 §5.1).
    Tokens(Tokens),
    /// An error (RFC 6749 §5.2, RFC 8628 §3.5), whatever 2xx or 4xx status it came with.
    Refused(OAuthError),
    /// Nothing definite: another body, another status, tokens of which one cannot be sent.
    Unclear,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// The access token.
    pub access: Secret,
    /// The refresh token, if one came with it.
    pub refresh: Option<Secret>,
    /// How long the access token lives from its receipt, if the answer or the token itself says so.
    pub lifetime: Option<Duration>,
}

/// An error of an OAuth endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OAuthError {
    /// The code, harmless to show.
    pub code: String,
    /// The description, harmless to show; never switched on.
    pub description: Option<String>,
    /// The whole answer's `interval`, if there is a sensible one.
    pub interval: Option<Duration>,
}

impl TokenReply {
    /// Reads an answer.
    pub fn read(response: &HttpResponse) -> Self {
        let Some(body) = json_object(response) else { return Self::Unclear };
        if !(200..300).contains(&response.status) && !(400..500).contains(&response.status) {
            return Self::Unclear;
        }
        let refresh = token_in(&body, "refresh_token");
        // One that cannot be sent is not taken for none: the token that it came for may be spent.
        let unusable = refresh.is_none() && is_given(&body, "refresh_token");
        match (token_in(&body, "access_token"), OAuthError::of(&body)) {
            (Some(_), _) if response.status < 300 && unusable => Self::Unclear,
            (Some(access), _) if response.status < 300 => {
                let lifetime = lifetime(&body, &access, response);
                Self::Tokens(Tokens { access, refresh, lifetime })
            }
            (_, Some(error)) => Self::Refused(error),
            (_, None) => Self::Unclear,
        }
    }
}

impl OAuthError {
    fn of(body: &Value) -> Option<Self> {
        let text = |key: &str| body.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(Self {
            code: harmless(text("error")?),
            description: text("error_description").map(harmless),
            interval: body.get("interval").and_then(seconds),
        })
    }

    /// Whether the request may be repeated as it is: pending, or a trouble that passes. Everything else is final
    /// (invariant 3).
    pub fn is_transient(&self) -> bool {
        matches!(
            self.code.as_str(),
            "authorization_pending" | "slow_down" | "temporarily_unavailable" | "server_error"
        )
    }
}

/// The token under this key, if there is one that can be sent.
pub(crate) fn token_in(body: &Value, key: &str) -> Option<Secret> {
    let text = body.get(key)?.as_str()?;
    is_bearer(text).then(|| Secret::from(text))
}

/// Whether there is anything under this key.
pub(crate) fn is_given(body: &Value, key: &str) -> bool {
    body.get(key).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
}

/// A number of seconds, also written as a text or with decimals, which are rounded up; `None` if it is absurd.
pub fn seconds(value: &Value) -> Option<Duration> {
    let text = match value {
        Value::Number(number) => ToString::to_string(number),
        Value::String(text) => text.trim().into(),
        _ => return None,
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) {
        return None;
    }
    let more = u64::from(decimals.bytes().any(|b| b != b'0'));
    let seconds = whole.parse::<u64>().ok()?.checked_add(more)?;
    (seconds <= LONGEST_LIFETIME).then(|| Duration::from_secs(seconds))
}

/// `expires_in`, else what the token says of itself; the issuer's clock is compared with the issuer's clock only.
fn lifetime(body: &Value, access: &Secret, response: &HttpResponse) -> Option<Duration> {
    let claims = Lifetime::of(access);
    // Nothing is handed out dead: a lifetime of zero means that nobody knows it.
    body.get("expires_in")
        .and_then(seconds)
        .filter(|lifetime| !lifetime.is_zero())
        .or_else(|| claims.duration())
        .or_else(|| claims.left_at(answered_at(response)?))
}

/// Pairs as `application/x-www-form-urlencoded` (WHATWG URL §5.2).
pub(crate) fn form<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Secret {
    let mut form = SecretBuilder::default();
    for (index, (name, value)) in pairs.enumerate() {
        form.push_str(if index == 0 { "" } else { "&" });
        form.extend(byte_serialize(name.as_bytes()));
        form.push_str("=");
        form.extend(byte_serialize(value.as_bytes()));
    }
    form.finish()
}
