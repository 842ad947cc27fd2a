//! API keys, which the older way of logging in gives.

use doorkey_core::secret::Secret;
use serde::{Deserialize, Serialize};

use crate::credential::API_KEY;
use crate::digest::Digest;

/// An API key; the state knows it by its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ApiKey {
    /// The account's address.
    pub(crate) account: String,
    /// The workspace's slug.
    pub(crate) workspace: String,
}

impl ApiKey {
    /// The key of a device code. Who has that and the salt can have it again; the state keeps the salt only as long as
    /// the answer may be repeated, the code never.
    pub(super) fn mint(salt: Digest, device_code: &str) -> Secret {
        let body = Digest::of_parts("api key", &[salt.as_bytes(), device_code.as_bytes()]).to_base64url();
        Secret::new(format!("{API_KEY}{body}"))
    }
}
