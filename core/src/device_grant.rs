//! The device authorization grant (RFC 8628): a code for the browser, and polls until somebody approves, refuses, or
//! the code expires.
//!
//! What a grant's times are, whatever the issuer, the network and the clocks do, is in `pace.rs`.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::command::{CommandId, Question};
use crate::device_code::{DeviceCode, NoDeviceCode};
use crate::device_endpoint::{Endpoint, Verdict, client_id, config_request, expired, is_unknown, not_begun};
use crate::envelope::retry_after_at;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::{Exit, Failure, other_issuer};
use crate::http::{FailureKind, HttpResponse};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::money::Money;
use crate::notice::{Notice, PollState};
use crate::oauth::{TokenReply, Tokens};
use crate::opening_page::OpeningPage;
use crate::pace::Pace;
use crate::pending_grant::PendingGrant;
use crate::record::{Gateway, Workspace};
use crate::request_failure::{describe, unsendable};
use crate::secret::Secret;
use crate::store::StoreOp;
use crate::time::{Now, Timestamp};

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceGrant {
    open_browser: bool,
    /// What another process began.
    pending: Option<Box<PendingGrant>>,
    phase: Phase,
}

/// What a device is granted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Granted {
    /// Tokens of the issuer.
    Tokens {
        /// The client they were issued to.
        client_id: String,
        /// The tokens.
        tokens: Tokens,
        /// When the request left that brought them.
        sent: Now,
    },
    /// An API key of an older deployment.
    ApiKey(LegacyGrant),
}

/// What an older deployment grants.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LegacyGrant {
    /// The API key.
    pub key: Secret,
    /// The workspace it is bound to, if the service said so.
    pub workspace: Option<Workspace>,
    /// The workspace's credit balance, if the service said so.
    pub balance: Option<Money>,
    /// Where inference goes, which is on the service's own site, and what signs it.
    pub gateway: Gateway,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    /// Asking the API for the client's id.
    Configuring(Exchange),
    /// Asking for a device code.
    Requesting(Exchange, Endpoint),
    /// The next poll may not leave before this.
    Waiting(Box<Grant>, Timestamp),
    Polling(Box<Grant>, CommandId),
    AskingAgain(CommandId, Failure),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Grant {
    endpoint: Endpoint,
    device_code: Secret,
    pace: Pace,
    /// How long a poll may take.
    limit: Duration,
    /// When the last poll left.
    sent: Now,
    /// A poll may have been answered with tokens without our seeing it.
    answer_lost: bool,
    page: OpeningPage,
    /// What is kept of it for the next process, should this one be killed.
    pending: Option<Box<PendingGrant>>,
    /// The interval that it is to be told is being written down: no poll leaves before.
    recording: Option<CommandId>,
}

impl Grant {
    /// A poll in flight at the end is awaited until here.
    fn gives_up_at(&self) -> Timestamp {
        self.pace.expires_at() + self.limit
    }

    /// When the next poll is to leave, as things are.
    fn due_at(&self, earliest: Timestamp) -> Option<Timestamp> {
        self.pace.next_poll(earliest).filter(|_| self.recording.is_none())
    }

    fn wakes_at(&self, earliest: Timestamp) -> (Timestamp, WakeReason) {
        let expiry = (self.pace.expires_at(), WakeReason::CodeExpiry);
        let next = self.due_at(earliest).map_or(expiry, |at| (at, WakeReason::NextPoll));
        match self.pace.look_at() {
            Some(at) if at < next.0 => (at, WakeReason::CompareClocks),
            _ => next,
        }
    }

    /// Whoever goes on with this grant polls no faster. Should it not be kept, the issuer will say `slow_down` again.
    fn record_pace(&mut self, cx: &mut Context<'_>) {
        let Some(pending) = &mut self.pending else { return };
        (pending.interval, pending.polled) = (self.pace.interval(), true);
        self.recording = Some(cx.store(StoreOp::WritePending(pending.clone())));
    }

    /// Whether the event is the end of that.
    fn has_recorded(&mut self, event: &Event) -> bool {
        let is_end = matches!(event, Event::Store { id, .. } if self.recording == Some(*id));
        if is_end {
            self.recording = None;
        }
        is_end
    }
}

