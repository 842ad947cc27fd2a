//! Watching how clients poll for device codes.

use std::collections::BTreeMap;

use doorkey_core::http::HttpResponse;
use doorkey_core::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Settings;
use super::config::millis;
use crate::config::Speed;
use crate::digest::Digest;
use crate::moment::{DAY, Moment, SECOND};
use crate::rule::Rule;
use crate::state::forget_oldest;
use crate::watch::{Seen, Silence, TOLERANCE, real_age};

/// By how much one `slow_down` raises the interval (RFC 8628 §3.5).
const RAISE: u64 = 5 * SECOND;
/// How long a code is watched after its time.
const WATCHED: u64 = DAY;
/// The most codes that are watched at once.
const MOST: usize = 20_000;

/// The codes that are watched. All their times are the client's, whatever the sandbox's run at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct CodeWatch(BTreeMap<Digest, Code>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Code {
    issued: Moment,
    lifetime: u64,
    /// As the client knows it: raised by every `slow_down` that reached it.
    interval: u64,
    slowed: bool,
    polled: Option<Moment>,
    /// Told to wait until then.
    held_off: Option<Moment>,
    finished: Option<Finished>,
    /// Its last poll had no answer, or one that says nothing about the login, or `slow_down`.
    #[serde(default)]
    troubled: bool,
}

/// What a poll shows of one rule.
pub(crate) struct Shown {
    pub(crate) rule: Rule,
    /// How the rule was broken; `None` if it was kept.
    pub(crate) broken: Option<String>,
}

/// The definite answer that reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Finished {
    Exchanged,
    Refused,
    /// Its time was over.
    Expired,
}

/// What an answer to a poll said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Here they are.
    Tokens,
    /// Denied, unknown.
    Refused,
    /// The time of the code is over.
    Expired,
    SlowDown,
    /// Too many requests; wait that many seconds.
    Wait(u64),
    /// Anything else, or nothing.
    GoOn,
}

impl Said {
    /// As a client reads it.
    pub(crate) fn of(response: &HttpResponse) -> Self {
        match response.status {
            429 => {
                let seconds = response.header_value("retry-after").and_then(|value| value.parse().ok());
                return Self::Wait(seconds.unwrap_or(0));
            }
            500.. => return Self::GoOn,
            _ => {}
        }
        let body: Value = serde_json::from_slice(response.body.as_bytes()).unwrap_or_default();
        match (body["error"].as_str(), body["status"].as_str()) {
            (Some("authorization_pending"), _) | (None, Some("pending")) => Self::GoOn,
            (Some("slow_down"), _) => Self::SlowDown,
            (Some("expired_token"), _) | (None, Some("expired")) => Self::Expired,
            (Some(_), _) | (None, Some("not_found")) => Self::Refused,
            (None, _) if response.status == 200 => Self::Tokens,
            (None, _) => Self::GoOn,
        }
    }
}

impl CodeWatch {
    /// A code was given out.
    pub(super) fn issued(&mut self, device_code: &Secret, settings: &Settings, now: Moment) {
        if self.0.len() >= MOST {
            forget_oldest(&mut self.0, |code| code.issued);
        }
        let code = Code {
            issued: now,
            lifetime: millis(settings.device_lifetime),
            interval: millis(settings.device_interval),
            slowed: false,
            polled: None,
            held_off: None,
            finished: None,
            troubled: false,
        };
        self.0.insert(Digest::of(device_code.expose_secret()), code);
    }

    /// A code was polled for. Gives the rules that this was an occasion to break, and how it broke them.
    pub(crate) fn polled(&mut self, id: Digest, seen: Seen<'_>) -> Vec<Shown> {
        let Some(code) = self.0.get_mut(&id) else { return Vec::new() };
        let Seen { now, speed, .. } = seen;
        let name = id.short();
        let mut shown = Vec::new();
        let mut note = |rule, broken: Option<String>| {
            shown.push(Shown { rule, broken: broken.map(|what| format!("device code {name}: {what}")) });
        };
        if let Some(last) = code.polled.replace(now) {
            let gap = real_age(last, now, speed);
            let rule = if code.slowed { Rule::SlowDownIgnored } else { Rule::EarlyPoll };
            let least = code.interval;
            let is_early = gap + TOLERANCE < least;
            note(rule, is_early.then(|| format!("{gap} ms after the poll before; {least} ms are the least")));
        }
        if let Some(until) = code.held_off {
            let left = real_age(now, until, speed);
            let is_early = left > TOLERANCE;
            note(Rule::RetryAfterIgnored, is_early.then(|| format!("{left} ms before Retry-After was over")));
            code.held_off = code.held_off.filter(|_| is_early);
        }
        match code.finished {
            Some(Finished::Exchanged) => {
                note(Rule::CodeReused, Some("sent again after it had been exchanged".to_owned()));
            }
            Some(Finished::Refused | Finished::Expired) => {
                note(Rule::PollAfterFinal, Some("polled after a definite answer".to_owned()));
            }
            None => {}
        }
        let age = real_age(code.issued, now, speed);
        if age > code.lifetime + TOLERANCE {
            let lifetime = code.lifetime;
            note(Rule::PollAfterExpiry, Some(format!("polled after {age} ms; {lifetime} ms are the most")));
        }
        code.troubled = false;
        shown
    }

    /// A poll was answered, and the answer reached the client. Gives the rule that there now is an occasion to break.
    pub(crate) fn answered(&mut self, id: Digest, said: Said, now: Moment, speed: Speed) -> Option<Rule> {
        let code = self.0.get_mut(&id)?;
        match said {
            Said::Tokens => {
                code.finished = Some(Finished::Exchanged);
                Some(Rule::CodeReused)
            }
            Said::Refused => {
                code.finished = Some(Finished::Refused);
                Some(Rule::PollAfterFinal)
            }
            Said::Expired => {
                code.finished = Some(Finished::Expired);
                Some(Rule::PollAfterFinal)
            }
            Said::SlowDown => {
                code.slowed = true;
                code.interval += RAISE;
                code.troubled = true;
                Some(Rule::LoginGivenUp)
            }
            Said::Wait(seconds) => {
                code.held_off = Some(now.plus(speed.sandbox_millis(seconds.saturating_mul(SECOND))));
                None
            }
            Said::GoOn => None,
        }
    }

    /// A poll had no answer, or one that says nothing about the login. Says whether the code is one of ours.
    pub(crate) fn troubled(&mut self, id: Digest) -> bool {
        self.0.get_mut(&id).map(|code| code.troubled = true).is_some()
    }

    /// What silence shows of the codes whose time is over.
    pub(crate) fn silence(&self, now: Moment, speed: Speed) -> Vec<Silence> {
        let shown = |code: &Code| {
            let last = code.polled.filter(|_| matches!(code.finished, None | Some(Finished::Expired)))?;
            let end = code.issued.plus(speed.sandbox_millis(code.lifetime));
            Silence::of_login(last, end, code.troubled, now, speed)
        };
        self.0.values().filter_map(shown).collect()
    }

    /// The last answer did not reach the client after all.
    pub(crate) fn undelivered(&mut self, id: Digest) {
        if let Some(code) = self.0.get_mut(&id) {
            code.finished = None;
        }
    }

    /// Forgets codes that nobody will poll for again.
    pub(crate) fn sweep(&mut self, now: Moment, speed: Speed) {
        self.0.retain(|_, code| {
            speed.real_millis(now.since(code.issued)) <= code.lifetime.saturating_add(WATCHED)
        });
    }
}
