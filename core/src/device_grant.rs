//! The device authorization grant (RFC 8628): a code for the browser, and polls until somebody approves, refuses, or
//! the code expires.
//!
//! What holds about time, whatever the issuer, the network and the clocks do (invariants 1 to 3):
//!
//! - A poll leaves no earlier than the interval after the answer, or the failure, of the one before, on the monotonic
//!   clock; the first one waits as long after the device code. Backoff and `Retry-After` only lengthen a wait.
//!   `slow_down` raises the interval for good. An interval longer than the code lives still leaves the one poll just
//!   before the end: an interval is between polls (RFC 8628 §3.2), and without any poll nobody could log in.
//! - No poll leaves later than `expires_in` after the request for the code, and there is no giving up earlier than
//!   `expires_in` after its answer, both in real time, if the monotonic clock runs at 0.7 to 1.4 times that:
//!   `stopwatch.rs` says how, and what a set wall clock does. It takes up to ten seconds to learn how fast a clock is, so
//!   codes that live for less have only the monotonic one. What is in flight at the end is awaited for one request's
//!   limit.
//! - On a fast clock polls come too early for the issuer, which then says `slow_down`. Two in a row mean that its
//!   5 s more are too short by our clock: from there on the interval grows by a quarter, too, which overtakes any
//!   factor of the clock after a few.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::backoff::backoff;
use crate::command::{CommandId, Question};
use crate::device_code::{DeviceCode, NoDeviceCode};
use crate::device_endpoint::{Endpoint, Verdict, client_id, config_request, expired, is_unknown, not_begun};
use crate::envelope::retry_after_at;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::{Exit, Failure};
use crate::http::{FailureKind, HttpResponse};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::money::Money;
use crate::notice::{Notice, PollState};
use crate::oauth::{TokenReply, Tokens};
use crate::pairing::{describe, unsendable};
use crate::pending_grant::PendingGrant;
use crate::poll_time::next_poll;
use crate::record::{Gateway, Workspace};
use crate::resolve::other_issuer;
use crate::secret::Secret;
use crate::stopwatch::Stopwatch;
use crate::store::StoreOp;
use crate::text::harmless;
use crate::time::{Now, Timestamp};

/// By how much `slow_down` raises the interval (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);
/// The last poll is placed so long before the end.
const LAST_POLL_BEFORE_END: Duration = Duration::from_millis(500);

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
    /// Started with the answer that brought the code.
    watch: Stopwatch,
    lifetime: Duration,
    /// How long that answer took: the issuer's clock may have started so much earlier.
    lag: Duration,
    /// How long a poll may take.
    limit: Duration,
    /// Never shrinks.
    interval: Duration,
    /// `slow_down` in a row; what is no answer of the issuer's does not interrupt it.
    slow_downs: u32,
    /// Transient troubles in a row.
    troubles: u32,
    /// When the last poll left.
    sent: Now,
    /// A poll may have been answered with tokens without our seeing it.
    answer_lost: bool,
    /// No poll has left: the interval, which is between polls, may be cut short by the end.
    first: bool,
    /// The page that is being opened.
    page: Option<CommandId>,
    /// What is kept of it for the next process, should this one be killed.
    pending: Option<Box<PendingGrant>>,
    /// The interval that it is to be told is being written down: no poll leaves before.
    recording: Option<CommandId>,
}

impl Grant {
    /// There is no giving up before this.
    fn expires_at(&self) -> Timestamp {
        self.watch.when(self.lifetime)
    }

    /// No poll leaves from here on.
    fn closes_at(&self) -> Timestamp {
        self.expires_at().before(self.lag)
    }

    /// From here on a code that the issuer does not know any more has run out: issuers forget codes at their end, and may
    /// see that a little earlier than we do. Nobody's denial is hidden by that: it is `access_denied`.
    fn fades_at(&self) -> Timestamp {
        self.closes_at().before(self.interval)
    }

    /// A poll in flight at the end is awaited until here.
    fn gives_up_at(&self) -> Timestamp {
        self.expires_at() + self.limit
    }

    fn next_poll(&self, earliest: Timestamp) -> Option<Timestamp> {
        let closes_at = self.closes_at();
        let last = closes_at.before(LAST_POLL_BEFORE_END).max(self.watch.when(Duration::ZERO));
        let earliest = if self.first { earliest.min(last) } else { earliest };
        next_poll(earliest, self.interval, closes_at, LAST_POLL_BEFORE_END)
    }