impl DeviceGrant {
    /// A grant that opens a browser if there may be one.
    pub fn new(open_browser: bool) -> Self {
        Self { open_browser, pending: None, phase: Phase::New }
    }

    /// The rest of a grant that another process began. Whoever tried that before may have lost the answer with the
    /// tokens.
    pub fn resumed(open_browser: bool, pending: PendingGrant) -> Self {
        Self { pending: Some(Box::new(pending)), ..Self::new(open_browser) }
    }

    fn resume(&mut self, cx: &mut Context<'_>, pending: Box<PendingGrant>) -> Step<Granted> {
        if pending.issuer != cx.service.issuer {
            return Step::fail(other_issuer(cx.service, &pending.issuer));
        }
        let left = pending.left(cx.now, &cx.service.boot_id);
        if left <= pending.lag {
            return Step::fail(expired(cx.service));
        }
        let code = DeviceCode {
            device_code: pending.device_code.clone(),
            user_code: pending.user_code.clone(),
            verification_uri: pending.verification_uri.clone(),
            verification_uri_complete: pending.verification_uri_complete.clone(),
            lifetime: left,
            interval: pending.interval,
        };
        let endpoint = Endpoint::Issuer { client_id: pending.client_id.clone() };
        self.begin(cx, endpoint, code, pending.lag, Some(pending))
    }

    fn configured(&mut self, cx: &mut Context<'_>, response: &HttpResponse) -> Step<Granted> {
        match response.status {
            200..=299 => match client_id(response) {
                Some(client_id) => self.request(cx, Endpoint::Issuer { client_id }),
                None => self.request_legacy(cx, None),
            },
            status if is_unknown(status) => self.request_legacy(cx, None),
            _ => Step::fail(not_begun(cx.service, &config_request(cx.service).url, response)),
        }
    }

    fn request(&mut self, cx: &mut Context<'_>, endpoint: Endpoint) -> Step<Granted> {
        let Some(request) = endpoint.code_request(cx.service) else { return Step::fail(no_issuer(cx)) };
        let mut exchange = Exchange::asking(request);
        let step = exchange.start(cx);
        self.phase = Phase::Requesting(exchange, endpoint);
        step.and_then(|response| self.requested(cx, &response))
    }

    fn request_legacy(&mut self, cx: &mut Context<'_>, client_id: Option<String>) -> Step<Granted> {
        self.request(cx, Endpoint::Legacy { api: cx.service.api.clone(), client_id })
    }

    fn requested(&mut self, cx: &mut Context<'_>, response: &HttpResponse) -> Step<Granted> {
        let Phase::Requesting(exchange, endpoint) = core::mem::replace(&mut self.phase, Phase::New) else {
            return Step::Ignored("not waited for");
        };
        let lag = cx.now.mono.since(exchange.last_sent());
        let is_success = (200..300).contains(&response.status);
        match DeviceCode::read(response, endpoint.spelling(), cx.service) {
            Ok(code) if is_success => self.begin(cx, endpoint, code, lag, None),
            Err(NoDeviceCode::Unsafe(failure)) if is_success => Step::fail(failure),
            _ => match endpoint {
                // Only an API that tells the client's id can be an older deployment of itself.
                Endpoint::Issuer { client_id }
                    if cx.service.oauth.as_ref().is_some_and(|oauth| oauth.client_id.is_none())
                        && (is_unknown(response.status) || (is_success && !is_error(response))) =>
                {
                    self.request_legacy(cx, Some(client_id))
                }
                endpoint => {
                    let request = endpoint.code_request(cx.service);
                    let asked = request.map_or_else(|| cx.service.api.clone(), |request| request.url);
                    Step::fail(not_begun(cx.service, &asked, response))
                }
            },
        }
    }

