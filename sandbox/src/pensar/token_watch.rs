//! Watching what clients do with refresh tokens that they were refused, or that they got no answer for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Speed;
use crate::digest::Digest;
use crate::moment::{DAY, HOUR, Moment, SECOND};
use crate::rule::Rule;
use crate::state::forget_oldest;
use crate::watch::{Seen, Silence, real_age};

/// How long after a refusal another process may still send the same token: it was on its way.
const ON_ITS_WAY: u64 = 5 * SECOND;
/// How long a session is waited for that had no answer.
const WAITED: u64 = HOUR;
/// How long a token is watched.
const WATCHED: u64 = 2 * DAY;
/// The most tokens that are watched at once.
const MOST: usize = 20_000;
const LOST: &str = "this refresh had no usable answer, and its refresh token never had one since";

/// The refresh tokens that something is remembered of, by their SHA-256.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TokenWatch {
    /// `invalid_grant` was said of them, and reached the client.
    refused: BTreeMap<Digest, Moment>,
    /// Their last answer was lost, or none of OAuth's.
    troubled: BTreeMap<Digest, Moment>,
}

impl TokenWatch {
    /// A refresh token was sent. Says how that broke [`Rule::RefreshAfterRefusal`], if it did.
    pub(crate) fn sent(&self, token: Digest, seen: Seen<'_>) -> Option<String> {
        let age = real_age(*self.refused.get(&token)?, seen.now, seen.speed);
        let name = token.short();
        (age > ON_ITS_WAY).then(|| format!("refresh token {name}: refused {age} ms before, and sent again"))
    }

    /// `invalid_grant` reached the client.
    pub(crate) fn refused(&mut self, token: Digest, now: Moment) {
        remember(&mut self.refused, token, now);
    }

    /// Tokens reached the client.
    pub(crate) fn answered(&mut self, token: Digest) {
        self.troubled.remove(&token);
    }

    /// No answer reached the client, or none of OAuth's.
    pub(crate) fn troubled(&mut self, token: Digest, now: Moment) {
        remember(&mut self.troubled, token, now);
    }

    /// What silence shows of the sessions.
    pub(crate) fn silence(&self, now: Moment, speed: Speed) -> Vec<Silence> {
        let lost = self.troubled.values().filter(|since| real_age(**since, now, speed) > WAITED);
        lost.map(|since| Silence { rule: Rule::SessionLost, since: *since, broken: Some(LOST) }).collect()
    }

    /// Forgets tokens that nobody will send again.
    pub(crate) fn sweep(&mut self, now: Moment, speed: Speed) {
        for watched in [&mut self.refused, &mut self.troubled] {
            watched.retain(|_, since| real_age(*since, now, speed) <= WATCHED);
        }
    }
}

/// The first time counts.
fn remember(watched: &mut BTreeMap<Digest, Moment>, token: Digest, now: Moment) {
    if watched.len() >= MOST {
        forget_oldest(watched, |since| *since);
    }
    watched.entry(token).or_insert(now);
}
