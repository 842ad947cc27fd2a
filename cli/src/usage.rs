//! Command lines that make no sense.

use std::env;
use std::process::ExitCode;

use clap::error::ErrorKind;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;

use crate::printer::Printer;

/// Prints what clap has to say, help and version included. An error is an object on standard output if `--json` is
/// among the arguments.
pub fn explain(command: &str, error: &clap::Error) -> ExitCode {
    let json = env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    if json && error.use_stderr() {
        return Printer { json }.failure(&failure(command, error));
    }
    // There is nobody to tell that printing failed.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()))
}

fn failure(command: &str, error: &clap::Error) -> Failure {
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "a command is missing".to_owned()
        }
        _ => {
            let text = error.render().to_string();
            // The first paragraph says what is wrong; tips and the usage follow.
            let first = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
            let words: Vec<&str> = first.split_whitespace().collect();
            harmless(&words.join(" "))
        }
    };
    Failure::new(Exit::Usage, "usage", message).next(format!("see `{command} --help`"))
}
