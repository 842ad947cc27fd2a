//! `doorkey replay`: feeds traces back to the machines that left them.

use std::path::PathBuf;
use std::process::ExitCode;

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless_lines;
use doorkey_core::trace::{Difference, Replayed, UnreadableTrace, replay};
use serde_json::{Value, json};

use crate::printer::{GREEN, Printer, RESET};

/// Arguments of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A file that `--trace` wrote
    file: PathBuf,
}

/// Replays all traces of a file; a difference is a failure.
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
    let mut all = Replayed { events: 0, commands: 0 };
    for (before, part) in parts(&lines) {
        let replayed = replay(part)
            .map_err(|e| unreadable(UnreadableTrace { line: before + e.line, ..e }.to_string()))?;
        match replayed {
            Ok(replayed) => {
                all.events += replayed.events;
                all.commands += replayed.commands;
            }
            Err(difference) => return Err(differs(args, printer, before, &difference)),
        }
    }
    let Replayed { events, commands } = all;
    if printer.json {
        printer.json(&json!({"same": true, "events": events, "commands": commands}));
    } else {
        printer.line(&format!("{GREEN}✓{RESET} {events} events gave the same {commands} commands again"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The traces of the machines that a command ran one after the other, each with the number of lines before it.
fn parts<'a>(lines: &'a [&'a str]) -> Vec<(usize, &'a [&'a str])> {
    let begins =
        |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line.get("trace").is_some());
    let mut starts: Vec<usize> =
        lines.iter().enumerate().skip(1).filter(|(_, line)| begins(line)).map(|(number, _)| number).collect();
    starts.insert(0, 0);
    let ends = starts.iter().skip(1).copied().chain([lines.len()]);
    starts.iter().zip(ends).filter_map(|(start, end)| Some((*start, lines.get(*start..end)?))).collect()
}

fn differs(args: &Args, printer: Printer, before: usize, difference: &Difference) -> Failure {
    // The trace may be somebody else's.
    printer.message(&format!("recorded: {}", harmless_lines(&difference.recorded)));
    printer.message(&format!("replayed: {}", harmless_lines(&difference.replayed)));
    let line = before + difference.line;
    let message = format!("{}: line {line} came out differently", args.file.display());
    Failure::new(Exit::Internal, "replay_differs", message)
        .next("replay it with the version that wrote it; if it was this one, please report it")
}
