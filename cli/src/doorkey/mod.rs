//! The command `doorkey`.

#[cfg(feature = "issuers")]
mod api;
mod args;
#[cfg(feature = "sandbox")]
mod client;
#[cfg(feature = "issuers")]
mod credential;
#[cfg(feature = "sandbox")]
mod examine;
#[cfg(feature = "sandbox")]
mod graded;
#[cfg(feature = "issuers")]
mod login;
#[cfg(feature = "issuers")]
mod pending;
#[cfg(feature = "issuers")]
mod place;
#[cfg(feature = "issuers")]
mod presets;
mod replay;
#[cfg(feature = "issuers")]
mod report;
#[cfg(feature = "issuers")]
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;
#[cfg(feature = "issuers")]
mod settings;
#[cfg(all(feature = "doctor", feature = "issuers"))]
mod subject;

use std::env;
use std::ffi::OsString;
#[cfg(feature = "issuers")]
use std::path::Path;
use std::process::ExitCode;

#[cfg(feature = "manual")]
use clap::CommandFactory;
use clap::Parser;

use crate::environment::Environment;
use crate::hardening;
#[cfg(feature = "manual")]
use crate::manual;
use crate::printer::Printer;
use crate::usage;

use self::args::{Cli, Command};

/// Runs the command of this process and returns its exit code.
pub fn main() -> ExitCode {
    hardening::begin();
    let cli = match Cli::try_parse_from(arguments()) {
        Ok(cli) => cli,
        Err(e) => return usage::explain("doorkey", &e),
    };
    let json = cli.json && !lends_output(&cli.command);
    let environment = Environment::read();
    let printer = Printer { json, unicode: environment.unicode() };
    let done = match cli.command {
        #[cfg(feature = "issuers")]
        Command::Issuers(command) => {
            let mut environment = environment;
            environment.plain = cli.plain;
            environment.terminal &= !command.is_for_programs();
            run::run(command, cli.profile, cli.trace, &environment, printer)
        }
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(&args, printer),
        Command::Replay(args) => replay::run(&args, printer),
        #[cfg(feature = "manual")]
        Command::Manual(manual) => manual::run(&manual, command(), printer),
    };
    printer.end(done)
}

/// cargo runs its credential providers with nothing but this argument.
#[cfg(feature = "issuers")]
const CARGO_PLUGIN: &str = "--cargo-plugin";
/// docker finds its credential helpers by this name.
#[cfg(feature = "issuers")]
const DOCKER_HELPER: &str = "docker-credential-doorkey";

/// The command line; those who cannot write one have theirs written out.
#[cfg(feature = "issuers")]
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = env::args_os().collect();
    let is_docker =
        arguments.first().is_some_and(|own| Path::new(own).file_stem() == Some(DOCKER_HELPER.as_ref()));
    let is_cargo = arguments.get(1).is_some_and(|first| first == CARGO_PLUGIN);
    let protocol = match (is_docker, is_cargo) {
        (true, _) => "docker",
        (false, true) => "cargo",
        (false, false) => return arguments,
    };
    arguments.splice(1..1, ["credential".into(), protocol.into()]);
    arguments
}

#[cfg(not(feature = "issuers"))]
fn arguments() -> Vec<OsString> {
    env::args_os().collect()
}

/// Whether standard output is another program's: then `--json` has no say.
fn lends_output(command: &Command) -> bool {
    match command {
        #[cfg(feature = "issuers")]
        Command::Issuers(command) => command.lends_output(),
        _ => false,
    }
}

/// The command line's definition, for completions and manual pages.
#[cfg(feature = "manual")]
pub fn command() -> clap::Command {
    Cli::command()
}
