//! `login status` of a service with rotating sessions.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::amend::Amend;
use crate::bearer::revoking;
use crate::call::{Call, Called};
use crate::command::CommandId;
use crate::envelope::json_object;
use crate::event::Event;
use crate::exchange::not_the_api;
use crate::failure::{Exit, Failure, not_signed_in};
use crate::http::{HttpRequest, Method};
use crate::keep::Kept;
use crate::looks::{Look, reading_order};
use crate::lookup::{Found, Lookup, check_issuer};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::migrate::Migrate;
use crate::record::{Backend, Gateway, Record, Slot};
use crate::resolve::Given;
use crate::rotation::Journal;
use crate::sources::{Places, Source, sources};
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreOp};
use crate::store_failure::unexpected;
use crate::time::Timestamp;
use crate::verdict::{is_ending, is_over, is_revoking};
use crate::workspace_answers::read_workspace;

/// Tells whose an API key is.
pub const VALIDATE: &str = "/auth/validate";

/// The machine. It asks the service for one thing only: the workspace of an API key that does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Connection {
    /// Whether every place is looked at, and nobody is asked anything.
    explains: bool,
    found: Option<Box<Found>>,
    /// Why nothing could be found, or what there is could not be moved to where it would be.
    unreadable: Option<Failure>,
    not_moved: Option<Failure>,
    looks: Vec<Look>,
    /// What the search for the record has seen already.
    passed: Vec<Look>,
    emergency: Option<Result<Option<Record>, StoreFailure>>,
    plaintext: Option<Result<Option<Record>, StoreFailure>>,
    phase: Phase,
}

/// What there is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionReport {
    /// The credential that a command would use, or why there is none.
    pub credential: Result<Kept, Failure>,
    /// How it stands.
    pub state: ConnectionState,
    /// Whether the emergency file still has the newest tokens.
    pub in_emergency_file: bool,
    /// What the other backends hold, or why they cannot be read.
    pub elsewhere: Vec<Look>,
    /// Every place that was looked at, in the order in which they count; `None` if no explanation was wanted.
    pub sources: Option<Vec<Source>>,
}

impl ConnectionReport {
    /// Whether there is a connection to a workspace that goes on: not one that has expired, or cannot be renewed any more.
    pub fn is_connected(&self) -> bool {
        let has_workspace = self.credential.as_ref().is_ok_and(|kept| !kept.record.lacks_workspace());
        has_workspace && !matches!(self.state, ConnectionState::Expired | ConnectionState::Ending)
    }
}

/// How a credential stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// There is none.
    None,
    /// It can be used now, or after a renewal that happens by itself.
    Connected,
    /// A renewal was interrupted; the next command finds out what came of it.
    Recovering,
    /// It can be used for a while, but not be renewed: a new login is needed soon.
    Ending,
    /// Only a new login helps.
    Expired,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    New,
    Migrating(Box<Migrate>),
    Looking(Lookup),
    ReadingLedger(CommandId),
    LookingElsewhere(CommandId, Backend, Vec<Backend>),
    ReadingEmergency(CommandId),
    ReadingPlaintext(CommandId),
    Asking(Box<Call>, Box<Kept>),
    Amending(Box<Amend>, Box<Kept>),
}

impl Connection {
    /// The same with every place that was looked at. What is wrong with one of them is no failure, and no request is sent.
    pub fn explained() -> Self {
        Self { explains: true, ..Self::default() }
    }

    /// A move that failed is tried again by the next command that needs what would be moved.
    fn moved(&mut self, cx: &mut Context<'_>, end: Outcome<bool>) -> Step<ConnectionReport> {
        self.not_moved = end.err().filter(|_| self.explains);
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        step.then(|end| self.looked(cx, end))
    }

    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<ConnectionReport> {
        let found = match end {
            Ok(found) => found,
            Err(failure) if self.explains => {
                self.unreadable = Some(failure);
                self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                return Step::Pending;
            }
            Err(failure) => return Step::fail(failure),
        };
        let ledger = found.ledger.clone();
        self.passed = found.passed.clone();
        self.found = Some(Box::new(found));
        let order = reading_order(cx.service, &ledger);
        let home = self.home();
        let wanted = |backend: &Backend| self.explains || Some(*backend) != home;
        let wanted = order.into_iter().filter(wanted).collect();
        self.look_elsewhere(cx, wanted)
    }

