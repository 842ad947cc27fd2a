//! Which token to use now: the stored one, or one that is rotated first (invariants 4 to 12).
//!
//! What is good is used without the lock. Else the lock is taken, everything is read again, and only what was read
//! then counts. While another process holds the lock, this one looks from time to time whether the other has
//! already made what it needs.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::await_newer::{AwaitNewer, Awaited};
use crate::backoff::backoff;
use crate::bearer::{Bearer, explain, usable, with_what_was_known};
use crate::client_id::ClientId;
use crate::command::CommandId;
use crate::event::Event;
use crate::failure::{Failure, NOT_SIGNED_IN};
use crate::keep::Kept;
use crate::lookup::{Found, Lookup};
use crate::machine::{Context, Logic, Outcome, Step, WakeReason};
use crate::migrate::Migrate;
use crate::notice::Notice;
use crate::record::{Backend, Generation, Record, Slot};
use crate::rotate::{End, Rotate, Rotated};
use crate::rotation::{Journal, Moment, Spending};
use crate::seeded::Seeded;
use crate::store::{ROUNDS, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};
use crate::store_failure::{misplaced, store_failure};
use crate::time::Timestamp;
use crate::verdict::{Refusal, Stuck, Verdict, grace_left, is_alive, judge};

/// How long to wait for the lock before looking again at what its holder has stored.
const LOCK_SLICE: Duration = Duration::from_millis(100);
/// So many times: for two seconds with a token that still lives, for half a minute without one. Counted, not timed: a
/// machine that slept meanwhile has not waited.
const SLICES_ALIVE: u32 = 20;
const SLICES_DEAD: u32 = 300;
/// How long to wait for another try with a token that still lives.
const PATIENCE_ALIVE: Duration = Duration::from_secs(2);
/// How often nothing was sent before giving up.
const TRIES: u32 = 3;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    refusal: Option<Refusal>,
    /// Filled in before the lock is taken, where a rotation will need it.
    client_id: Option<String>,
    first: Option<Generation>,
    /// The login whose new pair was thrown away: only the same one is adopted.
    login: Option<Arc<str>>,
    /// How often the lock was waited for in vain.
    slices: u32,
    rounds: u32,
    tries: u32,
    /// This run's own request had no clear answer: the one last resort is left to a later run.
    unclear: Option<Failure>,
    locked: bool,
    /// What an older program may have left was looked for.
    migrated: bool,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    New,
    Looking(Lookup),
    /// Nothing is stored where it belongs.
    Migrating(Box<Migrate>),
    Drawing(CommandId),
    Asking(Box<ClientId>),
    Locking(CommandId, Box<Found>),
    Merging(CommandId, Box<Found>),
    Discarding(CommandId, Box<Found>),
    CheckingLock(CommandId, Box<Kept>, Spending),
    Rotating(Box<Rotate>),
    Unlocking(CommandId, Box<Then>),
    Waiting(Timestamp),
    /// The issuer refused the token of this record: perhaps another client has just got a newer one.
    AwaitingNewer(Box<AwaitNewer>),
}

/// What follows when the lock is given back.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Then {
    End(Box<Result<Bearer, Failure>>),
    LookAgain,
    Wait(Duration),
    AwaitNewer(Box<Kept>),
}

impl Session {
    /// Any token that is good by its age.
    pub fn new() -> Self {
        Self {
            refusal: None,
            client_id: None,
            first: None,
            login: None,
            slices: 0,
            rounds: 0,
            tries: 0,
            unclear: None,
            locked: false,
            migrated: false,
            phase: Phase::New,
        }
    }

