//! Pairing a terminal: a link for the browser, and polls until somebody authorizes, refuses, or time is up.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::backoff::backoff;
use crate::command::{CommandId, Question};
use crate::envelope::{Envelope, json_object, retry_after_at};
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::{Notice, PollState};
use crate::opening_page::OpeningPage;
use crate::poll_time::next_poll;
use crate::record::Workspace;
use crate::request_failure::{describe, unsendable};
use crate::secret::{Entropy, Secret};
use crate::service::Service;
use crate::text::harmless;
use crate::time::{Timestamp, WallTime};
use crate::token::is_api_token;
use crate::url::{Text, Url};
use crate::workspace_answers::read_workspace;

/// After so many answers in a row from the start that cannot be the service's, the host is called wrong.
const STRANGE_ANSWERS: u32 = 3;

/// The machine. Its time starts with [`Logic::start`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pairing {
    workspace: Option<String>,
    open_browser: bool,
    phase: Phase,
}

/// What a pairing yields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Paired {
    /// The minted token; its form is checked.
    pub token: Secret,
    /// The workspace it is bound to, if the service said so.
    pub workspace: Option<Workspace>,
    /// Who authorized, harmless to show.
    pub email: Option<String>,
    /// The name of the key, harmless to show.
    pub key_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Drawing { id: CommandId, started: Timestamp },
    Waiting(Handshake, Waiting),
    Polling(Handshake, CommandId),
    AskingAgain(CommandId, Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Handshake {
    /// What the device id says. It is written out when it leaves: while thousands wait, nobody reads it.
    entropy: Entropy,
    /// No poll leaves from here on.
    expires_at: Timestamp,
    /// A poll in flight at the end is awaited until here.
    gives_up_at: Timestamp,
    /// Never shrinks.
    interval: Duration,
    /// Transient troubles in a row.
    troubles: u32,
    /// Answers so far, and how many of them, all from the first on, cannot be the service's.
    answers: u32,
    strange: u32,
    /// When a poll may last have been answered 200 without our seeing it.
    answer_lost: Option<Timestamp>,
    page: OpeningPage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    /// `None`: no poll leaves any more.
    next_poll: Option<Timestamp>,
}

impl Handshake {
    fn device_id(&self) -> Secret {
        Secret::new(BASE64URL_NOPAD.encode(self.entropy.expose_bytes()))
    }

    /// The longest backoff. If an answer was lost a moment ago it may have been the one with the token, which the
    /// service repeats for a while only: several polls must fit in there.
    fn patience(&self, cx: &Context<'_>) -> Duration {
        let window = cx.service.pairing.repeat_window;
        match self.answer_lost {
            Some(at) if cx.now.mono.since(at) < window => window / 4,
            _ => cx.service.retry.longest_wait,
        }
    }
}

/// What one poll's answer means.
enum Verdict {
    Paired(Paired),
    NotYet,
    SlowDown(Option<Duration>),
    Transient(String),
    Strange(String),
    Failed(Failure),
    Consumed { request_id: Option<String> },
}

impl Pairing {
    /// A pairing that names `workspace` to the page, and opens a browser if there may be one.
    pub fn new(workspace: Option<String>, open_browser: bool) -> Self {
        Self { workspace, open_browser, phase: Phase::New }
    }

    fn begin(&mut self, cx: &mut Context<'_>, started: Timestamp, entropy: &Entropy) {
        let policy = cx.service.pairing;
        let mut handshake = Handshake {
            entropy: entropy.clone(),
            expires_at: started + policy.ttl,
            gives_up_at: started + policy.ttl + policy.request_limit,
            interval: policy.interval,
            troubles: 0,
            answers: 0,
            strange: 0,
            answer_lost: None,
            page: OpeningPage::default(),
        };
        let device_id = handshake.device_id();
        let check_code = Text::Secret(check_code(&device_id));
        let link = self.link(cx.service, device_id);
        cx.show(Notice::PairingStarted { link: link.clone(), check_code, expires_at: handshake.expires_at });
        if self.open_browser {
            handshake.page = OpeningPage::open(cx, link);
        }
        let first = (started + policy.first_poll).max(cx.now.mono);
        self.wait(cx, handshake, first, PollState::None);
    }

    fn link(&self, service: &Service, device_id: Secret) -> Url {
        let link = service
            .app
            .join(service.paths.pair_page)
            .with("device_id", device_id)
            .with("device_name", service.device_name.as_str());
        match &self.workspace {
            Some(workspace) => link.with("workspace", workspace.as_str()),
            None => link,
        }
    }

    /// Waits for the next poll, which may not leave before `earliest`.
    fn wait(
        &mut self,
        cx: &mut Context<'_>,
        handshake: Handshake,
        earliest: Timestamp,
        last_poll: PollState,
    ) {
        let policy = cx.service.pairing;
        let (end, margin) = (handshake.expires_at, policy.last_poll_before_end);
        let next_poll = next_poll(earliest, handshake.interval, end, margin);
        cx.show(Notice::Waiting { last_poll, next_poll, expires_at: handshake.expires_at });
        self.phase = Phase::Waiting(handshake, Waiting { next_poll });
    }

    fn poll(&mut self, cx: &mut Context<'_>, handshake: Handshake) {
        let service = cx.service;
        let url = service.api.join(service.paths.poll).with("device_id", handshake.device_id());
        let request = HttpRequest::new(Method::Get, url).header("accept", "application/json");
        let id = cx.send(request, service.pairing.request_limit);
        self.phase = Phase::Polling(handshake, id);
    }

    fn take_verdict(&mut self, cx: &mut Context<'_>, mut h: Handshake, verdict: Verdict) -> Step<Paired> {
        let earliest = cx.now.mono + h.interval;
        match verdict {
            Verdict::Paired(paired) => return Step::Done(Ok(paired)),
            Verdict::Failed(failure) => return Step::fail(failure),
            Verdict::Consumed { request_id } => return self.consumed(cx, &h, request_id),
            _ if cx.now.mono >= h.expires_at => return timed_out(cx.service),
            Verdict::NotYet => {
                h.troubles = 0;
                // Nothing had been handed out: no answer before this one can have brought the token.
                h.answer_lost = None;
                self.wait(cx, h, earliest, PollState::NotYet);
            }
            Verdict::SlowDown(after) => {
                let policy = cx.service.pairing;
                let slower = policy.interval * policy.slower_percent / 100;
                h.interval = h.interval.max(slower);
                h.troubles += 1;
                let wait = match after {
                    Some(after) => after,
                    None => cx.jittered(backoff(&cx.service.retry, h.troubles)),
                };
                let earliest = cx.now.mono + h.interval.max(wait);
                self.wait(cx, h, earliest, PollState::SlowedDown);
            }
            Verdict::Transient(reason) | Verdict::Strange(reason) => {
                h.troubles += 1;
                let wait = cx.jittered(backoff(&cx.service.retry, h.troubles)).min(h.patience(cx));
                let earliest = cx.now.mono + h.interval.max(wait);
                self.wait(cx, h, earliest, PollState::Trouble(reason));
            }
        }
        Step::Pending
    }

    fn consumed(&mut self, cx: &mut Context<'_>, h: &Handshake, request_id: Option<String>) -> Step<Paired> {
        if h.answer_lost.is_some() {
            let failure = Failure::new(
                Exit::Denied,
                "pairing_consumed",
                "the token was handed out already, probably in an answer that got lost on the way",
            )
            .next(format!("{} again; the lost key is revoked by that", cx.service.login_command()))
            .request_id(request_id);
            let id = cx.ask(Question::PairAgain);
            self.phase = Phase::AskingAgain(id, failure);
            return Step::Pending;
        }
        let failure = Failure::new(
            Exit::Denied,
            "pairing_consumed",
            "someone else took this token: the link was redeemed by another program",
        )
        .next(format!("revoke it at {}, then {}", cx.service.keys_page(), cx.service.login_command()))
        .request_id(request_id);
        Step::fail(failure)
    }
}

impl Logic for Pairing {
    type Output = Paired;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Paired> {
        let id = cx.draw_entropy();
        self.phase = Phase::Drawing { id, started: cx.now.mono };
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Paired> {
        if let Phase::Waiting(h, _) | Phase::Polling(h, _) = &mut self.phase
            && h.page.takes(cx, event)
        {
            return Step::Pending;
        }
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Drawing { id, started }, Event::Entropy { id: answered, entropy }) if id == *answered => {
                self.begin(cx, started, entropy);
                Step::Pending
            }
            (Phase::Waiting(h, w), Event::Woke) => {
                if cx.now.mono >= h.expires_at {
                    return timed_out(cx.service);
                }
                match w.next_poll {
                    Some(at) if at <= cx.now.mono => {
                        self.poll(cx, h);
                        Step::Pending
                    }
                    _ => {
                        self.phase = Phase::Waiting(h, w);
                        Step::Ignored("nothing is due")
                    }
                }
            }
            // The driver ends every request within its limit; should it not, the end comes all the same.
            (Phase::Polling(h, _), Event::Woke) if h.gives_up_at <= cx.now.mono => timed_out(cx.service),
            (Phase::Polling(mut h, id), Event::Response { id: answered, response }) if id == *answered => {
                if cx.now.mono > h.gives_up_at {
                    return timed_out(cx.service);
                }
                let verdict = judge(cx.service, response, cx.now.wall);
                h.answers += 1;
                if matches!(verdict, Verdict::Strange(_)) {
                    h.strange += 1;
                    if h.strange == STRANGE_ANSWERS && h.answers == STRANGE_ANSWERS {
                        return wrong_host(cx.service);
                    }
                }
                // A gateway's error page, or a 200 that cannot be read, may stand for the answer with the token.
                if !(300..500).contains(&response.status) {
                    h.answer_lost = Some(cx.now.mono);
                }
                self.take_verdict(cx, h, verdict)
            }
            (Phase::Polling(mut h, id), Event::RequestFailed { id: answered, failure })
                if id == *answered =>
            {
                if failure.kind == FailureKind::Misconfigured {
                    return Step::fail(unsendable(failure));
                }
                if failure.kind != FailureKind::NotSent {
                    h.answer_lost = Some(cx.now.mono);
                }
                self.take_verdict(cx, h, Verdict::Transient(describe(failure)))
            }
            (Phase::AskingAgain(id, failure), Event::Answered { id: answered, yes }) if id == *answered => {
                if *yes {
                    self.start(cx)
                } else {
                    Step::fail(failure)
                }
            }
            (phase, event) => {
                self.phase = phase;
                match event {
                    Event::Woke => Step::Ignored("nothing is due"),
                    _ => Step::Ignored("not waited for"),
                }
            }
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Waiting(_, Waiting { next_poll: Some(at) }) => Some((*at, WakeReason::NextPoll)),
            Phase::Waiting(h, _) => Some((h.expires_at, WakeReason::PairingExpiry)),
            Phase::Polling(h, _) => Some((h.gives_up_at, WakeReason::PairingExpiry)),
            _ => None,
        }
    }
}

