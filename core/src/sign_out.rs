//! `logout` at any issuer: here first, then at the issuer (RFC 7009).
//!
//! One compare-and-swap turns the record into one that is kept for its revocation alone. Only an answer, whatever it
//! says, removes it: without a network it stays, and whoever next resumes it tells the issuer.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::command::CommandId;
use crate::disconnect::{Disconnect, Disconnected};
use crate::event::Event;
use crate::failure::Failure;
use crate::lookup::{Found, Lookup};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::record::{Generation, Record, Slot};
use crate::revoke::{Revocation, Revoke, untold};
use crate::rotate::ROTATION_WAIT;
use crate::rotation::{Journal, Rotation};
use crate::store::{ROUNDS, StoreAnswer, StoreFailure, StoreOp};
use crate::store_failure::{misplaced, store_failure};
use crate::time::Timestamp;
use crate::verdict::is_revoking;

/// Why nobody is told of tokens without a record that could be kept for it.
const NOT_OURS: &str = "another program stored them";

/// The machine. Interrupted, it can be repeated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignOut {
    extent: Extent,
    revocation: Revocation,
    rounds: u32,
    /// The login whose tokens are revoked: no other one is removed.
    told_login: Option<Arc<str>>,
    phase: Phase,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SignedOut {
    /// The places that were cleared; `None`: the record is kept until the issuer has been told, or another login has
    /// taken its place meanwhile.
    pub cleared: Option<Disconnected>,
    /// What the issuer knows of it.
    pub revocation: Revocation,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Extent {
    /// The session is forgotten; the issuer is told if that was wanted before.
    Forget,
    /// The issuer is told.
    Revoke,
    /// The issuer is told if that was wanted before; whatever else there is stays.
    Resume,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    /// Without the lock: mostly there is nothing to resume.
    Peeking(Lookup),
    Locking(CommandId),
    Looking(Lookup),
    Marking(CommandId, Box<Record>),
    /// The lock is not held while the issuer is asked, and not kept by what fails: a login may go on after it.
    Unlocking(CommandId, Then),
    Telling(Box<Revoke>),
    /// Another login may have taken its place meanwhile.
    LookingAgain(Lookup),
    Clearing(Box<Disconnect>),
}

/// What follows when the lock is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Then {
    Tell(Box<Record>),
    /// There is nothing to tell.
    Clear,
    Fail(Box<Failure>),
}

impl SignOut {
    /// Signs out; with `revoke` the issuer is told.
    pub fn new(revoke: bool) -> Self {
        Self::to(if revoke { Extent::Revoke } else { Extent::Forget })
    }

    /// Goes on where an earlier one had no answer: tells the issuer, once, and removes the record if there is an answer.
    /// What is not kept for its revocation stays as it is, [`Revocation::NotAsked`]; and so does what the issuer cannot
    /// be told of.
    pub fn resume() -> Self {
        Self::to(Extent::Resume)
    }

    fn to(extent: Extent) -> Self {
        Self { extent, revocation: Revocation::NotAsked, rounds: 0, told_login: None, phase: Phase::New }
    }

    fn peeked(&mut self, cx: &mut Context<'_>, found: &Found) -> Step<SignedOut> {
        if !found.newest().is_some_and(|(_, record)| is_revoking(record)) {
            return self.left_as_it_is();
        }
        self.lock(cx)
    }

