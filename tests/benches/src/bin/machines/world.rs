//! A world that answers at once: an issuer with one answer, a store with one record.

use std::collections::VecDeque;

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::http::HttpResponse;
use doorkey_core::machine::{Logic, Machine};
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::secret::Entropy;
use doorkey_core::store::{Ledger, StoreAnswer, StoreOp};
use doorkey_core::time::{Now, Timestamp, WallTime};

use crate::meter::Script;

/// When everything begins, on both clocks.
pub(crate) const BEGIN: u64 = 1_700_000_000_000;

pub(crate) struct World {
    /// What is answered, whatever is asked.
    pub(crate) answer: HttpResponse,
    /// What is stored.
    pub(crate) held: Option<Record>,
    elapsed: u64,
    events: VecDeque<Event>,
}

/// Until when a machine is accompanied.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// It waits for time to pass.
    Waiting,
    /// It waits for the answer to a request.
    Asking,
    /// It has polled so many times since, and waits for time to pass.
    Polled(u32),
    /// It has ended.
    Ended,
}

impl World {
    pub(crate) fn new(answer: HttpResponse, held: Option<Record>) -> Self {
        Self { answer, held, elapsed: 0, events: VecDeque::with_capacity(8) }
    }

    /// Begins a machine.
    pub(crate) fn start<L: Logic>(&mut self, machine: &mut Machine<L>, until: Until) -> Script {
        self.events.push_back(Event::Started { jitter_seed: 1 });
        self.go_on(machine, until)
    }

    /// Accompanies a machine, and returns what happened to it.
    pub(crate) fn go_on<L: Logic>(&mut self, machine: &mut Machine<L>, until: Until) -> Script {
        let (mut script, mut polls) = (Vec::new(), 0);
        while until != Until::Ended || machine.outcome().is_none() {
            let event = match self.events.pop_front() {
                Some(event) => event,
                None if until == Until::Waiting || until == Until::Polled(polls) => break,
                None => {
                    let (at, _) = machine.poll_timeout().unwrap();
                    self.elapsed = at.as_millis() - BEGIN;
                    Event::Woke
                }
            };
            let now = self.now();
            script.push((now, event.clone()));
            machine.handle_event(now, event);
            let mut asks = false;
            while let Some(command) = machine.poll_command() {
                asks |= matches!(command, Command::Send { .. });
                let event = self.perform(command);
                self.events.extend(event);
            }
            polls += u32::from(asks);
            if asks && until == Until::Asking {
                break;
            }
        }
        script
    }

    fn now(&self) -> Now {
        let millis = BEGIN + self.elapsed;
        Now { mono: Timestamp::from_millis(millis), wall: WallTime::from_unix_millis(millis) }
    }

    fn perform(&mut self, command: Command) -> Option<Event> {
        match command {
            Command::DrawEntropy { id } => Some(Event::Entropy { id, entropy: Entropy::new([4; 32]) }),
            Command::Send { id, .. } => Some(Event::Response { id, response: self.answer.clone() }),
            Command::Store { id, op } => Some(Event::Store { id, answer: self.store(op) }),
            _ => None,
        }
    }

    fn store(&mut self, op: StoreOp) -> StoreAnswer {
        match op {
            StoreOp::ReadLedger => StoreAnswer::Ledger(Ledger {
                backend: Some(Backend::File),
                session: true,
                ..Ledger::default()
            }),
            StoreOp::Load { .. } => StoreAnswer::Records(
                self.held.clone().map(|record| (Slot::Active, record)).into_iter().collect(),
            ),
            StoreOp::ReadEmergency => StoreAnswer::Records(Vec::new()),
            StoreOp::Write { record, .. } => {
                self.held = Some(record);
                StoreAnswer::Done
            }
            _ => StoreAnswer::Done,
        }
    }
}
