//! The interactive screen of `pensar`: what is shown, and what keys and the ends of machines make of it. It draws nothing
//! and performs nothing, so that any sequence of keys can be tried on it.

use doorkey_core::billing::Advice;
use doorkey_core::command::{Choice, Question};
use doorkey_core::connect::Connected;
use doorkey_core::connection::ConnectionReport;
use doorkey_core::credits::CreditsReport;
use doorkey_core::disconnect::Disconnected;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::Outcome;
use doorkey_core::notice::Notice;
use doorkey_core::service::Service;
use doorkey_core::text::harmless;
use doorkey_core::time::Now;
use doorkey_core::url::Url;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::job::{Done, Job};
use super::keys::{control, is_control, letter};
use super::login::{Effect, Login};
use super::prompt::{Command, Entered, Prompt};
use super::standing::{Standing, toast};
use crate::surface::{Message, Qr, Weight};

/// What the screen asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A machine is to run. None does.
    Run(Job),
    /// Something of the machine that runs, or of the terminal.
    Effect(Effect),
    /// The end, with this exit code.
    Leave(u8),
}

/// The screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    pub(super) service: Service,
    pub(super) prompt: Prompt,
    /// Whether, and where, this machine is connected, as far as it is known.
    pub(super) standing: Option<Standing>,
    /// What is to be read first.
    pub(super) toast: Option<Message>,
    /// What the last command on the prompt had to say.
    pub(super) said: Vec<Said>,
    /// What the machine that runs, or ran last, had to say besides.
    pub(super) notes: Vec<Message>,
    pub(super) view: View,
    running: Option<Running>,
}

/// Something below the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Help,
    Message(Message),
}

/// What became of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It is open in the browser.
    Opened,
    /// No browser can be opened here, for this reason.
    NotOpened(String),
    /// Its address is copied.
    Copied,
}