    /// When the next poll is to leave, as things are.
    fn due_at(&self, earliest: Timestamp) -> Option<Timestamp> {
        self.next_poll(earliest).filter(|_| self.recording.is_none())
    }

    fn wakes_at(&self, earliest: Timestamp) -> (Timestamp, WakeReason) {
        let expiry = (self.expires_at(), WakeReason::CodeExpiry);
        let next = self.due_at(earliest).map_or(expiry, |at| (at, WakeReason::NextPoll));
        match self.watch.look_at() {
            Some(at) if at < next.0 => (at, WakeReason::CompareClocks),
            _ => next,
        }
    }

    fn slow_down(&mut self, asked: Option<Duration>) {
        let raised = self.interval.saturating_add(SLOW_DOWN).max(asked.unwrap_or_default());
        self.interval = if self.slow_downs == 0 { raised } else { quarter_more(raised) };
        self.slow_downs = self.slow_downs.saturating_add(1);
    }

    /// Whoever goes on with this grant polls no faster. Should it not be kept, the issuer will say `slow_down` again.
    fn record_pace(&mut self, cx: &mut Context<'_>) {
        let Some(pending) = &mut self.pending else { return };
        (pending.interval, pending.polled) = (self.interval, true);
        self.recording = Some(cx.store(StoreOp::WritePending(pending.clone())));
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
        self.requested(cx, step)
    }

    fn request_legacy(&mut self, cx: &mut Context<'_>, client_id: Option<String>) -> Step<Granted> {
        self.request(cx, Endpoint::Legacy { api: cx.service.api.clone(), client_id })
    }

