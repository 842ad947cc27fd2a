//! One authorized request: the token from where it is, retries, and the 401.

use alloc::boxed::Box;
use alloc::format;

use crate::bearer::bearer_of;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::{Exit, Failure};
use crate::find::Find;
use crate::http::{HttpRequest, HttpResponse};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::record::Record;
use crate::resolve::{Given, Resolved, Source};
use crate::secret::Secret;
use crate::service::Service;
use crate::store_failure::unexpected;
use crate::time::Timestamp;
use crate::url::Origin;
use crate::verdict::{Refusal, RefusalKind};

/// The code of a request that would take a token to where it must not go.
pub const ORIGIN_NOT_ALLOWED: &str = "origin_not_allowed";

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// `None`: whoever drives it finds the token.
    given: Option<Given>,
    request: HttpRequest,
    repeatable: bool,
    phase: Phase,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Called {
    /// The 2xx answer.
    pub response: HttpResponse,
    /// Where the token came from.
    pub source: Source,
    /// What was stored beside the token.
    pub record: Record,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Finding(Box<Find>),
    Exchanging(Exchange, Box<Resolved>),
    /// The stored token was refused: perhaps there is a newer one meanwhile, or one can be had.
    FindingNewer(Box<Find>, Box<Resolved>, Failure),
    /// With the newer one.
    ExchangingAgain(Exchange, Box<Resolved>),
}

impl Call {
    /// A call with `request`, to which the token is added. Where the service's tokens may not go
    /// ([`Service::takes_tokens`]), it fails before anything is looked for or sent.
    pub fn new(given: Given, request: HttpRequest) -> Self {
        Self { given: Some(given), request, repeatable: false, phase: Phase::New }
    }

    /// One of many calls of a program: the driver finds the token for all of them
    /// ([`Command::FindToken`](crate::command::Command::FindToken)).
    pub fn shared(request: HttpRequest) -> Self {
        Self { given: None, request, repeatable: false, phase: Phase::New }
    }

    /// The same with a request that may be sent again though its method does not say so.
    pub fn repeatable(given: Given, request: HttpRequest) -> Self {
        Self { repeatable: true, ..Self::new(given, request) }
    }

    fn find(&self, refusal: Option<Refusal>) -> Box<Find> {
        Box::new(match &self.given {
            Some(given) => Find::new(given.clone(), refusal),
            None => Find::shared(refusal),
        })
    }

    fn exchange(&mut self, cx: &mut Context<'_>, found: Resolved, again: bool) -> Step<Called> {
        let Some(bearer) = bearer(&found) else { return unexpected() };
        let mut exchange = Exchange::new(self.request.clone().bearer(bearer));
        if self.repeatable {
            exchange = exchange.repeatable();
        }
        let step = exchange.start(cx);
        let found = Box::new(found);
        self.phase = match again {
            false => Phase::Exchanging(exchange, found),
            true => Phase::ExchangingAgain(exchange, found),
        };
        step.then(|end| self.exchanged(cx, end))
    }

    fn found(&mut self, cx: &mut Context<'_>, found: Option<Resolved>) -> Step<Called> {
        // Nothing was refused, so there is nothing to be newer than.
        let Some(found) = found else { return unexpected() };
        self.exchange(cx, found, false)
    }

    fn exchanged(&mut self, cx: &mut Context<'_>, end: Outcome<HttpResponse>) -> Step<Called> {
        match (core::mem::replace(&mut self.phase, Phase::New), end) {
            (Phase::Exchanging(_, found) | Phase::ExchangingAgain(_, found), Ok(response)) => {
                let Resolved { source, record } = *found;
                Step::Done(Ok(Called { response, source, record }))
            }
            (Phase::Exchanging(exchange, used), Err(failure)) => match refusal(cx, &exchange, &used) {
                Some(refusal) => {
                    let mut finding = self.find(Some(refusal));
                    let step = finding.start(cx);
                    self.phase = Phase::FindingNewer(finding, used, failure);
                    step.then(|end| self.found_newer(cx, end))
                }
                None => Step::fail(blame(cx, failure, used.source)),
            },
            (Phase::ExchangingAgain(_, used), Err(failure)) => Step::fail(blame(cx, failure, used.source)),
            (_, Err(failure)) => Step::fail(failure),
            (_, Ok(_)) => unexpected(),
        }
    }

