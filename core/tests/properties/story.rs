//! Events and commands in a few words each.

use std::fmt::Debug;

use doorkey_core::command::{Command, CommandId};
use doorkey_core::event::Event;
use doorkey_core::machine::{Disposition, Outcome};
use doorkey_core::record::{Backend, Record, Slot};
use doorkey_core::store::{StoreAnswer, StoreOp};

/// What happened to a machine, and what it asks for.
pub fn turn(pid: usize, event: &Event, disposition: Disposition, commands: &[Command]) -> String {
    let ignored = if disposition == Disposition::Used { "" } else { " (ignored)" };
    let commands: Vec<String> = commands.iter().map(command).collect();
    format!("#{pid} {}{ignored} -> {}", self::event(event), commands.join(", "))
}

/// How it ended.
pub fn end<T: Debug>(outcome: Option<&Outcome<T>>) -> String {
    match outcome {
        Some(Err(failure)) => format!("{}, {:?}", failure.code, failure.exit),
        Some(Ok(output)) => short(&format!("{output:?}")),
        None => "killed".to_owned(),
    }
}

/// The id of a command; `None`: nothing answers it.
pub fn id_of(command: &Command) -> Option<CommandId> {
    match command {
        Command::DrawEntropy { id }
        | Command::Send { id, .. }
        | Command::Store { id, .. }
        | Command::OpenPage { id, .. }
        | Command::Ask { id, .. }
        | Command::Choose { id, .. }
        | Command::FindToken { id, .. }
        | Command::Listen { id, .. } => Some(*id),
        _ => None,
    }
}

fn event(event: &Event) -> String {
    match event {
        Event::Store { answer, .. } => self::answer(answer),
        Event::Response { response, .. } => format!("HTTP {}", response.status),
        Event::RequestFailed { failure, .. } => format!("{:?}", failure.kind),
        event => short(&format!("{event:?}")),
    }
}

fn command(command: &Command) -> String {
    match command {
        Command::Store { op, .. } => self::op(op),
        Command::Send { request, .. } => format!("{} {}", request.method.as_str(), request.url.path()),
        Command::Show(notice) => {
            let shown = format!("{notice:?}");
            format!("\"{}\"", shown.split([' ', '(']).next().unwrap_or_default())
        }
        command => short(&format!("{command:?}")),
    }
}

fn op(op: &StoreOp) -> String {
    match op {
        StoreOp::Load { backend, slot } => format!("load {}", place(*backend, slot)),
        StoreOp::Write { backend, slot, record, expected } => {
            let over = expected.as_ref().map_or("nothing".to_owned(), ToString::to_string);
            format!("write {} over {over} into {}", self::record(record), place(*backend, slot))
        }
        StoreOp::Delete { backend, slot, expected } => {
            format!("delete {expected} in {}", place(*backend, slot))
        }
        StoreOp::WriteEmergency(record) => format!("write {} into the emergency file", self::record(record)),
        StoreOp::WriteLedger(ledger) => {
            format!(
                "remember {:?}, active {:?}, unsettled {:?}",
                ledger.backend, ledger.active, ledger.unsettled
            )
        }
        op => short(&format!("{op:?}")),
    }
}

fn answer(answer: &StoreAnswer) -> String {
    match answer {
        StoreAnswer::Records(records) => {
            let records: Vec<String> = records.iter().map(|(_, record)| self::record(record)).collect();
            format!("found {}", if records.is_empty() { "nothing".to_owned() } else { records.join(" and ") })
        }
        StoreAnswer::Failed(failure) => format!("failed: {}", failure.kind.as_str()),
        StoreAnswer::Ledger(ledger) => format!("remembered {:?}", ledger.backend),
        answer => format!("{answer:?}").to_lowercase(),
    }
}

/// The tokens here are nobody's.
fn record(record: &Record) -> String {
    let journal = record.rotation.as_ref().map(|rotation| short(&format!(" {:?}", rotation.journal)));
    let what = if record.is_tombstone() { "a tombstone" } else { record.token.expose_secret() };
    format!("[{} {what}{}]", record.version(), journal.unwrap_or_default())
}

fn place(backend: Backend, slot: &Slot) -> String {
    match slot {
        Slot::Active => backend.as_str().to_owned(),
        Slot::Workspace(slug) => format!("{}/{slug}", backend.as_str()),
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(70).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
