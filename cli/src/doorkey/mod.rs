//! The command `doorkey`.

mod replay;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::process::ExitCode;

#[cfg(feature = "manual")]
use clap::CommandFactory;
use clap::{Parser, Subcommand};

use crate::hardening;
#[cfg(feature = "manual")]
use crate::manual;
use crate::printer::Printer;
use crate::usage;

/// doorkey: a login for command-line programs; its sandbox and its traces
#[derive(Debug, Parser)]
#[command(name = "doorkey", version, disable_help_subcommand = true, propagate_version = true)]
struct Cli {
    /// Print JSON on standard output
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the sandbox: the service's pages and API on loopback
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::Args),
    /// Feed a trace back to the machine that left it, and compare
    Replay(replay::Args),
    /// Describe the command line
    #[cfg(feature = "manual")]
    #[command(flatten)]
    Manual(manual::Manual),
}

/// Runs the command of this process and returns its exit code.
pub fn main() -> ExitCode {
    hardening::begin();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage::explain("doorkey", &e),
    };
    let printer = Printer { json: cli.json };
    let done = match cli.command {
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
