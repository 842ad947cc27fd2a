//! A driver of a few lines, so that what the real one does can be done wrongly, or not to its end.

use std::collections::VecDeque;
use std::thread;

use doorkey_blocking::{Clock, HttpTransport, Transport as _};
use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::machine::{Logic, Machine, Outcome};
use doorkey_core::store::StoreOp;
use doorkey_core::trace::Observer;
use doorkey_store::Vault;

use crate::clock::LaterClock;

/// What commands are performed with.
pub struct Means {
    pub clock: LaterClock,
    pub transport: HttpTransport,
    pub vault: Vault,
}

/// How commands are performed.
pub trait Hands {
    /// Performs one; `None` if nothing comes of it.
    fn perform(&mut self, means: &mut Means, command: Command) -> Option<Event>;
}

/// Performs everything as it should be.
pub struct Honest;

impl Hands for Honest {
    fn perform(&mut self, means: &mut Means, command: Command) -> Option<Event> {
        match command {
            Command::Store { id, op } => Some(Event::Store { id, answer: means.vault.perform(op) }),
            Command::Send { id, request, limit } => Some(match means.transport.send(&request, limit) {
                Ok(response) => Event::Response { id, response },
                Err(failure) => Event::RequestFailed { id, failure },
            }),
            _ => None,
        }
    }
}

/// Performs everything as it should be, but waits for the lock only a tenth of the time.
pub struct Hurried;

impl Hands for Hurried {
    fn perform(&mut self, means: &mut Means, command: Command) -> Option<Event> {
        let command = match command {
            Command::Store { id, op: StoreOp::Lock { wait } } => {
                Command::Store { id, op: StoreOp::Lock { wait: wait / 10 } }
            }
            command => command,
        };
        Honest.perform(means, command)
    }
}

/// Runs a machine to its end, one thing after the other.
pub fn run<L: Logic>(
    means: &mut Means,
    hands: &mut dyn Hands,
    observer: &mut dyn Observer,
    mut machine: Machine<L>,
) -> Outcome<L::Output> {
    let mut events = VecDeque::from([Event::Started { jitter_seed: u64::from(std::process::id()) }]);
    loop {
        let Some(event) = events.pop_front() else {
            if machine.outcome().is_some() {
                return machine.into_outcome().unwrap();
            }
            let (at, _) = machine.poll_timeout().expect("it waits for something");
            thread::sleep(at.since(means.clock.now().mono));
            events.push_back(Event::Woke);
            continue;
        };
        let now = means.clock.now();
        let disposition = machine.handle_event(now, event.clone());
        let commands: Vec<Command> = std::iter::from_fn(|| machine.poll_command()).collect();
        observer.handled(now, &event, disposition, &commands);
        events.extend(commands.into_iter().filter_map(|command| hands.perform(means, command)));
    }
}
