//! What an issuer says of itself (RFC 8414 §2, OpenID Connect Discovery 1.0 §3).

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};

use serde_json::Value;

use crate::failure::{Exit, Failure};
use crate::oauth::OAuth;
use crate::reach::Reach;
use crate::site::same_site;
use crate::text::harmless;
use crate::url::{Url, UrlError};

/// An issuer's endpoints, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// Where a person's browser is sent (RFC 6749 §3.1).
    pub authorization: Option<Url>,
    /// Where device codes come from (RFC 8628 §3.1).
    pub device_authorization: Option<Url>,
    /// Where tokens come from (RFC 6749 §3.2).
    pub token: Option<Url>,
    /// Where tokens are revoked (RFC 7009 §2).
    pub revocation: Option<Url>,
}

/// What is known of an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Its identifier.
    pub issuer: String,
    /// Its endpoints.
    pub endpoints: Endpoints,
    /// It names itself in every answer that a browser brings (RFC 9207 §3).
    pub names_issuer: bool,
    /// It knows the scope `openid` (OpenID Connect Core 1.0 §3.1.2.1).
    pub speaks_openid: bool,
}

/// The scope of every OpenID request.
const OPENID: &str = "openid";
/// The names of the endpoints in metadata.
const AUTHORIZATION: &str = "authorization_endpoint";
const DEVICE_AUTHORIZATION: &str = "device_authorization_endpoint";
const TOKEN: &str = "token_endpoint";
const REVOCATION: &str = "revocation_endpoint";

impl Endpoints {
    /// Whether a login can be made with them.
    pub fn suffice(&self) -> bool {
        self.token.is_some() && (self.device_authorization.is_some() || self.authorization.is_some())
    }

    /// Takes over what is missing here.
    pub fn fill(&mut self, other: Self) {
        self.authorization = self.authorization.take().or(other.authorization);
        self.device_authorization = self.device_authorization.take().or(other.device_authorization);
        self.token = self.token.take().or(other.token);
        self.revocation = self.revocation.take().or(other.revocation);
    }

    /// Those on another site than the issuer, by their names in metadata.
    pub fn elsewhere(&self, issuer: &Url) -> impl Iterator<Item = (&'static str, &Url)> {
        let all = [
            (AUTHORIZATION, &self.authorization),
            (DEVICE_AUTHORIZATION, &self.device_authorization),
            (TOKEN, &self.token),
            (REVOCATION, &self.revocation),
        ];
        let known = all.into_iter().filter_map(|(name, url)| Some((name, url.as_ref()?)));
        known.filter(|(_, url)| !same_site(url.origin(), issuer.origin()))
    }
}

impl Metadata {
    /// What the body of an answer says. `None` if it is no metadata.
    pub(crate) fn read(body: &Value, issuer: &Url) -> Option<Result<Self, Failure>> {
        let named = body.get("issuer")?.as_str()?;
        let endpoint = |name: &'static str| match body.get(name).and_then(Value::as_str) {
            None | Some("") => Ok(None),
            Some(text) => endpoint(name, text, issuer).map(Some),
        };
        let endpoints = || {
            Ok(Endpoints {
                authorization: endpoint(AUTHORIZATION)?,
                device_authorization: endpoint(DEVICE_AUTHORIZATION)?,
                token: endpoint(TOKEN)?,
                revocation: endpoint(REVOCATION)?,
            })
        };
        let names_issuer =
            body.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true));
        let scopes = body.get("scopes_supported").and_then(Value::as_array);
        let speaks_openid = scopes.is_some_and(|scopes| scopes.iter().any(|scope| scope == OPENID));
        let issuer = named.to_owned();
        Some(endpoints().map(|endpoints| Self { issuer, endpoints, names_issuer, speaks_openid }))
    }

    /// Takes over what is missing here.
    pub(crate) fn fill(&mut self, other: Self) {
        self.endpoints.fill(other.endpoints);
        self.names_issuer |= other.names_issuer;
        self.speaks_openid |= other.speaks_openid;
    }

    /// The issuer, for this client. Who names no scope asks an OpenID provider for `openid`: without it, some let a person
    /// approve, and then grant nothing.
    ///
    /// # Errors
    /// It has no token endpoint.
    pub fn client(self, client_id: String, scope: Option<String>) -> Result<OAuth, Failure> {
        let Endpoints { authorization, device_authorization, token, revocation } = self.endpoints;
        let Some(token) = token else { return Err(no_endpoint(TOKEN)) };
        Ok(OAuth {
            issuer: Some(self.issuer),
            authorization_endpoint: authorization,
            device_authorization_endpoint: device_authorization,
            revocation_endpoint: revocation,
            names_issuer: self.names_issuer,
            client_id: Some(client_id),
            scope: scope.or_else(|| self.speaks_openid.then(|| OPENID.to_owned())),
            ..OAuth::new(token)
        })
    }
}

/// The issuer does not say where that is, and nobody else did.
pub(crate) fn no_endpoint(name: &str) -> Failure {
    let flag = name.replace('_', "-");
    Failure::new(Exit::Server, "no_endpoint", format!("the issuer's metadata names no {name}"))
        .next(format!("give it by --{flag}, as the issuer's documentation has it"))
}

fn endpoint(name: &str, text: &str, issuer: &Url) -> Result<Url, Failure> {
    let why = match Url::parse(text) {
        Ok(url) if url.origin().reach() >= issuer.origin().reach() => return Ok(url),
        Ok(url) if url.origin().reach() == Reach::Machine => "it is on this machine".to_owned(),
        Ok(_) => "its address is a private network's".to_owned(),
        Err(UrlError::PlainHttp) => format!("{} is not https", harmless(text)),
        Err(error) => error.to_string(),
    };
    let what = format!("the issuer's metadata names a {name} that nothing is sent to: {why}");
    Err(Failure::new(Exit::Server, "unsafe_endpoint", what)
        .next("check the issuer's address with whoever runs it"))
}
