//! What comes to a loopback listener while a login waits for the browser (RFC 8252 §7.3), and what it is answered.
//!
//! The redirect URI is `http://127.0.0.1:PORT/callback`, or `http://[::1]:PORT/callback` where the first address cannot
//! be bound, with a port that the system picks. An issuer that wants redirect URIs registered is told both without
//! the port, which it must allow to be any (RFC 8252 §7.3).

use alloc::string::String;
use alloc::vec::Vec;

use form_urlencoded::parse;

use crate::oauth::form;
use crate::secret::{Secret, SecretBuilder};

/// The path of every redirect URI.
pub const REDIRECT_PATH: &str = "/callback";

/// A request to the listener. Any program and any web page on this machine can have made it: nothing in it is believed
/// before it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectRequest {
    /// The method, as it came.
    pub method: String,
    /// The value of its only `Host`; `None` if there is none, several, or one that is not visible ASCII.
    pub host: Option<String>,
    /// The request target (RFC 9112 §3.2): path and query, which may hold a code.
    pub target: Secret,
}

impl RedirectRequest {
    /// What stands before the query.
    pub fn path(&self) -> &str {
        self.parts().0
    }

    /// The query's parameters in their order, decoded.
    pub fn query(&self) -> Vec<(String, Secret)> {
        let query = self.parts().1.unwrap_or_default();
        parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect()
    }

    /// The request of these parts.
    pub(crate) fn from_parts(
        method: String,
        host: Option<String>,
        path: &str,
        query: &[(String, Secret)],
    ) -> Self {
        let mut target = SecretBuilder::default();
        target.push_str(path);
        if !query.is_empty() {
            let pairs = query.iter().map(|(name, value)| (name.as_str(), value.expose_secret()));
            target.extend(["?", form(pairs).expose_secret()]);
        }
        Self { method, host, target: target.finish() }
    }

    fn parts(&self) -> (&str, Option<&str>) {
        let target = self.target.expose_secret();
        target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)))
    }
}

/// What the person's browser is shown. Each is a fixed text: nothing of a request or of a server is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RedirectPage {
    /// The tokens are here: the window can be closed.
    SignedIn,
    /// The person, or the issuer, denied the login.
    Denied,
    /// It failed; the terminal says why.
    Failed,
    /// The answer with the tokens got lost; the terminal offers a new login.
    AnswerLost,
    /// The issuer has trouble that may pass: the link in the terminal can be opened again.
    Trouble,
    /// The answer is of another issuer than the one that was asked; its code went nowhere.
    OtherIssuer,
    /// The time for this login is over.
    TimedOut,
    /// It was interrupted in the terminal.
    Interrupted,
    /// Not a request that is waited for.
    NotAwaited,
}

impl RedirectPage {
    /// The status that it is sent with (RFC 9110 §15). None that makes a browser ask again, or go elsewhere.
    pub const fn status(self) -> u16 {
        match self {
            Self::SignedIn => 200,
            Self::NotAwaited | Self::OtherIssuer => 400,
            Self::Denied => 403,
            Self::TimedOut | Self::Interrupted => 410,
            Self::Failed | Self::AnswerLost => 502,
            Self::Trouble => 503,
        }
    }

    /// Stable, for traces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::AnswerLost => "answer_lost",
            Self::Trouble => "trouble",
            Self::OtherIssuer => "other_issuer",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::NotAwaited => "not_awaited",
        }
    }

    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SignedIn,
        Self::Denied,
        Self::Failed,
        Self::AnswerLost,
        Self::Trouble,
        Self::OtherIssuer,
        Self::TimedOut,
        Self::Interrupted,
        Self::NotAwaited,
    ];
}