/// The contract's answers table.
fn judge(service: &Service, response: &HttpResponse, now: WallTime) -> Verdict {
    let envelope = Envelope::read(response);
    match (response.status, envelope) {
        (200..=299, _) => match json_object(response) {
            Some(body) => match paired(&body) {
                Some(paired) => Verdict::Paired(paired),
                None => Verdict::Failed(
                    Failure::new(
                        Exit::Server,
                        "unexpected_answer",
                        format!(
                            "{} authorized this device, but its answer has no usable token",
                            service.name
                        ),
                    )
                    .next(format!("{} again", service.login_command())),
                ),
            },
            None => Verdict::Transient("an answer that is not from the API".to_owned()),
        },
        (404, Some(e)) if e.code == "not_paired_yet" => Verdict::NotYet,
        (410, Some(e)) if e.code == "pairing_consumed" => Verdict::Consumed { request_id: e.request_id },
        (403, Some(e)) if e.code == "access_denied" => Verdict::Failed(
            Failure::new(Exit::Denied, "access_denied", "this device was refused in the browser")
                .next(format!("{} again if that was a mistake", service.login_command()))
                .request_id(e.request_id),
        ),
        (429, _) => Verdict::SlowDown(retry_after_at(response, now)),
        (500..=599, e) => {
            Verdict::Transient(e.map_or_else(|| format!("HTTP {}", response.status), |e| e.code))
        }
        (400, Some(e)) if e.code == "validation_error" => Verdict::Failed(
            Failure::new(
                Exit::Internal,
                "validation_error",
                format!(
                    "{} did not understand our request; this is a bug of {}",
                    service.name, service.command
                ),
            )
            .next("please report it with the request id")
            .request_id(e.request_id),
        ),
        (status, Some(e)) => {
            let message = e.message.map(|message| format!(": {message}")).unwrap_or_default();
            Verdict::Failed(
                Failure::new(
                    Exit::Server,
                    e.code.clone(),
                    format!("{} refused the pairing (HTTP {status}, {}){message}", service.name, e.code),
                )
                .request_id(e.request_id),
            )
        }
        (404, None) => Verdict::Strange("HTTP 404 that is not from the API".to_owned()),
        (status, None) => Verdict::Transient(format!("HTTP {status} that is not from the API")),
    }
}

