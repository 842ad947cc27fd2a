//! The command line of `pentify`.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

use crate::trace::Trace;
use crate::usage::GLOBAL;

/// The Pentify Terminal: sign in, and use the API.
#[derive(Parser)]
#[command(name = "pentify", version, disable_help_subcommand = true, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 internal, 2 usage, 3 not signed in, 4 timed out, 5 denied or consumed, \
    6 store, 7 network, 8 server, 9 refused by the API, 130 interrupted.\n\nEnvironment: PENTIFY_API_TOKEN, \
    PENTIFY_API_URL, PENTIFY_APP_URL, BROWSER, NO_COLOR, HTTPS_PROXY, ALL_PROXY, NO_PROXY, \
    SSL_CERT_FILE, SSL_CERT_DIR."
)]
pub struct Cli {
    /// Use this API token instead of PENTIFY_API_TOKEN and the stored one (visible in the process list); for commands that use one
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "TOKEN")]
    pub api_token: Option<String>,
    /// A workspace, by slug or name; other commands than login and logout use its token for this call only
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub workspace: Option<String>,
    /// Print JSON on standard output
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Use the embedded sandbox instead of Pentify, with a credential store of its own; `doctor` has no use for it
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
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Sign in with the browser
    Login(LoginArgs),
    /// Forget the stored token on this machine
    Logout(LogoutArgs),
    /// Other ways to sign in
    Auth {
        /// Which
        #[command(subcommand)]
        command: AuthCommand,
    },
    /// Show which token is used, and from where
    Status(StatusArgs),
    /// Show the user, workspace and key in use
    Profile,
    /// Look at the workspace's scans
    Scans {
        /// What to do with them
        #[command(subcommand)]
        command: ScansCommand,
    },
    /// Show the workspace's usage
    Usage,
    /// Send any request to the API with the token, and print the answer
    Api(ApiArgs),
    /// Print the token, and nothing else
    Token,
    /// Run a command that finds the token in PENTIFY_API_TOKEN
    Exec(crate::exec::Args),
    /// Look for what could keep a login from working, without changing anything
    #[cfg(feature = "doctor")]
    Doctor(crate::doctor::Args),
    /// Describe the command line
    #[cfg(feature = "manual")]
    #[command(flatten)]
    Manual(crate::manual::Manual),
}

/// Arguments of `login`.
#[derive(Args)]
pub struct LoginArgs {
    /// Only print the link
    #[arg(long)]
    pub no_browser: bool,
    /// Pair again even if a stored token could be switched to
    #[arg(long)]
    pub re_pair: bool,
}

/// Arguments of `logout`.
#[derive(Args)]
pub struct LogoutArgs {
    /// Revoke the key on the server, too
    #[arg(long)]
    pub revoke: bool,
}

/// Arguments of `status`.
#[derive(Args)]
pub struct StatusArgs {
    /// Ask the service whether it accepts the token
    #[arg(long)]
    pub check: bool,
    /// Show every place that was looked at
    #[arg(long)]
    pub explain: bool,
}

/// Other ways to sign in.
#[derive(Subcommand)]
pub enum AuthCommand {
    /// Store an API token that you have, after checking it
    UseToken {
        /// The token; `-` reads standard input. Left out on a terminal, it is asked for without being shown. A token
        /// given here stays in the shell's history
        token: Option<String>,
    },
}

/// What to do with scans.
#[derive(Subcommand)]
pub enum ScansCommand {
    /// List the scans
    List,
}

/// Arguments of `api`.
#[derive(Args)]
pub struct ApiArgs {
    /// GET, POST, PUT, PATCH or DELETE
    pub method: String,
    /// The path below the API's base, with its query
    pub path: String,
    /// A JSON body; `-` reads standard input
    #[arg(long, value_name = "JSON")]
    pub data: Option<String>,
}