    fn begin(
        &mut self,
        cx: &mut Context<'_>,
        endpoint: Endpoint,
        code: DeviceCode,
        lag: Duration,
        pending: Option<Box<PendingGrant>>,
    ) -> Step<Granted> {
        if matches!(endpoint, Endpoint::Legacy { .. }) {
            cx.show(Notice::LegacyService);
        }
        let limit = cx.service.oauth.as_ref().map_or(cx.service.retry.request_limit, |o| o.request_limit);
        let mut pace = Pace::start(cx.now, &code, lag);
        if pending.as_ref().is_some_and(|pending| pending.polled) {
            pace.take_turn();
        }
        let mut grant = Grant {
            endpoint,
            device_code: code.device_code,
            pace,
            limit,
            sent: cx.now,
            answer_lost: pending.is_some(),
            page: OpeningPage::default(),
            pending,
            recording: None,
        };
        cx.show(Notice::DeviceCode {
            user_code: code.user_code,
            verification_uri: code.verification_uri.clone(),
            verification_uri_complete: code.verification_uri_complete.clone(),
            expires_at: grant.pace.expires_at(),
        });
        if self.open_browser {
            let page = code.verification_uri_complete.unwrap_or(code.verification_uri);
            grant.page = OpeningPage::open(cx, page);
        }
        let first = grant.pace.earliest(cx.now, None);
        self.wait(cx, Box::new(grant), first, PollState::None)
    }

    fn wait(
        &mut self,
        cx: &mut Context<'_>,
        grant: Box<Grant>,
        earliest: Timestamp,
        last_poll: PollState,
    ) -> Step<Granted> {
        let (next_poll, expires_at) = (grant.pace.next_poll(earliest), grant.pace.expires_at());
        cx.show(Notice::Waiting { last_poll, next_poll, expires_at });
        self.phase = Phase::Waiting(grant, earliest);
        Step::Pending
    }

    fn woke(&mut self, cx: &mut Context<'_>, mut grant: Box<Grant>, earliest: Timestamp) -> Step<Granted> {
        grant.pace.look(cx.now);
        if cx.now.mono >= grant.pace.expires_at() {
            return Step::fail(expired(cx.service));
        }
        let is_due = grant.due_at(earliest).is_some_and(|at| at <= cx.now.mono);
        self.phase = if !is_due {
            // It was for the clocks, or they turned out to run otherwise than it seemed.
            Phase::Waiting(grant, earliest)
        } else if cx.now.mono < grant.pace.closes_at() {
            grant.pace.take_turn();
            let request = grant.endpoint.poll_request(cx.service, &grant.device_code);
            let Some(request) = request else { return Step::fail(no_issuer(cx)) };
            grant.sent = cx.now;
            let id = cx.send(request, grant.limit);
            Phase::Polling(grant, id)
        } else {
            // Woken too late for a poll that was in time.
            grant.pace.take_turn();
            let closed = grant.pace.closes_at();
            Phase::Waiting(grant, closed)
        };
        Step::Pending
    }

    /// Goes on, or ends, with what a poll came to; the issuer may have `asked` for a time without requests.
    fn polled(
        &mut self,
        cx: &mut Context<'_>,
        mut grant: Box<Grant>,
        verdict: Verdict,
        asked: Option<Duration>,
    ) -> Step<Granted> {
        let (state, wait) = match verdict {
            Verdict::Granted(granted) => return Step::Done(Ok(granted)),
            Verdict::Failed(failure) => return Step::fail(failure),
            Verdict::Spent if cx.now.mono >= grant.pace.fades_at() => return Step::fail(expired(cx.service)),
            Verdict::Spent => return self.spent(cx, &grant),
            _ if cx.now.mono >= grant.pace.expires_at() => return Step::fail(expired(cx.service)),
            Verdict::Pending => {
                grant.pace.authorization_pending();
                // Nothing had been handed out: no answer before this one can have brought the tokens.
                grant.answer_lost = false;
                (PollState::NotYet, asked)
            }
            Verdict::SlowDown(interval) => {
                grant.pace.slow_down(interval);
                grant.record_pace(cx);
                (PollState::SlowedDown, asked)
            }
            Verdict::Unclear { state, lost } => {
                grant.answer_lost |= lost;
                (state, Some(grant.pace.back_off(cx, asked)))
            }
        };
        let earliest = grant.pace.earliest(cx.now, wait);
        self.wait(cx, grant, earliest, state)
    }

