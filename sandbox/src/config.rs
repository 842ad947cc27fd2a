//! What a service is told about itself when it is made.

use std::fmt;
use std::str::FromStr;

use doorkey_core::url::Url;

use crate::pensar;

/// How a [`Service`](crate::Service) is set up. It is no part of its state: two servers can share one state and differ
/// in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// Where Pentify's API is reached.
    pub api: Url,
    /// Where Pentify's pages are reached.
    pub app: Url,
    /// Whether the published rate limits are enforced.
    pub rate_limit: bool,
    /// Whether a token is given once only: the poll after it is 410 at once. Otherwise the same answer is repeated
    /// for 30 s.
    pub strict_poll: bool,
    /// How much faster than its clients' time the service's time runs. Lifetimes are counted in the service's time;
    /// intervals and rates are the clients' and are counted in theirs.
    pub speed: Speed,
    /// Where and how Pensar Apex is played besides Pentify.
    pub pensar: Option<pensar::Config>,
    /// How answers differ from the usual ones.
    pub quirks: Quirks,
}

/// Ways of answering that clients must live with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quirks {
    /// The answer with a device code names no `interval`: it is 5 s then (RFC 8628 §3.2).
    pub hides_interval: bool,
    /// What [`Fault::TooManyRequests`](crate::Fault::TooManyRequests) says in `Retry-After`, in seconds.
    pub retry_after: u64,
}

impl Default for Quirks {
    fn default() -> Self {
        Self { hides_interval: false, retry_after: 1 }
    }
}

impl Config {
    /// Pentify at these two places, with its limits on and in real time.
    pub fn new(api: Url, app: Url) -> Self {
        Self {
            api,
            app,
            rate_limit: true,
            strict_poll: false,
            speed: Speed::default(),
            pensar: None,
            quirks: Quirks::default(),
        }
    }

    /// The same, and Pensar Apex.
    #[must_use]
    pub fn with_pensar(self, pensar: pensar::Config) -> Self {
        Self { pensar: Some(pensar), ..self }
    }
}

/// A factor of time in thousandths; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speed(u32);

impl Speed {
    /// Sandbox milliseconds in `millis` real ones.
    pub fn sandbox_millis(self, millis: u64) -> u64 {
        scale(millis, self.0.into(), 1000)
    }

    /// Real milliseconds in `millis` of the sandbox.
    pub fn real_millis(self, millis: u64) -> u64 {
        scale(millis, 1000, self.0.into())
    }
}

impl Default for Speed {
    fn default() -> Self {
        Self(1000)
    }
}

impl FromStr for Speed {
    type Err = SpeedError;

    /// Reads `60`, `0.5` or `2.125`.
    fn from_str(text: &str) -> Result<Self, SpeedError> {
        let thousandths = thousandths(text).ok_or(SpeedError)?;
        if thousandths == 0 { Err(SpeedError) } else { Ok(Self(thousandths)) }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:03}").trim_end_matches('0'))
    }
}

/// Why a text is no [`Speed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpeedError;

impl fmt::Display for SpeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a speed is a number from 0.001 to 1000000, such as 60 or 0.5")
    }
}

impl std::error::Error for SpeedError {}

/// A decimal number of at most three decimals, in thousandths; at most a million.
pub(crate) fn thousandths(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        let fits = !part.is_empty() && part.len() <= most && part.bytes().all(|b| b.is_ascii_digit());
        fits.then(|| part.parse::<u32>().ok()).flatten()
    };
    let whole = digits(whole, 7).filter(|whole| *whole <= 1_000_000)?;
    let places = u32::try_from(fraction.len()).ok()?;
    let fraction = digits(fraction, 3)? * 10_u32.pow(3 - places);
    Some(whole * 1000 + fraction)
}

fn scale(millis: u64, by: u64, per: u64) -> u64 {
    u64::try_from(u128::from(millis) * u128::from(by) / u128::from(per)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_to_the_thousandth() {
        for (text, shown, minute) in
            [("1", "1", 60_000), ("60", "60", 3_600_000), ("0.5", "0.5", 30_000), ("2.125", "2.125", 127_500)]
        {
            let speed: Speed = text.parse().unwrap();
            assert_eq!((speed.to_string().as_str(), speed.sandbox_millis(60_000)), (shown, minute));
            assert_eq!(speed.real_millis(minute), 60_000);
        }
        for text in ["", "0", "0.000", "-1", "1.", ".5", "1.2345", "1e3", "+1", "2000000", "99999999999"] {
            assert_eq!(text.parse::<Speed>(), Err(SpeedError), "{text}");
        }
    }
}