    /// Where the newest login is.
    fn home(&self) -> Option<Backend> {
        let found = self.found.as_ref()?;
        found.held.as_ref().map(|(backend, _)| *backend).or(found.ledger.backend)
    }

    fn look_elsewhere(&mut self, cx: &mut Context<'_>, mut rest: Vec<Backend>) -> Step<ConnectionReport> {
        if rest.is_empty() && self.explains {
            self.phase = Phase::ReadingEmergency(cx.store(StoreOp::ReadEmergency));
            return Step::Pending;
        }
        if rest.is_empty() {
            return self.judge(cx);
        }
        let backend = rest.remove(0);
        // A keychain takes its time to say that it is not there: it is not asked twice.
        if let Some(at) = self.passed.iter().position(|(passed, _)| *passed == backend) {
            self.looks.push(self.passed.remove(at));
            return self.look_elsewhere(cx, rest);
        }
        let id = cx.store(StoreOp::Load { backend, slot: Slot::Active });
        self.phase = Phase::LookingElsewhere(id, backend, rest);
        Step::Pending
    }

    fn store_answered(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        answer: &StoreAnswer,
    ) -> Step<ConnectionReport> {
        let look = match answer {
            StoreAnswer::Records(records) => Ok(records.clone()),
            StoreAnswer::Failed(failure) => Err(failure.clone()),
            StoreAnswer::Ledger(_) => Ok(Vec::new()),
            _ => return unexpected(),
        };
        let first = |records: Vec<(Slot, Record)>| records.into_iter().next().map(|(_, record)| record);
        match phase {
            Phase::ReadingLedger(_) => {
                let ledger =
                    if let StoreAnswer::Ledger(ledger) = answer { ledger.clone() } else { Ledger::default() };
                let order = reading_order(cx.service, &ledger);
                self.look_elsewhere(cx, order)
            }
            Phase::LookingElsewhere(_, backend, rest) => {
                self.looks.push((backend, look));
                self.look_elsewhere(cx, rest)
            }
            Phase::ReadingEmergency(_) => {
                self.emergency = Some(look.map(first));
                self.phase = Phase::ReadingPlaintext(cx.store(StoreOp::ReadPlaintext));
                Step::Pending
            }
            Phase::ReadingPlaintext(_) => {
                self.plaintext = Some(look.map(first));
                self.judge(cx)
            }
            _ => unexpected(),
        }
    }

    fn judge(&mut self, cx: &mut Context<'_>) -> Step<ConnectionReport> {
        let credential = self.credential(cx);
        match credential {
            Ok(kept) if self.asks_about(&kept.record) => {
                let url = cx.service.api.join(VALIDATE);
                let mut call = Box::new(Call::new(Given::default(), HttpRequest::new(Method::Get, url)));
                let step = call.start(cx);
                self.phase = Phase::Asking(call, Box::new(kept));
                step.then(|end| self.told(cx, end))
            }
            credential => self.report(cx, credential),
        }
    }

    /// An API key alone does not say whose it is.
    fn asks_about(&self, record: &Record) -> bool {
        !self.explains && record.rotation.is_none() && record.workspace.is_none()
    }

    fn credential(&self, cx: &Context<'_>) -> Result<Kept, Failure> {
        if let Some(failure) = &self.unreadable {
            return Err(failure.clone());
        }
        let newest = self.found.as_ref().and_then(|found| found.newest());
        let (backend, record) = newest
            .filter(|(_, record)| !record.is_tombstone())
            .ok_or_else(|| self.not_moved.clone().unwrap_or_else(|| not_signed_in(cx.service, None)))?;
        if is_revoking(record) {
            return Err(revoking(cx.service));
        }
        check_issuer(cx, record)?;
        Ok(Kept { backend, record: record.clone() })
    }

