//! A process: a machine, and what its driver is at.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use doorkey_core::bearer::Bearer;
use doorkey_core::command::{Command, CommandId};
use doorkey_core::connect::{Connect, ConnectOptions, Connected};
use doorkey_core::disconnect::{Disconnect, Disconnected};
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::machine::{Disposition, Machine, Outcome};
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::session::Session;
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp};

/// Somebody who runs a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    pub role: Role,
    /// How often the command is still going to be run.
    pub runs: u8,
    pub process: Option<Process>,
}

/// What the command is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    Session,
    Login,
    Logout,
}

/// A running command.
#[derive(Clone, Debug)]
pub struct Process {
    pub machine: AnyMachine,
    /// What the driver has taken and is about to do.
    pub head: Option<Command>,
    /// What the issuer has answered, on its way back.
    pub flight: Option<Flight>,
    /// Something went wrong in this run.
    pub troubled: bool,
    /// The issuer has refused this token.
    pub refused: Option<Secret>,
    /// And that is stored.
    pub noted: bool,
    /// The login of a new pair that arrived and is not stored yet.
    pub pair_of: Option<String>,
    /// Another login was stored, or this one was ended, while it ran.
    pub overtaken: bool,
    /// It has said that the new pair could not be kept.
    pub not_kept: bool,
}

/// An answer on its way.
#[derive(Clone, Debug)]
pub struct Flight {
    pub id: CommandId,
    pub request: HttpRequest,
    /// The refresh token that the request presents.
    pub presented: Option<Secret>,
    pub response: HttpResponse,
}

/// Any of the machines.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AnyMachine {
    Session(Machine<Session>),
    Login(Machine<Connect>),
    Logout(Machine<Disconnect>),
}

/// How a command ended.
#[derive(Clone, Debug)]
pub enum End {
    Bearer(Bearer),
    LoggedIn(Box<Connected>),
    LoggedOut(Disconnected),
    Failed(Failure),
}

impl Role {
    pub fn machine(self, service: &Arc<Service>) -> AnyMachine {
        let service = Arc::clone(service);
        match self {
            Self::Session => AnyMachine::Session(Machine::new(service, Session::new())),
            Self::Login => AnyMachine::Login(Machine::new(service, Connect::new(options()))),
            Self::Logout => AnyMachine::Logout(Machine::new(service, Disconnect::default())),
        }
    }

    /// As a trace names it.
    pub fn task(self) -> Task {
        match self {
            Self::Session => Task::Session { refusal: None },
            Self::Login => Task::Connect(options()),
            Self::Logout => Task::Disconnect,
        }
    }
}

fn options() -> ConnectOptions {
    ConnectOptions { force: true, open_browser: true, ..ConnectOptions::default() }
}

impl Process {
    pub fn new(machine: AnyMachine) -> Self {
        Self {
            machine,
            head: None,
            flight: None,
            troubled: false,
            refused: None,
            noted: false,
            pair_of: None,
            overtaken: false,
            not_kept: false,
        }
    }
}

impl AnyMachine {
    pub fn handle_event(&mut self, now: Now, event: Event) -> Disposition {
        match self {
            Self::Session(machine) => machine.handle_event(now, event),
            Self::Login(machine) => machine.handle_event(now, event),
            Self::Logout(machine) => machine.handle_event(now, event),
        }
    }

    pub fn poll_command(&mut self) -> Option<Command> {
        match self {
            Self::Session(machine) => machine.poll_command(),
            Self::Login(machine) => machine.poll_command(),
            Self::Logout(machine) => machine.poll_command(),
        }
    }

    /// When it wants to be woken, if it waits for that.
    pub fn wakes_at(&self) -> Option<Timestamp> {
        let timeout = match self {
            Self::Session(machine) => machine.poll_timeout(),
            Self::Login(machine) => machine.poll_timeout(),
            Self::Logout(machine) => machine.poll_timeout(),
        };
        timeout.map(|(at, _)| at)
    }

    pub fn has_ended(&self) -> bool {
        match self {
            Self::Session(machine) => machine.outcome().is_some(),
            Self::Login(machine) => machine.outcome().is_some(),
            Self::Logout(machine) => machine.outcome().is_some(),
        }
    }

    /// How it ended; `None` while it runs.
    pub fn end(self) -> Option<End> {
        fn end<T>(outcome: Outcome<T>, as_end: impl FnOnce(T) -> End) -> End {
            outcome.map_or_else(End::Failed, as_end)
        }
        match self {
            Self::Session(machine) => machine.into_outcome().map(|outcome| end(outcome, End::Bearer)),
            Self::Login(machine) => machine
                .into_outcome()
                .map(|outcome| end(outcome, |connected| End::LoggedIn(Box::new(connected)))),
            Self::Logout(machine) => machine.into_outcome().map(|outcome| end(outcome, End::LoggedOut)),
        }
    }
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        self.machine == other.machine && self.head == other.head
    }
}

impl Eq for Process {}

impl Hash for Process {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.machine.hash(state);
        self.head.hash(state);
        self.flight.hash(state);
        self.troubled.hash(state);
        self.refused.hash(state);
        self.noted.hash(state);
        self.pair_of.hash(state);
        self.overtaken.hash(state);
        self.not_kept.hash(state);
    }
}

impl Hash for Flight {
    /// The tokens of an answer one by one, so that each is hashed as it is elsewhere.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.request.body.hash(state);
        self.response.status.hash(state);
        let body: serde_json::Value =
            serde_json::from_slice(self.response.body.as_bytes()).unwrap_or_default();
        for key in ["access_token", "refresh_token", "error"] {
            body[key].as_str().hash(state);
        }
    }
}
