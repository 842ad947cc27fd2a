//! Everything as it should be, up to a certain command.

use doorkey_core::command::Command;
use doorkey_core::event::Event;
use doorkey_core::store::StoreOp;
use doorkey_tests::storm::line::{Moment, Told};
use nix::sys::signal::{Signal, kill};
use nix::unistd::getpid;

use crate::args::Args;
use crate::by_hand::{Hands, Honest, Means};
use crate::lines::Lines;

/// Ends or stops this process at a certain command.
pub struct Deadly {
    lines: Lines,
    performed: u32,
    at: Option<(u32, Moment, Signal)>,
}

impl Deadly {
    pub fn new(args: &Args) -> Self {
        let kill = Signal::SIGKILL;
        let ways = [
            args.kill_at.map(|number| (number, Moment::Before, kill)),
            args.kill_after.map(|number| (number, Moment::After, kill)),
            args.stop_at.map(|number| (number, Moment::Before, Signal::SIGSTOP)),
        ];
        Self { lines: Lines::new(args.name), performed: 0, at: ways.into_iter().flatten().next() }
    }

    /// Whether there is anything to do at all.
    pub fn is_wanted(&self) -> bool {
        self.at.is_some()
    }

    fn strike(&self, moment: Moment, command: &str) {
        if let Some((number, at, signal)) = self.at
            && (number, at) == (self.performed, moment)
        {
            self.lines.tell(Told::Struck { moment, command: command.to_owned() });
            kill(getpid(), signal).unwrap();
        }
    }
}

impl Hands for Deadly {
    fn perform(&mut self, means: &mut Means, command: Command) -> Option<Event> {
        let Some(name) = name(&command) else { return Honest.perform(means, command) };
        self.performed += 1;
        self.strike(Moment::Before, name);
        let event = Honest.perform(means, command);
        self.strike(Moment::After, name);
        event
    }
}

/// The name of a command that does something outside this process.
fn name(command: &Command) -> Option<&'static str> {
    Some(match command {
        Command::Send { .. } => "send",
        Command::Store { op, .. } => match op {
            StoreOp::Lock { .. } => "lock",
            StoreOp::Unlock => "unlock",
            StoreOp::CheckLock => "check lock",
            StoreOp::ReadLedger => "read ledger",
            StoreOp::Load { .. } => "load",
            StoreOp::Write { .. } => "write",
            StoreOp::ReadEmergency => "read emergency",
            StoreOp::ReserveEmergency { .. } => "reserve emergency",
            StoreOp::RemoveEmergency => "remove emergency",
            _ => "other",
        },
        _ => return None,
    })
}
