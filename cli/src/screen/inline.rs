//! A login on a terminal, drawn below what stands there already and gone when it is over.

use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use doorkey_blocking::{Browser, Clock, SystemClock};
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::{Logic, Outcome};
use doorkey_core::service::Service;
use doorkey_core::task::Task;
use ratatui::crossterm::event::KeyCode;

use super::keys::control;
use super::login::{Effect, Login};
use super::look::Look;
use super::remote::{Event, Remote};
use super::terminal::{Input, Mode, Terminal, read};
use crate::printer::Printer;
use crate::run::Run;
use crate::signals::Watch;
use crate::surface::Message;

/// What is over sooner is not worth a view.
const AT_ONCE: Duration = Duration::from_millis(250);
/// How often a view that counts down is drawn.
const TICK: Duration = Duration::from_secs(1);

/// Drives a login to its end.
///
/// # Errors
/// As the machine says; the terminal or the trace cannot be used.
pub fn log_in<L: Logic + Send>(run: Run<'_>, task: Task, logic: L) -> Outcome<L::Output>
where
    L::Output: Send + 'static,
{
    let service = run.place.service.clone();
    let view = View {
        login: Login::new(&service, run.qr),
        service,
        look: Look::of(run.environment, run.printer.colors()),
        printer: run.printer,
        watch: run.watch.clone(),
        browser: run.environment.browser(),
    };
    let (events, inbox) = mpsc::channel();
    thread::scope(|scope| {
        let mut remote = Remote::new(events.clone(), run.watch.clone(), run.link_hook());
        let ended = events.clone();
        scope.spawn(move || {
            let outcome = run.drive_on(&mut remote, task, logic);
            // Whoever waits for it has the other end.
            let _ = ended.send(Event::Done(outcome));
        });
        view.show(&events, &inbox)
    })
}

/// The view, and what it needs of the machine that it is on.
struct View {
    login: Login,
    service: Service,
    look: Look,
    printer: Printer,
    watch: Watch,
    browser: Browser,
}

impl View {
    fn show<T: Send + 'static>(
        mut self,
        events: &Sender<Event<Outcome<T>>>,
        inbox: &Receiver<Event<Outcome<T>>>,
    ) -> Outcome<T> {
        let mut early = Vec::new();
        // Until there is something to look at, the terminal stays as it is.
        while !self.login.has_news() {
            match inbox.recv_timeout(AT_ONCE) {
                Ok(Event::Done(outcome)) => {
                    early.iter().for_each(|message| self.printer.tell(message));
                    return outcome;
                }
                Ok(event @ (Event::Choose(..) | Event::Ask(..))) => {
                    let _ = events.send(event);
                    break;
                }
                Ok(Event::Notice(now, notice)) => {
                    if !self.login.hear(now, &notice) {
                        early.extend(Message::of(&notice, &self.service));
                    }
                }
                Ok(Event::Tell(message)) => early.push(message),
                Ok(Event::Opened(_) | Event::Terminal(_)) => {}
                Err(_) => break,
            }
        }
        early.iter().for_each(|message| self.printer.tell(message));
        let mut terminal = match Terminal::enter(Mode::Inline, self.look.colors, &self.watch) {
            Ok(terminal) => terminal,
            Err(e) => return self.without_terminal(inbox, &e),
        };
        let report = events.clone();
        if let Err(e) = read(move |input| drop(report.send(Event::Terminal(input)))) {
            drop(terminal);
            return self.without_terminal(inbox, &e);
        }
        let mut pending = Pending::default();
        loop {
            self.draw(&mut terminal);
            let event = next(inbox, self.login.counts_down());
            let asks = matches!(event, Some(Event::Choose(..) | Event::Ask(..)));
            match event {
                Some(Event::Done(outcome)) => return outcome,
                Some(event) => self.handle(event, &mut terminal, &mut pending, events),
                None => {}
            }
            if asks {
                forget_keys(events, inbox);
            }
        }
    }

    fn draw(&self, terminal: &mut Terminal) {
        let mut size = terminal.size();
        // What stood there before stays in sight.
        size.rows = size.rows.saturating_sub(1);
        terminal.draw(&self.login.rows(SystemClock.now(), size, self.look).frame(None));
    }

    fn handle<T: Send + 'static>(
        &mut self,
        event: Event<T>,
        terminal: &mut Terminal,
        pending: &mut Pending,
        events: &Sender<Event<T>>,
    ) {
        match event {
            Event::Notice(now, notice) => {
                if !self.login.hear(now, &notice)
                    && let Some(message) = Message::of(&notice, &self.service)
                {
                    terminal.above(|| self.printer.tell(&message));
                }
            }
            Event::Tell(message) => terminal.above(|| self.printer.tell(&message)),
            Event::Choose(choices, answer) => {
                self.login.choose(choices);
                pending.chosen = Some(answer);
            }
            Event::Ask(question, answer) => {
                // What is not known here is answered no, by nobody's answer.
                pending.answered = self.login.ask(question).then_some(answer);
            }
            Event::Opened(result) => self.login.opened(&result),
            Event::Terminal(input) => match input {
                Input::Key(key) if control(key, 'l') => terminal.refresh(),
                Input::Key(key) => match self.login.press(key) {
                    Some(Effect::Suspend) => terminal.suspend(),
                    Some(Effect::Copy(text)) => terminal.copy(text.expose_secret()),
                    Some(Effect::Cancel) => self.watch.interrupt(),
                    Some(Effect::Open(url)) => open_page(self.browser.clone(), url, events.clone()),
                    Some(Effect::Choose(index)) => pending.choose(index),
                    Some(Effect::Answer(yes)) => pending.answer(yes),
                    None => {}
                },
                Input::Paste(_) => {}
                Input::Resized => terminal.resized(),
                Input::Suspend => terminal.suspend(),
                Input::Continued => terminal.resume(),
                Input::Lost => self.watch.interrupt(),
            },
            Event::Done(_) => {}
        }
    }

    /// A terminal that cannot be drawn on: nothing can be asked either.
    fn without_terminal<T>(&self, inbox: &Receiver<Event<Outcome<T>>>, why: &io::Error) -> Outcome<T> {
        self.watch.interrupt();
        for event in inbox {
            if let Event::Done(Ok(output)) = event {
                return Ok(output);
            }
            if let Event::Done(Err(_)) = event {
                break;
            }
        }
        Err(no_terminal(why))
    }
}

