//! Moving what an older program left as plain text in a file of settings to where credentials rest: written, read
//! back, remembered, and only then removed. It happens once, and never on top of a newer login.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::Failure;
use crate::keep::{Kept, remembered};
use crate::lookup::{Found, Lookup};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::record::{Backend, Generation, Record, Slot, Version};
use crate::rotate::ROTATION_WAIT;
use crate::store::{Ledger, StoreAnswer, StoreFailure, StoreOp};
use crate::store_failure::{misplaced, store_failure};
use crate::time::Timestamp;

/// The machine. Ends with whether anything was moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Migrate {
    first: Option<Generation>,
    phase: Phase,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
enum Phase {
    #[default]
    New,
    Peeking(CommandId),
    Drawing(CommandId),
    Locking(CommandId),
    Looking(Lookup),
    Reading(CommandId, Box<Found>),
    Writing(CommandId, Box<Move>),
    ReadingBack(CommandId, Box<Move>),
    WritingLedger(CommandId, Box<Move>),
    Removing(CommandId, Option<Backend>),
    Unlocking(CommandId, Box<Result<bool, Failure>>),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Move {
    /// As it lies there now.
    plaintext: Version,
    kept: Kept,
    ledger: Ledger,
    /// Backends still to be tried, and what the one before said.
    rest: Vec<Backend>,
    /// Where a logout left its tombstone.
    over: Option<(Backend, Version)>,
    failed: Option<StoreFailure>,
}

impl Migrate {
    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<bool> {
        match end {
            Err(failure) => self.unlock(cx, Err(failure)),
            Ok(found) => {
                self.phase = Phase::Reading(cx.store(StoreOp::ReadPlaintext), Box::new(found));
                Step::Pending
            }
        }
    }

    fn read(&mut self, cx: &mut Context<'_>, found: Found, plaintext: Option<&Record>) -> Step<bool> {
        let Some(plaintext) = plaintext else { return self.unlock(cx, Ok(false)) };
        if let Some((_, held)) = found.held.as_ref().filter(|(_, held)| !held.is_tombstone()) {
            // Left over from a move that did not come to its end? Then only the removing is missing.
            if !descends(held, plaintext) {
                return self.unlock(cx, Ok(false));
            }
            let id = cx.store(StoreOp::RemovePlaintext { expected: plaintext.version() });
            self.phase = Phase::Removing(id, None);
            return Step::Pending;
        }
        let Some(first) = self.first.take() else { return self.unlock(cx, Err(misplaced())) };
        let mut record = plaintext.clone();
        record.issuer = Some((*cx.service.bare_issuer).into());
        record.generation = Some(first);
        if let Some(rotation) = record.rotation_mut() {
            rotation.machine = cx.service.machine_id.clone();
        }
        let ledger = Ledger { unsettled: found.ledger.unsettled, ..remembered(&record) };
        let moving = Move {
            plaintext: plaintext.version(),
            kept: Kept { backend: Backend::File, record },
            ledger,
            rest: cx.service.backends.to_vec(),
            over: found.held.map(|(backend, tombstone)| (backend, tombstone.version())),
            failed: None,
        };
        self.write(cx, Box::new(moving))
    }

    /// Into the best backend that takes it; where a logout left its tombstone, on top of that.
    fn write(&mut self, cx: &mut Context<'_>, mut moving: Box<Move>) -> Step<bool> {
        if moving.rest.is_empty() {
            let Some(failure) = moving.failed else { return self.unlock(cx, Err(misplaced())) };
            return self.unlock(cx, Err(store_failure(failure)));
        }
        let backend = moving.rest.remove(0);
        moving.kept.backend = backend;
        let over = moving.over.as_ref().filter(|(holder, _)| *holder == backend);
        let expected = over.map(|(_, version)| version.clone());
        let record = moving.kept.record.clone();
        let id = cx.store(StoreOp::Write { backend, slot: Slot::Active, expected, record });
        self.phase = Phase::Writing(id, moving);
        Step::Pending
    }

