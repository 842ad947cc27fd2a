//! Watching clients for what [`Grade`] reports.

use std::collections::BTreeMap;

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::text::harmless;
use serde::{Deserialize, Serialize};

use crate::config::Speed;
use crate::credential::{Credential, credentials_in};
use crate::digest::Digest;
use crate::grade::{Finding, Grade, Rule};
use crate::moment::{Moment, SECOND};
use crate::pairing::{REMEMBERED, TTL};
use crate::pensar::CodeWatch;
use crate::place::Place;

/// The least time between two polls.
const INTERVAL: u64 = 2_500;
/// The same after the client was told once that it is too fast.
const SLOWED_INTERVAL: u64 = 3_750;
/// How much sooner than sent apart two requests may arrive, because the first was held up on its way.
pub(crate) const TOLERANCE: u64 = 250;
/// The most device ids that are watched at once.
const MOST_DEVICES: usize = 20_000;

/// What was seen of the clients. Intervals are counted in their time, whatever the sandbox's runs at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Watch {
    requests: u64,
    broken: BTreeMap<Rule, Broken>,
    devices: BTreeMap<Digest, Device>,
    /// Pensar's device codes.
    #[serde(default)]
    pub(crate) codes: CodeWatch,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Broken {
    count: u64,
    first: String,
}

/// One device id, as its polls and its page show it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Device {
    /// When it was heard of first; its login began no later.
    known: Moment,
    polled: Option<Moment>,
    /// Told to wait until then.
    held_off: Option<Moment>,
    /// Told at least once to be slower.
    slowed: bool,
    /// A definite answer reached the client.
    finished: bool,
    /// Its link was opened once more after that.
    reopened: bool,
}

/// What an answer to a poll said, as far as it reached the client.
pub(crate) enum Said {
    /// Token, denied, consumed.
    Final,
    /// Too fast; wait that many seconds.
    Wait(u64),
    /// Anything else, or nothing.
    GoOn,
}

impl Said {
    /// As a client reads it.
    pub(crate) fn of(response: &HttpResponse) -> Self {
        match response.status {
            200 | 403 | 410 => Self::Final,
            429 => {
                let seconds = response.header_value("retry-after").and_then(|value| value.parse().ok());
                Self::Wait(seconds.unwrap_or(0))
            }
            _ => Self::GoOn,
        }
    }
}

impl Watch {
    pub(crate) fn grade(&self) -> Grade {
        let finding = |rule| {
            let broken = self.broken.get(&rule);
            let first = broken.map(|broken| broken.first.clone());
            Finding { rule, count: broken.map_or(0, |broken| broken.count), first }
        };
        let rules = Rule::ALL.into_iter().map(finding).collect();
        Grade { requests: self.requests, rules, token_requests: BTreeMap::new() }
    }

    pub(crate) fn begin_report(&mut self) {
        self.requests = 0;
        self.broken.clear();
    }

    /// Something asked there; `None` is any place under a name that is not ours.
    pub(crate) fn asked(&mut self, place: Option<Place>, request: &HttpRequest) {
        if place.is_some_and(Place::is_for_programs) {
            self.requests += 1;
        }
        self.look_at_url(request);
        let (in_headers, in_body) = welcome_at(place);
        let body = credentials_in(&String::from_utf8_lossy(request.body.as_bytes()));
        let mut headers = request.headers.iter().flat_map(|(_, value)| credentials_in(value.expose()));
        if headers.any(|credential| !in_headers.contains(&credential))
            || body.iter().any(|credential| !in_body.contains(credential))
            || in_headers.is_empty() && request.header_value("authorization").is_some()
        {
            let (method, place) = (request.method.as_str(), request.url.origin());
            let host = harmless(request.header_value("host").unwrap_or_default());
            self.broke(Rule::TokenToWrongHost, || {
                format!("a credential came with {method} to {place} (Host: {host})")
            });
        }
    }

    /// Something came to where a redirect of the API leads.
    pub(crate) fn followed_redirect(&mut self) {
        self.broke(Rule::RedirectFollowed, || "the target of a redirect of the API was asked for".to_owned());
    }

    /// The link of a device was opened.
    pub(crate) fn opened(&mut self, id: Digest, now: Moment) {
        let device = self.device(id, now);
        device.reopened = device.finished;
    }

