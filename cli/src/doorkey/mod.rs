//! The command `doorkey`.

mod args;
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
#[cfg(feature = "issuers")]
mod subject;

use std::process::ExitCode;

#[cfg(feature = "manual")]
use clap::CommandFactory;
use clap::Parser;

#[cfg(feature = "issuers")]
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage::explain("doorkey", &e),
    };
    let printer = Printer { json: cli.json };
    let done = match cli.command {
        #[cfg(feature = "issuers")]
        Command::Issuers(command) => run::run(command, cli.profile, cli.trace, &Environment::read(), printer),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(&args, printer),
        Command::Replay(args) => replay::run(&args, printer),
        #[cfg(feature = "manual")]
        Command::Manual(manual) => manual::run(&manual, command()),
    };
    done.unwrap_or_else(|failure| printer.failure(&failure))
}

/// The command line's definition, for completions and manual pages.
#[cfg(feature = "manual")]
pub fn command() -> clap::Command {
    Cli::command()
}
