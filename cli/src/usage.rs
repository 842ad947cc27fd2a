//! Command lines that make no sense.

use std::env;
use std::process::ExitCode;

use clap::error::ErrorKind;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::text::harmless;
use doorkey_core::token::TOKEN_PREFIXES;

use crate::environment::Environment;
use crate::printer::{Printer, written};

/// What is above the flags of every command.
pub const GLOBAL: &str = "Global options";

/// Prints what clap has to say, help and version included. An error is an object on standard output if `--json` is
/// among the arguments.
pub fn explain(command: &str, error: &clap::Error) -> ExitCode {
    let json = env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json");
    let printer = Printer { json, unicode: Environment::read().unicode() };
    if json && error.use_stderr() {
        return printer.failure(&failure(command, error));
    }
    if error.use_stderr() {
        printer.message(masked(&error.render().ansi().to_string()).trim_end());
    } else {
        written(&error.print());
    }
    let code = ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
    printer.end(Ok(code))
}

/// A flag that this command has no use for, where leaving it out of account would not be what was meant.
pub fn misplaced(flag: &str, command: &str, next: &str) -> Failure {
    Failure::new(Exit::Usage, "usage", format!("{flag} has no say in `{command}`")).next(next)
}

/// A command that was to be done with before got to where others are.
#[cfg(any(feature = "doctor", feature = "manual"))]
pub fn passed_over() -> Failure {
    Failure::new(Exit::Internal, "internal", "a command was passed over").next("please report it")
}

fn failure(command: &str, error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let message = match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            "a command is missing".to_owned()
        }
        _ => {
            // The first paragraph says what is wrong; tips and the usage follow.
            let first = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
            let words: Vec<&str> = first.split_whitespace().collect();
            harmless(&masked(&words.join(" ")))
        }
    };
    let tips = text.lines().filter_map(|line| line.trim().strip_prefix("tip: "));
    let tips: String = tips.map(|tip| format!("{}; ", harmless(&masked(tip)))).collect();
    Failure::new(Exit::Usage, "usage", message).next(format!("{tips}see `{command} --help`"))
}

/// The text with tokens cut to their prefix: a token in the wrong place must not end up in a log.
fn masked(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((at, prefix)) = TOKEN_PREFIXES.iter().filter_map(|p| Some((rest.find(p)?, p))).min() {
        let (before, token) = rest.split_at(at + prefix.len());
        shown.push_str(before);
        shown.push('…');
        rest = token.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_cut_to_their_prefix_wherever_they_stand() {
        for (text, shown) in [
            ("unrecognized subcommand 'pt_live_abc-D_1'", "unrecognized subcommand 'pt_live_…'"),
            ("pk_test_a pt_live_b", "pk_test_… pt_live_…"),
            ("nothing to hide", "nothing to hide"),
            ("ends with pt_test_", "ends with pt_test_…"),
        ] {
            assert_eq!(masked(text), shown);
        }
    }
}
