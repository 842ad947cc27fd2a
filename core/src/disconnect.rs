//! `logout` of a rotating session: every place that may hold a piece of it is cleared, and each is told.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::Failure;
use crate::looks::reading_order;
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::record::{Backend, Record, Slot, Version, Workspace};
use crate::rotate::ROTATION_WAIT;
use crate::rotation::Journal;
use crate::secret::Secret;
use crate::seeded::Seeded;
use crate::store::{Ledger, ROUNDS, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp, Unsettled};
use crate::store_failure::{misplaced, store_failure};
use crate::time::Timestamp;

/// The machine. Interrupted, it can be repeated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disconnect {
    /// Only this login's; `None`: whatever there is.
    only: Option<Arc<str>>,
    ledger: Ledger,
    /// Another login is there: what is remembered is about that one.
    spared: bool,
    /// What was found where the newest login is would be used by the next command.
    in_use: bool,
    done: Disconnected,
    rounds: u32,
    phase: Phase,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disconnected {
    /// The workspace, if there was one.
    pub workspace: Option<Workspace>,
    /// Every place that was looked at, in order.
    pub places: Vec<(Place, Cleared)>,
    /// Whether anything was stored at all.
    pub was_connected: bool,
    /// Whether what was stored is still used: it could neither be removed nor marked as ended.
    pub is_still_connected: bool,
}

/// A place that may hold a piece of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A backend.
    Backend(Backend),
    /// The emergency file.
    Emergency,
    /// The file of settings, where an older program kept plain text.
    Settings,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cleared {
    /// There was nothing.
    Empty,
    /// It is removed.
    Removed,
    /// There is no such place here, and the newest login is not remembered to be in it.
    Absent(StoreFailure),
    /// It could not be.
    Failed(StoreFailure),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    New,
    Locking(CommandId),
    ReadingLedger(CommandId),
    Looking(CommandId, Backend, Vec<Backend>),
    Removing(CommandId, Backend, Vec<Backend>),
    /// Removing pieces that count for nothing.
    Sweeping(CommandId, Backend, Vec<Backend>),
    ReadingEmergency(CommandId),
    RemovingEmergency(CommandId, bool),
    ReadingPlaintext(CommandId),
    RemovingPlaintext(CommandId),
    WritingLedger(CommandId),
    Unlocking(CommandId, Option<Box<Failure>>),
}

impl Disconnected {
    /// The places that could not be cleared.
    pub fn failed(&self) -> impl Iterator<Item = (Place, &StoreFailure)> {
        self.places.iter().filter_map(|(place, cleared)| match cleared {
            Cleared::Failed(failure) => Some((*place, failure)),
            _ => None,
        })
    }
}

impl Disconnect {
    /// Ends this login, by its random id, and leaves any other one where it is.
    pub fn of_login(login: Arc<str>) -> Self {
        Self { only: Some(login), ..Self::default() }
    }

    /// Whether a record is none of this machine's business.
    fn spares(&self, record: &Record) -> bool {
        let login = record.generation.as_ref().map(|generation| &generation.login);
        self.only.is_some() && self.only.as_ref() != login
    }

    fn backends(&mut self, cx: &mut Context<'_>) -> Step<Disconnected> {
        self.rounds = 0;
        let order = reading_order(cx.service, &self.ledger);
        self.next_backend(cx, order)
    }

    fn next_backend(&mut self, cx: &mut Context<'_>, mut rest: Vec<Backend>) -> Step<Disconnected> {
        if rest.is_empty() {
            self.phase = Phase::ReadingEmergency(cx.store(StoreOp::ReadEmergency));
            return Step::Pending;
        }
        let backend = rest.remove(0);
        let id = cx.store(StoreOp::Load { backend, slot: Slot::Active });
        self.phase = Phase::Looking(id, backend, rest);
        Step::Pending
    }

