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
use crate::grade::Rule;
use crate::moment::{DAY, Moment, SECOND};
use crate::state::forget_oldest;
use crate::watch::TOLERANCE;

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
}

/// The definite answer that reached the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Finished {
    Exchanged,
    Refused,
}

/// What an answer to a poll said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Here they are.
    Tokens,
    /// Denied, expired, unknown.
    Refused,
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
            (Some(_), _) | (None, Some("expired" | "not_found")) => Self::Refused,
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
        };
        self.0.insert(Digest::of(device_code.expose_secret()), code);
    }

    /// A code was polled for. Gives the rules that this broke, each in words.
    pub(crate) fn polled(&mut self, id: Digest, now: Moment, speed: Speed) -> Vec<(Rule, String)> {
        let Some(code) = self.0.get_mut(&id) else { return Vec::new() };
        let gap = code.polled.replace(now).map(|last| speed.real_millis(now.since(last)));
        let left = code.held_off.map(|until| speed.real_millis(until.since(now)));
        let age = speed.real_millis(now.since(code.issued));
        let mut broken = Vec::new();
        if let Some(gap) = gap.filter(|gap| gap + TOLERANCE < code.interval) {
            let rule = if code.slowed { Rule::SlowDownIgnored } else { Rule::EarlyPoll };
            broken
                .push((rule, format!("{gap} ms after the poll before; {} ms are the least", code.interval)));
        } else if let Some(left) = left.filter(|left| *left > TOLERANCE) {
            broken.push((Rule::EarlyPoll, format!("{left} ms before Retry-After was over")));
        }
        match code.finished {
            Some(Finished::Exchanged) => {
                broken.push((Rule::CodeReused, "sent again after it had been exchanged".to_owned()));
            }
            Some(Finished::Refused) => {
                broken.push((Rule::PollAfterFinal, "polled after a definite answer".to_owned()));
            }
            None => {}
        }
        if age > code.lifetime + TOLERANCE {
            let (age, lifetime) = (age / SECOND, code.lifetime / SECOND);
            broken.push((Rule::PollAfterExpiry, format!("polled after {age} s; {lifetime} s are the most")));
        }
        let name = id.short();
        broken.into_iter().map(|(rule, what)| (rule, format!("device code {name}: {what}"))).collect()
    }

    /// A poll was answered, and the answer reached the client.
    pub(crate) fn answered(&mut self, id: Digest, said: Said, now: Moment, speed: Speed) {
        let Some(code) = self.0.get_mut(&id) else { return };
        match said {
            Said::Tokens => code.finished = Some(Finished::Exchanged),
            Said::Refused => code.finished = Some(Finished::Refused),
            Said::SlowDown => {
                code.slowed = true;
                code.interval += RAISE;
            }
            Said::Wait(seconds) => {
                code.held_off = Some(now.plus(speed.sandbox_millis(seconds.saturating_mul(SECOND))));
            }
            Said::GoOn => {}
        }
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
