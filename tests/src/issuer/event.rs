//! What the issuer tells.

use serde::Deserialize;

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Event {
    /// When, in milliseconds of Unix time.
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. A grant is all that came of one approval.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// Somebody approved a device.
    DeviceApproved,
    /// Somebody refused one.
    DeviceDenied,
    /// The first tokens.
    Granted {
        /// What for: an authorization code, a device code.
        grant_type: String,
        /// The grant.
        grant: String,
    },
    /// A refresh token was spent for a new pair.
    Refreshed {
        /// The grant.
        grant: String,
        /// How many times it has been until now.
        number: u64,
    },
    /// A refresh token was sent that had been spent before, which is what a thief would do.
    Reused {
        /// The grant, which is revoked now.
        grant: String,
    },
    /// A request for tokens got an error, by which is also meant that nobody has approved yet.
    Refused {
        /// What kind of request, if it said so.
        grant_type: Option<String>,
        /// The code of the error.
        error: String,
        /// What only the issuer knows of it.
        detail: Option<String>,
    },
    /// A grant ended, because of reuse or a revocation.
    GrantRevoked {
        /// The grant.
        grant: String,
    },
    /// We said so ourselves.
    Marked {
        /// What we said.
        mark: String,
    },
    /// The issuer itself failed.
    Fault {
        /// How.
        detail: String,
    },
}
