//! Watching clients for what [`Grade`] reports.

use std::collections::BTreeMap;

use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::text::harmless;
use serde::{Deserialize, Serialize};

use crate::asked::Asked;
use crate::config::Speed;
use crate::credential::{Credential, credentials_in, has_credential};
use crate::digest::Digest;
use crate::grade::{Evidence, Finding, Grade};
use crate::moment::{Moment, SECOND};
use crate::pages::REDIRECTED;
use crate::pairing::{REMEMBERED, TTL};
use crate::pensar::{CodeWatch, TokenWatch};
use crate::place::Place;
use crate::rule::Rule;

/// The least time between two polls.
const INTERVAL: u64 = 2_500;
/// The same after the client was told once that it is too fast.
const SLOWED_INTERVAL: u64 = 3_750;
/// How much sooner than sent apart two requests may arrive, because the first was held up on its way.
pub(crate) const TOLERANCE: u64 = 250;
/// The longest that a client pauses between two polls, after whatever trouble.
const PAUSE: u64 = 60 * SECOND;
const GIVEN_UP: &str = "this poll had no answer that decides anything, and none came after it";
/// The most device ids that are watched at once.
const MOST_DEVICES: usize = 20_000;

/// What was seen of the clients. Intervals are counted in their time, whatever the sandbox's runs at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Watch {
    requests: u64,
    broken: BTreeMap<Rule, Broken>,
    /// How often there was an occasion to break a rule.
    #[serde(default)]
    occasions: BTreeMap<Rule, u64>,
    devices: BTreeMap<Digest, Device>,
    /// Pensar's device codes.
    #[serde(default)]
    pub(crate) codes: CodeWatch,
    /// Pensar's refresh tokens.
    #[serde(default)]
    pub(crate) tokens: TokenWatch,
}

/// A request, and when it came.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) asked: &'a Asked<'a>,
    pub(crate) now: Moment,
    pub(crate) speed: Speed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Broken {
    count: u64,
    first: String,
    #[serde(default)]
    request: String,
    #[serde(default)]
    at: Moment,
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
    /// Its last poll had no answer, or one that says nothing about the login.
    #[serde(default)]
    troubled: bool,
}

/// What is seen from nothing having come any more.
pub(crate) struct Silence {
    pub(crate) rule: Rule,
    /// When the client was heard of last.
    pub(crate) since: Moment,
    /// What was wrong with that; `None` if it was right.
    pub(crate) broken: Option<&'static str>,
}

impl Silence {
    /// A login whose time is over, with its last poll at `since`.
    pub(crate) fn of_login(
        since: Moment,
        end: Moment,
        troubled: bool,
        now: Moment,
        speed: Speed,
    ) -> Option<Self> {
        let is_over = now.since(end) > 0;
        let stayed = real_age(since, end, speed) <= PAUSE;
        match (is_over, troubled, stayed) {
            (true, true, false) => Some(Self { rule: Rule::LoginGivenUp, since, broken: Some(GIVEN_UP) }),
            (true, _, true) => Some(Self { rule: Rule::PollAfterExpiry, since, broken: None }),
            _ => None,
        }
    }
}

impl Device {
    fn silence(&self, now: Moment, speed: Speed) -> Option<Silence> {
        let end = self.known.plus(speed.sandbox_millis(TTL));
        let last = self.polled.filter(|_| !self.finished)?;
        Silence::of_login(last, end, self.troubled, now, speed)
    }
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
    /// What is known at `now`, the end of all that clients will do. What only silence shows counts from then.
    pub(crate) fn grade(&self, now: Moment, speed: Speed) -> Grade {
        let (broken, occasions) = (self.broken.clone(), self.occasions.clone());
        let mut watch = Self { requests: self.requests, broken, occasions, ..Self::default() };
        let devices = self.devices.values().filter_map(|device| device.silence(now, speed));
        let codes = self.codes.silence(now, speed);
        for silence in devices.chain(codes).chain(self.tokens.silence(now, speed)) {
            match silence.broken {
                Some(found) => watch.silent(silence.rule, silence.since, found),
                None => watch.occasion(silence.rule),
            }
        }
        watch.findings()
    }

    fn findings(&self) -> Grade {
        let finding = |rule| {
            let broken = self.broken.get(&rule);
            let first = broken.map(|broken| Evidence {
                situation: None,
                found: broken.first.clone(),
                request: broken.request.clone(),
                at: broken.at.to_precise_rfc3339(),
            });
            let occasions = self.occasions.get(&rule).copied().unwrap_or_default();
            Finding::new(rule, broken.map_or(0, |broken| broken.count), occasions, first)
        };
        let rules = Rule::ALL.into_iter().map(finding).collect();
        Grade { requests: self.requests, rules, token_requests: BTreeMap::new() }
    }

    pub(crate) fn begin_report(&mut self) {
        self.requests = 0;
        self.broken.clear();
        self.occasions.clear();
    }

