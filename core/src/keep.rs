//! Putting a credential where it rests: compare-and-swap writes under the lock, each read back, the next backend
//! when one cannot take it, and stale entries elsewhere removed.

use alloc::borrow::ToOwned;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Exit, Failure};
use crate::looks::is_settled;
use crate::machine::{Context, Logic, Step, WakeReason};
use crate::notice::Notice;
use crate::record::{Backend, Generation, Record, Slot, Version};
use crate::store::{Ledger, ROUNDS, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp, Unsettled};
use crate::store_failure::{refused_by_all, store_failure, unexpected};
use crate::time::Timestamp;
use crate::verdict::is_revoking;

/// How long to wait for another process that stores something.
pub(crate) const LOCK_WAIT: Duration = Duration::from_secs(5);
/// How long a person may take to unlock the keychain.
const UNSEAL_WAIT: Duration = Duration::from_secs(8);
/// How often to wait for the lock before a token that cannot be had again is given up: half a minute.
const LOCK_TRIES: u32 = 6;

/// The machine. It takes the lock itself, and ends with it held: what belongs to the same change follows, and the caller
/// gives it back. Where it fails, the lock may be held or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Keep {
    record: Record,
    backends: Vec<Backend>,
    failed: Vec<(Backend, StoreFailure)>,
    /// What a failed backend may hold now or later.
    left_behind: Vec<Unsettled>,
    ledger: Ledger,
    asked_to_unlock: bool,
    /// The backend that the ledger names already as the one to believe.
    marked_for: Option<Backend>,
    lock_tries: u32,
    rounds: u32,
    /// What it takes the place of, if that was kept for its revocation alone.
    revoking: Option<Record>,
    phase: Phase,
}

/// Where a credential came to rest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kept {
    /// The backend.
    pub backend: Backend,
    /// What was stored, and read back.
    pub record: Record,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Drawing(CommandId),
    Locking(CommandId),
    ReadingLedger(CommandId),
    /// Noting, before a lesser backend is written to, that the better ones are not to be believed.
    Marking(CommandId, Backend),
    /// Noting that it rests here now, before what is remembered elsewhere goes.
    Moving(CommandId, Backend),
    /// Looking at what the slot holds.
    Looking(CommandId, Place),
    /// Writing over `was`.
    Writing(CommandId, Place, Option<Version>),
    ReadingBack(CommandId, Place),
    Unsealing(CommandId, Backend, StoreFailure),
    /// Finding out what a stale entry holds.
    Inspecting(CommandId, Backend, Unsettled, VecDeque<Unsettled>),
    Removing(CommandId, Backend, Unsettled, VecDeque<Unsettled>),
    WritingLedger(CommandId, Backend),
}

/// Where the work is: the workspace's own slot is written first, the active one last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    backend: Backend,
    slot: Slot,
}

impl Keep {
    /// Stores `record` and makes it the active one, in the first of `backends` that takes it. A record without a
    /// generation becomes the first of a new login.
    pub fn new(record: Record, backends: &[Backend]) -> Self {
        Self {
            record,
            backends: backends.to_vec(),
            failed: Vec::new(),
            left_behind: Vec::new(),
            ledger: Ledger::default(),
            asked_to_unlock: false,
            marked_for: None,
            lock_tries: 0,
            rounds: 0,
            revoking: None,
            phase: Phase::New,
        }
    }

    /// What it took the place of, if that was kept for its revocation alone: from now on only the caller has its tokens.
    pub(crate) fn take_revoking(&mut self) -> Option<Record> {
        self.revoking.take()
    }

    fn note(&mut self, present: Option<&Record>) {
        self.revoking = present.filter(|present| is_revoking(present)).cloned().or(self.revoking.take());
    }

    fn lock(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        self.lock_tries += 1;
        self.phase = Phase::Locking(cx.store(StoreOp::Lock { wait: LOCK_WAIT }));
        Step::Pending
    }

    /// A session has one place only: there is no other workspace whose token would wait for a switch.
    fn slots(&self, cx: &Context<'_>) -> Vec<Slot> {
        if cx.service.oauth.is_some() {
            return [Slot::Active].into();
        }
        let own = self.record.slug().map(|slug| Slot::Workspace(slug.to_owned()));
        own.into_iter().chain([Slot::Active]).collect()
    }

    /// Begins with the best backend that has not failed.
    fn try_backend(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        let has_failed = |backend: &Backend| self.failed.iter().any(|(failed, _)| failed == backend);
        let next = self.backends.iter().copied().find(|backend| !has_failed(backend));
        let (Some(backend), Some(slot)) = (next, self.slots(cx).into_iter().next()) else {
            return Step::fail(stored_nowhere(&self.failed));
        };
        // Killed after the next write, an older token elsewhere must not win.
        if !self.failed.is_empty() && self.marked_for != Some(backend) {
            self.phase = Phase::Marking(self.mark(cx, backend), backend);
            return Step::Pending;
        }
        self.look(cx, Place { backend, slot })
    }

