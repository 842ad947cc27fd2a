//! The command line of `doorkey`.

#[cfg(feature = "issuers")]
use clap::Args;
use clap::{Parser, Subcommand};
#[cfg(feature = "issuers")]
use std::ffi::OsString;

#[cfg(feature = "issuers")]
use crate::trace::Trace;
use crate::usage::GLOBAL;

/// doorkey: a login for command-line programs, with any OAuth issuer
#[derive(Debug, Parser)]
#[command(name = "doorkey", version, disable_help_subcommand = true, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 ok, 1 internal, 2 usage, 3 not signed in, 4 timed out, 5 denied, 6 store, 7 network, \
    8 server, 9 refused by the API, 130 interrupted.\n\nEnvironment: DOORKEY_TOKEN, DOORKEY_PROFILE, DOORKEY_STORE, \
    CREDENTIALS_DIRECTORY, BROWSER, NO_COLOR, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE, SSL_CERT_DIR."
)]
pub struct Cli {
    /// Print JSON on standard output
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub json: bool,
    /// Use this profile instead of the active one
    #[cfg(feature = "issuers")]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub profile: Option<String>,
    /// Draw nothing over itself: plain lines, for screen readers and logs
    #[cfg(feature = "issuers")]
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub plain: bool,
    /// Where to write what happens.
    #[cfg(feature = "issuers")]
    #[command(flatten)]
    pub trace: Trace,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What the sessions with issuers are for.
    #[cfg(feature = "issuers")]
    #[command(flatten)]
    Issuers(Issuers),
    /// Run the sandbox: the service's pages and API on loopback
    #[cfg(feature = "sandbox")]
    Sandbox(super::sandbox::Args),
    /// Feed a trace back to the machines that left it, and compare
    Replay(super::replay::Args),
    /// Describe the command line
    #[cfg(feature = "manual")]
    #[command(flatten)]
    Manual(crate::manual::Manual),
}

/// What is done with profiles.
#[cfg(feature = "issuers")]
#[derive(Debug, Subcommand)]
pub enum Issuers {
    /// Sign in at an issuer, with the browser of this or another device
    Login(Login),
    /// Show all profiles
    List,
    /// Make another profile the active one
    Switch {
        /// Its name
        name: String,
    },
    /// Show how a profile's session stands; only --check asks its issuer
    Status(Status),
    /// Print the access token, renewed if need be, and nothing else
    Token,
    /// Sign out
    Logout {
        /// Revoke the tokens at the issuer, too
        #[arg(long)]
        revoke: bool,
    },
    /// Look for what could keep logins from working, without changing anything
    #[cfg(feature = "doctor")]
    Doctor(crate::doctor::Args),
    /// Run a command that finds the access token, renewed if need be, in DOORKEY_ACCESS_TOKEN
    Exec(crate::exec::Args),
    /// Send a request with the access token, and print the answer
    Api(Api),
    /// Hand the access token to another program, in its own protocol
    Credential {
        /// Whose
        #[command(subcommand)]
        protocol: Protocol,
    },
}

#[cfg(feature = "issuers")]
impl Issuers {
    /// Whether standard output is another program's, so that nothing of ours belongs there.
    pub fn lends_output(&self) -> bool {
        matches!(self, Self::Exec(_) | Self::Credential { .. })
    }

    /// Whether another program asks, behind which there may be nobody.
    pub fn is_for_programs(&self) -> bool {
        matches!(self, Self::Credential { .. })
    }
}

