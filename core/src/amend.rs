//! Adding to a stored session what became known later: its workspace, and where inference requests go.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Exit, Failure, not_signed_in};
use crate::keep::{Kept, remembered};
use crate::lookup::{Found, Lookup};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::notice::Notice;
use crate::record::{Gateway, Generation, Record, Slot, Workspace};
use crate::rotate::ROTATION_WAIT;
use crate::secret::Fingerprint;
use crate::store::{Ledger, ROUNDS, StoreAnswer, StoreFailure, StoreOp};
use crate::store_failure::{misplaced, store_failure};
use crate::time::Timestamp;

/// The machine. It re-reads under the lock: what others have stored meanwhile stays, and only the login that it was
/// made for is amended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Amend {
    login: Login,
    workspace: Option<Workspace>,
    gateway: Gateway,
    rounds: u32,
    phase: Phase,
}

/// Whose record it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Login {
    /// The one with this random id.
    Ours(Arc<str>),
    /// The one of a bare token that another program stored: since its rotation it has a random id, too.
    Bare(Fingerprint),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Locking(CommandId),
    Looking(Lookup),
    Writing(CommandId, Box<Kept>, Ledger),
    ReadingBack(CommandId, Box<Kept>, Ledger),
    WritingLedger(CommandId, Box<Kept>),
    Unlocking(CommandId, Box<Result<Kept, Failure>>),
}

impl Amend {
    /// Sets the workspace, if one is given, and whatever is given of the gateway, in the login of `record`.
    pub fn new(record: &Record, workspace: Option<Workspace>, gateway: Gateway) -> Self {
        let login = match &record.generation {
            Some(generation) => Login::Ours(generation.login.clone()),
            None => Login::Bare(record.token.fingerprint()),
        };
        Self { login, workspace, gateway, rounds: 0, phase: Phase::New }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        step.then(|end| self.looked(cx, end))
    }

    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<Kept> {
        let found = match end {
            Ok(found) => found,
            Err(failure) => return self.unlock(cx, Err(failure)),
        };
        // What a crash left in the emergency file goes where it belongs on this occasion, too.
        let newest = found.newest().map(|(_, newest)| newest.clone());
        let (Some((backend, record)), Some(mut amended)) = (found.held, newest) else {
            return self.unlock(cx, Err(not_signed_in(cx.service, None)));
        };
        if record.is_tombstone() {
            return self.unlock(cx, Err(not_signed_in(cx.service, None)));
        }
        if !self.login.is_of(&record) {
            return self.unlock(cx, Err(someone_else()));
        }
        amended.workspace = self.workspace.clone().map(Arc::new).or(amended.workspace);
        amended.gateway.url = self.gateway.url.clone().or(amended.gateway.url);
        amended.gateway.signing_key = self.gateway.signing_key.clone().or(amended.gateway.signing_key);
        // A bare token stays one: nobody but its rotation has a right to make it ours.
        if amended == record || record.generation.is_none() {
            let ledger = Ledger { unsettled: found.ledger.unsettled, ..remembered(&amended) };
            return self.write_ledger(cx, Box::new(Kept { backend, record }), ledger);
        }
        amended.generation = amended.generation.as_ref().map(Generation::next);
        let (expected, slot) = (Some(record.version()), Slot::Active);
        let ledger = Ledger { unsettled: found.ledger.unsettled, ..remembered(&amended) };
        let id = cx.store(StoreOp::Write { backend, slot, expected, record: amended.clone() });
        self.phase = Phase::Writing(id, Box::new(Kept { backend, record: amended }), ledger);
        Step::Pending
    }

    fn write_ledger(&mut self, cx: &mut Context<'_>, kept: Box<Kept>, ledger: Ledger) -> Step<Kept> {
        let ledger = Ledger { backend: Some(kept.backend), ..ledger };
        self.phase = Phase::WritingLedger(cx.store(StoreOp::WriteLedger(ledger)), kept);
        Step::Pending
    }

    fn again(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        self.rounds += 1;
        if self.rounds < ROUNDS {
            return self.look(cx);
        }
        self.unlock(cx, Err(store_failure(StoreFailure::keeps_changing())))
    }

    fn unlock(&mut self, cx: &mut Context<'_>, end: Result<Kept, Failure>) -> Step<Kept> {
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), Box::new(end));
        Step::Pending
    }

    fn store_answered(&mut self, cx: &mut Context<'_>, phase: Phase, answer: &StoreAnswer) -> Step<Kept> {
        match (phase, answer) {
            (Phase::Locking(_), StoreAnswer::Done) => self.look(cx),
            (Phase::Locking(_), StoreAnswer::Failed(failure)) => Step::fail(store_failure(failure.clone())),
            (Phase::Writing(_, kept, ledger), StoreAnswer::Done) => {
                let op = StoreOp::Load { backend: kept.backend, slot: Slot::Active };
                self.phase = Phase::ReadingBack(cx.store(op), kept, ledger);
                Step::Pending
            }
            (Phase::Writing(..), StoreAnswer::Conflict) => self.again(cx),
            (Phase::ReadingBack(_, kept, ledger), StoreAnswer::Records(records)) => {
                if records.first().is_some_and(|(_, record)| *record == kept.record) {
                    self.write_ledger(cx, kept, ledger)
                } else {
                    self.again(cx)
                }
            }
            (Phase::Writing(..) | Phase::ReadingBack(..), StoreAnswer::Failed(failure)) => {
                self.unlock(cx, Err(store_failure(failure.clone())))
            }
            (Phase::WritingLedger(_, kept), answer) => {
                if let StoreAnswer::Failed(failure) = answer {
                    cx.show(Notice::LedgerNotWritten(failure.clone()));
                }
                self.unlock(cx, Ok(*kept))
            }
            (Phase::Unlocking(_, end), _) => Step::Done(*end),
            _ => self.unlock(cx, Err(misplaced())),
        }
    }
}

impl Logic for Amend {
    type Output = Kept;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: ROTATION_WAIT }));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Kept> {
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
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

impl Login {
    fn is_of(&self, record: &Record) -> bool {
        match self {
            Self::Ours(login) => record.generation.as_ref().is_some_and(|g| g.login == *login),
            Self::Bare(token) => {
                let spent = record.rotation.iter().flat_map(|rotation| &rotation.spent);
                spent.chain([&record.token.fingerprint()]).any(|known| known == token)
            }
        }
    }
}

impl Phase {
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::Locking(id)
            | Self::Writing(id, ..)
            | Self::ReadingBack(id, ..)
            | Self::WritingLedger(id, _)
            | Self::Unlocking(id, _) => Some(*id),
            Self::New | Self::Looking(_) => None,
        }
    }
}

/// Another login has taken the place of the one that was worked for.
pub(crate) fn someone_else() -> Failure {
    Failure::new(
        Exit::NotSignedIn,
        "signed_in_as_someone_else",
        "somebody signed in anew meanwhile; nothing was sent or stored under that login",
    )
    .next("run the command again to use it")
}
