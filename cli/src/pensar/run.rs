//! What the commands do: build a machine, drive it, show what came of it.

use std::process::ExitCode;

use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::connection::Connection;
use doorkey_core::credits::Credits;
use doorkey_core::disconnect::Disconnect;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::resolve::Given;
use doorkey_core::task::Task;

#[cfg(feature = "doctor")]
use crate::doctor;
use crate::environment::Environment;
use crate::exec;
#[cfg(feature = "manual")]
use crate::manual;
use crate::printer::Printer;
use crate::run::Run;
use crate::surface::Qr;
use crate::token::Found;
#[cfg(any(feature = "doctor", feature = "manual"))]
use crate::usage::passed_over;

use super::args::{Auth, AuthCommand, Cli, Command, ConnectArgs, Login, Other, StatusArgs};
#[cfg(feature = "screen")]
use super::interactive;
#[cfg(feature = "doctor")]
use super::subject::subject;
use super::{credits, place, report};

/// How requests name their sender.
pub(super) const USER_AGENT: &str = concat!("pensar-apex/", env!("CARGO_PKG_VERSION"));

/// Runs one command line.
///
/// # Errors
/// Whatever ends the command without success.
pub fn run(cli: Cli, environment: &Environment, printer: Printer) -> Result<ExitCode, Failure> {
    let Some(command) = cli.command else { return without_command(&cli, environment, printer) };
    #[cfg(feature = "manual")]
    if let Command::Manual(manual) = &command {
        return manual::run(manual, super::command(), printer);
    }
    #[cfg(feature = "doctor")]
    if let Command::Doctor(args) = command {
        #[cfg(feature = "sandbox")]
        let sandbox = cli.sandbox;
        #[cfg(not(feature = "sandbox"))]
        let sandbox = false;
        doctor::only_the_real(&cli.trace, sandbox)?;
        return Ok(doctor::run(args, environment, printer, subject(environment, USER_AGENT)));
    }
    let runs = if let Command::Exec(args) = &command { Some(args) } else { None };
    let run = Run {
        #[cfg(feature = "sandbox")]
        place: if cli.sandbox { place::sandbox(environment)? } else { place::real(environment)? },
        #[cfg(not(feature = "sandbox"))]
        place: place::real(environment)?,
        environment,
        printer,
        trace: cli.trace,
        watch: exec::watch(runs, printer)?,
        user_agent: USER_AGENT,
        qr: Qr::Never,
    };
    match command {
        Command::Login(Login { connect: args, other }) => match other {
            None => connect(run, args),
            Some(other) => about_connection(run, &args, other),
        },
        Command::Auth(Auth { connect: args, command }) => match command {
            None => connect(run, args),
            Some(AuthCommand::Login(named)) if args == ConnectArgs::default() => connect(run, named),
            Some(AuthCommand::Login(_)) => Err(misplaced_flag()),
            Some(AuthCommand::Other(other)) => about_connection(run, &args, other),
        },
        Command::Credits(args) => {
            let (service, browser) = (run.place.service.clone(), environment.browser());
            let told = run.drive(Task::Credits, Credits::default())?;
            Ok(credits::show(printer, &service, &told, args.open.then_some(&browser)))
        }
        #[cfg(feature = "doctor")]
        Command::Doctor(_) => Err(passed_over()),
        Command::Token => Ok(Found::find(run, Given::default())?.print(printer)),
        Command::Exec(args) => {
            let found = Found::find(run, Given::default())?;
            exec::exec(&args, "PENSAR_ACCESS_TOKEN", &found.token)
        }
        #[cfg(feature = "manual")]
        Command::Manual(_) => Err(passed_over()),
    }
}

fn about_connection(run: Run<'_>, misplaced: &ConnectArgs, other: Other) -> Result<ExitCode, Failure> {
    if *misplaced != ConnectArgs::default() {
        return Err(misplaced_flag());
    }
    match other {
        Other::Status(args) => status(run, args),
        Other::Logout => disconnect(run),
    }
}

/// Not clap's to say: its rule for this counts the global flags, too.
fn misplaced_flag() -> Failure {
    let message = "a flag of `login` stands before a command that it does not apply to";
    Failure::new(Exit::Usage, "usage", message).next("see `pensar login --help`")
}

fn connect(mut run: Run<'_>, args: ConnectArgs) -> Result<ExitCode, Failure> {
    let (printer, service) = (run.printer, run.place.service.clone());
    run.check_proxies()?;
    let can_open = run.environment.can_open_pages();
    run.qr = match () {
        #[cfg(feature = "qr")]
        () if args.qr => Qr::Asked,
        () if args.no_browser => Qr::Never,
        () => Qr::InsteadOfBrowser { at_once: !can_open },
    };
    let options = ConnectOptions {
        workspace: args.workspace,
        force: args.force,
        open_browser: !args.no_browser && can_open,
    };
    let connected = run.log_in(Task::Connect(options.clone()), Connect::new(options))?;
    report::connected(printer, &service, &connected);
    Ok(ExitCode::SUCCESS)
}

fn status(run: Run<'_>, args: StatusArgs) -> Result<ExitCode, Failure> {
    let (printer, service) = (run.printer, run.place.service.clone());
    let told = match args.explain {
        true => run.drive(Task::ExplainConnection, Connection::explained())?,
        false => run.drive(Task::Connection, Connection::default())?,
    };
    Ok(report::status(printer, &service, &told))
}

fn disconnect(run: Run<'_>) -> Result<ExitCode, Failure> {
    let (printer, service) = (run.printer, run.place.service.clone());
    let disconnected = run.drive(Task::Disconnect, Disconnect::default())?;
    Ok(report::disconnected(printer, &service, &disconnected))
}

/// The interactive screen, where there is somebody to look at it.
fn without_command(cli: &Cli, environment: &Environment, printer: Printer) -> Result<ExitCode, Failure> {
    #[cfg(feature = "screen")]
    if environment.terminal && environment.stdout_is_terminal && !printer.json {
        if cli.trace.is_given() {
            let message = "the interactive screen writes no trace";
            return Err(
                Failure::new(Exit::Usage, "usage", message).next("trace one command, as `pensar login`")
            );
        }
        return interactive::open(cli, environment, printer);
    }
    #[cfg(not(feature = "screen"))]
    let _ = (cli, environment);
    if printer.json {
        return Err(Failure::new(Exit::Usage, "usage", "a command is missing").next("see `pensar --help`"));
    }
    printer.line(super::command().render_help().ansi().to_string().trim_end());
    Ok(ExitCode::SUCCESS)
}