    fn lock(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: ROTATION_WAIT }));
        Step::Pending
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        step.then(|end| self.looked(cx, end))
    }

    fn unlock(&mut self, cx: &mut Context<'_>, then: Then) -> Step<SignedOut> {
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), then);
        Step::Pending
    }

    fn clear(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        let mut disconnect = Box::new(match self.told_login.take() {
            Some(login) => Disconnect::of_login(login),
            None => Disconnect::default(),
        });
        let step = disconnect.start(cx);
        self.phase = Phase::Clearing(disconnect);
        step.and_then(|cleared| self.end(Some(cleared)))
    }

    fn left_as_it_is(&mut self) -> Step<SignedOut> {
        self.end(None)
    }

    fn end(&mut self, cleared: Option<Disconnected>) -> Step<SignedOut> {
        let revocation = core::mem::replace(&mut self.revocation, Revocation::NotAsked);
        Step::Done(Ok(SignedOut { cleared, revocation }))
    }

    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<SignedOut> {
        let found = match end {
            Ok(found) => found,
            // Once it is removed it can never be revoked: it stays until it can be read.
            Err(failure) if self.extent != Extent::Forget => {
                return self.unlock(cx, Then::Fail(Box::new(failure)));
            }
            // Clearing tells why, place by place.
            Err(_) => return self.unlock(cx, Then::Clear),
        };
        let Some((backend, record)) = found.newest().map(|(backend, record)| (backend, record.clone()))
        else {
            return self.unlock(cx, Then::Clear);
        };
        let held = found.held.as_ref().map(|(_, held)| held.version());
        let wanted = self.extent == Extent::Revoke || is_revoking(&record);
        if record.is_tombstone() || !wanted {
            return self.unlock(cx, Then::Clear);
        }
        if let Some(untold) = untold(cx, &record) {
            self.revocation = untold;
            return self.unlock(cx, Then::Clear);
        }
        let Some(marked) = marked(&record) else {
            self.revocation = Revocation::Refused(NOT_OURS.to_owned());
            return self.unlock(cx, Then::Clear);
        };
        self.told_login = marked.generation.as_ref().map(|generation| generation.login.clone());
        let op = StoreOp::Write { backend, slot: Slot::Active, expected: held, record: marked.clone() };
        self.phase = Phase::Marking(cx.store(op), Box::new(marked));
        Step::Pending
    }

    fn tell(&mut self, cx: &mut Context<'_>, record: Record) -> Step<SignedOut> {
        let mut revoke = Box::new(match self.extent {
            Extent::Resume => Revoke::once(record),
            Extent::Forget | Extent::Revoke => Revoke::new(record),
        });
        let step = revoke.start(cx);
        self.phase = Phase::Telling(revoke);
        step.and_then(|revocation| self.told(cx, revocation))
    }

    fn told(&mut self, cx: &mut Context<'_>, revocation: Revocation) -> Step<SignedOut> {
        self.revocation = revocation;
        if matches!(self.revocation, Revocation::Pending(_)) {
            return self.left_as_it_is();
        }
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::LookingAgain(lookup);
        step.then(|end| self.looked_again(cx, end))
    }

    fn looked_again(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<SignedOut> {
        match end {
            Ok(found) if found.newest().is_some_and(|(_, newest)| !self.is_told(newest)) => {
                self.left_as_it_is()
            }
            _ => self.clear(cx),
        }
    }

    fn is_told(&self, record: &Record) -> bool {
        record.generation.as_ref().map(|generation| &generation.login) == self.told_login.as_ref()
    }

    fn store_answered(
        &mut self,
        cx: &mut Context<'_>,
        phase: Phase,
        answer: &StoreAnswer,
    ) -> Step<SignedOut> {
        match (phase, answer) {
            (Phase::Locking(_), StoreAnswer::Done) => self.look(cx),
            (Phase::Marking(_, record), StoreAnswer::Done) => self.unlock(cx, Then::Tell(record)),
            (Phase::Marking(..), StoreAnswer::Conflict) if self.rounds < ROUNDS => {
                self.rounds += 1;
                self.look(cx)
            }
            // Another process has told the issuer meanwhile, or signed in.
            (Phase::Unlocking(_, Then::Clear), _) if self.extent == Extent::Resume => self.left_as_it_is(),
            (Phase::Unlocking(_, Then::Clear), _) => {
                self.told_login = None;
                self.clear(cx)
            }
            (Phase::Locking(_), StoreAnswer::Failed(failure)) => Step::fail(store_failure(failure.clone())),
            // Nothing is removed that was to be revoked first.
            (Phase::Marking(..), StoreAnswer::Failed(failure)) => {
                self.unlock(cx, Then::Fail(Box::new(store_failure(failure.clone()))))
            }
            (Phase::Marking(..), StoreAnswer::Conflict) => {
                self.unlock(cx, Then::Fail(Box::new(store_failure(StoreFailure::keeps_changing()))))
            }
            (Phase::Unlocking(_, Then::Tell(record)), _) => self.tell(cx, *record),
            (Phase::Unlocking(_, Then::Fail(failure)), _) => Step::fail(*failure),
            _ => self.unlock(cx, Then::Fail(Box::new(misplaced()))),
        }
    }
}

impl Logic for SignOut {
    type Output = SignedOut;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<SignedOut> {
        if self.extent != Extent::Resume {
            return self.lock(cx);
        }
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Peeking(lookup);
        step.and_then(|found| self.peeked(cx, &found))
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<SignedOut> {
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Peeking(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::Peeking(lookup);
                step.and_then(|found| self.peeked(cx, &found))
            }
            (Phase::Looking(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::Looking(lookup);
                step.then(|end| self.looked(cx, end))
            }
            (Phase::Telling(mut revoke), event) => {
                let step = revoke.handle(cx, event);
                self.phase = Phase::Telling(revoke);
                step.and_then(|revocation| self.told(cx, revocation))
            }
            (Phase::LookingAgain(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::LookingAgain(lookup);
                step.then(|end| self.looked_again(cx, end))
            }
            (Phase::Clearing(mut disconnect), event) => {
                let step = disconnect.handle(cx, event);
                self.phase = Phase::Clearing(disconnect);
                step.and_then(|cleared| self.end(Some(cleared)))
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
        match &self.phase {
            Phase::Telling(revoke) => revoke.deadline(),
            _ => None,
        }
    }
}

impl Phase {
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::Locking(id) | Self::Marking(id, _) | Self::Unlocking(id, _) => Some(*id),
            _ => None,
        }
    }
}

/// The record as it is kept for its revocation alone; `None` if it is none that a login of ours left.
fn marked(record: &Record) -> Option<Record> {
    let generation = record.generation.as_ref().map(Generation::next)?;
    let rotation = Rotation { journal: Journal::Revoking, ..(**record.rotation.as_ref()?).clone() };
    Some(Record { generation: Some(generation), rotation: Some(rotation.into()), ..record.clone() })
}