    fn mark(&mut self, cx: &mut Context<'_>, backend: Backend) -> CommandId {
        let unsettled = self.ledger.unsettled.iter().chain(&self.left_behind).cloned().collect();
        let ledger = Ledger { backend: Some(backend), unsettled, ..remembered(&self.record) };
        cx.store(StoreOp::WriteLedger(ledger))
    }

    /// Whether what is remembered leads to a credential in `home`.
    fn leads_to(&self, cx: &Context<'_>, home: Backend) -> bool {
        let settled = |slot: &Slot| is_settled(&self.ledger, home, slot, &self.record);
        let names = self.ledger.backend.is_none_or(|backend| backend == home);
        self.marked_for == Some(home) || (names && self.slots(cx).iter().all(settled))
    }

    fn look(&mut self, cx: &mut Context<'_>, place: Place) -> Step<Kept> {
        let op = StoreOp::Load { backend: place.backend, slot: place.slot.clone() };
        self.phase = Phase::Looking(cx.store(op), place);
        Step::Pending
    }

    fn looked(&mut self, cx: &mut Context<'_>, place: Place, records: &[(Slot, Record)]) -> Step<Kept> {
        let present = records.first().map(|(_, record)| record);
        if present == Some(&self.record) {
            return self.next_slot(cx, place);
        }
        self.note(present);
        let expected = present.map(Record::version);
        let op = StoreOp::Write {
            backend: place.backend,
            slot: place.slot.clone(),
            expected: expected.clone(),
            record: self.record.clone(),
        };
        self.phase = Phase::Writing(cx.store(op), place, expected);
        Step::Pending
    }

    fn next_slot(&mut self, cx: &mut Context<'_>, place: Place) -> Step<Kept> {
        let slots = self.slots(cx);
        let at = slots.iter().position(|slot| *slot == place.slot);
        match at.and_then(|at| slots.get(at + 1)) {
            Some(slot) => self.look(cx, Place { slot: slot.clone(), ..place }),
            None => self.stored(cx, place.backend),
        }
    }

    fn conflict(&mut self, cx: &mut Context<'_>, place: Place) -> Step<Kept> {
        self.rounds += 1;
        if self.rounds < ROUNDS {
            return self.look(cx, place);
        }
        self.backend_failed(cx, place.backend, StoreFailure::keeps_changing())
    }

    /// Unlocks the keychain if a person is there to do it, else goes on with the next backend.
    fn backend_failed(
        &mut self,
        cx: &mut Context<'_>,
        backend: Backend,
        failure: StoreFailure,
    ) -> Step<Kept> {
        let can_be_unlocked = failure.kind == StoreFailureKind::Locked && backend.has_prompt();
        if can_be_unlocked && cx.service.person_present && !self.asked_to_unlock {
            self.asked_to_unlock = true;
            cx.show(Notice::UnlockingKeychain);
            // The lock is never held over a prompt.
            cx.store(StoreOp::Unlock);
            let op = StoreOp::Unseal { backend, wait: UNSEAL_WAIT };
            self.phase = Phase::Unsealing(cx.store(op), backend, failure);
            return Step::Pending;
        }
        self.give_up_on(cx, backend, failure);
        self.try_backend(cx)
    }

    fn give_up_on(&mut self, cx: &Context<'_>, backend: Backend, failure: StoreFailure) {
        // Whatever lies there now is older than what is being stored elsewhere.
        for slot in self.slots(cx) {
            // What a late write leaves is known exactly.
            if !self.left_behind.iter().any(|left| left.backend == backend && left.slot == slot) {
                self.left_behind.push(Unsettled { backend, slot, version: None });
            }
        }
        self.failed.push((backend, failure));
    }

    /// The credential rests in `home`: now see to what lies elsewhere.
    fn stored(&mut self, cx: &mut Context<'_>, home: Backend) -> Step<Kept> {
        let slots = self.slots(cx);
        if !self.leads_to(cx, home) {
            self.ledger.unsettled.retain(|u| u.backend != home || !slots.contains(&u.slot));
            self.phase = Phase::Moving(self.mark(cx, home), home);
            return Step::Pending;
        }
        for (backend, failure) in &self.failed {
            let (from, failure) = (*backend, failure.clone());
            cx.show(Notice::FellBack { from, failure, to: home });
        }
        let mut stale: VecDeque<Unsettled> = core::mem::take(&mut self.ledger.unsettled).into();
        let failed = |backend: &Backend| self.failed.iter().any(|(failed, _)| failed == backend);
        // One that is not to be used any more may hold the login before, which nobody would look for there again.
        let former = self.ledger.backend.filter(|former| !cx.service.backends.contains(former));
        let others = cx.service.backends.iter().copied().chain(former);
        for backend in others.filter(|backend| *backend != home && !failed(backend)) {
            let slots = self.slots(cx).into_iter();
            stale.extend(slots.map(|slot| Unsettled { backend, slot, version: None }));
        }
        stale.retain(|u| u.backend != home || !slots.contains(&u.slot));
        self.remove_stale(cx, home, stale)
    }

