//! How not to do it: without the lock, without reading again, without comparing. A storm that does not lose the session
//! of such clients proves nothing about others.

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::record::{Backend, Slot};
use doorkey_core::store::{StoreAnswer, StoreOp};

use crate::by_hand::{Hands, Honest, Means};

/// Performs everything but what protects the session.
#[derive(Default)]
pub struct Careless {
    /// Takes itself for the holder of the lock.
    holds: bool,
    ledger: Option<StoreAnswer>,
    emergency: Option<StoreAnswer>,
    record: Option<StoreAnswer>,
}

impl Hands for Careless {
    fn perform(&mut self, means: &mut Means, command: Command) -> Option<Event> {
        match command {
            Command::Store { id, op } => Some(Event::Store { id, answer: self.store(means, op) }),
            command => Honest.perform(means, command),
        }
    }
}

impl Careless {
    fn store(&mut self, means: &mut Means, op: StoreOp) -> StoreAnswer {
        match op {
            StoreOp::Lock { .. } => {
                self.holds = true;
                StoreAnswer::Done
            }
            StoreOp::Unlock => {
                self.holds = false;
                StoreAnswer::Done
            }
            StoreOp::ReadLedger => again(self.holds, &mut self.ledger, means, op),
            StoreOp::ReadEmergency => again(self.holds, &mut self.emergency, means, op),
            StoreOp::Load { .. } => again(self.holds, &mut self.record, means, op),
            StoreOp::Write { backend, slot, record, .. } => {
                let expected = match means.vault.perform(load(backend)) {
                    StoreAnswer::Records(found) => found.first().map(|(_, found)| found.version()),
                    _ => None,
                };
                // Somebody may have come in between once more: that counts as written, too.
                means.vault.perform(StoreOp::Write { backend, slot, expected, record: record.clone() });
                self.record = Some(StoreAnswer::Records(vec![(Slot::Active, record)]));
                StoreAnswer::Done
            }
            op => means.vault.perform(op),
        }
    }
}

/// What was read before the lock would have been taken is good enough after it.
fn again(holds: bool, earlier: &mut Option<StoreAnswer>, means: &mut Means, op: StoreOp) -> StoreAnswer {
    match earlier {
        Some(earlier) if holds => earlier.clone(),
        _ => earlier.insert(means.vault.perform(op)).clone(),
    }
}

fn load(backend: Backend) -> StoreOp {
    StoreOp::Load { backend, slot: Slot::Active }
}
