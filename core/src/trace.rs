//! Watching a machine: every event with the commands it produced.

use crate::command::Command;
use crate::event::Event;
use crate::machine::Disposition;
use crate::time::Now;

/// Is shown what a driver hands to a machine and what comes out.
pub trait Observer {
    /// An event was handled, and these commands came out.
    fn handled(&mut self, now: Now, event: &Event, disposition: Disposition, commands: &[Command]);
}
