//! What survives a process: every backend's slots, what is remembered, and the files beside them.

use std::collections::BTreeMap;

use doorkey_core::pending_grant::PendingGrant;
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};

/// What survives a process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Disk {
    pub records: BTreeMap<(Backend, Slot), Record>,
    pub ledger: Ledger,
    /// The emergency file, and what it was filled with.
    pub emergency: Option<Option<Record>>,
    /// What an older program left in the settings.
    pub plaintext: Option<Record>,
    /// A login that another process began.
    pub pending: Option<PendingGrant>,
    /// Which process holds the lock.
    pub lock: Option<usize>,
}

/// What becomes of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StoreFault {
    /// It is not done.
    Fails(StoreFailureKind),
    /// It is reported as timed out, and done all the same.
    DoneLate,
    /// It is reported as done, and is not.
    Forgotten,
}

impl Disk {
    /// What the stores answer to process `pid`; with what was wrong in asking that, if anything was.
    pub fn perform(
        &mut self,
        pid: usize,
        op: &StoreOp,
        fault: Option<StoreFault>,
    ) -> (StoreAnswer, &'static str) {
        let wrong = if self.lock != Some(pid) && changes(op) { "it is changed without the lock" } else { "" };
        let answer = match fault {
            Some(StoreFault::Fails(kind)) if can_fail(op) => failed(kind),
            Some(StoreFault::Forgotten) if matches!(op, StoreOp::Write { .. }) => StoreAnswer::Done,
            Some(StoreFault::DoneLate) if matches!(op, StoreOp::Write { .. } | StoreOp::Delete { .. }) => {
                match self.done(pid, op) {
                    StoreAnswer::Done => failed(StoreFailureKind::TimedOut),
                    answer => answer,
                }
            }
            _ => self.done(pid, op),
        };
        (answer, wrong)
    }

    /// SIGKILL, or the end: the kernel gives the lock back.
    pub fn ended(&mut self, pid: usize) {
        self.lock = self.lock.filter(|holder| *holder != pid);
    }

    /// The records that hold a token, wherever they lie.
    pub fn tokens(&self) -> impl Iterator<Item = &Record> {
        let beside = self.emergency.iter().flatten().chain(&self.plaintext);
        self.records.values().chain(beside).filter(|record| !record.is_tombstone())
    }

    fn done(&mut self, pid: usize, op: &StoreOp) -> StoreAnswer {
        match op {
            StoreOp::ReadLedger => StoreAnswer::Ledger(self.ledger.clone()),
            StoreOp::WriteLedger(ledger) => {
                self.ledger = ledger.clone();
                StoreAnswer::Done
            }
            StoreOp::Lock { .. } if self.lock.is_some() => failed(StoreFailureKind::Busy),
            StoreOp::Lock { .. } => {
                self.lock = Some(pid);
                StoreAnswer::Done
            }
            StoreOp::Unlock => {
                self.ended(pid);
                StoreAnswer::Done
            }
            StoreOp::CheckLock | StoreOp::Probe(_) | StoreOp::Unseal { .. } => StoreAnswer::Done,
            StoreOp::Load { backend, slot } => {
                found(slot.clone(), self.records.get(&(*backend, slot.clone())))
            }
            StoreOp::LoadAll(backend) => {
                let own = self.records.iter().filter(|((of, _), _)| of == backend);
                StoreAnswer::Records(own.map(|((_, slot), record)| (slot.clone(), record.clone())).collect())
            }
            StoreOp::Write { backend, slot, expected, record } => {
                let key = (*backend, slot.clone());
                if self.records.get(&key).map(Record::version) != *expected {
                    return StoreAnswer::Conflict;
                }
                self.records.insert(key, record.clone());
                StoreAnswer::Done
            }
            StoreOp::Delete { backend, slot, expected } => {
                let key = (*backend, slot.clone());
                if self.records.get(&key).is_some_and(|record| record.version() != *expected) {
                    return StoreAnswer::Conflict;
                }
                self.records.remove(&key);
                StoreAnswer::Done
            }
            StoreOp::ReadEmergency => found(Slot::Active, self.emergency.iter().flatten().next()),
            StoreOp::ReserveEmergency { .. } if self.emergency.iter().flatten().next().is_some() => {
                failed(StoreFailureKind::Refused)
            }
            StoreOp::ReserveEmergency { .. } => {
                self.emergency = Some(None);
                StoreAnswer::Done
            }
            StoreOp::WriteEmergency(_) if self.emergency.is_none() => failed(StoreFailureKind::Refused),
            StoreOp::WriteEmergency(record) => {
                self.emergency = Some(Some(record.clone()));
                StoreAnswer::Done
            }
            StoreOp::RemoveEmergency => {
                self.emergency = None;
                StoreAnswer::Done
            }
            StoreOp::ReadPlaintext => found(Slot::Active, self.plaintext.as_ref()),
            StoreOp::RemovePlaintext { expected } => match &self.plaintext {
                Some(record) if record.version() != *expected => StoreAnswer::Conflict,
                _ => {
                    self.plaintext = None;
                    StoreAnswer::Done
                }
            },
            StoreOp::WritePending(pending) => {
                self.pending = Some(PendingGrant::clone(pending));
                StoreAnswer::Done
            }
        }
    }
}

/// Whether an operation changes what others may use (invariants 4 and 6).
fn changes(op: &StoreOp) -> bool {
    matches!(
        op,
        StoreOp::WriteLedger(_)
            | StoreOp::Write { .. }
            | StoreOp::Delete { .. }
            | StoreOp::ReserveEmergency { .. }
            | StoreOp::WriteEmergency(_)
            | StoreOp::RemoveEmergency
            | StoreOp::RemovePlaintext { .. }
    )
}

fn can_fail(op: &StoreOp) -> bool {
    !matches!(op, StoreOp::Unlock)
}

fn found(slot: Slot, record: Option<&Record>) -> StoreAnswer {
    StoreAnswer::Records(record.map(|record| (slot, record.clone())).into_iter().collect())
}

fn failed(kind: StoreFailureKind) -> StoreAnswer {
    StoreAnswer::Failed(StoreFailure { kind, detail: format!("it is {}", kind.as_str()) })
}