/// Where the person is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// At the prompt.
    Home,
    /// A machine was started that says nothing until its end.
    Busy(&'static str),
    /// Before a login.
    Begin,
    Login(Box<Login>),
    /// The connection was made, but cannot pay.
    Billing(Box<Connected>, Option<News>),
    Connected(Box<Standing>, Option<Box<Connected>>),
    /// Disconnect? What was just connected is remembered.
    Confirm(Box<Standing>, Option<Box<Connected>>),
    Credits(Box<CreditsReport>, Option<News>),
    Failed(Failure, Job),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Running {
    job: Job,
    /// The person has asked it to end, and perhaps to leave then.
    cancelled: bool,
    leaves: Option<u8>,
    /// `/login` asked how the connection stands.
    for_login: bool,
}

impl App {
    /// The screen at its start, and what it begins with: a look, of which nothing is said if all is well.
    pub fn new(service: Service) -> (Self, Job) {
        let mut app = Self {
            service,
            prompt: Prompt::default(),
            standing: None,
            toast: None,
            said: Vec::new(),
            notes: Vec::new(),
            view: View::Home,
            running: None,
        };
        app.run(Job::Look);
        (app, Job::Look)
    }

    /// Whether what is shown changes with time.
    pub fn counts_down(&self) -> bool {
        matches!(&self.view, View::Login(login) if login.counts_down())
    }

    /// What a key does.
    pub fn press(&mut self, key: KeyEvent) -> Option<Wish> {
        if control(key, 'z') {
            return Some(Wish::Effect(Effect::Suspend));
        }
        let code = match key.code {
            KeyCode::Char('c') if is_control(key) => KeyCode::Esc,
            KeyCode::Char(_) => letter(key).map_or(KeyCode::Null, KeyCode::Char),
            other => other,
        };
        match (&mut self.view, code) {
            (View::Home, _) => self.press_at_prompt(key),
            (View::Busy(_), KeyCode::Esc) => self.cancel(),
            (View::Login(login), _) => match login.press(key)? {
                Effect::Cancel => self.cancel(),
                effect => Some(Wish::Effect(effect)),
            },
            (View::Begin, KeyCode::Enter) => Some(self.connect()),
            (View::Begin, KeyCode::Char('d')) => {
                let standing = self.standing.clone().filter(|standing| standing.record.is_some())?;
                self.view = View::Confirm(Box::new(standing), None);
                None
            }
            (View::Billing(..) | View::Credits(..), KeyCode::Char('b')) => {
                self.page().map(|page| Wish::Effect(Effect::Open(page)))
            }
            (View::Billing(..) | View::Credits(..), KeyCode::Char('l')) => {
                let page = self.page()?;
                self.tell_of_page(News::Copied);
                Some(Wish::Effect(Effect::Copy(page.expose())))
            }
            (View::Billing(connected, _), KeyCode::Enter | KeyCode::Esc) => {
                let connected = connected.clone();
                self.show_connected(connected);
                None
            }
            (View::Connected(standing, connected), KeyCode::Char('d')) => {
                self.view = View::Confirm(standing.clone(), connected.take());
                None
            }
            (View::Confirm(..), KeyCode::Char('y')) => {
                self.view = View::Busy("Disconnecting");
                Some(self.run(Job::Disconnect))
            }
            (View::Confirm(standing, connected), KeyCode::Char('n') | KeyCode::Esc | KeyCode::Enter) => {
                self.view = view_of(standing.clone(), connected.take());
                None
            }
            (View::Failed(_, job), KeyCode::Enter) => {
                let job = *job;
                Some(self.repeat(job))
            }
            (View::Connected(..) | View::Credits(..), KeyCode::Enter | KeyCode::Esc)
            | (View::Begin, KeyCode::Esc) => {
                self.go_home();
                None
            }
            (View::Failed(..), KeyCode::Esc) => {
                self.go_home();
                // What is left of it is not known.
                self.standing.is_none().then(|| self.run(Job::Look))
            }
            _ => None,
        }
    }

    /// What was pasted: only the prompt takes any.
    pub fn paste(&mut self, text: &str) {
        if matches!(self.view, View::Home) {
            self.prompt.paste(text);
        }
    }

    /// The machine tells something.
    pub fn hear(&mut self, now: Now, notice: &Notice) {
        if let View::Login(login) = &mut self.view
            && login.hear(now, notice)
        {
            return;
        }
        self.note(Message::of(notice, &self.service));
    }

    /// Something else is to be told.
    pub fn note(&mut self, message: Option<Message>) {
        if let Some(message) = message {
            // What is said in passing makes way for the next; said again and again it is worth one line.
            let is_passing =
                |note: &mut Message| note.weight == Weight::Hint && message.weight == Weight::Hint;
            self.notes.pop_if(|note| is_passing(note) || *note == message);
            self.notes.push(message);
            let too_many = self.notes.len().saturating_sub(MOST_NOTES);
            self.notes.drain(..too_many);
        }
    }

    /// The machine lets the person choose. `false`: nobody is asked.
    pub fn choose(&mut self, choices: Vec<Choice>) -> bool {
        let View::Login(login) = &mut self.view else { return false };
        login.choose(choices);
        true
    }

    /// The machine asks. `false`: nobody is asked.
    pub fn ask(&mut self, question: Question) -> bool {
        let View::Login(login) = &mut self.view else { return false };
        login.ask(question)
    }

    /// What became of opening a page.
    pub fn opened(&mut self, result: &Result<(), String>) {
        if let View::Login(login) = &mut self.view {
            return login.opened(result);
        }
        self.tell_of_page(match result {
            Ok(()) => News::Opened,
            Err(reason) => News::NotOpened(harmless(reason)),
        });
    }

    /// The terminal is gone, and nobody in front of it.
    pub fn lost(&mut self) -> Option<Wish> {
        Some(self.leave(Exit::Interrupted.code()))
    }

    /// The machine has ended.
    pub fn done(&mut self, done: Done) -> Option<Wish> {
        let running = self.running.take()?;
        let interrupted = match &done {
            Done::Looked(Err(failure))
            | Done::Connected(Err(failure))
            | Done::Disconnected(Err(failure))
            | Done::Credits(Err(failure)) => failure.exit == Exit::Interrupted,
            _ => false,
        };
        if let Some(code) = running.leaves {
            return Some(Wish::Leave(code));
        }
        // Nobody here asked for that: a signal did.
        if interrupted && !running.cancelled {
            return Some(Wish::Leave(Exit::Interrupted.code()));
        }
        // Whatever was begun may have been done in part.
        if matches!(done, Done::Connected(Err(_)) | Done::Disconnected(Err(_))) {
            self.standing = None;
        }
        match done {
            Done::Looked(outcome) => self.looked(outcome, running.for_login),
            Done::Connected(Ok(connected)) => self.connected(connected),
            Done::Disconnected(Ok(disconnected)) => self.disconnected(&disconnected),
            Done::Credits(Ok(credits)) => self.view = View::Credits(Box::new(credits), None),
            Done::Credits(Err(failure)) if failure.exit == Exit::NotSignedIn => {
                self.be_home();
                self.standing = Some(Standing::none());
                let next = Some("/login connects".to_owned());
                self.said = vec![Said::Message(Message { next, ..Message::plain(failure.message) })];
            }
            Done::Connected(Err(_)) | Done::Disconnected(Err(_)) | Done::Credits(Err(_)) if interrupted => {
                self.be_home();
                self.said = vec![Said::Message(Message::hint("Cancelled."))];
                return self.standing.is_none().then(|| self.run(Job::Look));
            }
            Done::Connected(Err(failure))
            | Done::Disconnected(Err(failure))
            | Done::Credits(Err(failure)) => {
                self.view = View::Failed(failure, running.job);
            }
        }
        None
    }

    fn press_at_prompt(&mut self, key: KeyEvent) -> Option<Wish> {
        match self.prompt.press(key)? {
            Entered::End => Some(self.leave(0)),
            Entered::Unknown(text) => {
                let what =
                    if text.starts_with('/') { "There is no such command" } else { "Commands begin with /" };
                let message = Message { next: Some("/help lists them".to_owned()), ..Message::plain(what) };
                self.said = vec![Said::Message(message)];
                None
            }
            Entered::Command(command) => {
                self.said.clear();
                self.notes.clear();
                self.toast = None;
                match command {
                    Command::Quit => Some(self.leave(0)),
                    Command::Help => {
                        self.said = vec![Said::Help];
                        None
                    }
                    // The look at the start is still going on.
                    Command::Login if self.running.is_some() => {
                        self.expect_login();
                        None
                    }
                    Command::Login => {
                        let wish = self.run(Job::Look);
                        self.expect_login();
                        Some(wish)
                    }
                    Command::Credits if self.running.is_some() => {
                        let message = "One moment: the connection is being looked at.";
                        self.said = vec![Said::Message(Message::hint(message))];
                        None
                    }
                    Command::Credits => Some(self.repeat(Job::Credits)),
                }
            }
        }
    }

    fn expect_login(&mut self) {
        if let Some(running) = &mut self.running {
            running.for_login = true;
        }
        self.view = View::Busy("Looking for a connection");
    }

    fn repeat(&mut self, job: Job) -> Wish {
        let wish = match job {
            Job::Connect => return self.connect(),
            job => self.run(job),
        };
        match job {
            Job::Disconnect => self.view = View::Busy("Disconnecting"),
            Job::Credits => self.view = View::Busy("Asking for the balance"),
            Job::Look | Job::Connect => self.expect_login(),
        }
        wish
    }

    fn connect(&mut self) -> Wish {
        self.notes.clear();
        self.view = View::Login(Box::new(Login::new(&self.service, Qr::InsteadOfBrowser { at_once: true })));
        self.run(Job::Connect)
    }

    fn run(&mut self, job: Job) -> Wish {
        self.running = Some(Running { job, cancelled: false, leaves: None, for_login: false });
        Wish::Run(job)
    }

    fn cancel(&mut self) -> Option<Wish> {
        let Some(running) = &mut self.running else {
            self.go_home();
            return None;
        };
        running.cancelled = true;
        Some(Wish::Effect(Effect::Cancel))
    }

    /// Not before the machine that runs has given back what it holds.
    fn leave(&mut self, code: u8) -> Wish {
        let Some(running) = &mut self.running else { return Wish::Leave(code) };
        (running.cancelled, running.leaves) = (true, Some(code));
        self.view = View::Busy("Leaving");
        Wish::Effect(Effect::Cancel)
    }

    fn looked(&mut self, outcome: Outcome<ConnectionReport>, for_login: bool) {
        let report = match outcome {
            Ok(report) => report,
            Err(failure) => {
                self.standing = None;
                match failure.exit {
                    Exit::Interrupted => self.be_home(),
                    _ if for_login => self.view = View::Failed(failure, Job::Look),
                    _ => {
                        self.toast = Some(Message { next: failure.next, ..Message::warning(failure.message) })
                    }
                }
                return;
            }
        };
        let standing = Standing::from(report);
        self.standing = Some(standing.clone());
        if for_login {
            self.view = view_of(Box::new(standing), None);
        } else {
            self.toast = toast(&self.service, standing.state);
        }
    }

    fn connected(&mut self, connected: Connected) {
        // What was said on the way there is of no use any more.
        self.notes.retain(|note| note.weight == Weight::Warning);
        let connected = Box::new(connected);
        self.standing = Some(Standing::connected(connected.kept.record.clone()));
        let advice = connected.billing.as_ref().map(|billing| &billing.advice);
        if advice.is_some_and(|advice| *advice != Advice::None) {
            self.view = View::Billing(connected, None);
        } else {
            self.show_connected(connected);
        }
    }

    fn show_connected(&mut self, connected: Box<Connected>) {
        let standing = Standing::connected(connected.kept.record.clone());
        self.standing = Some(standing.clone());
        self.view = View::Connected(Box::new(standing), Some(connected));
    }

    fn disconnected(&mut self, disconnected: &Disconnected) {
        self.be_home();
        let name = &self.service.name;
        let message = if disconnected.is_still_connected {
            Message::warning(format!(
                "still connected to {name}: the session could neither be removed nor marked as ended"
            ))
        } else {
            self.standing = Some(Standing::none());
            Message::plain(format!("Disconnected from {name}."))
        };
        self.said.push(Said::Message(message));
        for (_, failure) in disconnected.failed() {
            let (cause, next) = failure.parts();
            let cause = harmless(cause);
            let warning = Message::warning(format!("something of it is still stored: {cause}"));
            let next = next.map(harmless);
            self.said.push(Said::Message(Message { next, ..warning }));
        }
    }

    /// Whoever leaves a view has read what stood there.
    fn go_home(&mut self) {
        self.notes.clear();
        self.be_home();
    }

    /// A machine's end leads there: its warnings go along, whatever came of it.
    fn be_home(&mut self) {
        self.view = View::Home;
        self.said.clear();
        self.notes.retain(|note| note.weight == Weight::Warning);
    }

    /// Warnings that nobody may have read yet.
    pub fn warnings(&self) -> impl Iterator<Item = &Message> {
        self.notes.iter().filter(|note| note.weight == Weight::Warning)
    }

    /// Where something can be done about the credits that are shown.
    fn page(&self) -> Option<Url> {
        match &self.view {
            View::Billing(connected, _) => connected.billing.as_ref()?.advice.page().cloned(),
            View::Credits(credits, _) => Some(credits.billing_page(&self.service)),
            _ => None,
        }
    }

    fn tell_of_page(&mut self, told: News) {
        if let View::Billing(_, news) | View::Credits(_, news) = &mut self.view {
            *news = Some(told);
        }
    }
}

/// What `/login` leads to.
fn view_of(standing: Box<Standing>, connected: Option<Box<Connected>>) -> View {
    if standing.is_connected { View::Connected(standing, connected) } else { View::Begin }
}

/// As many notes as are worth their room.
const MOST_NOTES: usize = 4;
