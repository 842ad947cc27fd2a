//! Three backends and what lies beside them, as they should be.

use std::collections::BTreeMap;

use doorkey_core::record::{Backend, Record, Slot, Version};
use doorkey_core::store::{Ledger, StoreAnswer, StoreFailure, StoreFailureKind, StoreOp};

/// What is stored.
#[derive(Debug, Default)]
pub struct Stores {
    pub records: BTreeMap<(Backend, Slot), Record>,
    pub ledger: Ledger,
    pub emergency: Option<Record>,
    pub plaintext: Option<Record>,
    /// What every operation on a backend answers.
    pub broken: BTreeMap<Backend, StoreFailureKind>,
}

impl Stores {
    /// Does it, and answers.
    pub fn perform(&mut self, op: &StoreOp) -> StoreAnswer {
        let backend = match op {
            StoreOp::Probe(backend)
            | StoreOp::Load { backend, .. }
            | StoreOp::LoadAll(backend)
            | StoreOp::Write { backend, .. }
            | StoreOp::Delete { backend, .. } => Some(backend),
            _ => None,
        };
        if let Some(kind) = backend.and_then(|backend| self.broken.get(backend)) {
            return failed(*kind);
        }
        match op {
            StoreOp::ReadLedger => return StoreAnswer::Ledger(self.ledger.clone()),
            StoreOp::WriteLedger(ledger) => self.ledger = ledger.clone(),
            StoreOp::Unseal { backend, .. } => drop(self.broken.remove(backend)),
            StoreOp::Load { backend, slot } => {
                let found = self.records.get(&(*backend, slot.clone()));
                return StoreAnswer::Records(
                    found.map(|record| (slot.clone(), record.clone())).into_iter().collect(),
                );
            }
            StoreOp::LoadAll(backend) => {
                let there = self.records.iter().filter(|((at, _), _)| at == backend);
                return StoreAnswer::Records(
                    there.map(|((_, slot), record)| (slot.clone(), record.clone())).collect(),
                );
            }
            StoreOp::Write { backend, slot, expected, record } => {
                let at = (*backend, slot.clone());
                if self.records.get(&at).map(Record::version) != *expected {
                    return StoreAnswer::Conflict;
                }
                self.records.insert(at, record.clone());
            }
            StoreOp::Delete { backend, slot, expected } => {
                let at = (*backend, slot.clone());
                if self.records.get(&at).is_some_and(|record| record.version() != *expected) {
                    return StoreAnswer::Conflict;
                }
                self.records.remove(&at);
            }
            StoreOp::ReadEmergency => return at_most_one(self.emergency.as_ref()),
            StoreOp::ReserveEmergency { .. } if self.emergency.is_some() => {
                return failed(StoreFailureKind::Refused);
            }
            StoreOp::WriteEmergency(record) => self.emergency = Some(record.clone()),
            StoreOp::RemoveEmergency => self.emergency = None,
            StoreOp::ReadPlaintext => return at_most_one(self.plaintext.as_ref()),
            StoreOp::RemovePlaintext { expected } => return self.remove_plaintext(expected),
            StoreOp::Lock { .. }
            | StoreOp::Unlock
            | StoreOp::Probe(_)
            | StoreOp::CheckLock
            | StoreOp::ReserveEmergency { .. }
            | StoreOp::WritePending(_) => {}
        }
        StoreAnswer::Done
    }

    fn remove_plaintext(&mut self, expected: &Version) -> StoreAnswer {
        if self.plaintext.as_ref().is_some_and(|record| record.version() != *expected) {
            return StoreAnswer::Conflict;
        }
        self.plaintext = None;
        StoreAnswer::Done
    }
}

fn at_most_one(record: Option<&Record>) -> StoreAnswer {
    StoreAnswer::Records(record.map(|record| (Slot::Active, record.clone())).into_iter().collect())
}

/// A failure of that kind.
pub fn failed(kind: StoreFailureKind) -> StoreAnswer {
    StoreAnswer::Failed(StoreFailure { kind, detail: format!("it is {}; try again", kind.as_str()) })
}
