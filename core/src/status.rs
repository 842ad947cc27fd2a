//! `status`: which token would be used, from where, and what else lies around.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::call::blame;
use crate::command::CommandId;
use crate::event::Event;
use crate::exchange::Exchange;
use crate::failure::Failure;
use crate::http::{HttpRequest, HttpResponse, Method};
use crate::looks::{Look, is_stale, pick, reading_order};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::record::{Backend, Record, Slot};
use crate::resolve::{Given, Resolved, given_token};
use crate::store::{Ledger, StoreAnswer, StoreOp};
use crate::store_failure::{store_failure, unexpected};
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
    /// What each backend holds, in reading order, or why it cannot be used; `None`: the stores were not looked at.
    pub stores: Option<Vec<Look>>,
    /// What is remembered without secrets.
    pub ledger: Ledger,
    /// What the service says to the token, if it was asked.
    pub check: Option<Result<(), Failure>>,
}

impl StatusReport {
    /// Whether an entry of the stores is out of date.
    pub fn is_stale(&self, backend: Backend, slot: &Slot, record: &Record) -> bool {
        is_stale(&self.ledger, self.stores.as_deref().unwrap_or_default(), backend, slot, record)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    ReadingLedger(CommandId),
    Looking(CommandId, Backend),
    /// Finding out why a backend holds nothing.
    Probing(CommandId, Backend, VecDeque<Backend>),
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
        let passed_over = self.passed_over(cx);
        self.probe(cx, passed_over)
    }

    /// Backends that hold nothing although they come before the one that took the newest login. To be empty is no
    /// failure; not to have taken the token is, and its reason is still there or is over.
    fn passed_over(&self, cx: &Context<'_>) -> VecDeque<Backend> {
        let Some(home) = self.report.ledger.backend else { return VecDeque::new() };
        let is_empty = |backend: &Backend| {
            let mut looks = self.report.stores.iter().flatten();
            looks.any(|(looked, look)| looked == backend && look.as_ref().is_ok_and(Vec::is_empty))
        };
        let better = cx.service.backends.iter().copied().take_while(|backend| *backend != home);
        better.filter(is_empty).collect()
    }

    fn probe(&mut self, cx: &mut Context<'_>, mut backends: VecDeque<Backend>) -> Step<StatusReport> {
        let Some(backend) = backends.pop_front() else { return self.conclude(cx) };
        self.phase = Phase::Probing(cx.store(StoreOp::Probe(backend)), backend, backends);
        Step::Pending
    }

    fn probed(&mut self, backend: Backend, answer: &StoreAnswer) {
        let looks = self.report.stores.iter_mut().flatten();
        if let StoreAnswer::Failed(failure) = answer {
            for (_, look) in looks.filter(|(looked, _)| *looked == backend) {
                *look = Err(failure.clone());
            }
        }
    }

    fn conclude(&mut self, cx: &mut Context<'_>) -> Step<StatusReport> {
        let (true, Ok(winner)) = (self.options.check, &self.report.winner) else {
            return Step::Done(Ok(self.report.clone()));
        };
        let url = cx.service.api.join(cx.service.paths.usage);
        let mut exchange = Exchange::new(HttpRequest::new(Method::Get, url).bearer(&winner.record.token));
        let step = exchange.start(cx);
        self.phase = Phase::Checking(Box::new(exchange));
        step.then(|end| self.checked(cx, end))
    }

    fn checked(&mut self, cx: &mut Context<'_>, end: Outcome<HttpResponse>) -> Step<StatusReport> {
        self.report.check = Some(match (end, &self.report.winner) {
            (Ok(_), _) => Ok(()),
            (Err(failure), Ok(winner)) => Err(blame(cx, failure, winner.source)),
            (Err(failure), Err(_)) => Err(failure),
        });
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
            (Phase::Probing(waited, backend, rest), Event::Store { id, answer }) if waited == id => {
                let (backend, rest) = (*backend, core::mem::take(rest));
                self.probed(backend, answer);
                self.probe(cx, rest)
            }
            (Phase::Checking(exchange), event) => {
                exchange.handle(cx, event).then(|end| self.checked(cx, end))
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