    fn remove_stale(
        &mut self,
        cx: &mut Context<'_>,
        home: Backend,
        mut stale: VecDeque<Unsettled>,
    ) -> Step<Kept> {
        while let Some(next) = stale.pop_front() {
            if self.failed.iter().any(|(failed, _)| *failed == next.backend) {
                self.leave_behind(next);
                continue;
            }
            let op = StoreOp::Load { backend: next.backend, slot: next.slot.clone() };
            self.phase = Phase::Inspecting(cx.store(op), home, next, stale);
            return Step::Pending;
        }
        self.ledger = Ledger {
            backend: Some(home),
            unsettled: core::mem::take(&mut self.left_behind),
            ..remembered(&self.record)
        };
        self.phase = Phase::WritingLedger(cx.store(StoreOp::WriteLedger(self.ledger.clone())), home);
        Step::Pending
    }

    fn leave_behind(&mut self, stale: Unsettled) {
        if !self.left_behind.contains(&stale) {
            self.left_behind.push(stale);
        }
    }

    fn could_not_remove(&mut self, cx: &mut Context<'_>, stale: Unsettled, failure: &StoreFailure) {
        // Where there is no backend there is nothing stale to tell about.
        if failure.kind != StoreFailureKind::Absent {
            cx.show(Notice::StaleEntry { backend: stale.backend, failure: failure.clone() });
        }
        self.failed.push((stale.backend, failure.clone()));
        self.leave_behind(stale);
    }

    fn answered(&mut self, cx: &mut Context<'_>, phase: Phase, answer: &StoreAnswer) -> Step<Kept> {
        match (phase, answer) {
            (Phase::Locking(_), StoreAnswer::Done) => {
                self.phase = Phase::ReadingLedger(cx.store(StoreOp::ReadLedger));
                Step::Pending
            }
            (Phase::ReadingLedger(_), StoreAnswer::Ledger(ledger)) => {
                self.ledger = ledger.clone();
                self.try_backend(cx)
            }
            (Phase::Locking(_), StoreAnswer::Failed(failure))
                if failure.kind == StoreFailureKind::Busy && self.lock_tries < LOCK_TRIES =>
            {
                cx.show(Notice::Retrying { reason: failure.parts().0.to_owned(), wait: Duration::ZERO });
                self.lock(cx)
            }
            (Phase::Marking(_, backend), StoreAnswer::Done) => {
                self.marked_for = Some(backend);
                self.try_backend(cx)
            }
            (Phase::Marking(_, backend), StoreAnswer::Failed(failure)) => {
                self.failed.push((backend, failure.clone()));
                self.try_backend(cx)
            }
            (Phase::Moving(_, home), StoreAnswer::Done) => {
                self.marked_for = Some(home);
                self.stored(cx, home)
            }
            // Nobody would look for it there. Where the one before was, it is looked for.
            (Phase::Moving(_, home), StoreAnswer::Failed(failure)) => {
                self.marked_for = self.ledger.backend;
                self.give_up_on(cx, home, failure.clone());
                self.try_backend(cx)
            }
            (Phase::Locking(_) | Phase::ReadingLedger(_), StoreAnswer::Failed(failure)) => {
                Step::fail(store_failure(failure.clone()))
            }
            (Phase::Looking(_, place), StoreAnswer::Records(records)) => self.looked(cx, place, records),
            (Phase::Writing(_, place, _), StoreAnswer::Done) => {
                let op = StoreOp::Load { backend: place.backend, slot: place.slot.clone() };
                self.phase = Phase::ReadingBack(cx.store(op), place);
                Step::Pending
            }
            (Phase::Writing(_, place, _), StoreAnswer::Conflict) => self.conflict(cx, place),
            (Phase::ReadingBack(_, place), StoreAnswer::Records(records)) => {
                if records.first().map(|(_, record)| record) == Some(&self.record) {
                    self.next_slot(cx, place)
                } else {
                    self.conflict(cx, place)
                }
            }
            (Phase::Writing(_, place, was), StoreAnswer::Failed(failure)) => {
                if failure.kind == StoreFailureKind::TimedOut {
                    // The write may still happen: exactly the old or exactly the new must go, nothing else.
                    let new = Some(self.record.version());
                    let left =
                        |version| Unsettled { backend: place.backend, slot: place.slot.clone(), version };
                    self.left_behind.extend([left(new)]);
                    self.left_behind.extend(was.map(|was| left(Some(was))));
                }
                self.backend_failed(cx, place.backend, failure.clone())
            }
            (Phase::Looking(_, place) | Phase::ReadingBack(_, place), StoreAnswer::Failed(failure)) => {
                self.backend_failed(cx, place.backend, failure.clone())
            }
            (Phase::Unsealing(..), StoreAnswer::Done) => self.lock(cx),
            (Phase::Unsealing(_, backend, locked), StoreAnswer::Failed(failure)) => {
                self.give_up_on(cx, backend, still_locked(&locked, failure));
                self.lock(cx)
            }
            (Phase::Inspecting(_, home, stale, rest), StoreAnswer::Records(records)) => {
                let found = records.first().map(|(_, record)| record);
                match found.map(Record::version) {
                    Some(present) if stale.version.as_ref().is_none_or(|version| *version == present) => {
                        self.note(found);
                        let (backend, slot) = (stale.backend, stale.slot.clone());
                        let op = StoreOp::Delete { backend, slot, expected: present };
                        self.phase = Phase::Removing(cx.store(op), home, stale, rest);
                        Step::Pending
                    }
                    _ => self.remove_stale(cx, home, rest),
                }
            }
            (Phase::Removing(_, home, _, rest), StoreAnswer::Done | StoreAnswer::Conflict) => {
                self.remove_stale(cx, home, rest)
            }
            (
                Phase::Inspecting(_, home, stale, rest) | Phase::Removing(_, home, stale, rest),
                StoreAnswer::Failed(failure),
            ) => {
                self.could_not_remove(cx, stale, failure);
                self.remove_stale(cx, home, rest)
            }
            (Phase::WritingLedger(_, backend), answer) => {
                if let StoreAnswer::Failed(failure) = answer {
                    cx.show(Notice::LedgerNotWritten(failure.clone()));
                }
                Step::Done(Ok(Kept { backend, record: self.record.clone() }))
            }
            _ => unexpected(),
        }
    }
}