    fn spent(&mut self, cx: &mut Context<'_>, grant: &Grant) -> Step<Granted> {
        let name = &cx.service.name;
        if !grant.answer_lost {
            let what = format!("{name} no longer knows this code: it was denied, or used by another program");
            let failure = Failure::new(Exit::Denied, "invalid_grant", what);
            return Step::fail(failure.next(format!("{} again", cx.service.login_command())));
        }
        let what = "the code is used up, probably by an answer with the tokens that got lost on the way";
        let failure = Failure::new(Exit::Denied, "invalid_grant", what)
            .next(format!("{} again", cx.service.login_command()));
        let id = cx.ask(Question::PairAgain);
        self.phase = Phase::AskingAgain(id, failure);
        Step::Pending
    }
}

impl Logic for DeviceGrant {
    type Output = Granted;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Granted> {
        if let Some(pending) = self.pending.take() {
            return self.resume(cx, pending);
        }
        let Some(oauth) = &cx.service.oauth else { return Step::fail(no_issuer(cx)) };
        if let Some(client_id) = oauth.client_id.clone() {
            return self.request(cx, Endpoint::Issuer { client_id });
        }
        let mut exchange = Exchange::asking(config_request(cx.service));
        let _ = exchange.start(cx);
        self.phase = Phase::Configuring(exchange);
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Granted> {
        match &mut self.phase {
            Phase::Configuring(exchange) => {
                return exchange.handle(cx, event).and_then(|response| self.configured(cx, &response));
            }
            Phase::Requesting(exchange, _) => {
                return exchange.handle(cx, event).and_then(|response| self.requested(cx, &response));
            }
            Phase::Waiting(grant, _) | Phase::Polling(grant, _) => {
                if grant.page.takes(cx, event) || grant.has_recorded(event) {
                    return Step::Pending;
                }
            }
            Phase::New | Phase::AskingAgain(..) => {}
        }
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Waiting(grant, earliest), Event::Woke) if grant.wakes_at(earliest).0 <= cx.now.mono => {
                self.woke(cx, grant, earliest)
            }
            // The driver ends every request within its limit; should it not, the end comes all the same.
            (Phase::Polling(mut grant, id), Event::Woke) if grant.gives_up_at() <= cx.now.mono => {
                grant.pace.look(cx.now);
                if grant.gives_up_at() <= cx.now.mono {
                    return Step::fail(expired(cx.service));
                }
                self.phase = Phase::Polling(grant, id);
                Step::Pending
            }
            (Phase::Polling(mut grant, id), Event::Response { id: answered, response })
                if id == *answered =>
            {
                grant.pace.look(cx.now);
                if cx.now.mono > grant.gives_up_at() {
                    return Step::fail(expired(cx.service));
                }
                let verdict = grant.endpoint.judge(cx.service, response, grant.sent);
                self.polled(cx, grant, verdict, retry_after_at(response, cx.now.wall))
            }
            (Phase::Polling(mut grant, id), Event::RequestFailed { id: answered, failure })
                if id == *answered =>
            {
                if failure.kind == FailureKind::Misconfigured {
                    return Step::fail(unsendable(failure));
                }
                grant.pace.look(cx.now);
                let lost = failure.kind != FailureKind::NotSent;
                let state = PollState::Trouble(describe(failure));
                self.polled(cx, grant, Verdict::Unclear { state, lost }, None)
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
            Phase::Configuring(exchange) | Phase::Requesting(exchange, _) => exchange.deadline(),
            Phase::Waiting(grant, earliest) => Some(grant.wakes_at(*earliest)),
            Phase::Polling(grant, _) => Some((grant.gives_up_at(), WakeReason::CodeExpiry)),
            Phase::New | Phase::AskingAgain(..) => None,
        }
    }
}

/// Whether an answer is an OAuth error, which no older deployment would give.
fn is_error(response: &HttpResponse) -> bool {
    matches!(TokenReply::read(response), TokenReply::Refused(_))
}

pub(crate) fn no_issuer(cx: &Context<'_>) -> Failure {
    let what = format!("{} has no device authorization", cx.service.name);
    Failure::new(Exit::Internal, "no_issuer", what)
}
