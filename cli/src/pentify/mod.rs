//! The command `pentify`.

mod args;
mod place;
mod report;
mod run;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::environment::Environment;
use crate::hardening;
use crate::printer::Printer;
use crate::usage;

/// Runs the command of this process and returns its exit code.
pub fn main() -> ExitCode {
    hardening::no_core_dumps();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage::explain("pentify", &e),
    };
    let printer = Printer { json: cli.json };
    match run::run(cli, &Environment::read(), printer) {
        Ok(code) => code,
        Err(failure) => printer.failure(&failure),
    }
}

/// The command line's definition, for completions and manual pages.
pub fn command() -> clap::Command {
    args::Cli::command()
}
