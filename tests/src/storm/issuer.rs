//! What the issuer says that requests for tokens came to: the sandbox's events log.

use serde::Deserialize;

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Entry {
    /// A request was handled.
    TokenRequest(Request),
    /// Its answer was written, or will never be.
    Answered {
        /// The request.
        id: u64,
        /// What became of it; `whole` if it was written to a client that was there.
        delivery: String,
    },
}

/// A request for tokens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Request {
    /// Its number.
    pub id: u64,
    /// What came of it.
    pub outcome: Outcome,
    /// Names the login.
    pub family: Option<String>,
    /// Of the refresh token that came, within its family; the first is 1.
    pub number: Option<u64>,
    /// Real time.
    pub unix_millis: u64,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A login: the first pair of a family.
    Issued,
    /// A refresh token was spent for a new pair.
    Rotated,
    /// One that had just been spent was answered again.
    Repeated,
    /// One had been spent before: the family is revoked.
    ReuseRevoked,
    /// Its family was revoked before.
    Revoked,
    /// Anything else.
    #[serde(other)]
    Other,
}

/// All of a log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// The requests, in the order in which they were handled.
    pub requests: Vec<Request>,
    /// How many answers did not reach anybody whole.
    pub undelivered: usize,
}

impl Log {
    /// Reads the complete lines of a log.
    ///
    /// # Panics
    /// If there is another line.
    pub fn read(text: &str) -> Self {
        let mut log = Self::default();
        for line in super::complete_lines(text) {
            match serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")) {
                Entry::TokenRequest(request) => log.requests.push(request),
                Entry::Answered { delivery, .. } => log.undelivered += usize::from(delivery != "whole"),
            }
        }
        log
    }

    /// How many requests came to this.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.requests.iter().filter(|request| request.outcome == outcome).count()
    }

    /// The families in the order of their logins.
    pub fn families(&self) -> Vec<&str> {
        let issued = self.requests.iter().filter(|request| request.outcome == Outcome::Issued);
        issued.filter_map(|request| request.family.as_deref()).collect()
    }

    /// The longest time from a token's first use to its last one.
    pub fn longest_replay_millis(&self) -> u64 {
        let repeats = self.requests.iter().filter(|request| request.outcome == Outcome::Repeated);
        let first = |repeat: &Request| {
            let same = |request: &&Request| {
                (request.outcome, &request.family, request.number)
                    == (Outcome::Rotated, &repeat.family, repeat.number)
            };
            self.requests.iter().find(same).map_or(repeat.unix_millis, |first| first.unix_millis)
        };
        repeats.map(|repeat| repeat.unix_millis - first(repeat)).max().unwrap_or_default()
    }
}
