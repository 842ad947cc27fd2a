//! How well the sandbox's client behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::pensar::Outcome;

/// What a client must not do, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A poll came sooner than the interval, or `Retry-After`, allows.
    EarlyPoll,
    /// A poll came sooner than the interval that `slow_down` raised (RFC 8628 §3.5).
    SlowDownIgnored,
    /// A poll came after a definite answer.
    PollAfterFinal,
    /// A poll came after the login's time: five minutes at Pentify, `expires_in` at Pensar.
    PollAfterExpiry,
    /// A refresh token was presented that had been spent before, and not just now: the server must take it for stolen.
    RefreshReplayed,
    /// A refresh token was presented once more within the grace period, though the first answer had been delivered
    /// whole: two processes, or two copies of one record, spent the same token.
    RefreshRaced,
    /// A credential was sent where it does not belong: to pages, to another service, or to a host name that is not the
    /// sandbox's.
    TokenToWrongHost,
    /// A credential was in a URL, where logs and histories keep it.
    TokenInUrl,
    /// A redirect of the API was followed.
    RedirectFollowed,
    /// A device id served a second login, or a device code was sent again after it had been exchanged.
    CodeReused,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 10] = [
        Self::EarlyPoll,
        Self::SlowDownIgnored,
        Self::PollAfterFinal,
        Self::PollAfterExpiry,
        Self::RefreshReplayed,
        Self::RefreshRaced,
        Self::TokenToWrongHost,
        Self::TokenInUrl,
        Self::RedirectFollowed,
        Self::CodeReused,
    ];
}

/// Everything that clients of a sandbox did wrong so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grade {
    /// How many requests of programs were looked at.
    pub requests: u64,
    /// Every rule, broken or not.
    pub rules: Vec<Finding>,
    /// How many requests for tokens at WorkOS came to what; what never happened is left out.
    pub token_requests: BTreeMap<Outcome, u64>,
}

impl Grade {
    /// Whether no rule was broken.
    pub fn is_clean(&self) -> bool {
        self.rules.iter().all(|finding| finding.count == 0)
    }

    /// How often a rule was broken.
    pub fn count(&self, rule: Rule) -> u64 {
        self.rules.iter().find(|finding| finding.rule == rule).map_or(0, |finding| finding.count)
    }
}

/// How often a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// How often.
    pub count: u64,
    /// The first time, in words and without secrets.
    pub first: Option<String>,
}
