//! What can happen in a state, and what comes of it.

use doorkey_core::command::Command;
use doorkey_core::store::StoreOp;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::action::{Action, Jump, StoreTrouble, WayTrouble};
use crate::client::Process;
use crate::ghost::Violation;
use crate::rules::login_of;
use crate::step::Checked;
use crate::world::{BACKEND, World, millis};

/// How far the clocks jump.
const HOUR: u64 = 60 * 60 * 1000;

impl World {
    /// Everything that can happen next.
    pub fn moves(&self) -> Vec<Action> {
        let mut moves = Vec::new();
        let left = &self.left;
        for (who, client) in self.clients.iter().enumerate() {
            let name = u8::try_from(who).unwrap_or(u8::MAX);
            let Some(process) = &client.process else {
                moves.extend((client.runs > 0).then_some(Action::Start(name)));
                continue;
            };
            if self.can_step(who) {
                moves.push(Action::Step(name));
            }
            if process.wants_lock() && self.disk.lock.is_some() && left.busy > 0 {
                moves.extend([Action::Busy(name), Action::Impatient(name)]);
            }
            if left.stores > 0 {
                moves.extend(store_troubles(process).iter().map(|trouble| Action::Store(name, *trouble)));
            }
            if left.losses > 0 {
                moves.extend(way_troubles(process).iter().map(|trouble| Action::Way(name, *trouble)));
            }
            if left.crashes > 0 {
                moves.push(Action::Crash(name));
                let sends = process.flight.is_none() && process.token_request().is_some();
                moves.extend(sends.then_some(Action::CrashSending(name)));
            }
            if left.interrupts > 0 && !process.machine.has_ended() {
                moves.push(Action::Interrupt(name));
            }
        }
        moves.extend((!self.orphans.is_empty()).then_some(Action::Orphan));
        let idle = (0..self.clients.len()).all(|who| !self.can_step(who));
        if (idle || left.delays > 0) && self.next_instant().is_some() {
            moves.push(Action::Wait);
        }
        if left.jumps > 0 {
            moves.extend([Jump::Ahead, Jump::Back, Jump::Sleep].map(Action::Jump));
        }
        if left.strangers > 0 {
            moves.push(Action::Stranger);
        }
        moves
    }

    /// Lets something happen.
    ///
    /// # Errors
    /// An invariant does not hold, or something panicked.
    pub fn perform_action(&mut self, action: Action) -> Checked {
        self.note(|| action.to_string());
        self.guarded(|world| world.act(action))
    }

    /// Does something; a panic is a violation, too.
    ///
    /// # Errors
    /// An invariant does not hold, or something panicked.
    pub fn guarded(&mut self, act: impl FnOnce(&mut Self) -> Checked) -> Checked {
        let acted = catch_unwind(AssertUnwindSafe(|| act(self)));
        acted.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(Violation::new(0, text.unwrap_or_else(|| "a panic".to_owned())))
        })
    }

    fn act(&mut self, action: Action) -> Checked {
        match action {
            Action::Start(who) => self.start(who.into()),
            Action::Step(who) => self.step(who.into()),
            Action::Store(who, trouble) => {
                self.left.stores -= 1;
                self.fail_store(who.into(), trouble)
            }
            Action::Busy(who) => {
                self.left.busy -= 1;
                self.wait_in_vain(who.into(), false)
            }
            Action::Impatient(who) => {
                self.left.busy -= 1;
                self.wait_in_vain(who.into(), true)
            }
            Action::Way(who, trouble) => {
                self.left.losses -= 1;
                self.fail_request(who.into(), trouble)
            }
            Action::Crash(who) => {
                self.left.crashes -= 1;
                self.kill(who.into());
                Ok(())
            }
            Action::CrashSending(who) => {
                self.left.crashes -= 1;
                self.kill_sending(who.into())
            }
            Action::Interrupt(who) => {
                self.left.interrupts -= 1;
                self.interrupt(who.into())
            }
            Action::Orphan => {
                self.orphan_arrives();
                Ok(())
            }
            Action::Wait => {
                if (0..self.clients.len()).any(|who| self.can_step(who)) {
                    self.left.delays -= 1;
                }
                self.pass_time();
                Ok(())
            }
            Action::Jump(jump) => {
                self.left.jumps -= 1;
                match jump {
                    Jump::Ahead => self.wall_offset += HOUR.cast_signed(),
                    Jump::Back => self.wall_offset -= HOUR.cast_signed(),
                    Jump::Sleep => self.millis += HOUR,
                }
                Ok(())
            }
            Action::Stranger => {
                self.left.strangers -= 1;
                let over = self.newest().and_then(login_of).map(str::to_owned);
                self.ghost().over.extend(over);
                self.excuse(|excuses| excuses.stranger = true);
                self.overtake();
                let record = self.stranger.take().map(|record| (*record).clone());
                self.disk.change().records.extend(record.map(|record| (BACKEND, record)));
                Ok(())
            }
        }
    }

    /// Time passes until the next moment that matters to anybody.
    pub fn pass_time(&mut self) {
        if let Some(at) = self.next_instant() {
            self.millis = at;
        }
    }

    /// When a process wakes, the access token is due or dead, or the grace period is over, whichever is next.
    pub fn next_instant(&self) -> Option<u64> {
        let now = self.now();
        let origin = now.mono.as_millis() - self.millis;
        let waits = |process: &Process| process.head.is_none() && process.flight.is_none();
        let processes = self.clients.iter().filter_map(|client| client.process.as_ref());
        let wakes =
            processes.filter(|process| waits(process)).filter_map(|process| process.machine.wakes_at());
        let mut instants: Vec<u64> = wakes.map(|at| at.as_millis().saturating_sub(origin)).collect();
        let access = self.newest().and_then(|record| record.rotation.as_ref()?.access.as_ref());
        if let Some((received, lifetime)) =
            access.and_then(|access| Some((&access.received, access.lifetime?)))
        {
            let ends = (received.mono + lifetime).as_millis().saturating_sub(origin);
            instants.extend([ends.saturating_sub(millis(lifetime) / 10) + 1, ends]);
        }
        let grace = millis(self.bounds.grace);
        let sent = self.ghost.sent.values().map(|sent| sent.first - crate::fingerprint::WALL);
        instants.extend(
            sent.flat_map(|first| [first + grace / 2, first + grace - grace.min(999), first + grace]),
        );
        instants.into_iter().filter(|at| *at > self.millis).min()
    }
}

pub fn store_troubles(process: &Process) -> &'static [StoreTrouble] {
    match &process.head {
        Some(Command::Store { op: StoreOp::Lock { .. } | StoreOp::Unlock | StoreOp::CheckLock, .. }) => &[],
        Some(Command::Store { op: StoreOp::Write { .. }, .. }) => {
            &[StoreTrouble::Refused, StoreTrouble::Late, StoreTrouble::Forgotten]
        }
        Some(Command::Store { .. }) => &[StoreTrouble::Refused],
        _ => &[],
    }
}

pub fn way_troubles(process: &Process) -> &'static [WayTrouble] {
    if process.flight.is_some() {
        return &[WayTrouble::AnswerLost, WayTrouble::Garbled];
    }
    match process.token_request() {
        Some(_) => &[WayTrouble::NotSent, WayTrouble::Vanished, WayTrouble::Throttled],
        None => &[],
    }
}