    /// Something asked.
    pub(crate) fn asked(&mut self, seen: Seen<'_>) {
        let Asked { request, place, .. } = *seen.asked;
        if seen.asked.is_for_programs() {
            self.requests += 1;
        }
        let in_url = self.look_at_url(seen);
        let (in_headers, in_body) = welcome_at(place);
        let body = String::from_utf8_lossy(request.body.as_bytes());
        let mut body = credentials_in(&body).peekable();
        let headers = request.headers.iter().flat_map(|(_, value)| credentials_in(value.expose()));
        let mut headers = headers.peekable();
        if in_url || headers.peek().is_some() || body.peek().is_some() {
            self.occasion(Rule::TokenInUrl);
            self.occasion(Rule::TokenToWrongHost);
        }
        if headers.any(|credential| !in_headers.contains(&credential))
            || body.any(|credential| !in_body.contains(&credential))
            || in_headers.is_empty() && request.header_value("authorization").is_some()
        {
            let host = harmless(request.header_value("host").unwrap_or_default());
            self.broke(Rule::TokenToWrongHost, seen, || match place {
                Some(_) => "a credential came, which is for another place".to_owned(),
                None => format!("a credential came under the name of another host: {host}"),
            });
        }
        if place == Some(Place::App) && request.url.path() == REDIRECTED {
            self.broke(Rule::RedirectFollowed, seen, || "the target of a redirect was asked for".to_owned());
        }
    }

    /// The link of a device was opened.
    pub(crate) fn opened(&mut self, id: Digest, now: Moment) {
        let device = self.device(id, now);
        device.reopened = device.finished;
    }

    /// A device polled.
    pub(crate) fn polled(&mut self, id: Digest, seen: Seen<'_>) {
        let Seen { now, speed, .. } = seen;
        let device = self.device(id, now);
        let before = device.clone();
        device.polled = Some(now);
        device.troubled = false;
        let code = id.check_code();

        let least = if before.slowed { SLOWED_INTERVAL } else { INTERVAL };
        if let Some(last) = before.polled {
            self.occasion(Rule::EarlyPoll);
            let gap = real_age(last, now, speed);
            if gap + TOLERANCE < least {
                self.broke(Rule::EarlyPoll, seen, || {
                    format!("device {code}: {gap} ms after the poll before; {least} ms are the least")
                });
            }
        }
        if let Some(until) = before.held_off {
            self.occasion(Rule::RetryAfterIgnored);
            let left = real_age(now, until, speed);
            if left > TOLERANCE {
                self.broke(Rule::RetryAfterIgnored, seen, || {
                    format!("device {code}: {left} ms before Retry-After was over")
                });
            } else {
                self.device(id, now).held_off = None;
            }
        }
        if before.finished && before.reopened {
            self.broke(Rule::CodeReused, seen, || {
                format!("device {code}: used up, opened and polled once more")
            });
        } else if before.finished {
            self.broke(Rule::PollAfterFinal, seen, || {
                format!("device {code}: polled after a definite answer")
            });
        }
        let age = real_age(before.known, now, speed);
        if age > TTL + TOLERANCE {
            let seconds = age / SECOND;
            self.broke(Rule::PollAfterExpiry, seen, || {
                format!("device {code}: polled {seconds} s after it was heard of first; 300 s are the most")
            });
        }
    }

    /// A poll was answered.
    pub(crate) fn answered(&mut self, id: Digest, said: &Said, now: Moment, speed: Speed) {
        let device = self.device(id, now);
        match said {
            Said::Final => {
                device.finished = true;
                self.occasion(Rule::PollAfterFinal);
                self.occasion(Rule::CodeReused);
            }
            Said::Wait(seconds) => {
                device.slowed = true;
                device.held_off = Some(now.plus(speed.sandbox_millis(seconds.saturating_mul(SECOND))));
            }
            Said::GoOn => {}
        }
    }

    /// A poll had no answer, or one that says nothing about the login.
    pub(crate) fn troubled(&mut self, id: Digest, now: Moment) {
        self.device(id, now).troubled = true;
        self.occasion(Rule::LoginGivenUp);
    }

    /// Forgets devices that nobody will poll again.
    pub(crate) fn sweep(&mut self, now: Moment, speed: Speed) {
        self.devices.retain(|_, device| {
            let last = device.polled.unwrap_or(device.known);
            real_age(last, now, speed) <= TTL + REMEMBERED
        });
        self.codes.sweep(now, speed);
        self.tokens.sweep(now, speed);
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
            troubled: false,
        })
    }

    /// Whether a credential was in the URL.
    fn look_at_url(&mut self, seen: Seen<'_>) -> bool {
        let url = &seen.asked.request.url;
        let mut query = url.query().iter();
        let in_query = query.any(|(name, value)| has_credential(name) || has_credential(value.expose()));
        let found = in_query || has_credential(url.path());
        if found {
            self.broke(Rule::TokenInUrl, seen, || "a key or token was in the URL".to_owned());
        }
        found
    }

    /// Remembers that a rule could have been broken.
    pub(crate) fn occasion(&mut self, rule: Rule) {
        *self.occasions.entry(rule).or_default() += 1;
    }

    /// Remembers that a rule was broken, and the first time in words.
    pub(crate) fn broke(&mut self, rule: Rule, seen: Seen<'_>, found: impl FnOnce() -> String) {
        let broken = self.broken.entry(rule).or_insert_with(|| Broken {
            count: 0,
            first: found(),
            request: described(seen.asked.request),
            at: seen.now,
        });
        broken.count += 1;
    }

    /// The same where nothing came any more.
    fn silent(&mut self, rule: Rule, since: Moment, found: &str) {
        let nothing = || Broken { count: 0, first: found.to_owned(), request: String::new(), at: since };
        self.broken.entry(rule).or_insert_with(nothing).count += 1;
    }
}

/// Milliseconds of the client's time from one moment to a later one.
pub(crate) fn real_age(from: Moment, to: Moment, speed: Speed) -> u64 {
    speed.real_millis(to.since(from))
}

/// Method and place of a request, without anything that is secret.
fn described(request: &HttpRequest) -> String {
    let path = request.url.path();
    let path = if has_credential(path) { "/…" } else { path };
    harmless(&format!("{} {}{path}", request.method.as_str(), request.url.origin()))
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