    fn found_newer(&mut self, cx: &mut Context<'_>, end: Outcome<Option<Resolved>>) -> Step<Called> {
        let Phase::FindingNewer(_, used, failure) = &self.phase else {
            return Step::Ignored("not waited for");
        };
        match end {
            Ok(Some(newer)) if bearer(&newer) != bearer(used) => self.exchange(cx, newer, true),
            // That a session cannot be renewed says more than that its token was refused.
            Err(why) if cx.service.oauth.is_some() => Step::fail(why),
            _ => Step::fail(failure.clone()),
        }
    }
}

impl Logic for Call {
    type Output = Called;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Called> {
        if !cx.service.takes_tokens(self.request.url.origin()) {
            return Step::fail(not_allowed(cx.service, self.request.url.origin()));
        }
        let mut finding = self.find(None);
        let step = finding.start(cx);
        self.phase = Phase::Finding(finding);
        step.and_then(|found| self.found(cx, found))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Called> {
        match &mut self.phase {
            Phase::Finding(finding) => finding.handle(cx, event).and_then(|found| self.found(cx, found)),
            Phase::Exchanging(exchange, _) | Phase::ExchangingAgain(exchange, _) => {
                exchange.handle(cx, event).then(|end| self.exchanged(cx, end))
            }
            Phase::FindingNewer(finding, ..) => {
                finding.handle(cx, event).then(|end| self.found_newer(cx, end))
            }
            Phase::New => Step::Ignored("not waited for"),
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Called> {
        match &mut self.phase {
            Phase::Finding(finding) | Phase::FindingNewer(finding, ..) => match finding.interrupted(cx) {
                Step::Done(Err(failure)) => Step::fail(failure),
                _ => Step::Pending,
            },
            _ => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Exchanging(exchange, _) | Phase::ExchangingAgain(exchange, _) => exchange.deadline(),
            Phase::Finding(finding) | Phase::FindingNewer(finding, ..) => finding.deadline(),
            Phase::New => None,
        }
    }
}

/// Invariant 17, also for tokens that were given on the spot: whose they are is not known.
fn not_allowed(service: &Service, origin: &Origin) -> Failure {
    let what = format!("tokens of {} are not sent to {origin}", service.name);
    let next =
        format!("send the request to {}, or name the other place among its resources", service.api.origin());
    Failure::new(Exit::Usage, ORIGIN_NOT_ALLOWED, what).next(next)
}

fn bearer(found: &Resolved) -> Option<&Secret> {
    bearer_of(&found.record)
}

/// What a second try would have to better: only what was stored can have changed since.
fn refusal(cx: &Context<'_>, exchange: &Exchange, used: &Resolved) -> Option<Refusal> {
    let kind = exchange.refused().filter(|_| matches!(used.source, Source::Store(_)))?;
    let token = bearer(used)?.fingerprint();
    (kind == RefusalKind::Token || cx.service.oauth.is_some()).then_some(Refusal { token, kind })
}

/// A refused token is mended where it came from; a refused flag or variable never touches the store.
pub(crate) fn blame(cx: &Context<'_>, failure: Failure, source: Source) -> Failure {
    if failure.exit != Exit::NotSignedIn {
        return failure;
    }
    match source {
        Source::Flag => failure.next("check the token given with --api-token"),
        Source::Variable => {
            let variable = &cx.service.token_variable;
            failure.next(format!("set {variable} to a valid token, or unset it to use the stored one"))
        }
        Source::Store(_) => failure,
    }
}
