//! The command line of `pensar`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

use crate::trace::Trace;
use crate::usage::GLOBAL;

/// Pensar Apex: connect this machine to Pensar Console
#[derive(Parser)]
#[command(name = "pensar", version, disable_help_subcommand = true, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 internal, 2 usage, 3 not connected, 4 timed out, 5 denied, 6 store, 7 network, \
    8 server, 9 refused by the API, 130 interrupted.\n\nEnvironment: PENSAR_API_URL, PENSAR_GATEWAY_URL, \
    PENSAR_CONSOLE_URL, WORKOS_API_URL, BROWSER, NO_COLOR, HTTPS_PROXY, ALL_PROXY, NO_PROXY, \
    SSL_CERT_FILE, SSL_CERT_DIR."
)]
pub struct Cli {
    /// Print JSON on standard output
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Use the embedded sandbox instead of Pensar, with a credential store of its own; `doctor` has no use for it
    #[cfg(feature = "sandbox")]
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub sandbox: bool,
    /// Draw nothing over itself: plain lines, for screen readers and logs
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub plain: bool,
    /// Where to write what happens.
    #[command(flatten)]
    pub trace: Trace,
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Connect to Pensar Console with the browser; `login status` and `login logout` tell and end it
    Login(Login),
    /// The same as `login`, by its older name
    Auth(Auth),
    /// Show the workspace's credit balance
    Credits(CreditsArgs),
    /// Print the access token or API key, renewed if need be, and nothing else
    Token,
    /// Run a command that finds the token in PENSAR_ACCESS_TOKEN
    Exec(crate::exec::Args),
    /// Look for what could keep the login from working, without changing anything
    #[cfg(feature = "doctor")]
    Doctor(crate::doctor::Args),
    /// Describe the command line
    #[cfg(feature = "manual")]
    #[command(flatten)]
    Manual(crate::manual::Manual),
}

/// `login`.
#[derive(Args)]
pub struct Login {
    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,
    /// Something else about the connection.
    #[command(subcommand)]
    pub other: Option<Other>,
}

/// `auth`.
#[derive(Args)]
pub struct Auth {
    /// How to connect.
    #[command(flatten)]
    pub connect: ConnectArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<AuthCommand>,
}

/// How to connect.
#[derive(Args, Default, PartialEq, Eq)]
pub struct ConnectArgs {
    /// Connect anew without asking, even if there is a connection
    #[arg(long)]
    pub force: bool,
    /// Work in this workspace, by slug or name
    #[arg(long, value_name = "SLUG", value_parser = NonEmptyStringValueParser::new())]
    pub workspace: Option<String>,
    /// Only print the link
    #[arg(long)]
    pub no_browser: bool,
    /// Draw the link as a QR code, too
    #[cfg(feature = "qr")]
    #[arg(long)]
    pub qr: bool,
}

/// What else there is about a connection.
#[derive(Clone, Copy, Subcommand)]
pub enum Other {
    /// Show the connection: workspace, kind of authentication, where the tokens are
    Status(StatusArgs),
    /// Disconnect: clear the stored tokens on this machine
    Logout,
}

/// Arguments of `status`.
#[derive(Args, Clone, Copy)]
pub struct StatusArgs {
    /// Show every place that was looked at, in order, without asking the service
    #[arg(long)]
    pub explain: bool,
}

/// What `auth` can do.
#[derive(Subcommand)]
pub enum AuthCommand {
    /// Connect to Pensar Console with the browser
    Login(ConnectArgs),
    /// What else there is about a connection.
    #[command(flatten)]
    Other(Other),
}

/// Arguments of `credits`.
#[derive(Args)]
pub struct CreditsArgs {
    /// Open the billing page in a browser
    #[arg(long)]
    pub open: bool,
}
