//! How a command fails: what happened, why, and the next step, with a stable code and a documented exit code.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::service::Service;
use crate::text::harmless;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Exit {
    /// A bug of ours.
    Internal = 1,
    /// Wrong arguments, settings or input.
    Usage = 2,
    /// Not signed in, or no longer.
    NotSignedIn = 3,
    /// A time limit ran out.
    TimedOut = 4,
    /// The person refused, or the approval was used up.
    Denied = 5,
    /// The credential store.
    Store = 6,
    /// The network.
    Network = 7,
    /// The server's side.
    Server = 8,
    /// The API refused this request (402, 403, 404, 409, 422).
    RefusedByApi = 9,
    /// Ctrl-C or a signal.
    Interrupted = 130,
}

impl Exit {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The one with that code.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|exit| exit.code() == code)
    }

    const ALL: [Self; 10] = [
        Self::Internal,
        Self::Usage,
        Self::NotSignedIn,
        Self::TimedOut,
        Self::Denied,
        Self::Store,
        Self::Network,
        Self::Server,
        Self::RefusedByApi,
        Self::Interrupted,
    ];
}

/// A failure, ready to be shown. All texts are harmless for a terminal and free of secrets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Failure {
    /// Decides the exit code.
    pub exit: Exit,
    /// Stable, for `--json`: the service's own code where it sent one.
    pub code: Cow<'static, str>,
    /// What happened, and why.
    pub message: String,
    /// The next step for the person.
    pub next: Option<String>,
    /// The service's id of the request, for its support.
    pub request_id: Option<String>,
}

impl Failure {
    /// A failure without a next step.
    pub fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { exit, code: code.into(), message: message.into(), next: None, request_id: None }
    }

    /// The same with a next step.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same with the service's id of the request.
    #[must_use]
    pub fn request_id(mut self, id: Option<String>) -> Self {
        self.request_id = id;
        self
    }

    /// The person pressed Ctrl-C, or a signal asked us to stop.
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Failure {}

/// The code of having no credential at all.
pub(crate) const NOT_SIGNED_IN: &str = "not_signed_in";

/// There is no credential at all, or none of that workspace.
pub(crate) fn not_signed_in(service: &Service, workspace: Option<&str>) -> Failure {
    let login = service.login_command();
    match workspace {
        None => Failure::new(Exit::NotSignedIn, NOT_SIGNED_IN, "not signed in").next(login),
        Some(name) => {
            let name = harmless(name);
            Failure::new(Exit::NotSignedIn, NOT_SIGNED_IN, format!("not signed in to workspace {name:?}"))
                .next(format!("{} --workspace {name:?}`", login.trim_end_matches('`')))
        }
    }
}

/// The stored token is another issuer's (invariant 17).
pub(crate) fn other_issuer(service: &Service, issuer: &str) -> Failure {
    let issuer = harmless(issuer);
    Failure::new(
        Exit::NotSignedIn,
        "other_issuer",
        format!("the stored token belongs to {issuer}; it was not sent to {}", service.api.origin()),
    )
    .next(format!("{} for this host, or correct {}", service.login_command(), service.api_variable))
}