    fn clear(
        &mut self,
        cx: &mut Context<'_>,
        backend: Backend,
        rest: Vec<Backend>,
        record: Option<&Record>,
    ) -> Step<Disconnected> {
        if record.is_some_and(|record| record.is_tombstone() || self.spares(record)) {
            self.spared |= self.is_home(backend) && record.is_some_and(|record| !record.is_tombstone());
            self.note(Place::Backend(backend), Cleared::Empty);
            return self.next_backend(cx, rest);
        }
        let Some(record) = record else {
            // Pieces of what counts for nothing may lie there all the same: a logout that was killed, another program's.
            let expected = Version::Fingerprint(Secret::default().fingerprint());
            let id = cx.store(StoreOp::Delete { backend, slot: Slot::Active, expected });
            self.phase = Phase::Sweeping(id, backend, rest);
            return Step::Pending;
        };
        self.done.was_connected = true;
        let revoking = record.rotation.as_ref().is_some_and(|rotation| rotation.journal == Journal::Revoking);
        self.in_use |= self.is_home(backend) && !revoking;
        self.done.workspace = self.done.workspace.take().or_else(|| record.workspace.as_deref().cloned());
        let (slot, expected) = (Slot::Active, record.version());
        let op = match &record.generation {
            Some(generation) => {
                let reused = cx.service.makes(Seeded::GenerationReused);
                let generation = if reused { generation.clone() } else { generation.next() };
                let record = Record::tombstone(generation);
                StoreOp::Write { backend, slot, expected: Some(expected), record }
            }
            None => StoreOp::Delete { backend, slot, expected },
        };
        self.phase = Phase::Removing(cx.store(op), backend, rest);
        Step::Pending
    }

    /// Whether what lies there is the newest login, as far as it is known where that is.
    fn is_home(&self, backend: Backend) -> bool {
        self.ledger.backend.is_none_or(|home| home == backend)
    }

    fn note(&mut self, place: Place, cleared: Cleared) {
        self.done.places.push((place, cleared));
    }

    fn not_cleared(&mut self, place: Place, failure: StoreFailure) {
        // What took the newest login was there then, and will be again.
        let is_home = self.ledger.backend.is_some_and(|home| place == Place::Backend(home));
        let is_expected = is_home && (self.ledger.session || self.ledger.active.is_some());
        let cleared = match failure.kind {
            StoreFailureKind::Absent if !is_expected => Cleared::Absent(failure),
            _ => Cleared::Failed(failure),
        };
        self.note(place, cleared);
    }

    fn write_ledger(&mut self, cx: &mut Context<'_>) -> Step<Disconnected> {
        let mut unsettled = core::mem::take(&mut self.ledger.unsettled);
        for (place, cleared) in &self.done.places {
            let Place::Backend(backend) = *place else { continue };
            let is_unknown = matches!(cleared, Cleared::Failed(_) | Cleared::Absent(_));
            unsettled.retain(|left| left.backend != backend || is_unknown);
            let left = Unsettled { backend, slot: Slot::Active, version: None };
            if matches!(cleared, Cleared::Failed(_)) && !unsettled.contains(&left) {
                unsettled.push(left);
            }
        }
        let ledger = match self.spared {
            true => Ledger { unsettled, ..core::mem::take(&mut self.ledger) },
            false => Ledger { backend: self.ledger.backend, unsettled, ..Ledger::default() },
        };
        self.phase = Phase::WritingLedger(cx.store(StoreOp::WriteLedger(ledger)));
        Step::Pending
    }

