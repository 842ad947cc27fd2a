//! Completion scripts and manual pages, the same way for every command.

use std::path::PathBuf;
use std::process::ExitCode;

use clap_complete::Shell;
use doorkey_core::failure::{Exit, Failure};

use crate::printer::Printer;

/// The commands that describe their command line.
#[derive(Debug, clap::Subcommand)]
pub enum Manual {
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder
        folder: PathBuf,
    },
}

/// Describes `command`.
///
/// # Errors
/// If the folder for the manual pages cannot be written to.
pub fn run(manual: &Manual, mut command: clap::Command, printer: Printer) -> Result<ExitCode, Failure> {
    match manual {
        Manual::Completions { shell } => {
            let name = command.get_name().to_owned();
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command, name, &mut script);
            printer.bytes(&script);
        }
        Manual::Man { folder } => clap_mangen::generate_to(command, folder).map_err(|e| {
            let message = format!("cannot write to {}: {e}", folder.display());
            Failure::new(Exit::Usage, "unwritable_folder", message)
                .next("name a folder that is there, and yours")
        })?,
    }
    Ok(ExitCode::SUCCESS)
}
