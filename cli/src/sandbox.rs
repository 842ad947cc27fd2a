//! `--sandbox`: the embedded service, and its own person where nobody can click.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_sandbox::{Options, Person, Running, ServeError, serve};

use crate::surface::{Link, Message, Tell};

/// How long the sandbox's person takes to look at the page.
const THINKING: Duration = Duration::from_secs(1);
/// How long a page of the sandbox may take.
const PAGE_LIMIT: Duration = Duration::from_secs(10);
/// What the sandbox's person calls a workspace that somebody has to create.
const WORKSPACE: &str = "My Team";

/// The embedded service. Dropping the last of these stops it.
#[derive(Clone)]
pub struct Embedded {
    /// The service itself.
    pub running: Arc<Running>,
    /// The address of who authorizes this terminal if nobody can click.
    pub person: &'static str,
}

/// Starts the embedded service on the state in this folder.
///
/// # Errors
/// If the state or the sockets cannot be had.
pub fn start(folder: &Path) -> Result<Running, Failure> {
    serve(Options { state: Some(folder.join("service.json")), ..Options::default() })
        .map_err(|e| not_served(&e))
}

/// A sandbox that cannot start.
pub fn not_served(why: &ServeError) -> Failure {
    let (exit, code, next) = match why {
        ServeError::Port(..) => (Exit::Usage, "port_taken", "name another port, or end what listens there"),
        ServeError::State(..) => {
            (Exit::Store, "unusable_state", "name another file, or move what is there away: it is made anew")
        }
        ServeError::Events(..) => (Exit::Store, "unusable_events", "name a file that you can write"),
        _ => return trouble(&why.to_string()),
    };
    Failure::new(exit, code, harmless(&format!("the sandbox cannot start: {why}"))).next(next)
}

/// A sandbox that cannot go on.
pub fn trouble(why: &str) -> Failure {
    Failure::new(Exit::Internal, "sandbox", harmless(&format!("the sandbox failed: {why}")))
        .next("try again; if it goes on, please report it")
}

/// Lets the sandbox's person with this address do what a page asks for, through its forms.
pub fn click_soon(email: &'static str, link: &Link, tell: Tell) {
    let link = link.clone();
    let what = match link {
        Link::Authorize(_) => "authorizes this device",
        Link::CreateWorkspace(_) => "creates a workspace",
        Link::ChooseWorkspace(_) => "chooses a workspace",
    };
    tell(Message::plain(format!("Nobody can click here: the sandbox's own person {what} in a second.")));
    thread::spawn(move || {
        thread::sleep(THINKING);
        let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-sandbox-person");
        let send = |request: &_| transport.send(request, PAGE_LIMIT).map_err(|e| e.detail);
        let mut person = Person::new(email);
        let done = match &link {
            Link::Authorize(url) => person.approve(url, send),
            Link::CreateWorkspace(url) => person.create_workspace(url, WORKSPACE, send),
            Link::ChooseWorkspace(url) => person.choose_workspace(url, send),
        };
        if let Err(e) = done {
            tell(Message::warning(format!("the sandbox's person failed: {e}")));
        }
    });
}
