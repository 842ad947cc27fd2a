//! Feeding a trace back.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::browser_grant::BrowserGrant;
use crate::call::Call;
use crate::connect::Connect;
use crate::connection::Connection;
use crate::credits::Credits;
use crate::device_grant::DeviceGrant;
use crate::disconnect::Disconnect;
use crate::discover::Discover;
use crate::distrust::Distrust;
use crate::event::Event;
use crate::failure::Failure;
use crate::find::Find;
use crate::login::Login;
use crate::logout::Logout;
use crate::machine::{Disposition, Logic, Machine};
use crate::pending_grant::StartGrant;
use crate::service::Service;
use crate::session::Session;
use crate::sign_in::SignIn;
use crate::sign_out::SignOut;
use crate::status::Status;
use crate::task::Task;
use crate::time::Now;
use crate::use_token::UseToken;

use super::read::{Read, UnreadableTrace, event, field, list, now, task};
use super::{FORM, Recorder, service};

/// A trace that gave the same commands again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// The number of events.
    pub events: usize,
    /// The number of commands.
    pub commands: usize,
}

/// Where a replay went another way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The line, counted from 1.
    pub line: usize,
    /// What the trace has.
    pub recorded: String,
    /// What came out now.
    pub replayed: String,
}

/// Feeds the events of a trace to a fresh machine and compares the commands, the ignored events and the end.
///
/// # Errors
/// If the trace cannot be read. A trace that can, but gives something else, is the inner `Err`.
pub fn replay(lines: &[&str]) -> Result<Result<Replayed, Difference>, UnreadableTrace> {
    let unreadable = |line: usize| move |what: String| UnreadableTrace { line, what };
    let first = lines.first().copied().unwrap_or_default();
    let header = parse(first).map_err(unreadable(1))?;
    if header.get("trace").and_then(Value::as_u64) != Some(FORM) {
        return Err(unreadable(1)("this is not a trace of this version".to_owned()));
    }
    let service = field(&header, "service").and_then(service::read).map_err(unreadable(1))?;
    let task = field(&header, "task").and_then(task).map_err(unreadable(1))?;
    let mut recorder = Recorder::default();
    let begun = recorder.begin(&task, &service);
    if let Some(difference) = differ(1, &header, &begun) {
        return Ok(Err(difference));
    }
    let mut machine = machine(&task, service);
    let mut replayed = Replayed { events: 0, commands: 0 };
    for (index, line) in lines.iter().enumerate().skip(1) {
        let number = index + 1;
        let recorded = parse(line).map_err(unreadable(number))?;
        let again = if recorded.get("outcome").is_some() {
            machine.ended(&recorder)
        } else {
            let now = field(&recorded, "now").and_then(now).map_err(unreadable(number))?;
            let event = field(&recorded, "event")
                .and_then(|e| event(e, &recorder.placeholders))
                .map_err(unreadable(number))?;
            replayed.events += 1;
            replayed.commands += list(&recorded, "commands").map_err(unreadable(number))?.len();
            machine.step(&mut recorder, now, event)
        };
        if let Some(difference) = differ(number, &recorded, &again) {
            return Ok(Err(difference));
        }
    }
    Ok(Ok(replayed))
}

/// A machine of any kind.
trait Replayable {
    fn step(&mut self, recorder: &mut Recorder, now: Now, event: Event) -> String;
    /// How it ended, as the last line says it; `null` if it has not.
    fn ended(&self, recorder: &Recorder) -> String;
}

impl<L: Logic> Replayable for Machine<L> {
    fn step(&mut self, recorder: &mut Recorder, now: Now, event: Event) -> String {
        let disposition: Disposition = self.handle_event(now, event.clone());
        let commands: Vec<_> = core::iter::from_fn(|| self.poll_command()).collect();
        recorder.line(now, &event, disposition, &commands)
    }

    fn ended(&self, recorder: &Recorder) -> String {
        let end: Option<Option<&Failure>> = self.outcome().map(|end| end.as_ref().err());
        end.map_or_else(|| json!({"outcome": null}).to_string(), |end| recorder.end(end))
    }
}

fn machine(task: &Task, service: Service) -> alloc::boxed::Box<dyn Replayable> {
    use alloc::boxed::Box;
    match task.clone() {
        Task::Login(options) => Box::new(Machine::new(service, Login::new(options))),
        Task::UseToken { token, variable_set } => {
            Box::new(Machine::new(service, UseToken::new(token, variable_set)))
        }
        Task::Logout(options) => Box::new(Machine::new(service, Logout::new(options))),
        Task::Status(options) => Box::new(Machine::new(service, Status::new(options))),
        Task::Connect(options) => Box::new(Machine::new(service, Connect::new(options))),
        Task::Disconnect => Box::new(Machine::new(service, Disconnect::default())),
        Task::Connection => Box::new(Machine::new(service, Connection::default())),
        Task::ExplainConnection => Box::new(Machine::new(service, Connection::explained())),
        Task::Credits => Box::new(Machine::new(service, Credits::default())),
        Task::Session { refusal } => {
            Box::new(Machine::new(service, refusal.map_or_else(Session::new, Session::after)))
        }
        Task::Call { given, request } => Box::new(Machine::new(service, Call::new(given, request))),
        Task::SharedCall { request } => Box::new(Machine::new(service, Call::shared(request))),
        Task::Find { given } => Box::new(Machine::new(service, Find::new(given, None))),
        Task::Discover { issuer, given, remembered } => {
            Box::new(Machine::new(service, Discover::new(issuer, *given, remembered.map(|known| *known))))
        }
        Task::SignIn { options, pending } => Box::new(Machine::new(
            service,
            match pending {
                Some(pending) => SignIn::resumed(options, *pending),
                None => SignIn::new(options),
            },
        )),
        Task::StartGrant => Box::new(Machine::new(service, StartGrant::default())),
        Task::SignOut { revoke } => Box::new(Machine::new(service, SignOut::new(revoke))),
        Task::ResumeSignOut => Box::new(Machine::new(service, SignOut::resume())),
        Task::Distrust { token } => Box::new(Machine::new(service, Distrust::new(token))),
        Task::DeviceGrant { open_browser } => Box::new(Machine::new(service, DeviceGrant::new(open_browser))),
        Task::BrowserGrant { open_browser } => {
            Box::new(Machine::new(service, BrowserGrant::new(open_browser)))
        }
    }
}

fn parse(line: &str) -> Read<Value> {
    serde_json::from_str(line).map_err(|_| "this is not a line of a trace".to_owned())
}

/// Compared as values: the order of keys is nobody's business.
fn differ(line: usize, recorded: &Value, again: &str) -> Option<Difference> {
    let replayed: Value = serde_json::from_str(again).unwrap_or_default();
    (replayed != *recorded).then(|| Difference {
        line,
        recorded: recorded.to_string(),
        replayed: again.to_owned(),
    })
}