    fn told(&mut self, cx: &mut Context<'_>, end: Outcome<Called>) -> Step<ConnectionReport> {
        let response = match end {
            Ok(called) => called.response,
            // Without a network there is a key all the same.
            Err(failure) if matches!(failure.exit, Exit::Network | Exit::Server) => {
                let Phase::Asking(_, kept) = core::mem::take(&mut self.phase) else { return unexpected() };
                return self.report(cx, Ok(*kept));
            }
            Err(failure) => return Step::fail(failure),
        };
        let Phase::Asking(_, kept) = core::mem::take(&mut self.phase) else { return unexpected() };
        let body = json_object(&response);
        let workspace = body.and_then(|body| body.get("workspace").and_then(read_workspace));
        let Some(workspace) = workspace else { return Step::fail(not_the_api(cx.service)) };
        let mut amend = Box::new(Amend::new(&kept.record, Some(workspace.clone()), Gateway::default()));
        let step = amend.start(cx);
        let record = Record { workspace: Some(workspace.into()), ..kept.record };
        self.phase = Phase::Amending(amend, Box::new(Kept { record, ..*kept }));
        step.then(|_| self.amended(cx))
    }

    /// It is told all the same if it cannot be stored.
    fn amended(&mut self, cx: &Context<'_>) -> Step<ConnectionReport> {
        let Phase::Amending(_, kept) = core::mem::take(&mut self.phase) else { return unexpected() };
        self.report(cx, Ok(*kept))
    }

    fn report(&mut self, cx: &Context<'_>, credential: Result<Kept, Failure>) -> Step<ConnectionReport> {
        let state = match &credential {
            Err(_) => ConnectionState::None,
            Ok(kept) if is_over(cx.service, cx.now, &kept.record) => ConnectionState::Expired,
            Ok(kept) if is_ending(cx.service, &kept.record) => ConnectionState::Ending,
            Ok(kept) => match kept.record.rotation.as_ref().map(|rotation| &rotation.journal) {
                Some(Journal::Spending(_)) => ConnectionState::Recovering,
                _ => ConnectionState::Connected,
            },
        };
        let in_emergency_file = self.found.as_ref().is_some_and(|found| found.rescued().is_some());
        let looks = core::mem::take(&mut self.looks);
        let places = match (self.emergency.take(), self.plaintext.take()) {
            (Some(emergency), Some(plaintext)) => {
                Some(Places { backends: looks.clone(), emergency, plaintext })
            }
            _ => None,
        };
        let sources = places.map(|places| sources(self.found.as_deref(), credential.is_ok(), places));
        let home = self.home();
        let elsewhere = looks.into_iter().filter(|(backend, _)| Some(*backend) != home).collect();
        Step::Done(Ok(ConnectionReport { credential, state, in_emergency_file, elsewhere, sources }))
    }
}

impl Logic for Connection {
    type Output = ConnectionReport;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<ConnectionReport> {
        let mut migrate = Box::new(Migrate::default());
        let step = migrate.start(cx);
        self.phase = Phase::Migrating(migrate);
        step.then(|end| self.moved(cx, end))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<ConnectionReport> {
        match (core::mem::take(&mut self.phase), event) {
            (Phase::Migrating(mut migrate), event) => {
                let step = migrate.handle(cx, event);
                self.phase = Phase::Migrating(migrate);
                step.then(|end| self.moved(cx, end))
            }
            (Phase::Looking(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::Looking(lookup);
                step.then(|end| self.looked(cx, end))
            }
            (phase, Event::Store { id, answer }) if phase.waits_for() == Some(*id) => {
                self.store_answered(cx, phase, answer)
            }
            (Phase::Asking(mut call, kept), event) => {
                let step = call.handle(cx, event);
                self.phase = Phase::Asking(call, kept);
                step.then(|end| self.told(cx, end))
            }
            (Phase::Amending(mut amend, kept), event) => {
                let step = amend.handle(cx, event);
                self.phase = Phase::Amending(amend, kept);
                step.then(|_| self.amended(cx))
            }
            (phase, _) => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<ConnectionReport> {
        match &mut self.phase {
            Phase::Asking(call, _) => match call.interrupted(cx) {
                Step::Done(Err(failure)) => Step::fail(failure),
                _ => Step::Pending,
            },
            _ => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Asking(call, _) => call.deadline(),
            _ => None,
        }
    }
}

impl Phase {
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::ReadingLedger(id)
            | Self::LookingElsewhere(id, ..)
            | Self::ReadingEmergency(id)
            | Self::ReadingPlaintext(id) => Some(*id),
            _ => None,
        }
    }
}