    fn requested(&mut self, cx: &mut Context<'_>, step: Step<HttpResponse>) -> Step<Granted> {
        let response = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Err(failure)) => return Step::fail(failure),
            Step::Done(Ok(response)) => response,
        };
        let Phase::Requesting(exchange, endpoint) = core::mem::replace(&mut self.phase, Phase::New) else {
            return Step::Ignored("not waited for");
        };
        let lag = cx.now.mono.since(exchange.last_sent());
        let is_success = (200..300).contains(&response.status);
        match DeviceCode::read(&response, endpoint.spelling(), cx.service) {
            Ok(code) if is_success => self.begin(cx, endpoint, code, lag, None),
            Err(NoDeviceCode::Unsafe(failure)) if is_success => Step::fail(failure),
            _ => match endpoint {
                // Only an API that tells the client's id can be an older deployment of itself.
                Endpoint::Issuer { client_id }
                    if cx.service.oauth.as_ref().is_some_and(|oauth| oauth.client_id.is_none())
                        && (is_unknown(response.status) || (is_success && !is_error(&response))) =>
                {
                    self.request_legacy(cx, Some(client_id))
                }
                endpoint => {
                    let request = endpoint.code_request(cx.service);
                    let asked = request.map_or_else(|| cx.service.api.clone(), |request| request.url);
                    Step::fail(not_begun(cx.service, &asked, &response))
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
        let mut grant = Grant {
            endpoint,
            device_code: code.device_code,
            watch: Stopwatch::start(cx.now),
            lifetime: code.lifetime,
            lag,
            limit,
            interval: code.interval,
            slow_downs: 0,
            troubles: 0,
            sent: cx.now,
            answer_lost: pending.is_some(),
            first: pending.as_ref().is_none_or(|pending| !pending.polled),
            page: None,
            pending,
            recording: None,
        };
        cx.show(Notice::DeviceCode {
            user_code: code.user_code,
            verification_uri: code.verification_uri.clone(),
            verification_uri_complete: code.verification_uri_complete.clone(),
            expires_at: grant.expires_at(),
        });
        if self.open_browser {
            let page = code.verification_uri_complete.unwrap_or(code.verification_uri);
            grant.page = Some(cx.open_page(page));
        }
        let first = cx.now.mono + grant.interval;
        self.wait(cx, Box::new(grant), first, PollState::None)
    }

    fn wait(
        &mut self,
        cx: &mut Context<'_>,
        grant: Box<Grant>,
        earliest: Timestamp,
        last_poll: PollState,
    ) -> Step<Granted> {
        let (next_poll, expires_at) = (grant.next_poll(earliest), grant.expires_at());
        cx.show(Notice::Waiting { last_poll, next_poll, expires_at });
        self.phase = Phase::Waiting(grant, earliest);
        Step::Pending
    }

    fn woke(&mut self, cx: &mut Context<'_>, mut grant: Box<Grant>, earliest: Timestamp) -> Step<Granted> {
        grant.watch.look(cx.now);
        if cx.now.mono >= grant.expires_at() {
            return Step::fail(expired(cx.service));
        }
        let is_due = grant.due_at(earliest).is_some_and(|at| at <= cx.now.mono);
        self.phase = if !is_due {
            // It was for the clocks, or they turned out to run otherwise than it seemed.
            Phase::Waiting(grant, earliest)
        } else if cx.now.mono < grant.closes_at() {
            grant.first = false;
            let request = grant.endpoint.poll_request(cx.service, &grant.device_code);
            let Some(request) = request else { return Step::fail(no_issuer(cx)) };
            grant.sent = cx.now;
            let id = cx.send(request, grant.limit);
            Phase::Polling(grant, id)
        } else {
            // Woken too late for a poll that was in time.
            grant.first = false;
            let closed = grant.closes_at();
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
            Verdict::Spent if cx.now.mono >= grant.fades_at() => return Step::fail(expired(cx.service)),
            Verdict::Spent => return self.spent(cx, &grant),
            _ if cx.now.mono >= grant.expires_at() => return Step::fail(expired(cx.service)),
            Verdict::Pending => {
                (grant.slow_downs, grant.troubles) = (0, 0);
                // Nothing had been handed out: no answer before this one can have brought the tokens.
                grant.answer_lost = false;
                (PollState::NotYet, asked)
            }
            Verdict::SlowDown(interval) => {
                grant.troubles = 0;
                grant.slow_down(interval);
                grant.record_pace(cx);
                (PollState::SlowedDown, asked)
            }
            Verdict::Unclear { state, lost } => {
                grant.troubles = grant.troubles.saturating_add(1);
                grant.answer_lost |= lost;
                let backoff =
                    asked.unwrap_or_else(|| cx.jittered(backoff(&cx.service.retry, grant.troubles)));
                (state, Some(backoff))
            }
        };
        let earliest = cx.now.mono + grant.interval.max(wait.unwrap_or_default());
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
                return match exchange.handle(cx, event) {
                    Step::Ignored(reason) => Step::Ignored(reason),
                    Step::Pending => Step::Pending,
                    Step::Done(Err(failure)) => Step::fail(failure),
                    Step::Done(Ok(response)) => self.configured(cx, &response),
                };
            }
            Phase::Requesting(exchange, _) => {
                let step = exchange.handle(cx, event);
                return self.requested(cx, step);
            }
            Phase::Waiting(grant, _) | Phase::Polling(grant, _) => match event {
                Event::PageOpened { id } if grant.page == Some(*id) => {
                    grant.page = None;
                    return Step::Pending;
                }
                Event::PageNotOpened { id, reason } if grant.page == Some(*id) => {
                    grant.page = None;
                    cx.show(Notice::PageNotOpened { reason: harmless(reason) });
                    return Step::Pending;
                }
                Event::Store { id, .. } if grant.recording == Some(*id) => {
                    grant.recording = None;
                    return Step::Pending;
                }
                _ => {}
            },
            Phase::New | Phase::AskingAgain(..) => {}
        }
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Waiting(grant, earliest), Event::Woke) if grant.wakes_at(earliest).0 <= cx.now.mono => {
                self.woke(cx, grant, earliest)
            }
            // The driver ends every request within its limit; should it not, the end comes all the same.
            (Phase::Polling(mut grant, id), Event::Woke) if grant.gives_up_at() <= cx.now.mono => {
                grant.watch.look(cx.now);
                if grant.gives_up_at() <= cx.now.mono {
                    return Step::fail(expired(cx.service));
                }
                self.phase = Phase::Polling(grant, id);
                Step::Pending
            }
            (Phase::Polling(mut grant, id), Event::Response { id: answered, response })
                if id == *answered =>
            {
                grant.watch.look(cx.now);
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
                grant.watch.look(cx.now);
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

/// A quarter more, rounded up to the millisecond.
fn quarter_more(duration: Duration) -> Duration {
    let millis = duration.as_millis().saturating_mul(5).div_ceil(4);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// Whether an answer is an OAuth error, which no older deployment would give.
fn is_error(response: &HttpResponse) -> bool {
    matches!(TokenReply::read(response), TokenReply::Refused(_))
}

pub(crate) fn no_issuer(cx: &Context<'_>) -> Failure {
    let what = format!("{} has no device authorization", cx.service.name);
    Failure::new(Exit::Internal, "no_issuer", what)
}
