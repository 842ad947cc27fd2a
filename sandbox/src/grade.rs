//! How well the sandbox's client behaves.

use serde::{Deserialize, Serialize};

/// What a client must not do, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A poll came sooner than the interval, or `Retry-After`, allows.
    EarlyPoll,
    /// A poll came after a definite answer.
    PollAfterFinal,
    /// A poll came more than five minutes after the login began.
    PollAfterExpiry,
    /// A key was sent to the pages, or to a host name that is not the sandbox's.
    TokenToWrongHost,
    /// A key was in a URL, where logs and histories keep it.
    TokenInUrl,
    /// A redirect of the API was followed.
    RedirectFollowed,
    /// A device id served a second login.
    CodeReused,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 7] = [
        Self::EarlyPoll,
        Self::PollAfterFinal,
        Self::PollAfterExpiry,
        Self::TokenToWrongHost,
        Self::TokenInUrl,
        Self::RedirectFollowed,
        Self::CodeReused,
    ];
}

/// Everything that clients of a sandbox did wrong so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grade {
    /// How many requests to the API were looked at.
    pub requests: u64,
    /// Every rule, broken or not.
    pub rules: Vec<Finding>,
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