    /// A device polled.
    pub(crate) fn polled(&mut self, id: Digest, now: Moment, speed: Speed) {
        let device = self.device(id, now);
        let before = device.clone();
        device.polled = Some(now);
        let real = |millis| speed.real_millis(millis);
        let code = id.check_code();

        let least = if before.slowed { SLOWED_INTERVAL } else { INTERVAL };
        let gap = before.polled.map(|last| real(now.since(last)));
        let too_soon_after_the_last = gap.filter(|gap| gap + TOLERANCE < least);
        let too_soon_after_refusal =
            before.held_off.map(|until| real(until.since(now))).filter(|left| *left > TOLERANCE);
        if let Some(gap) = too_soon_after_the_last {
            self.broke(Rule::EarlyPoll, || {
                format!("device {code}: {gap} ms after the poll before; {least} ms are the least")
            });
        } else if let Some(left) = too_soon_after_refusal {
            self.broke(Rule::EarlyPoll, || format!("device {code}: {left} ms before Retry-After was over"));
        }
        if before.finished && before.reopened {
            self.broke(Rule::CodeReused, || format!("device {code}: used up, opened and polled once more"));
        } else if before.finished {
            self.broke(Rule::PollAfterFinal, || format!("device {code}: polled after a definite answer"));
        }
        let age = real(now.since(before.known));
        if age > TTL + TOLERANCE {
            let seconds = age / SECOND;
            self.broke(Rule::PollAfterExpiry, || {
                format!("device {code}: polled {seconds} s after it was heard of first; 300 s are the most")
            });
        }
    }

    /// A poll was answered.
    pub(crate) fn answered(&mut self, id: Digest, said: &Said, now: Moment, speed: Speed) {
        let device = self.device(id, now);
        match said {
            Said::Final => device.finished = true,
            Said::Wait(seconds) => {
                device.slowed = true;
                device.held_off = Some(now.plus(speed.sandbox_millis(seconds.saturating_mul(SECOND))));
            }
            Said::GoOn => {}
        }
    }

    /// Forgets devices that nobody will poll again.
    pub(crate) fn sweep(&mut self, now: Moment, speed: Speed) {
        self.devices.retain(|_, device| {
            let last = device.polled.unwrap_or(device.known);
            speed.real_millis(now.since(last)) <= TTL + REMEMBERED
        });
        self.codes.sweep(now, speed);
    }

    fn device(&mut self, id: Digest, now: Moment) -> &mut Device {
        if !self.devices.contains_key(&id) && self.devices.len() >= MOST_DEVICES {
            let oldest = self.devices.iter().min_by_key(|(_, device)| device.known).map(|(id, _)| *id);
            oldest.and_then(|oldest| self.devices.remove(&oldest));
        }
        self.devices.entry(id).or_insert(Device {
            known: now,
            polled: None,
            held_off: None,
            slowed: false,
            finished: false,
            reopened: false,
        })
    }

    fn look_at_url(&mut self, request: &HttpRequest) {
        let has_one = |text: &str| !credentials_in(text).is_empty();
        let query = request.url.query().iter().any(|(name, value)| has_one(name) || has_one(value.expose()));
        if query || has_one(request.url.path()) {
            let (method, place) = (request.method.as_str(), request.url.origin());
            self.broke(Rule::TokenInUrl, || {
                format!("a key or token was in the URL of a {method} to {place}")
            });
        }
    }

    /// Remembers that a rule was broken, and the first time in words.
    pub(crate) fn broke(&mut self, rule: Rule, example: impl FnOnce() -> String) {
        let broken = self.broken.entry(rule).or_insert_with(|| Broken { count: 0, first: example() });
        broken.count += 1;
    }
}

/// What may be sent to a place, in headers and in the body.
fn welcome_at(place: Option<Place>) -> (&'static [Credential], &'static [Credential]) {
    match place {
        Some(Place::Api) => (&[Credential::PentifyKey], &[Credential::PentifyKey]),
        Some(Place::PensarApi) => (&[Credential::AccessToken, Credential::ApiKey], &[Credential::DeviceCode]),
        Some(Place::Gateway) => (&[Credential::AccessToken, Credential::ApiKey], &[]),
        Some(Place::WorkOs) => (&[], &[Credential::RefreshToken, Credential::DeviceCode]),
        Some(Place::App | Place::Console) | None => (&[], &[]),
    }
}
