//! `status`: which token would be used, from where, and what else lies around.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::call::blame;
use crate::command::CommandId;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::record::Backend;
use crate::resolve::{Given, Look, Resolved, given_token, pick, reading_order, store_failure, unexpected};
use crate::store::{Ledger, StoreAnswer, StoreOp};
use crate::time::Timestamp;

/// What the command line says about a status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StatusOptions {
    /// What the command line and the environment hold.
    pub given: Given,
    /// Look at the stores even if a flag or variable wins.
    pub explain: bool,
    /// Ask the service whether it accepts the token.
    pub check: bool,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Status {
    options: StatusOptions,
    report: StatusReport,
    phase: Phase,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StatusReport {
    /// The credential that a command would use, or why there is none.
    pub winner: Result<Resolved, Failure>,
    /// What each backend holds, in reading order; `None`: the stores were not looked at.
    pub stores: Option<Vec<Look>>,
    /// What is remembered without secrets.
    pub ledger: Ledger,
    /// What the service says to the token, if it was asked.
    pub check: Option<Result<(), Failure>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    ReadingLedger(CommandId),
    Looking(CommandId, Backend),
    Checking(Box<Exchange>),
}

impl Status {
    /// A status as the command line asks for it.
    pub fn new(options: StatusOptions) -> Self {
        let report = StatusReport {
            winner: Err(Failure::interrupted()),
            stores: None,
            ledger: Ledger::default(),
            check: None,
        };
        Self { options, report, phase: Phase::New }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Step<StatusReport> {
        let looks = self.report.stores.get_or_insert_default();
        if let Some(backend) = reading_order(cx.service, &self.report.ledger).get(looks.len()).copied() {
            self.phase = Phase::Looking(cx.store(StoreOp::LoadAll(backend)), backend);
            return Step::Pending;
        }
        let given = given_token(cx.service, &self.options.given);
        self.report.winner = match given {
            Ok(None) => pick(cx.service, &self.report.ledger, looks, self.options.given.workspace.as_deref()),
            Ok(Some(given)) => Ok(given),
            Err(failure) => Err(failure),
        };
        self.conclude(cx)
    }

    fn conclude(&mut self, cx: &mut Context<'_>) -> Step<StatusReport> {
        let (true, Ok(winner)) = (self.options.check, &self.report.winner) else {
            return Step::Done(Ok(self.report.clone()));
        };
        let url = cx.service.api.join(cx.service.paths.usage);
        let mut exchange = Exchange::new(HttpRequest::new(Method::Get, url).bearer(&winner.record.token));
        let step = exchange.start(cx);
        self.phase = Phase::Checking(Box::new(exchange));
        self.checked(cx, step)
    }

    fn checked(&mut self, cx: &mut Context<'_>, step: Step<HttpResponse>) -> Step<StatusReport> {
        self.report.check = match step {
            Step::Ignored(reason) => return Step::Ignored(reason),
            Step::Pending => return Step::Pending,
            Step::Done(Ok(_)) => Some(Ok(())),
            Step::Done(Err(failure)) => Some(Err(match &self.report.winner {
                Ok(winner) => blame(cx, failure, winner.source),
                Err(_) => failure,
            })),
        };
        Step::Done(Ok(self.report.clone()))
    }
}

impl Logic for Status {
    type Output = StatusReport;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<StatusReport> {
        match given_token(cx.service, &self.options.given) {
            Err(failure) => Step::fail(failure),
            Ok(Some(given)) if !self.options.explain => {
                self.report.winner = Ok(given);
                self.conclude(cx)
            }
            Ok(_) => {
                self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                Step::Pending
            }
        }
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<StatusReport> {
        match (&mut self.phase, event) {
            (Phase::ReadingLedger(waited), Event::Store { id, answer }) if waited == id => match answer {
                StoreAnswer::Ledger(ledger) => {
                    self.report.ledger = ledger.clone();
                    self.look(cx)
                }
                StoreAnswer::Failed(failure) => Step::fail(store_failure(failure.clone())),
                _ => unexpected(),
            },
            (Phase::Looking(waited, backend), Event::Store { id, answer }) if waited == id => {
                let look = match answer {
                    StoreAnswer::Records(records) => Ok(records.clone()),
                    StoreAnswer::Failed(failure) => Err(failure.clone()),
                    _ => return unexpected(),
                };
                let backend = *backend;
                self.report.stores.get_or_insert_default().push((backend, look));
                self.look(cx)
            }
            (Phase::Checking(exchange), event) => {
                let step = exchange.handle(cx, event);
                self.checked(cx, step)
            }
            _ => Step::Ignored("not waited for"),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Checking(exchange) => exchange.deadline(),
            _ => None,
        }
    }
}
