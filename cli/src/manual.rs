//! Completion scripts and manual pages, the same way for every command.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap_complete::Shell;
use doorkey_core::failure::{Exit, Failure};

/// Prints a completion script.
pub fn completions(mut command: clap::Command, shell: Shell) -> ExitCode {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    // A closed pipe ends the reader's interest, not our work.
    let _ = io::stdout().write_all(&script);
    ExitCode::SUCCESS
}

/// Writes a page for the command and each of its subcommands into a folder that exists.
///
/// # Errors
/// If the folder cannot be written to.
pub fn pages(command: clap::Command, folder: &Path) -> Result<ExitCode, Failure> {
    clap_mangen::generate_to(command, folder).map_err(|e| {
        Failure::new(Exit::Usage, "unwritable_folder", format!("cannot write to {}: {e}", folder.display()))
    })?;
    Ok(ExitCode::SUCCESS)
}