impl Logic for Keep {
    type Output = Kept;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Kept> {
        if self.record.generation.is_some() {
            return self.lock(cx);
        }
        self.phase = Phase::Drawing(cx.draw_entropy());
        Step::Pending
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Kept> {
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Drawing(id), Event::Entropy { id: answered, entropy }) if id == *answered => {
                self.record.generation = Some(Generation::first(entropy));
                self.lock(cx)
            }
            (phase, Event::Store { id, answer }) if phase.waits_for(*id) => self.answered(cx, phase, answer),
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
    fn waits_for(&self, answered: CommandId) -> bool {
        match self {
            Self::New | Self::Drawing(_) => false,
            Self::Locking(id)
            | Self::ReadingLedger(id)
            | Self::Marking(id, _)
            | Self::Moving(id, _)
            | Self::Looking(id, _)
            | Self::Writing(id, ..)
            | Self::ReadingBack(id, _)
            | Self::Unsealing(id, ..)
            | Self::Inspecting(id, ..)
            | Self::Removing(id, ..)
            | Self::WritingLedger(id, _) => *id == answered,
        }
    }
}

/// Locked, and not unlocked when the person was asked: both causes, and one next step.
fn still_locked(locked: &StoreFailure, asked: &StoreFailure) -> StoreFailure {
    let ((cause, next), (why, newer)) = (locked.parts(), asked.parts());
    let next = newer.or(next).map(|next| format!("; {next}")).unwrap_or_default();
    let detail = format!("{cause} (asked to unlock it: {why}){next}");
    StoreFailure { kind: StoreFailureKind::Locked, detail }
}

fn stored_nowhere(failed: &[(Backend, StoreFailure)]) -> Failure {
    let (reasons, next) = refused_by_all(failed);
    Failure::new(Exit::Store, "stored_nowhere", format!("the token could not be stored ({reasons})"))
        .next(next)
}

/// What is remembered of a record, without its secrets; where it lies is the caller's to say.
pub(crate) fn remembered(record: &Record) -> Ledger {
    Ledger {
        backend: None,
        active: record.slug().map(ToOwned::to_owned),
        workspace_id: record.workspace.as_ref().and_then(|workspace| workspace.id.clone()),
        gateway_url: record.gateway.base(),
        session: record.rotation.is_some(),
        unsettled: Vec::new(),
    }
}
