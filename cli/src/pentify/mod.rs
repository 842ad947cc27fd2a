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

/// Runs the command of this process and returns its exit code.
pub fn main() -> ExitCode {
    hardening::no_core_dumps();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are no errors; there is nobody to tell that printing failed.
            let _ = e.print();
            return ExitCode::from(u8::try_from(e.exit_code()).unwrap_or(2));
        }
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
