//! The command `pensar`.

mod args;
mod credits;
#[cfg(feature = "screen")]
mod interactive;
mod place;
mod report;
mod run;
#[cfg(feature = "doctor")]
mod subject;
mod words;

#[cfg(feature = "screen")]
pub use self::words::advice;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::environment::Environment;
use crate::hardening;
use crate::printer::Printer;
use crate::usage;

/// Runs the command of this process and returns its exit code.
pub fn main() -> ExitCode {
    hardening::begin();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage::explain("pensar", &e),
    };
    // Standard output is the command's that is run.
    let lends_output = matches!(cli.command, Some(args::Command::Exec(_)));
    let mut environment = Environment::read();
    environment.plain = cli.plain;
    let printer = Printer { json: cli.json && !lends_output, unicode: environment.unicode() };
    printer.end(run::run(cli, &environment, printer))
}

/// The command line's definition, for help, completions and manual pages.
pub fn command() -> clap::Command {
    args::Cli::command()
}
