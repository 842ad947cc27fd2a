//! What requests for tokens come to, for counting.

use serde::{Deserialize, Serialize};

/// One request to WorkOS's token endpoint, without anything secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct TokenRequest {
    /// Its number among all of this service.
    pub id: u64,
    /// The grant that it asked for; `None` if it named no known one.
    pub grant: Option<Grant>,
    /// What became of it.
    pub outcome: Outcome,
    /// A short digest of the family (one per login) that the refresh token belongs to.
    pub family: Option<String>,
    /// The number of the refresh token that came, within its family; the first is 1.
    pub number: Option<u64>,
    /// The number of the refresh token that went out.
    pub issued: Option<u64>,
}

/// What a token is asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// A device code (RFC 8628 §3.4).
    DeviceCode,
    /// A refresh token (RFC 6749 §6).
    RefreshToken,
}

/// What became of a request for tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A device code was exchanged: the first pair of a family.
    Issued,
    /// Nobody has decided about a device code.
    Pending,
    /// A device code was polled for too early.
    SlowDown,
    /// The person refused.
    Denied,
    /// A device code's time is over.
    Expired,
    /// A refresh token was spent for a new pair.
    Rotated,
    /// A refresh token that had just been spent was answered with the same pair again.
    Repeated,
    /// A refresh token had been spent before: its family was revoked.
    ReuseRevoked,
    /// A refresh token of a family that was revoked before.
    Revoked,
    /// A code or token that nobody gave out, or a device code that was used.
    Invalid,
    /// Another client's id.
    InvalidClient,
    /// Something is missing, or the grant is not known.
    InvalidRequest,
    /// A fault happened before the service looked at the request.
    NotHandled,
}
