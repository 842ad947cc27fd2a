//! What processes with a session are started for.

use doorkey_core::amend::Amend;
use doorkey_core::bearer::Bearer;
use doorkey_core::call::{Call, Called};
use doorkey_core::connect::{Connect, ConnectOptions, Connected};
use doorkey_core::connection::{Connection, ConnectionReport};
use doorkey_core::credits::{Credits, CreditsReport};
use doorkey_core::disconnect::{Disconnect, Disconnected};
use doorkey_core::distrust::Distrust;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::keep::Kept;
use doorkey_core::machine::Outcome;
use doorkey_core::record::{Gateway, Record, Workspace};
use doorkey_core::resolve::Given;
use doorkey_core::secret::Secret;
use doorkey_core::session::Session;
use doorkey_core::sign_in::{SignIn, SignInOptions};
use doorkey_core::sign_out::{SignOut, SignedOut};
use doorkey_core::task::Task;
use proptest::prelude::*;

use crate::world::World;

/// A path of an API.
pub const ASKED: &str = "/api/cli/workspaces";

/// What a process is started for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Deed {
    Token,
    Call,
    /// Another program saw the token refused that is stored now, or some other one.
    Distrust(bool),
    Amend,
    SignIn,
    SignOut(bool),
    Resume,
    Disconnect,
    /// `pensar login`, perhaps for this workspace; `pensar login status`; `pensar credits`.
    Connect {
        force: bool,
        wanted: Option<usize>,
    },
    Connection,
    Credits,
}

/// What it came to.
pub enum End {
    Token(Option<Outcome<Bearer>>),
    Call(Option<Outcome<Called>>),
    Distrust(Option<Outcome<bool>>, bool),
    SignIn(Option<Outcome<Kept>>),
    SignOut(Option<Outcome<SignedOut>>),
    Disconnect(Option<Outcome<Disconnected>>),
    Connect(Option<Outcome<Connected>>, Option<usize>),
    Connection(Option<Outcome<ConnectionReport>>),
    Credits(Option<Outcome<CreditsReport>>),
    Amend(Option<Outcome<Kept>>),
}

impl Deed {
    /// Starts it; when the process is at its end, the other half tells what it came to.
    pub fn start(self, world: &mut World) -> (usize, Box<dyn FnOnce() -> End>) {
        match self {
            Self::Token => {
                let handle = world.start(Some(Task::Session { refusal: None }), Session::new());
                (handle.pid, Box::new(move || End::Token(handle.outcome())))
            }
            Self::Call => {
                let request = HttpRequest::new(Method::Get, world.service.api.join(ASKED));
                let given = Given::default();
                let task = Task::Call { given: given.clone(), request: request.clone() };
                let handle = world.start(Some(task), Call::new(given, request));
                (handle.pid, Box::new(move || End::Call(handle.outcome())))
            }
            Self::Distrust(ours) => {
                let held = world.disk.tokens().find_map(|record| record.rotation.as_ref()?.access.clone());
                let token =
                    held.filter(|_| ours).map_or_else(|| Secret::from("hush-other"), |access| access.token);
                let handle = world.start(Some(Task::Distrust { token: token.clone() }), Distrust::new(token));
                (handle.pid, Box::new(move || End::Distrust(handle.outcome(), ours)))
            }
            Self::Amend => {
                let held = world.disk.tokens().next().cloned();
                let record = held.unwrap_or_else(|| Record::bare(Secret::from("hush-other")));
                let workspace = Workspace { id: Some("w0".into()), name: None, slug: "acme".into() };
                let handle = world.start(None, Amend::new(&record, Some(workspace), Gateway::default()));
                (handle.pid, Box::new(move || End::Amend(handle.outcome())))
            }
            Self::Connect { force, wanted } => {
                let workspace = wanted.map(|workspace| format!("slug-{workspace}"));
                let options = ConnectOptions { workspace, force, open_browser: true };
                let handle = world.start(Some(Task::Connect(options.clone())), Connect::new(options));
                (handle.pid, Box::new(move || End::Connect(handle.outcome(), wanted)))
            }
            Self::Connection => {
                let handle = world.start(Some(Task::Connection), Connection::default());
                (handle.pid, Box::new(move || End::Connection(handle.outcome())))
            }
            Self::Credits => {
                let handle = world.start(Some(Task::Credits), Credits::default());
                (handle.pid, Box::new(move || End::Credits(handle.outcome())))
            }
            Self::SignIn => {
                let options = SignInOptions::default();
                let handle = world.start(Some(Task::SignIn { options, pending: None }), SignIn::new(options));
                (handle.pid, Box::new(move || End::SignIn(handle.outcome())))
            }
            Self::SignOut(revoke) => {
                let handle = world.start(Some(Task::SignOut { revoke }), SignOut::new(revoke));
                (handle.pid, Box::new(move || End::SignOut(handle.outcome())))
            }
            Self::Resume => {
                let handle = world.start(Some(Task::ResumeSignOut), SignOut::resume());
                (handle.pid, Box::new(move || End::SignOut(handle.outcome())))
            }
            Self::Disconnect => {
                let handle = world.start(Some(Task::Disconnect), Disconnect::default());
                (handle.pid, Box::new(move || End::Disconnect(handle.outcome())))
            }
        }
    }
}

impl End {
    /// Whether it is one of a login or logout.
    pub fn is_login(&self) -> bool {
        matches!(self, Self::SignIn(_) | Self::SignOut(_) | Self::Disconnect(_) | Self::Connect(..))
    }
}

/// Whatever leaves the login as it is.
pub fn asking() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => Just(Deed::Token),
        2 => Just(Deed::Call),
        1 => any::<bool>().prop_map(Deed::Distrust),
        1 => Just(Deed::Amend),
    ]
}