/// The next thing that happened; `None`: it is only time to draw again, as it is every second where time is shown.
pub fn next<T>(inbox: &Receiver<Event<T>>, counts_down: bool) -> Option<Event<T>> {
    if counts_down { inbox.recv_timeout(TICK).ok() } else { inbox.recv().ok() }
}

/// What was typed before there was anything to answer is no answer to it.
pub fn forget_keys<T>(events: &Sender<Event<T>>, inbox: &Receiver<Event<T>>) {
    let is_key = |event: &Event<T>| matches!(event, Event::Terminal(Input::Key(key)) if !control(*key, 'c') && key.code != KeyCode::Esc);
    let others: Vec<_> = inbox.try_iter().filter(|event| !is_key(event)).collect();
    for event in others {
        let _ = events.send(event);
    }
}

/// The terminal cannot be drawn on.
pub fn no_terminal(why: &io::Error) -> Failure {
    let what = format!("the terminal cannot be drawn on: {why}");
    Failure::new(Exit::Usage, "no_terminal", what).next("try again with `--plain`")
}

/// Who waits for the person.
#[derive(Debug, Default)]
pub struct Pending {
    /// For a choice.
    pub chosen: Option<Sender<Option<usize>>>,
    /// For an answer.
    pub answered: Option<Sender<bool>>,
}

impl Pending {
    /// The choice was made.
    pub fn choose(&mut self, index: Option<usize>) {
        if let Some(answer) = self.chosen.take() {
            let _ = answer.send(index);
        }
    }

    /// The answer was given.
    pub fn answer(&mut self, yes: bool) {
        if let Some(answer) = self.answered.take() {
            let _ = answer.send(yes);
        }
    }
}

/// Opens a page without waiting for the browser to say whether it did.
pub fn open_page<T: Send + 'static>(browser: Browser, url: doorkey_core::url::Url, events: Sender<Event<T>>) {
    thread::spawn(move || {
        let _ = events.send(Event::Opened(browser.open(&url)));
    });
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyEvent, KeyModifiers};

    use super::*;

    #[test]
    fn keys_of_before_a_question_do_not_answer_it() {
        let (events, inbox) = mpsc::channel::<Event<()>>();
        let key = |code: KeyCode| Event::Terminal(Input::Key(code.into()));
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        let all = [
            key(KeyCode::Enter),
            Event::Done(()),
            key(KeyCode::Char('y')),
            key(KeyCode::Esc),
            Event::Terminal(Input::Key(interrupt)),
        ];
        all.into_iter().for_each(|event| events.send(event).unwrap());
        forget_keys(&events, &inbox);
        let left: Vec<String> = inbox.try_iter().map(|event| format!("{event:?}")).collect();
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(left[0].contains("Done") && left[1].contains("Esc") && left[2].contains("'c'"), "{left:?}");
    }
}
