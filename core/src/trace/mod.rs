//! Traces: every event of a machine with the commands it produced, as JSON Lines without secrets.
//!
//! The first line tells what was run; each further one is an event with its time and its commands; the last one tells
//! the end. Every secret, and everything derived from one, is replaced by a numbered placeholder that keeps its shape,
//! so that [`replay`] can feed the events to the same machine again and compare what comes out.
//!
//! A fingerprint of a bare token in the ledger, and that of the refused token that a session begins with, is an opaque
//! placeholder: a replay cannot tell that it belongs to a token that is loaded later.

mod placeholder;
mod read;
mod record;
mod replay;
mod service;
mod write;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::command::Command;
use crate::event::Event;
use crate::failure::Failure;
use crate::machine::Disposition;
use crate::service::Service;
use crate::task::Task;
use crate::time::Now;

use placeholder::Placeholders;

pub use read::UnreadableTrace;
pub use replay::{Difference, Replayed, replay};

/// The version of the lines' form.
const FORM: u64 = 2;

/// Is shown what a driver hands to a machine and what comes out.
pub trait Observer {
    /// An event was handled, and these commands came out.
    fn handled(&mut self, now: Now, event: &Event, disposition: Disposition, commands: &[Command]);
}

/// Turns what happens into lines.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    placeholders: Placeholders,
}

impl Recorder {
    /// The first line: what is run, for which service.
    pub fn begin(&mut self, task: &Task, service: &Service) -> String {
        let task = self.task(task);
        json!({"trace": FORM, "task": task, "service": service::write(service)}).to_string()
    }

    /// One event with what came of it.
    pub fn line(
        &mut self,
        now: Now,
        event: &Event,
        disposition: Disposition,
        commands: &[Command],
    ) -> String {
        let event = self.event(event);
        let commands = self.commands(commands);
        let mut line = json!({
            "now": {"mono": now.mono.as_millis(), "wall": now.wall.as_unix_millis()},
            "event": event,
            "commands": commands,
        });
        if let (Disposition::Ignored(reason), Some(line)) = (disposition, line.as_object_mut()) {
            line.insert("ignored".into(), reason.into());
        }
        line.to_string()
    }

    /// The last line.
    pub fn end(&self, failure: Option<&Failure>) -> String {
        // Its code may be a server's word.
        let mut outcome = outcome(failure);
        if let Some(code) = outcome.get_mut("failed") {
            *code = self.placeholders.plain(code.as_str().unwrap_or_default()).into();
        }
        json!({"outcome": outcome}).to_string()
    }

    fn commands(&mut self, commands: &[Command]) -> Vec<Value> {
        commands.iter().map(|command| self.command(command)).collect()
    }
}

fn outcome(failure: Option<&Failure>) -> Value {
    match failure {
        None => json!("ok"),
        Some(failure) => json!({"failed": failure.code, "exit_code": failure.exit.code()}),
    }
}
