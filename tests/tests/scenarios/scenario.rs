//! What a scenario is: plain data.

use std::time::Duration;

use doorkey_core::connect::ConnectOptions;
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::login::LoginOptions;
use doorkey_core::logout::LogoutOptions;
use doorkey_core::resolve::Given;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::status::StatusOptions;
use doorkey_core::task::Task;
use doorkey_sandbox::pensar::Settings;
use doorkey_tests::mishap::Mishap;
use doorkey_tests::somebody::Somebody;

/// Commands that are run one after the other on one computer, and what happens meanwhile. Nothing in it depends on how
/// long anything really takes: answers are counted, and time is what the scenario says.
pub struct Scenario {
    /// Tells it from the others.
    pub name: &'static str,
    /// What is signed in to.
    pub site: Site,
    /// What is run.
    pub steps: &'static [Step],
}

/// What is signed in to, and how it behaves.
#[derive(Clone, Copy)]
pub enum Site {
    /// Pentify.
    Pentify {
        /// A token is given once only.
        strict: bool,
    },
    /// Pensar.
    Pensar(Settings),
}

/// What an older program left as plain text in the file of settings.
#[derive(Clone, Copy)]
pub enum LeftBehind {
    /// The tokens that were minted last, as a session.
    Session,
    /// The token that was minted last, as an API key.
    Key,
}

/// One command.
pub struct Step {
    /// So long after the one before.
    pub later: Duration,
    /// The wall clock is then put so many seconds forward, or back.
    pub wall_jump: i64,
    /// The computer was restarted before.
    pub restarted: bool,
    /// This lies in the settings.
    pub left_behind: Option<LeftBehind>,
    /// What is run.
    pub run: Run,
    /// Who sits there.
    pub person: Somebody,
    /// She sits at the terminal and can be asked.
    pub asked: bool,
    /// She goes to the page that was shown last after so many answers.
    pub visits_after: &'static [usize],
    /// What becomes of requests, by their number from 1; of all others, nothing.
    pub mishaps: &'static [(usize, Mishap)],
    /// `ok`, or the failure's code.
    pub ends: &'static str,
    /// How many requests there are.
    pub requests: usize,
}

/// What is run.
pub enum Run {
    /// `pentify login`.
    Login { workspace: Option<&'static str>, re_pair: bool, browser: Browser },
    /// `pentify auth use-token` with the token that was minted last.
    UseMintedToken,
    /// `pentify auth use-token` with this one.
    UseToken(&'static str),
    /// `pentify logout`.
    Logout { workspace: Option<&'static str>, revoke: bool },
    /// `pentify status`.
    Status { check: bool },
    /// `GET` with the stored token, or with one that the command line has.
    Get { path: &'static str, flag: Option<&'static str> },
    /// `POST` of this JSON with the stored token.
    Post { path: &'static str, body: &'static str },
    /// `pensar login`.
    Connect { workspace: Option<&'static str>, force: bool, browser: Browser },
    /// `pensar login logout`.
    Disconnect,
    /// `pensar login status`.
    Connection,
    /// `pensar credits`.
    Credits,
    /// A token, as an embedder asks for it.
    Session,
}

/// What opening a page comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Browser {
    /// `--no-browser`.
    Unwanted,
    /// It opens.
    Opens,
    /// There is a display, but no program that can open pages.
    Fails,
}

/// Pentify, as it is.
pub const PENTIFY: Scenario = Scenario { name: "", site: Site::Pentify { strict: false }, steps: &[] };

/// Pensar, as it is.
pub const PENSAR: Scenario = Scenario { name: "", site: Site::Pensar(ISSUER), steps: &[] };

/// Pensar's issuer, as it is: access tokens of five minutes, and a grace period.
pub const ISSUER: Settings = Settings {
    grace: Duration::from_secs(20),
    access_lifetime: LIFETIME,
    device_interval: Duration::from_secs(5),
    device_lifetime: Duration::from_secs(300),
    legacy: false,
};

/// How long access tokens live.
pub const LIFETIME: Duration = Duration::from_secs(300);

/// A command that goes well and asks nobody.
pub const STEP: Step = Step {
    later: Duration::ZERO,
    wall_jump: 0,
    restarted: false,
    left_behind: None,
    run: Run::Session,
    person: Somebody::SOLO,
    asked: false,
    visits_after: &[],
    mishaps: &[],
    ends: "ok",
    requests: 0,
};

impl Scenario {
    /// Whether an answer gets lost: the sandbox, which sent it, then takes a good client for a bad one.
    pub fn loses_answers(&self) -> bool {
        let mut mishaps = self.steps.iter().flat_map(|step| step.mishaps);
        mishaps.any(|(_, mishap)| matches!(mishap, Mishap::AnswerLost))
    }
}

impl Run {
    /// The command's task. `minted` is the token that was stored last.
    pub fn task(&self, service: &Service, minted: &Secret) -> Task {
        let owned = |text: &Option<&str>| text.map(str::to_owned);
        match self {
            Self::Login { workspace, re_pair, browser } => Task::Login(LoginOptions {
                workspace: owned(workspace),
                re_pair: *re_pair,
                open_browser: *browser != Browser::Unwanted,
                variable_set: false,
            }),
            Self::UseMintedToken => Task::UseToken { token: minted.clone(), variable_set: false },
            Self::UseToken(token) => Task::UseToken { token: Secret::from(*token), variable_set: false },
            Self::Logout { workspace, revoke } => {
                Task::Logout(LogoutOptions { workspace: owned(workspace), revoke: *revoke })
            }
            Self::Status { check } => {
                Task::Status(StatusOptions { check: *check, ..StatusOptions::default() })
            }
            Self::Get { path, flag } => Task::Call {
                given: Given { flag: flag.map(Secret::from), ..Given::default() },
                request: HttpRequest::new(Method::Get, service.api.join(path)),
            },
            Self::Post { path, body } => Task::Call {
                given: Given::default(),
                request: HttpRequest::new(Method::Post, service.api.join(path))
                    .body("application/json", *body),
            },
            Self::Connect { workspace, force, browser } => Task::Connect(ConnectOptions {
                workspace: owned(workspace),
                force: *force,
                open_browser: *browser != Browser::Unwanted,
            }),
            Self::Disconnect => Task::Disconnect,
            Self::Connection => Task::Connection,
            Self::Credits => Task::Credits,
            Self::Session => Task::Session { refusal: None },
        }
    }

    /// What opening a page comes to.
    pub fn browser(&self) -> Browser {
        match self {
            Self::Login { browser, .. } | Self::Connect { browser, .. } => *browser,
            _ => Browser::Unwanted,
        }
    }
}
