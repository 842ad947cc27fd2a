//! A machine of any kind, with what a check needs to see of it.

use std::any::Any;
use std::fmt::Debug;

use doorkey_core::browser_grant::BrowserGrant;
use doorkey_core::call::Call;
use doorkey_core::command::Command;
use doorkey_core::connect::Connect;
use doorkey_core::connection::Connection;
use doorkey_core::credits::Credits;
use doorkey_core::device_grant::DeviceGrant;
use doorkey_core::disconnect::Disconnect;
use doorkey_core::discover::Discover;
use doorkey_core::distrust::Distrust;
use doorkey_core::event::Event;
use doorkey_core::failure::Failure;
use doorkey_core::find::Find;
use doorkey_core::login::Login;
use doorkey_core::logout::Logout;
use doorkey_core::machine::{Disposition, Logic, Machine, WakeReason};
use doorkey_core::pending_grant::StartGrant;
use doorkey_core::service::Service;
use doorkey_core::session::Session;
use doorkey_core::sign_in::SignIn;
use doorkey_core::sign_out::SignOut;
use doorkey_core::status::Status;
use doorkey_core::task::Task;
use doorkey_core::time::{Now, Timestamp};
use doorkey_core::use_token::UseToken;

/// What all machines can.
pub trait Subject {
    fn handle(&mut self, now: Now, event: Event) -> Disposition;
    fn poll(&mut self) -> Option<Command>;
    fn timeout(&self) -> Option<(Timestamp, WakeReason)>;
    /// The failure, if it has ended.
    fn end(&self) -> Option<Option<&Failure>>;
    /// The machine with its outcome, and the outcome alone.
    fn debug(&self) -> (String, String);
    fn another(&self) -> Box<dyn Subject>;
    fn is(&self, other: &dyn Subject) -> bool;
    fn as_any(&self) -> &dyn Any;
}

impl<L> Subject for Machine<L>
where
    L: Logic<Output: Clone + Debug + PartialEq> + Clone + Debug + PartialEq + 'static,
{
    fn handle(&mut self, now: Now, event: Event) -> Disposition {
        self.handle_event(now, event)
    }

    fn poll(&mut self) -> Option<Command> {
        self.poll_command()
    }

    fn timeout(&self) -> Option<(Timestamp, WakeReason)> {
        self.poll_timeout()
    }

    fn end(&self) -> Option<Option<&Failure>> {
        self.outcome().map(|outcome| outcome.as_ref().err())
    }

    fn debug(&self) -> (String, String) {
        (format!("{self:?}"), format!("{:?}", self.outcome()))
    }

    fn another(&self) -> Box<dyn Subject> {
        Box::new(self.clone())
    }

    fn is(&self, other: &dyn Subject) -> bool {
        other.as_any().downcast_ref::<Self>() == Some(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The machine of a task.
pub fn subject(task: Task, service: Service) -> Box<dyn Subject> {
    match task {
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
            let discover = Discover::new(issuer, *given, remembered.map(|known| *known));
            Box::new(Machine::new(service, discover))
        }
        Task::SignIn { options, pending } => {
            let sign_in = match pending {
                Some(pending) => SignIn::resumed(options, *pending),
                None => SignIn::new(options),
            };
            Box::new(Machine::new(service, sign_in))
        }
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