    fn unlock(&mut self, cx: &mut Context<'_>, end: Result<bool, Failure>) -> Step<bool> {
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), Box::new(end));
        Step::Pending
    }

    fn store_answered(&mut self, cx: &mut Context<'_>, phase: Phase, answer: &StoreAnswer) -> Step<bool> {
        match (phase, answer) {
            (Phase::Peeking(_), StoreAnswer::Records(records)) if records.is_empty() => Step::Done(Ok(false)),
            (Phase::Peeking(_), StoreAnswer::Records(_)) => {
                self.phase = Phase::Drawing(cx.draw_entropy());
                Step::Pending
            }
            // Settings that cannot be read hold nothing for us.
            (Phase::Peeking(_), StoreAnswer::Failed(_)) => Step::Done(Ok(false)),
            (Phase::Locking(_), StoreAnswer::Done) => {
                let mut lookup = Lookup::default();
                let step = lookup.start(cx);
                self.phase = Phase::Looking(lookup);
                step.then(|end| self.looked(cx, end))
            }
            (Phase::Locking(_), StoreAnswer::Failed(failure)) => Step::fail(store_failure(failure.clone())),
            (Phase::Reading(_, found), StoreAnswer::Records(records)) => {
                self.read(cx, *found, records.first().map(|(_, record)| record))
            }
            (Phase::Reading(..), StoreAnswer::Failed(failure)) => {
                self.unlock(cx, Err(store_failure(failure.clone())))
            }
            (Phase::Writing(_, moving), StoreAnswer::Done) => {
                let op = StoreOp::Load { backend: moving.kept.backend, slot: Slot::Active };
                self.phase = Phase::ReadingBack(cx.store(op), moving);
                Step::Pending
            }
            // Something lies there that was not there before: not ours to decide about.
            (Phase::Writing(..), StoreAnswer::Conflict) => self.unlock(cx, Ok(false)),
            (
                Phase::Writing(_, mut moving) | Phase::ReadingBack(_, mut moving),
                StoreAnswer::Failed(failure),
            ) => {
                moving.failed = Some(failure.clone());
                self.write(cx, moving)
            }
            (Phase::ReadingBack(_, moving), StoreAnswer::Records(records)) => {
                if records.first().is_none_or(|(_, record)| *record != moving.kept.record) {
                    return self.unlock(cx, Ok(false));
                }
                let home = moving.kept.backend;
                let mut ledger = Ledger { backend: Some(home), ..moving.ledger.clone() };
                // What an earlier logout could not reach there is gone: this is there now.
                ledger.unsettled.retain(|left| left.backend != home || left.slot != Slot::Active);
                self.phase = Phase::WritingLedger(cx.store(StoreOp::WriteLedger(ledger)), moving);
                Step::Pending
            }
            (Phase::WritingLedger(_, moving), StoreAnswer::Done) => {
                let expected = moving.plaintext.clone();
                let id = cx.store(StoreOp::RemovePlaintext { expected });
                self.phase = Phase::Removing(id, Some(moving.kept.backend));
                Step::Pending
            }
            (Phase::WritingLedger(..), StoreAnswer::Failed(failure)) => {
                cx.show(Notice::LedgerNotWritten(failure.clone()));
                self.unlock(cx, Ok(true))
            }
            (Phase::Removing(_, to), answer) => {
                if let (Some(to), StoreAnswer::Done) = (to, answer) {
                    cx.show(Notice::Moved { to });
                }
                self.unlock(cx, Ok(to.is_some()))
            }
            (Phase::Unlocking(_, end), _) => Step::Done(*end),
            _ => self.unlock(cx, Err(misplaced())),
        }
    }
}

impl Logic for Migrate {
    type Output = bool;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<bool> {
        self.phase = Phase::Peeking(cx.store(StoreOp::ReadPlaintext));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<bool> {
        match (core::mem::take(&mut self.phase), event) {
            (Phase::Drawing(id), Event::Entropy { id: answered, entropy }) if id == *answered => {
                self.first = Some(Generation::first(entropy));
                self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: ROTATION_WAIT }));
                Step::Pending
            }
            (Phase::Looking(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::Looking(lookup);
                step.then(|end| self.looked(cx, end))
            }
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
            Self::Peeking(id)
            | Self::Locking(id)
            | Self::Reading(id, _)
            | Self::Writing(id, _)
            | Self::ReadingBack(id, _)
            | Self::WritingLedger(id, _)
            | Self::Removing(id, _)
            | Self::Unlocking(id, _) => Some(*id),
            Self::New | Self::Drawing(_) | Self::Looking(_) => None,
        }
    }
}

/// Whether a record was made of this plain text, or of what came of it.
fn descends(record: &Record, plaintext: &Record) -> bool {
    let spent = record.rotation.as_ref().map(|rotation| rotation.spent.as_slice()).unwrap_or_default();
    record.token == plaintext.token || spent.contains(&plaintext.token.fingerprint())
}
