//! The interactive screen at work: its machines, its terminal, its end.

use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, Scope};

use doorkey_blocking::{Clock, SystemClock};
use doorkey_core::connect::{Connect, ConnectOptions};
use doorkey_core::connection::Connection;
use doorkey_core::credits::Credits;
use doorkey_core::disconnect::Disconnect;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::Logic;
use doorkey_core::task::Task;

use super::app::{App, Wish};
use super::inline::{Pending, forget_keys, next, no_terminal, open_page};
use super::job::{Done, Job};
use super::keys::control;
use super::login::Effect;
use super::look::Look;
use super::remote::{Event, Remote};
use super::terminal::{Input, Mode, Terminal, read};
use crate::environment::Environment;
use crate::place::Place;
use crate::printer::Printer;
use crate::run::Run;
use crate::signals::Watch;
use crate::surface::Qr;
use crate::trace::Trace;

/// What the machines of the screen stand on.
pub struct Grounds<'a> {
    /// The service and its stores, for one machine.
    pub place: Box<dyn Fn() -> Result<Place, Failure> + Sync + 'a>,
    /// The environment.
    pub environment: &'a Environment,
    /// Where messages go when the screen is over.
    pub printer: Printer,
    /// How requests name their sender.
    pub user_agent: &'static str,
}

impl Grounds<'_> {
    /// What one machine is driven with.
    ///
    /// # Errors
    /// The service and its stores cannot be had.
    pub fn run(&self, watch: &Watch) -> Result<Run<'_>, Failure> {
        Ok(Run {
            place: (self.place)()?,
            environment: self.environment,
            printer: self.printer,
            trace: Trace::default(),
            watch: watch.clone(),
            user_agent: self.user_agent,
            qr: Qr::Never,
        })
    }
}

/// Opens the screen, and returns when the person leaves it.
///
/// # Errors
/// The terminal cannot be drawn on; the service and its stores cannot be had.
pub fn open(grounds: &Grounds<'_>) -> Result<ExitCode, Failure> {
    let watch = Watch::new(grounds.printer);
    let look = Look::of(grounds.environment, grounds.printer.colors());
    let (mut app, first) = App::new((grounds.place)()?.service);
    let (events, inbox) = mpsc::channel();
    let mut terminal = Terminal::enter(Mode::Full, look.colors, &watch).map_err(|e| no_terminal(&e))?;
    let report = events.clone();
    read(move |input| drop(report.send(Event::Terminal(input)))).map_err(|e| no_terminal(&e))?;
    let code = thread::scope(|scope| {
        let start = |job| start(scope, grounds, &watch, &events, job);
        start(first);
        let mut pending = Pending::default();
        loop {
            terminal.draw(&app.frame(SystemClock.now(), terminal.size(), look));
            let event = next(&inbox, app.counts_down());
            let asks = matches!(event, Some(Event::Choose(..) | Event::Ask(..)));
            let wish = match event {
                Some(Event::Terminal(Input::Key(key))) if control(key, 'l') => {
                    terminal.refresh();
                    None
                }
                Some(Event::Terminal(Input::Key(key))) => app.press(key),
                Some(Event::Terminal(Input::Paste(text))) => {
                    app.paste(&text);
                    None
                }
                Some(Event::Terminal(Input::Resized)) => {
                    terminal.resized();
                    None
                }
                Some(Event::Terminal(Input::Suspend)) => Some(Wish::Effect(Effect::Suspend)),
                Some(Event::Terminal(Input::Continued)) => {
                    terminal.resume();
                    None
                }
                Some(Event::Terminal(Input::Lost)) => app.lost(),
                Some(Event::Notice(now, notice)) => {
                    app.hear(now, &notice);
                    None
                }
                Some(Event::Tell(message)) => {
                    app.note(Some(message));
                    None
                }
                Some(Event::Choose(choices, answer)) => {
                    pending.chosen = app.choose(choices).then_some(answer);
                    None
                }
                Some(Event::Ask(question, answer)) => {
                    pending.answered = app.ask(question).then_some(answer);
                    None
                }
                Some(Event::Opened(result)) => {
                    app.opened(&result);
                    None
                }
                // A signal that ended a machine was meant for all of this.
                Some(Event::Done(done)) => match app.done(done) {
                    Some(Wish::Leave(code)) => Some(Wish::Leave(code)),
                    _ if watch.was_signalled() => Some(Wish::Leave(Exit::Interrupted.code())),
                    wish => wish,
                },
                None => None,
            };
            if asks {
                forget_keys(&events, &inbox);
            }
            match wish {
                None => {}
                Some(Wish::Run(job)) => start(job),
                Some(Wish::Leave(code)) => return code,
                Some(Wish::Effect(effect)) => match effect {
                    Effect::Cancel => watch.interrupt(),
                    Effect::Choose(index) => pending.choose(index),
                    Effect::Answer(yes) => pending.answer(yes),
                    Effect::Copy(text) => terminal.copy(text.expose_secret()),
                    Effect::Open(url) => open_page(grounds.environment.browser(), url, events.clone()),
                    Effect::Suspend => terminal.suspend(),
                },
            }
        }
    });
    drop(terminal);
    // They went away with the screen.
    app.warnings().for_each(|warning| grounds.printer.tell(warning));
    if code == Exit::Interrupted.code() {
        return Err(Failure::interrupted());
    }
    Ok(ExitCode::from(code))
}

/// Starts a machine on a thread of its own.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    grounds: &'scope Grounds<'_>,
    watch: &Watch,
    events: &Sender<Event<Done>>,
    job: Job,
) {
    let (watch, events) = (watch.clone(), events.clone());
    watch.expect();
    scope.spawn(move || {
        let can_open = grounds.environment.can_open_pages();
        let options = ConnectOptions { workspace: None, force: false, open_browser: can_open };
        let done = match job {
            Job::Look => {
                Done::Looked(drive(grounds, &watch, &events, Task::Connection, Connection::default()))
            }
            Job::Connect => Done::Connected(drive(
                grounds,
                &watch,
                &events,
                Task::Connect(options.clone()),
                Connect::new(options),
            )),
            Job::Disconnect => {
                Done::Disconnected(drive(grounds, &watch, &events, Task::Disconnect, Disconnect::default()))
            }
            Job::Credits => Done::Credits(drive(grounds, &watch, &events, Task::Credits, Credits::default())),
        };
        let _ = events.send(Event::Done(done));
    });
}

fn drive<L: Logic>(
    grounds: &Grounds<'_>,
    watch: &Watch,
    events: &Sender<Event<Done>>,
    task: Task,
    logic: L,
) -> Result<L::Output, Failure> {
    let run = grounds.run(watch)?;
    if matches!(task, Task::Connect(_)) {
        run.check_proxies()?;
    }
    let mut remote = Remote::new(events.clone(), watch.clone(), run.link_hook());
    run.drive_on(&mut remote, task, logic)
}
