//! `pensar` without a command: the interactive screen, or the same in plain lines.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::connection::Connection;
use doorkey_core::credits::Credits;
use doorkey_core::disconnect::Disconnect;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::task::Task;
use ratatui::crossterm::event::KeyCode;

use super::args::Cli;
use super::run::USER_AGENT;
use super::{credits, place, report};
use crate::environment::Environment;
use crate::place::Place;
use crate::printer::Printer;
use crate::run::Run;
use crate::screen::prompt::{COMMANDS, Command, Entered, Prompt};
use crate::screen::standing::toast;
use crate::screen::{self, Grounds};
use crate::signals::Watch;
use crate::surface::{Asked, Message};

/// Opens the screen; where nothing can be drawn over itself, asks for commands line by line.
///
/// # Errors
/// The service and its stores cannot be had; a terminal that cannot be drawn on.
pub fn open(cli: &Cli, environment: &Environment, printer: Printer) -> Result<ExitCode, Failure> {
    let grounds = grounds(cli, environment, printer)?;
    if environment.redraws() {
        screen::open(&grounds)
    } else {
        Shell { grounds, watch: Watch::new(printer) }.run()
    }
}

/// The sandbox, if there is one, lives as long as the screen.
fn grounds<'a>(cli: &Cli, environment: &'a Environment, printer: Printer) -> Result<Grounds<'a>, Failure> {
    #[cfg(feature = "sandbox")]
    let sandbox = if cli.sandbox { place::sandbox(environment)?.sandbox } else { None };
    #[cfg(not(feature = "sandbox"))]
    let _ = cli;
    let place = move || -> Result<Place, Failure> {
        #[cfg(feature = "sandbox")]
        if let Some(sandbox) = &sandbox {
            return place::sandbox_at(environment, sandbox.clone());
        }
        place::real(environment)
    };
    Ok(Grounds { place: Box::new(place), environment, printer, user_agent: USER_AGENT })
}

/// The commands of the screen in plain lines.
struct Shell<'a> {
    grounds: Grounds<'a>,
    watch: Watch,
}

impl Shell<'_> {
    fn run(&self) -> Result<ExitCode, Failure> {
        let printer = self.grounds.printer;
        match self.start()?.drive(Task::Connection, Connection::default()) {
            Ok(report) => {
                if let Some(toast) = toast(&(self.grounds.place)()?.service, report.state) {
                    printer.tell(&toast);
                }
            }
            Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
            // Whatever cannot be read is told by who needs it.
            Err(_) => {}
        }
        printer.message("Type /login, /credits, /help or /quit.");
        while let Some(line) = self.ask("pensar> ") {
            // As the prompt of the screen would take it.
            let mut prompt = Prompt::default();
            prompt.paste(&line);
            let done = match prompt.press(KeyCode::Enter.into()) {
                None => continue,
                Some(Entered::Command(Command::Quit) | Entered::End) => return Ok(ExitCode::SUCCESS),
                Some(Entered::Command(Command::Help)) => {
                    for (_, name, alias, does) in COMMANDS {
                        let also = if alias.is_empty() { String::new() } else { format!(" or {alias}") };
                        printer.line(&format!("{name}{also}: {does}"));
                    }
                    continue;
                }
                Some(Entered::Command(Command::Login)) => self.login(),
                Some(Entered::Command(Command::Credits)) => self.credits(),
                Some(Entered::Unknown(_)) => {
                    let what = "There is no such command.";
                    let message =
                        Message { next: Some("/help lists them".to_owned()), ..Message::plain(what) };
                    printer.tell(&message);
                    continue;
                }
            };
            match done {
                Err(failure) if failure.exit == Exit::Interrupted => return Err(failure),
                Err(failure) => drop(printer.failure(&failure)),
                Ok(()) => {}
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn login(&self) -> Result<(), Failure> {
        let (printer, run) = (self.grounds.printer, self.start()?);
        let service = run.place.service.clone();
        let told = run.drive(Task::Connection, Connection::default())?;
        if told.is_connected() {
            report::status(printer, &service, &told);
            if agreed("Disconnect?") {
                let disconnected = self.start()?.drive(Task::Disconnect, Disconnect::default())?;
                report::disconnected(printer, &service, &disconnected);
            }
            return Ok(());
        }
        let run = self.start()?;
        run.check_proxies()?;
        let open_browser = self.grounds.environment.can_open_pages();
        let options = ConnectOptions { workspace: None, force: false, open_browser };
        let connected = run.log_in(Task::Connect(options.clone()), Connect::new(options))?;
        report::connected(printer, &service, &connected);
        Ok(())
    }

    fn credits(&self) -> Result<(), Failure> {
        let (printer, run) = (self.grounds.printer, self.start()?);
        let service = run.place.service.clone();
        let told = run.drive(Task::Credits, Credits::default())?;
        credits::show(printer, &service, &told, None);
        let browser = self.grounds.environment.browser();
        if agreed("Open the billing page?") {
            credits::open(printer, &told.billing_page(&service), &browser);
        }
        Ok(())
    }

    fn start(&self) -> Result<Run<'_>, Failure> {
        self.grounds.run(&self.watch)
    }

    /// A line of the person's; `None` at the end of them.
    fn ask(&self, prompt: &str) -> Option<String> {
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
        let mut line = Vec::new();
        let read = io::stdin().lock().read_until(b'\n', &mut line);
        if !read.is_ok_and(|bytes| bytes > 0) {
            // The prompt's line is still open.
            self.grounds.printer.message("");
            return None;
        }
        Some(String::from_utf8_lossy(&line).trim().to_owned())
    }
}

/// Whether the person says yes.
fn agreed(question: &str) -> bool {
    let asked = Asked { text: question.to_owned(), otherwise: false };
    asked.read(&mut io::stdin().lock(), &mut io::stderr())
}
