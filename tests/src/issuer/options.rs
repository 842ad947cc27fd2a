//! What kind of issuer it is.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// An issuer. The default one has everything, and tokens for an hour.
#[derive(Clone, Debug, Serialize)]
pub struct Options {
    /// How long access tokens live, in seconds. By whole seconds of the clock: up to one less in truth.
    pub access_lifetime: u64,
    /// How long device codes live, in seconds, likewise.
    pub device_code_lifetime: u64,
    /// Whether it has the device authorization grant (RFC 8628).
    pub device_flow: bool,
    /// Whether tokens can be revoked (RFC 7009).
    pub revocation: bool,
    /// The path of its identifier, as in `/tenant`.
    pub path: &'static str,
    /// What it says of itself.
    pub metadata: Metadata,
}

/// What discovery finds.
#[derive(Clone, Debug, Serialize)]
pub struct Metadata {
    /// Where.
    pub places: Vec<Place>,
    /// Members that are left out.
    pub without: Vec<&'static str>,
    /// Members that say something else than the truth.
    pub instead: BTreeMap<&'static str, Value>,
}

/// Where metadata is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// `/.well-known/openid-configuration` after the issuer's path (OpenID Connect Discovery §4).
    OpenId,
    /// `/.well-known/oauth-authorization-server` before it (RFC 8414 §3).
    Rfc8414,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access_lifetime: 3600,
            device_code_lifetime: 600,
            device_flow: true,
            revocation: true,
            path: "",
            metadata: Metadata::default(),
        }
    }
}

impl Default for Metadata {
    fn default() -> Self {
        Self { places: vec![Place::OpenId, Place::Rfc8414], without: Vec::new(), instead: BTreeMap::new() }
    }
}
