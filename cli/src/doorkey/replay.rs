//! `doorkey replay`: feeds a trace back to the machine that left it.

use std::path::PathBuf;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless_lines;
use doorkey_core::trace::replay;
use serde_json::json;

use crate::printer::{GREEN, Printer, RESET};

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file that `--trace` wrote
    file: PathBuf,
}

/// Replays a trace; a difference is a failure.
///
/// # Errors
/// If the file is no trace, or gives something else now.
pub fn run(args: &Args, printer: Printer) -> Result<ExitCode, Failure> {
    let unreadable = |what: String| {
        Failure::new(Exit::Usage, "unreadable_trace", format!("{}: {what}", args.file.display()))
            .next("give it a file that `--trace` wrote")
    };
    let text = std::fs::read_to_string(&args.file).map_err(|e| unreadable(e.to_string()))?;
    let lines: Vec<&str> = text.lines().collect();
    match replay(&lines).map_err(|e| unreadable(e.to_string()))? {
        Ok(replayed) if printer.json => {
            printer.json(&json!({"same": true, "events": replayed.events, "commands": replayed.commands}));
            Ok(ExitCode::SUCCESS)
        }
        Ok(replayed) => {
            let (events, commands) = (replayed.events, replayed.commands);
            printer.line(&format!("{GREEN}✓{RESET} {events} events gave the same {commands} commands again"));
            Ok(ExitCode::SUCCESS)
        }
        Err(difference) => {
            // The trace may be somebody else's.
            printer.message(&format!("recorded: {}", harmless_lines(&difference.recorded)));
            printer.message(&format!("replayed: {}", harmless_lines(&difference.replayed)));
            let message = format!("{}: line {} came out differently", args.file.display(), difference.line);
            Err(Failure::new(Exit::Internal, "replay_differs", message))
        }
    }
}
