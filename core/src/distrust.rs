//! A token that was refused elsewhere is not handed out again.
//!
//! A helper that hands tokens to other programs (git's, say) does not see how they fare; it is told afterwards. The
//! session stays: only its access token counts as dead from then on, so that whoever asks next renews it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::time::Duration;

use crate::bearer::usable;
use crate::command::CommandId;
use crate::event::Event;
use crate::failure::Failure;
use crate::lookup::{Found, Lookup};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::record::{Generation, Record, Slot};
use crate::rotate::ROTATION_WAIT;
use crate::rotation::{Access, Rotation};
use crate::secret::Secret;
use crate::store::{ROUNDS, StoreAnswer, StoreFailure, StoreOp};
use crate::store_failure::{misplaced, store_failure};
use crate::time::Timestamp;
use crate::verdict::{Refusal, RefusalKind, Verdict, judge};

/// The machine. Whatever is stored that is not this very token, it leaves alone; and this one, too, where a renewal
/// would not help (invariant 10): it was minted just now, or there is nothing to renew it with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Distrust {
    token: Secret,
    rounds: u32,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Locking(CommandId),
    Looking(Lookup),
    Writing(CommandId),
    Unlocking(CommandId, Box<Result<bool, Failure>>),
}

impl Distrust {
    /// Distrusts this token.
    pub fn new(token: Secret) -> Self {
        Self { token, rounds: 0, phase: Phase::New }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Step<bool> {
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        step.then(|end| self.looked(cx, end))
    }

    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<bool> {
        let found = match end {
            Ok(found) => found,
            Err(failure) => return self.unlock(cx, Err(failure)),
        };
        // Not signed in, or somewhere else: then it is not ours.
        let Ok((backend, record)) = usable(cx, &found, None) else { return self.unlock(cx, Ok(false)) };
        let Some(marked) = self.marked(cx, record) else { return self.unlock(cx, Ok(false)) };
        let expected = found.held.as_ref().map(|(_, held)| held.version());
        let op = StoreOp::Write { backend, slot: Slot::Active, expected, record: marked };
        self.phase = Phase::Writing(cx.store(op));
        Step::Pending
    }

    /// The record with its access token dead; `None` if it is to stay as it is.
    fn marked(&self, cx: &Context<'_>, record: &Record) -> Option<Record> {
        let refusal = Refusal { token: self.token.fingerprint(), kind: RefusalKind::Token };
        let rotation = record.rotation.as_deref()?;
        let access = rotation.access.clone().filter(|access| access.token == self.token)?;
        let helps = matches!(judge(cx.service, cx.now, record, Some(&refusal)), Verdict::Rotate(_));
        if !helps || access.lifetime == Some(Duration::ZERO) {
            return None;
        }
        let access = Some(Access { lifetime: Some(Duration::ZERO), ..access });
        Some(Record {
            generation: Some(record.generation.as_ref().map(Generation::next)?),
            rotation: Some(Arc::new(Rotation { access, ..rotation.clone() })),
            ..record.clone()
        })
    }

    fn unlock(&mut self, cx: &mut Context<'_>, end: Result<bool, Failure>) -> Step<bool> {
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), Box::new(end));
        Step::Pending
    }

    fn store_answered(&mut self, cx: &mut Context<'_>, phase: Phase, answer: &StoreAnswer) -> Step<bool> {
        match (phase, answer) {
            (Phase::Locking(_), StoreAnswer::Done) => self.look(cx),
            (Phase::Locking(_), StoreAnswer::Failed(failure)) => Step::fail(store_failure(failure.clone())),
            (Phase::Writing(_), StoreAnswer::Done) => self.unlock(cx, Ok(true)),
            (Phase::Writing(_), StoreAnswer::Conflict) => {
                self.rounds += 1;
                if self.rounds < ROUNDS {
                    return self.look(cx);
                }
                self.unlock(cx, Err(store_failure(StoreFailure::keeps_changing())))
            }
            (Phase::Writing(_), StoreAnswer::Failed(failure)) => {
                self.unlock(cx, Err(store_failure(failure.clone())))
            }
            (Phase::Unlocking(_, end), _) => Step::Done(*end),
            _ => self.unlock(cx, Err(misplaced())),
        }
    }
}

impl Logic for Distrust {
    /// Whether it was ours and alive, and is dead now.
    type Output = bool;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<bool> {
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: ROTATION_WAIT }));
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<bool> {
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

impl Phase {
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::Locking(id) | Self::Writing(id) | Self::Unlocking(id, _) => Some(*id),
            Self::New | Self::Looking(_) => None,
        }
    }
}
