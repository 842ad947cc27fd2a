//! Where and how Pensar is played.

use std::time::Duration;

use doorkey_core::url::Url;

/// Pensar's places and settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Where the API is reached.
    pub api: Url,
    /// Where the gateway is reached.
    pub gateway: Url,
    /// Where the pages are reached.
    pub console: Url,
    /// Where WorkOS is reached.
    pub workos: Url,
    /// How it behaves.
    pub settings: Settings,
}

/// What can be chosen about Pensar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// How long after its first use the refresh token that was spent last is answered with the same pair again. Zero is
    /// strict: a token is good once, and its second use revokes the family.
    pub grace: Duration,
    /// How long an access token is good, in whole seconds.
    pub access_lifetime: Duration,
    /// The least time between two polls for a device code, in whole seconds of the client's time.
    pub device_interval: Duration,
    /// How long a device code is good, in whole seconds.
    pub device_lifetime: Duration,
    /// Whether this is an older deployment: it knows neither `/api/cli/config` nor WorkOS's device endpoint, and gives
    /// API keys.
    pub legacy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(20),
            access_lifetime: Duration::from_secs(300),
            device_interval: Duration::from_secs(5),
            device_lifetime: Duration::from_secs(300),
            legacy: false,
        }
    }
}

/// Milliseconds, as the state counts.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
