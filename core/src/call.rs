//! One authorized request: the token from where it is, retries, and the 401.

use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::{Exit, Failure};
use crate::http::{HttpRequest, HttpResponse};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::record::Record;
use crate::resolve::{Given, Resolve, Resolved, Source};
use crate::time::Timestamp;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    given: Given,
    request: HttpRequest,
    phase: Phase,
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Called {
    /// The 2xx answer.
    pub response: HttpResponse,
    /// Where the token came from.
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Resolving(Resolve),
    Exchanging(Exchange, Resolved),
    /// The stored token was refused: perhaps another shell has stored a newer one meanwhile.
    Reresolving(Resolve, Resolved, Failure),
    /// With the newer one.
    ExchangingAgain(Exchange, Resolved),
}

impl Call {
    /// A call with `request`, to which the token is added. It must go to the service's API.
    pub fn new(given: Given, request: HttpRequest) -> Self {
        let phase = Phase::Resolving(Resolve::new(given.clone()));
        Self { given, request, phase }
    }

    fn exchange(&self, record: &Record) -> Exchange {
        Exchange::new(self.request.clone().bearer(&record.token))
    }

    fn resolved(&mut self, cx: &mut Context<'_>, step: Step<Resolved>) -> Step<Called> {
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Err(failure)) => Step::fail(failure),
            Step::Done(Ok(resolved)) => {
                let mut exchange = self.exchange(&resolved.record);
                let step = exchange.start(cx);
                self.phase = Phase::Exchanging(exchange, resolved);
                self.exchanged(cx, step)
            }
        }
    }

    fn exchanged(&mut self, cx: &mut Context<'_>, step: Step<HttpResponse>) -> Step<Called> {
        let failure = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Ok(response)) => {
                let source = self.source();
                return Step::Done(Ok(Called { response, source }));
            }
            Step::Done(Err(failure)) => failure,
        };
        match &self.phase {
            Phase::Exchanging(_, used)
                if failure.exit == Exit::NotSignedIn && matches!(used.source, Source::Store(_)) =>
            {
                let mut resolve = Resolve::new(self.given.clone());
                let (used, step) = (used.clone(), resolve.start(cx));
                self.phase = Phase::Reresolving(resolve, used, failure);
                self.resolved_again(cx, step)
            }
            _ => Step::fail(blame(cx, failure, self.source())),
        }
    }

    fn resolved_again(&mut self, cx: &mut Context<'_>, step: Step<Resolved>) -> Step<Called> {
        let Phase::Reresolving(_, used, failure) = &self.phase else {
            return Step::Ignored("not waited for");
        };
        match step {
            Step::Ignored(reason) => Step::Ignored(reason),
            Step::Pending => Step::Pending,
            Step::Done(Ok(newer)) if newer.record.token != used.record.token => {
                let mut exchange = self.exchange(&newer.record);
                let step = exchange.start(cx);
                self.phase = Phase::ExchangingAgain(exchange, newer);
                self.exchanged(cx, step)
            }
            Step::Done(_) => Step::fail(failure.clone()),
        }
    }

    fn source(&self) -> Source {
        match &self.phase {
            Phase::Exchanging(_, r) | Phase::ExchangingAgain(_, r) | Phase::Reresolving(_, r, _) => r.source,
            Phase::Resolving(_) => Source::Flag,
        }
    }
}

impl Logic for Call {
    type Output = Called;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Called> {
        let Phase::Resolving(resolve) = &mut self.phase else { return Step::Ignored("started already") };
        let step = resolve.start(cx);
        self.resolved(cx, step)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Called> {
        match &mut self.phase {
            Phase::Resolving(resolve) => {
                let step = resolve.handle(cx, event);
                self.resolved(cx, step)
            }
            Phase::Exchanging(exchange, _) | Phase::ExchangingAgain(exchange, _) => {
                let step = exchange.handle(cx, event);
                self.exchanged(cx, step)
            }
            Phase::Reresolving(resolve, ..) => {
                let step = resolve.handle(cx, event);
                self.resolved_again(cx, step)
            }
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Exchanging(exchange, _) | Phase::ExchangingAgain(exchange, _) => exchange.deadline(),
            Phase::Resolving(_) | Phase::Reresolving(..) => None,
        }
    }
}

/// A refused token is mended where it came from; a refused flag or variable never touches the store.
pub(crate) fn blame(cx: &Context<'_>, failure: Failure, source: Source) -> Failure {
    if failure.exit != Exit::NotSignedIn {
        return failure;
    }
    match source {
        Source::Flag => failure.next("check the token given with --api-token"),
        Source::Variable => {
            let variable = cx.service.token_variable;
            failure.next(alloc::format!("set {variable} to a valid token, or unset it to use the stored one"))
        }
        Source::Store(_) => failure,
    }
}
