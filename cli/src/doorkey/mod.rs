//! The command `doorkey`.

mod replay;
#[cfg(feature = "sandbox")]
mod sandbox;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::hardening;
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
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
}

/// Runs the command of this process and returns its exit code.
pub fn main() -> ExitCode {
    hardening::no_core_dumps();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return usage::explain("doorkey", &e),
    };
    let printer = Printer { json: cli.json };
    let done = match cli.command {
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox::run(&args, printer),
        Command::Replay(args) => replay::run(&args, printer),
        Command::Completions { shell } => Ok(manual::completions(command(), shell)),
        Command::Man { folder } => manual::pages(command(), &folder),
    };
    done.unwrap_or_else(|failure| printer.failure(&failure))
}

/// The command line's definition, for completions and manual pages.
pub fn command() -> clap::Command {
    Cli::command()
}
