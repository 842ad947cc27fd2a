//! What a client tells that asks for a token and uses it, again and again (`issuer-client`).

use serde::{Deserialize, Serialize};

/// It asked once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The fingerprint of the token that it was handed.
    pub token: String,
    /// When a refresh token left, for each time that one did, by the clock that all processes share, in milliseconds.
    pub sent_at: Vec<u64>,
    /// What the resource answered.
    pub status: u16,
    /// How long the token had been dead then, in milliseconds, if it was.
    pub dead_for: Option<u64>,
    /// How long all of it took, in milliseconds.
    pub took: u64,
}