    fn store_answered(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        answer: &StoreAnswer,
    ) -> Step<Disconnected> {
        match (phase, answer) {
            (Phase::Locking(_), StoreAnswer::Done) => {
                self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                Step::Pending
            }
            (Phase::ReadingLedger(_), StoreAnswer::Ledger(ledger)) => {
                self.ledger = ledger.clone();
                // First what would be moved to where nothing is stored any more.
                self.phase = Phase::ReadingPlaintext(cx.store(StoreOp::ReadPlaintext));
                Step::Pending
            }
            (Phase::Locking(_), StoreAnswer::Failed(failure)) => Step::fail(store_failure(failure.clone())),
            (Phase::ReadingLedger(_), StoreAnswer::Failed(failure)) => {
                let failure = Box::new(store_failure(failure.clone()));
                self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), Some(failure));
                Step::Pending
            }
            (Phase::Looking(_, backend, rest), StoreAnswer::Records(records)) => {
                let record = records.first().map(|(_, record)| record.clone());
                self.clear(cx, backend, rest, record.as_ref())
            }
            (
                Phase::Looking(_, backend, rest) | Phase::Removing(_, backend, rest),
                StoreAnswer::Failed(failure),
            ) => {
                self.not_cleared(Place::Backend(backend), failure.clone());
                self.next_backend(cx, rest)
            }
            (Phase::Removing(_, backend, rest), StoreAnswer::Done) => {
                self.in_use &= !self.is_home(backend);
                self.note(Place::Backend(backend), Cleared::Removed);
                self.next_backend(cx, rest)
            }
            // Changed by another program just now: look again.
            (
                Phase::Removing(_, backend, mut rest) | Phase::Sweeping(_, backend, mut rest),
                StoreAnswer::Conflict,
            ) if self.rounds < ROUNDS => {
                self.rounds += 1;
                rest.insert(0, backend);
                self.next_backend(cx, rest)
            }
            (
                Phase::Removing(_, backend, rest) | Phase::Sweeping(_, backend, rest),
                StoreAnswer::Conflict,
            ) => {
                self.note(Place::Backend(backend), Cleared::Failed(StoreFailure::keeps_changing()));
                self.next_backend(cx, rest)
            }
            (Phase::Sweeping(_, backend, rest), _) => {
                self.note(Place::Backend(backend), Cleared::Empty);
                self.next_backend(cx, rest)
            }
            (Phase::ReadingEmergency(_), StoreAnswer::Records(records))
                if records.iter().any(|(_, record)| self.spares(record)) =>
            {
                self.write_ledger(cx)
            }
            (Phase::ReadingEmergency(_), _) if cx.service.makes(Seeded::EmergencyLeftByLogout) => {
                self.write_ledger(cx)
            }
            (Phase::ReadingEmergency(_), answer) => {
                let holds = matches!(answer, StoreAnswer::Records(records) if !records.is_empty());
                self.done.was_connected |= holds;
                self.phase = Phase::RemovingEmergency(cx.store(StoreOp::RemoveEmergency), holds);
                Step::Pending
            }
            (Phase::RemovingEmergency(_, holds), answer) => {
                match answer {
                    StoreAnswer::Failed(failure) => {
                        self.not_cleared(Place::Emergency, failure.clone());
                    }
                    _ if holds => self.note(Place::Emergency, Cleared::Removed),
                    _ => {}
                }
                self.write_ledger(cx)
            }
            (Phase::ReadingPlaintext(_), StoreAnswer::Records(records)) => match records.first() {
                Some((_, record)) => {
                    self.done.was_connected = true;
                    let op = StoreOp::RemovePlaintext { expected: record.version() };
                    self.phase = Phase::RemovingPlaintext(cx.store(op));
                    Step::Pending
                }
                None => self.backends(cx),
            },
            (Phase::ReadingPlaintext(_) | Phase::RemovingPlaintext(_), StoreAnswer::Failed(failure)) => {
                self.not_cleared(Place::Settings, failure.clone());
                self.backends(cx)
            }
            (Phase::RemovingPlaintext(_), _) if self.rounds == ROUNDS => {
                self.note(Place::Settings, Cleared::Failed(StoreFailure::keeps_changing()));
                self.backends(cx)
            }
            // Behind a session an API key may come to light.
            (Phase::RemovingPlaintext(_), answer) => {
                let removed = (Place::Settings, Cleared::Removed);
                if *answer == StoreAnswer::Done && !self.done.places.contains(&removed) {
                    self.done.places.push(removed);
                }
                self.rounds += 1;
                self.phase = Phase::ReadingPlaintext(cx.store(StoreOp::ReadPlaintext));
                Step::Pending
            }
            (Phase::WritingLedger(_), answer) => {
                if let StoreAnswer::Failed(failure) = answer {
                    self.done.is_still_connected = self.in_use;
                    self.not_cleared(Place::Settings, failure.clone());
                }
                self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), None);
                Step::Pending
            }
            (Phase::Unlocking(_, Some(failure)), _) => Step::fail(*failure),
            (Phase::Unlocking(_, None), _) => Step::Done(Ok(core::mem::take(&mut self.done))),
            _ => {
                let failure = Some(Box::new(misplaced()));
                self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), failure);
                Step::Pending
            }
        }
    }
}

impl Logic for Disconnect {
    type Output = Disconnected;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Disconnected> {
        if cx.service.makes(Seeded::LogoutWithoutLock) {
            self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
            return Step::Pending;
        }
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: ROTATION_WAIT }));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Disconnected> {
        match (core::mem::take(&mut self.phase), event) {
            (phase, Event::Store { id, answer }) if phase.waits_for() == Some(*id) => {
                self.store_answered(cx, phase, answer)
            }
            (phase, _) => {
                self.phase = phase;
                Step::Ignored("not waited for")
            }
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        None
    }
}

impl Phase {
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::New => None,
            Self::Locking(id)
            | Self::ReadingLedger(id)
            | Self::Looking(id, ..)
            | Self::Removing(id, ..)
            | Self::Sweeping(id, ..)
            | Self::ReadingEmergency(id)
            | Self::RemovingEmergency(id, _)
            | Self::ReadingPlaintext(id)
            | Self::RemovingPlaintext(id)
            | Self::WritingLedger(id)
            | Self::Unlocking(id, _) => Some(*id),
        }
    }
}