    /// Another token than the one that was refused.
    pub fn after(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::new() }
    }

    fn look(&mut self, cx: &mut Context<'_>) -> Step<Bearer> {
        let mut lookup = Lookup::default();
        let step = lookup.start(cx);
        self.phase = Phase::Looking(lookup);
        step.then(|end| self.looked(cx, end))
    }

    fn looked(&mut self, cx: &mut Context<'_>, end: Outcome<Found>) -> Step<Bearer> {
        match end {
            Err(failure) => self.finish(cx, Err(failure)),
            Ok(found) if self.locked => self.settle(cx, found),
            Ok(found) => self.consider(cx, found),
        }
    }

    /// Without the lock: is it good as it is, or must it be changed?
    fn consider(&mut self, cx: &mut Context<'_>, found: Found) -> Step<Bearer> {
        let (backend, record) = match usable(cx, &found, self.login.as_deref()) {
            Ok(usable) => usable,
            Err(failure) if failure.code == NOT_SIGNED_IN && !self.migrated => {
                self.migrated = true;
                let mut migrate = Box::new(Migrate::default());
                let step = migrate.start(cx);
                self.phase = Phase::Migrating(migrate);
                // Also if nothing was left to be moved: another process may just have done it.
                return step.and_then(|_| self.look(cx));
            }
            Err(failure) => return Step::fail(failure),
        };
        let verdict = judge(cx.service, cx.now, record, self.refusal.as_ref());
        match verdict {
            Verdict::Use if found.emergency.is_none() => self.use_it(backend, record.clone()),
            Verdict::NothingNewer => Step::Done(Ok(Bearer::NothingNewer)),
            // What a journal says of a token on its way counts under the lock only: another process may be at it.
            Verdict::Stuck(stuck) if found.emergency.is_none() && !is_spending(record) => {
                let end = self.stuck(cx, backend, record.clone(), stuck);
                self.finish(cx, end)
            }
            _ => {
                let rotation = record.rotation.as_ref();
                let stored_id = rotation.and_then(|rotation| rotation.client_id.clone());
                let known = cx.service.oauth.as_ref().and_then(|oauth| oauth.client_id.clone());
                self.client_id = stored_id.or(known).or(self.client_id.take());
                if record.generation.is_none() && self.first.is_none() {
                    self.phase = Phase::Drawing(cx.draw_entropy());
                    return Step::Pending;
                }
                if rotation.is_some() && self.client_id.is_none() {
                    let mut asking = Box::new(ClientId::new(cx.service));
                    let step = asking.start(cx);
                    self.phase = Phase::Asking(asking);
                    return step.and_then(|client_id| self.told_client_id(cx, client_id));
                }
                self.lock(cx, found)
            }
        }
    }

    fn told_client_id(&mut self, cx: &mut Context<'_>, client_id: String) -> Step<Bearer> {
        self.client_id = Some(client_id);
        self.look(cx)
    }

    fn lock(&mut self, cx: &mut Context<'_>, found: Found) -> Step<Bearer> {
        if cx.service.makes(Seeded::NoLock) {
            self.locked = true;
            return self.look(cx);
        }
        let id = cx.store(StoreOp::Lock { wait: LOCK_SLICE });
        self.phase = Phase::Locking(id, Box::new(found));
        Step::Pending
    }

    /// Another process holds the lock, or there is no lock to be relied on.
    fn not_locked(&mut self, cx: &mut Context<'_>, found: &Found, failure: &StoreFailure) -> Step<Bearer> {
        let (backend, record) = match usable(cx, found, self.login.as_deref()) {
            Ok(usable) => usable,
            Err(failure) => return Step::fail(failure),
        };
        let alive = is_alive(cx.service, cx.now, record, self.refusal.as_ref());
        self.slices += 1;
        let patience = if alive { SLICES_ALIVE } else { SLICES_DEAD };
        if failure.kind == StoreFailureKind::Busy && self.slices < patience {
            return self.look(cx);
        }
        if cx.service.makes(Seeded::StolenLock) {
            self.locked = true;
            return self.look(cx);
        }
        let end = self.live_or(cx, backend, record.clone(), store_failure(failure.clone()));
        self.finish(cx, end)
    }

    /// With the lock: what the emergency file has goes where it belongs, or goes.
    fn settle(&mut self, cx: &mut Context<'_>, found: Found) -> Step<Bearer> {
        if let (Some(rescued), Some((backend, held))) = (found.rescued(), &found.held) {
            let (backend, expected, record) = (*backend, Some(held.version()), rescued.clone());
            if cx.service.makes(Seeded::EmergencyRemovedFirst) {
                cx.store(StoreOp::RemoveEmergency);
            }
            let id = cx.store(StoreOp::Write { backend, slot: Slot::Active, expected, record });
            self.phase = Phase::Merging(id, Box::new(found));
            return Step::Pending;
        }
        if let Some(emergency) = &found.emergency {
            if found.held.as_ref().is_some_and(|(_, held)| held == emergency) {
                cx.show(Notice::Recovered);
            }
            self.phase = Phase::Discarding(cx.store(StoreOp::RemoveEmergency), Box::new(found));
            return Step::Pending;
        }
        self.decide(cx, found)
    }

    fn merged(&mut self, cx: &mut Context<'_>, found: &Found, answer: &StoreAnswer) -> Step<Bearer> {
        match answer {
            // Read back before the emergency file goes.
            StoreAnswer::Done => {
                self.rounds += 1;
                if self.rounds < ROUNDS { self.look(cx) } else { self.keeps_changing(cx) }
            }
            StoreAnswer::Conflict => self.again(cx, false),
            StoreAnswer::Failed(failure) => {
                let Some((backend, record)) = found.newest().map(|(backend, r)| (backend, r.clone())) else {
                    return self.misplaced(cx);
                };
                let end = self.live_or(cx, backend, record, store_failure(failure.clone()));
                self.finish(cx, end)
            }
            _ => self.misplaced(cx),
        }
    }

    /// With the lock, and nothing left over: the one place that decides for a rotation.
    fn decide(&mut self, cx: &mut Context<'_>, found: Found) -> Step<Bearer> {
        if let Err(failure) = usable(cx, &found, self.login.as_deref()) {
            return self.finish(cx, Err(failure));
        }
        let Found { ledger, held: Some((backend, record)), .. } = found else { return self.misplaced(cx) };
        match judge(cx.service, cx.now, &record, self.refusal.as_ref()) {
            Verdict::Use if cx.service.makes(Seeded::RefreshedAgain) => {
                let started = Moment::new(cx.now, &cx.service.boot_id);
                self.rotate(cx, Kept { backend, record }, Spending { attempt: 1, started, last_resorts: 0 })
            }
            Verdict::Use => self.finish(cx, Ok(Bearer::Good(Box::new(Kept { backend, record })))),
            Verdict::NothingNewer => self.finish(cx, Ok(Bearer::NothingNewer)),
            Verdict::Stuck(stuck) => {
                let end = self.stuck(cx, backend, record, stuck);
                self.finish(cx, end)
            }
            Verdict::Rotate(Spending { last_resorts: 1.., .. }) if self.unclear.is_some() => {
                let Some(failure) = self.unclear.clone() else { return self.misplaced(cx) };
                let end = self.live_or(cx, backend, record, failure);
                self.finish(cx, end)
            }
            Verdict::Rotate(spending) => {
                let record = with_what_was_known(cx.service, record, &ledger);
                let held = Box::new(Kept { backend, record });
                self.phase = Phase::CheckingLock(cx.store(StoreOp::CheckLock), held, spending);
                Step::Pending
            }
        }
    }

    fn rotate(&mut self, cx: &mut Context<'_>, held: Kept, spending: Spending) -> Step<Bearer> {
        let stored_id = held.record.rotation.as_ref().and_then(|rotation| rotation.client_id.clone());
        let client_id = stored_id.or_else(|| self.client_id.clone());
        // A login id that was drawn is used once.
        let first = held.record.generation.clone().or_else(|| self.first.take());
        let (Some(client_id), Some(first)) = (client_id, first) else {
            // Another program has put a token of its own there just now; what it needs is asked for without the lock.
            return self.again(cx, false);
        };
        let machine = cx.service.machine_id.clone();
        let Kept { backend, record } = held;
        let mut rotate = Box::new(Rotate::new(backend, record, spending, first, client_id, machine));
        let step = rotate.start(cx);
        self.phase = Phase::Rotating(rotate);
        step.then(|end| self.rotated(cx, end))
    }

    fn rotated(&mut self, cx: &mut Context<'_>, end: Outcome<Rotated>) -> Step<Bearer> {
        let Rotated { end, interrupted } = match end {
            Ok(rotated) => rotated,
            Err(failure) => return self.finish(cx, Err(failure)),
        };
        let Phase::Rotating(rotate) = core::mem::replace(&mut self.phase, Phase::New) else {
            return self.misplaced(cx);
        };
        if interrupted {
            return self.finish(cx, Err(Failure::interrupted()));
        }
        let (backend, before) = rotate.before();
        match end {
            End::New(record) => self.finish(cx, Ok(Bearer::Good(Box::new(Kept { backend, record })))),
            End::Overtaken { discarded } => {
                if discarded && !cx.service.makes(Seeded::AdoptsAnyLogin) {
                    self.login = rotate.login();
                }
                self.again(cx, discarded)
            }
            End::Unwritable(failure) => {
                let end = self.live_or(cx, backend, before.clone(), store_failure(failure));
                self.finish(cx, end)
            }
            End::Misconfigured(failure) => {
                let end = self.live_or(cx, backend, before.clone(), failure);
                self.finish(cx, end)
            }
            End::Transient { failure, wait } => {
                self.tries += 1;
                let wait = wait.unwrap_or_else(|| cx.jittered(backoff(&cx.service.retry, self.tries)));
                let alive = is_alive(cx.service, cx.now, before, self.refusal.as_ref());
                let patience = if alive { PATIENCE_ALIVE } else { cx.service.retry.patience };
                if self.tries < TRIES && wait <= patience {
                    cx.show(Notice::Retrying { reason: failure.message, wait });
                    return self.unlock(cx, Then::Wait(wait));
                }
                let end = self.live_or(cx, backend, before.clone(), failure);
                self.finish(cx, end)
            }
            End::Unknown(failure) => {
                self.unclear = Some(failure.clone());
                self.tries += 1;
                let wait = cx.jittered(backoff(&cx.service.retry, self.tries));
                let journal = rotate.journal();
                let left = grace_left(cx.service, cx.now, journal).filter(|_| journal.last_resorts == 0);
                if let Some(left) = left {
                    // Several more must fit into what is left.
                    let wait = wait.min(left / 3);
                    cx.show(Notice::Retrying { reason: failure.message, wait });
                    return self.unlock(cx, Then::Wait(wait));
                }
                let end = self.live_or(cx, backend, before.clone(), failure);
                self.finish(cx, end)
            }
            End::Refused(marked) => {
                let refused = Kept { backend, record: *marked };
                self.unlock(cx, Then::AwaitNewer(Box::new(refused)))
            }
        }
    }

    /// The record changed under our hands: from the beginning.
    fn again(&mut self, cx: &mut Context<'_>, spent: bool) -> Step<Bearer> {
        self.rounds += 1;
        if self.rounds < ROUNDS || spent {
            return self.unlock(cx, Then::LookAgain);
        }
        self.keeps_changing(cx)
    }

    fn keeps_changing(&mut self, cx: &mut Context<'_>) -> Step<Bearer> {
        self.finish(cx, Err(store_failure(StoreFailure::keeps_changing())))
    }

    fn unlock(&mut self, cx: &mut Context<'_>, then: Then) -> Step<Bearer> {
        self.locked = false;
        self.phase = Phase::Unlocking(cx.store(StoreOp::Unlock), Box::new(then));
        Step::Pending
    }

    /// The end, once the lock is back if it was held.
    fn finish(&mut self, cx: &mut Context<'_>, end: Result<Bearer, Failure>) -> Step<Bearer> {
        if self.locked { self.unlock(cx, Then::End(Box::new(end))) } else { Step::Done(end) }
    }

    fn misplaced(&mut self, cx: &mut Context<'_>) -> Step<Bearer> {
        self.unlock(cx, Then::End(Box::new(Err(misplaced()))))
    }

    fn unlocked(&mut self, cx: &mut Context<'_>, then: Then) -> Step<Bearer> {
        match then {
            Then::End(end) => Step::Done(*end),
            Then::LookAgain => self.look(cx),
            Then::Wait(wait) => {
                self.phase = Phase::Waiting(cx.now.mono + wait);
                Step::Pending
            }
            Then::AwaitNewer(refused) => {
                let mut awaiting = Box::new(AwaitNewer::new(refused));
                let step = awaiting.start(cx);
                self.phase = Phase::AwaitingNewer(awaiting);
                step.and_then(|awaited| self.awaited(cx, awaited))
            }
        }
    }

    fn awaited(&mut self, cx: &mut Context<'_>, awaited: Awaited) -> Step<Bearer> {
        let Kept { backend, record } = match awaited {
            Awaited::Newer => return self.look(cx),
            Awaited::Nobody(refused) => *refused,
        };
        let stuck = match record.rotation.as_ref().map(|rotation| &rotation.journal) {
            Some(Journal::Refused { interrupted: true }) => Stuck::Interrupted,
            _ => Stuck::Expired,
        };
        let end = self.stuck(cx, backend, record, stuck);
        self.finish(cx, end)
    }

    fn use_it(&mut self, backend: Backend, record: Record) -> Step<Bearer> {
        Step::Done(Ok(Bearer::Good(Box::new(Kept { backend, record }))))
    }

    /// A token that cannot be renewed is used for as long as it lives.
    fn live_or(
        &self,
        cx: &mut Context<'_>,
        backend: Backend,
        record: Record,
        failure: Failure,
    ) -> Result<Bearer, Failure> {
        if !is_alive(cx.service, cx.now, &record, self.refusal.as_ref()) {
            return Err(failure);
        }
        cx.show(Notice::NotRenewed { failure });
        Ok(Bearer::Good(Box::new(Kept { backend, record })))
    }

    fn stuck(
        &self,
        cx: &mut Context<'_>,
        backend: Backend,
        record: Record,
        stuck: Stuck,
    ) -> Result<Bearer, Failure> {
        let failure = explain(cx.service, stuck);
        self.live_or(cx, backend, record, failure)
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

impl Logic for Session {
    type Output = Bearer;

    fn start(&mut self, cx: &mut Context<'_>) -> Step<Bearer> {
        self.look(cx)
    }

    fn handle(&mut self, cx: &mut Context<'_>, event: &Event) -> Step<Bearer> {
        match (core::mem::replace(&mut self.phase, Phase::New), event) {
            (Phase::Looking(mut lookup), event) => {
                let step = lookup.handle(cx, event);
                self.phase = Phase::Looking(lookup);
                step.then(|end| self.looked(cx, end))
            }
            (Phase::Migrating(mut migrate), event) => {
                let step = migrate.handle(cx, event);
                self.phase = Phase::Migrating(migrate);
                step.and_then(|_| self.look(cx))
            }
            (Phase::Asking(mut asking), event) => {
                let step = asking.handle(cx, event);
                self.phase = Phase::Asking(asking);
                step.and_then(|client_id| self.told_client_id(cx, client_id))
            }
            (Phase::Rotating(mut rotate), event) => {
                let step = rotate.handle(cx, event);
                self.phase = Phase::Rotating(rotate);
                step.then(|end| self.rotated(cx, end))
            }
            (Phase::AwaitingNewer(mut awaiting), event) => {
                let step = awaiting.handle(cx, event);
                self.phase = Phase::AwaitingNewer(awaiting);
                step.and_then(|awaited| self.awaited(cx, awaited))
            }
            (Phase::Drawing(id), Event::Entropy { id: answered, entropy }) if id == *answered => {
                self.first = Some(Generation::first(entropy));
                self.look(cx)
            }
            (Phase::Waiting(at), Event::Woke) if at <= cx.now.mono => {
                self.slices = 0;
                self.look(cx)
            }
            (phase, Event::Store { id, answer }) if phase.waits_for() == Some(*id) => {
                self.store_answered(cx, phase, answer)
            }
            (phase, event) => {
                self.phase = phase;
                match event {
                    Event::Woke => Step::Ignored("nothing is due"),
                    _ => Step::Ignored("not waited for"),
                }
            }
        }
    }

    fn interrupted(&mut self, cx: &mut Context<'_>) -> Step<Bearer> {
        match &mut self.phase {
            Phase::Rotating(..) if cx.service.makes(Seeded::InterruptCancels) => {
                Step::fail(Failure::interrupted())
            }
            Phase::Rotating(rotate) => {
                // It only takes note.
                rotate.interrupted(cx);
                Step::Pending
            }
            _ => Step::fail(Failure::interrupted()),
        }
    }

    fn deadline(&self) -> Option<(Timestamp, WakeReason)> {
        match &self.phase {
            Phase::Asking(asking) => asking.deadline(),
            Phase::Rotating(rotate) => rotate.deadline(),
            Phase::Waiting(at) => Some((*at, WakeReason::Retry)),
            Phase::AwaitingNewer(awaiting) => awaiting.deadline(),
            _ => None,
        }
    }
}

impl Session {
    fn store_answered(&mut self, cx: &mut Context<'_>, phase: Phase, answer: &StoreAnswer) -> Step<Bearer> {
        match (phase, answer) {
            (Phase::Locking(_, found), StoreAnswer::Done) => {
                self.locked = true;
                let stale = [Seeded::SkippedReread, Seeded::TokenReadBeforeLock];
                if stale.into_iter().any(|stale| cx.service.makes(stale)) {
                    return self.settle(cx, *found);
                }
                self.look(cx)
            }
            (Phase::Locking(_, found), StoreAnswer::Failed(failure)) => self.not_locked(cx, &found, failure),
            (Phase::Merging(_, found), answer) => self.merged(cx, &found, answer),
            // A file that cannot be removed holds nothing newer than the record.
            (Phase::Discarding(_, found), _) => self.decide(cx, *found),
            (Phase::CheckingLock(_, held, spending), StoreAnswer::Done) => self.rotate(cx, *held, spending),
            (Phase::CheckingLock(_, held, _), StoreAnswer::Failed(failure)) => {
                let end = self.live_or(cx, held.backend, held.record, store_failure(failure.clone()));
                self.finish(cx, end)
            }
            (Phase::Unlocking(_, then), _) => self.unlocked(cx, *then),
            _ => self.misplaced(cx),
        }
    }
}

impl Phase {
    /// The store operation that it waits for.
    fn waits_for(&self) -> Option<CommandId> {
        match self {
            Self::Locking(id, _)
            | Self::Merging(id, _)
            | Self::Discarding(id, _)
            | Self::CheckingLock(id, ..)
            | Self::Unlocking(id, _) => Some(*id),
            _ => None,
        }
    }
}

fn is_spending(record: &Record) -> bool {
    record.rotation.as_ref().is_some_and(|rotation| matches!(rotation.journal, Journal::Spending(_)))
}
