//! `exec`: a command that finds the token in a variable.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Command, ExitCode};

use doorkey_core::failure::{Exit, Failure};
use doorkey_core::secret::Secret;
use doorkey_core::text::harmless;

use crate::environment::TOKEN_VARIABLES;
use crate::printer::Printer;
use crate::signals::Watch;

/// Arguments of `exec`.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Another variable for it, any but PATH
    #[arg(long, value_name = "NAME")]
    variable: Option<String>,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Who hears signals: what was ignored when a command that is to be run began, as under `nohup`, stays so for it.
///
/// # Errors
/// The variable's name can be none; that is told before a token is asked for.
pub fn watch(args: Option<&Args>, printer: Printer) -> Result<Watch, Failure> {
    let Some(args) = args else { return Ok(Watch::new(printer)) };
    check(args)?;
    Ok(Watch::before_exec(printer))
}

/// Runs the command with the token in the named variable, else in the `usual` one: on Unix in the place of this process, so that signals and the exit code are its own.
///
/// # Errors
/// It cannot be started.
pub fn exec(args: &Args, usual: &str, token: &Secret) -> Result<ExitCode, Failure> {
    let Some((program, rest)) = args.command.split_first() else {
        return Err(
            Failure::new(Exit::Usage, "usage", "there is no command to run").next("name it after `--`")
        );
    };
    let mut command = Command::new(program);
    command.args(rest);
    for variable in TOKEN_VARIABLES {
        command.env_remove(variable);
    }
    command.env(args.variable.as_deref().unwrap_or(usual), token.expose_secret());
    run(command).map_err(|e| not_started(program, &e))
}

fn check(args: &Args) -> Result<(), Failure> {
    let Some(name) = &args.variable else { return Ok(()) };
    if name == "PATH" {
        let what = "with a token in PATH no command would be found";
        return Err(Failure::new(Exit::Usage, "usage", what).next("give --variable another name"));
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.chars().all(is_plain) && name.starts_with(|c: char| !c.is_ascii_digit()) {
        return Ok(());
    }
    let what = format!("{:?} is no name of a variable", harmless(name));
    Err(Failure::new(Exit::Usage, "usage", what).next("give --variable a name of letters, digits and _"))
}

#[cfg(unix)]
fn run(mut command: Command) -> io::Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;

    Err(command.exec())
}

#[cfg(not(unix))]
fn run(mut command: Command) -> io::Result<ExitCode> {
    let code = command.status()?.code();
    // Codes are wider there than what this process can end with.
    Ok(code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The command cannot be started.
pub fn not_started(program: &OsStr, why: &io::Error) -> Failure {
    let name = harmless(&program.to_string_lossy());
    match why.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(Exit::Usage, "command_not_found", format!("there is no command {name:?}"))
                .next("check its name, or give its whole path")
        }
        _ => {
            let what = format!("the command {name:?} cannot be run: {}", harmless(&why.to_string()));
            Failure::new(Exit::Usage, "command_not_started", what).next("mend that, then try again")
        }
    }
}