fn paired(body: &Value) -> Option<Paired> {
    let token = Secret::from(body.get("token")?.as_str()?);
    let shown = |value: Option<&Value>| value.and_then(Value::as_str).map(harmless);
    is_api_token(&token).then(|| Paired {
        token,
        workspace: body.get("workspace").and_then(read_workspace),
        email: shown(body.get("user").and_then(|user| user.get("email"))),
        key_name: shown(body.get("key_name")),
    })
}

/// The first 4 + 4 base32 characters of SHA-256(device_id), for comparing with the page's.
fn check_code(device_id: &Secret) -> Secret {
    let code = BASE32_NOPAD.encode(&Sha256::digest(device_id.expose_secret().as_bytes()));
    let (first, second) = (code.get(..4).unwrap_or_default(), code.get(4..8).unwrap_or_default());
    Secret::new(format!("{first}-{second}"))
}

fn timed_out(service: &Service) -> Step<Paired> {
    Step::fail(Failure::new(
        Exit::TimedOut,
        "pairing_timed_out",
        format!("pairing timed out — re-run {} login", service.command),
    ))
}

fn wrong_host(service: &Service) -> Step<Paired> {
    let host = service.api.origin().to_string();
    Step::fail(
        Failure::new(
            Exit::Server,
            "wrong_host",
            format!("{host} does not answer like the {} API (HTTP 404 three times)", service.name),
        )
        .next(format!("check {} and the proxy settings", service.api_variable)),
    )
}