/// Arguments of `login`.
#[cfg(feature = "issuers")]
#[derive(Args, Debug)]
pub struct Login {
    /// The issuer, like https://auth.example.com; github, gitlab[:HOST], google, microsoft[:TENANT], auth0:DOMAIN or
    /// keycloak:HOST/REALM; or a profile to sign in again. The active one by default
    #[arg(value_name = "ISSUER", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub issuer: Option<String>,
    /// The client's id, as the issuer's registration named it
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub client_id: Option<String>,
    /// What access to ask for; repeat it, or separate scopes by spaces
    #[arg(long, value_name = "SCOPE")]
    pub scope: Vec<String>,
    /// Only print the link
    #[arg(long)]
    pub no_browser: bool,
    /// Sign in by a code that is typed or compared on any device
    #[arg(long, conflicts_with = "browser")]
    pub device: bool,
    /// Sign in by the browser of this machine
    #[arg(long, conflicts_with_all = ["start", "no_browser"])]
    pub browser: bool,
    /// Begin, print a handle, and end: `--finish` completes it, also in another process or after a restart
    #[arg(long, conflicts_with = "finish")]
    pub start: bool,
    /// Complete the login that `--start` began
    #[arg(long, value_name = "HANDLE", conflicts_with_all = [
        "issuer", "client_id", "scope", "no_browser", "device", "browser", "api", "EndpointArgs", "profile",
    ])]
    pub finish: Option<String>,
    /// Draw the link as a QR code, too
    #[cfg(feature = "qr")]
    #[arg(long)]
    pub qr: bool,
    /// An API that the tokens are for, like https://api.example.com; repeat it. They are sent there, to the issuer, and
    /// nowhere else
    #[arg(long, value_name = "ORIGIN")]
    pub api: Vec<String>,
    /// What the issuer's metadata lacks.
    #[command(flatten)]
    pub endpoints: EndpointArgs,
}

/// What the issuer's metadata lacks.
#[cfg(feature = "issuers")]
#[derive(Args, Debug)]
#[command(next_help_heading = "What the issuer's metadata lacks")]
pub struct EndpointArgs {
    /// Where a browser is sent
    #[arg(long, value_name = "URL")]
    pub authorization_endpoint: Option<String>,
    /// Where device codes come from
    #[arg(long, value_name = "URL")]
    pub device_authorization_endpoint: Option<String>,
    /// Where tokens come from
    #[arg(long, value_name = "URL")]
    pub token_endpoint: Option<String>,
    /// Where tokens are revoked
    #[arg(long, value_name = "URL")]
    pub revocation_endpoint: Option<String>,
    /// A host beside the issuer's own whose pages may be opened in the browser
    #[arg(long, value_name = "HOST")]
    pub page_host: Vec<String>,
}

/// Arguments of `status`.
#[cfg(feature = "issuers")]
#[derive(Args, Debug)]
pub struct Status {
    /// Show every place that was looked at, in order
    #[arg(long)]
    pub explain: bool,
    /// Get a token, too, which asks the issuer if one is due
    #[arg(long)]
    pub check: bool,
}

/// Arguments of `api`.
#[cfg(feature = "issuers")]
#[derive(Args, Debug)]
#[command(override_usage = "doorkey api [OPTIONS] [METHOD] URL")]
pub struct Api {
    /// GET, POST, PUT, PATCH or DELETE (GET by default, POST with --data); then a whole URL, or a path at the
    /// profile's first API, else at the issuer
    #[arg(required = true, num_args = 1..=2, value_name = "[METHOD] URL")]
    pub request: Vec<String>,
    /// A JSON body; `-` reads standard input
    #[arg(long, value_name = "JSON")]
    pub data: Option<String>,
    /// A header to add, like `accept: text/plain`; repeat it
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
}

/// Whose protocol.
#[cfg(feature = "issuers")]
#[derive(Debug, Subcommand)]
pub enum Protocol {
    /// git's (gitcredentials(7)): `git config --global credential.helper '!doorkey credential git'`
    Git {
        /// `get`, `store` or `erase`; anything else is ignored, as git asks for
        #[arg(allow_hyphen_values = true)]
        operation: OsString,
    },
    /// cargo's: `credential-provider = "doorkey"` beside a registry in its configuration
    Cargo {
        /// What cargo itself adds
        #[arg(long = "cargo-plugin", hide = true)]
        cargo_plugin: bool,
    },
    /// kubectl's: `command: doorkey`, `args: [credential, kubectl]` below a user's `exec` in its configuration
    Kubectl,
    /// docker's: a link `docker-credential-doorkey` to this program, and `"credHelpers": {"HOST": "doorkey"}`
    Docker {
        /// Its question
        operation: Docker,
    },
}

/// What docker wants to have done.
#[cfg(feature = "issuers")]
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Docker {
    /// A registry's credential
    Get,
    /// Refused: sign in with `doorkey login`
    Store,
    /// Nothing: sign out with `doorkey logout`
    Erase,
    /// The registries of all profiles
    List,
}
