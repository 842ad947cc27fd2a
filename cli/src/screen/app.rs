//! The interactive screen of `pensar`: what is shown, and what keys and the ends of machines make of it. It draws nothing
//! and performs nothing, so that any sequence of keys can be tried on it.

use doorkey_core::billing::Advice;
use doorkey_core::command::{Choice, Question};
use doorkey_core::connect::Connected;
use doorkey_core::connection::{ConnectionReport, ConnectionState};
use doorkey_core::credits::CreditsReport;
use doorkey_core::disconnect::Disconnected;
use doorkey_core::failure::{Exit, Failure};
use doorkey_core::machine::Outcome;
use doorkey_core::notice::Notice;
use doorkey_core::record::Record;
use doorkey_core::service::Service;
use doorkey_core::time::Now;
use doorkey_core::url::Url;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::keys::{control, is_control};
use super::login::{Effect, Login};
use super::prompt::{Command, Entered, Prompt};
use crate::surface::{Message, Qr, Weight};

/// A machine that runs for the screen, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Job {
    /// How does the connection stand?
    Look,
    /// Connect.
    Connect,
    /// Disconnect.
    Disconnect,
    /// What is the balance?
    Credits,
}

/// What a machine ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// [`Job::Look`].
    Looked(Outcome<ConnectionReport>),
    /// [`Job::Connect`].
    Connected(Outcome<Connected>),
    /// [`Job::Disconnect`].
    Disconnected(Outcome<Disconnected>),
    /// [`Job::Credits`].
    Credits(Outcome<CreditsReport>),
}

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

/// How the connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) state: ConnectionState,
    pub(super) record: Option<Record>,
}

impl Standing {
    fn has_no_workspace(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.rotation.is_some() && record.workspace.is_none())
    }
}

/// Something below the prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Help,
    Message(Message),
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
    Billing(Box<Connected>, Option<String>),
    Connected(Box<Standing>, Option<Box<Connected>>),
    /// Disconnect?
    Confirm(Box<Standing>),
    Credits(Box<CreditsReport>, Option<String>),
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
    pub fn new(service: Service) -> (Self, Wish) {
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
        let wish = app.run(Job::Look);
        (app, wish)
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
            KeyCode::Char(_) if is_control(key) => KeyCode::Null,
            KeyCode::Char(c) => KeyCode::Char(c.to_ascii_lowercase()),
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
            (View::Billing(connected, _), KeyCode::Char('b')) => {
                connected.billing.as_ref()?.advice.page().map(open)
            }
            (View::Billing(connected, _), KeyCode::Enter | KeyCode::Esc) => {
                let connected = connected.clone();
                self.show_connected(connected);
                None
            }
            (View::Connected(standing, _), KeyCode::Char('d')) => {
                self.view = View::Confirm(standing.clone());
                None
            }
            (View::Confirm(_), KeyCode::Char('y')) => {
                self.view = View::Busy("Disconnecting");
                Some(self.run(Job::Disconnect))
            }
            (View::Confirm(standing), KeyCode::Char('n') | KeyCode::Esc | KeyCode::Enter) => {
                self.view = View::Connected(standing.clone(), None);
                None
            }
            (View::Credits(credits, _), KeyCode::Char('b')) => {
                Some(open(&credits.billing_page(&self.service)))
            }
            (View::Failed(_, job), KeyCode::Enter) => {
                let job = *job;
                Some(self.repeat(job))
            }
            (View::Connected(..) | View::Credits(..), KeyCode::Enter | KeyCode::Esc)
            | (View::Begin | View::Failed(..), KeyCode::Esc) => {
                self.go_home();
                None
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
        // The name of the sandbox's person aside, the same is said everywhere.
        self.note(Message::of(notice, &self.service));
    }

    /// Something else is to be told.
    pub fn note(&mut self, message: Option<Message>) {
        // What is said again and again is worth one line.
        if let Some(message) = message
            && self.notes.last() != Some(&message)
        {
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
        let news = match result {
            Ok(()) => "Opened in the browser.".to_owned(),
            Err(reason) => format!("No browser could be opened here ({reason})."),
        };
        match &mut self.view {
            View::Login(login) => login.opened(result),
            View::Billing(_, said) | View::Credits(_, said) => *said = Some(news),
            _ => {}
        }
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
        match done {
            Done::Looked(outcome) => self.looked(outcome, running.for_login),
            Done::Connected(Ok(connected)) => self.connected(connected),
            Done::Disconnected(Ok(disconnected)) => self.disconnected(&disconnected),
            Done::Credits(Ok(credits)) => self.view = View::Credits(Box::new(credits), None),
            Done::Credits(Err(failure)) if failure.exit == Exit::NotSignedIn => {
                self.go_home();
                let next = Some("/login connects".to_owned());
                self.said = vec![Said::Message(Message { next, ..Message::plain(failure.message) })];
            }
            Done::Connected(Err(_)) | Done::Disconnected(Err(_)) | Done::Credits(Err(_)) if interrupted => {
                self.go_home();
                self.said = vec![Said::Message(Message::hint("Cancelled."))];
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
            Entered::Command(command, _) => {
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
        self.view = match job {
            Job::Connect => return self.connect(),
            Job::Look => View::Busy("Looking for a connection"),
            Job::Disconnect => View::Busy("Disconnecting"),
            Job::Credits => View::Busy("Asking for the balance"),
        };
        self.run(job)
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
        let standing = match outcome {
            Ok(report) => {
                Standing { state: report.state, record: report.credential.ok().map(|kept| kept.record) }
            }
            // Whatever cannot be read is told by who needs it.
            Err(failure) if for_login && failure.exit == Exit::Interrupted => return self.go_home(),
            Err(_) => Standing { state: ConnectionState::None, record: None },
        };
        if for_login {
            self.view = match standing.state {
                ConnectionState::None | ConnectionState::Expired => View::Begin,
                // Signed in, but never told where to work.
                _ if standing.has_no_workspace() => View::Begin,
                _ => View::Connected(Box::new(standing.clone()), None),
            };
        } else {
            self.toast = toast(&self.service, standing.state);
        }
        self.standing = Some(standing);
    }

    fn connected(&mut self, connected: Connected) {
        // What was said on the way there is of no use any more.
        self.notes.retain(|note| note.weight == Weight::Warning);
        let connected = Box::new(connected);
        let record = Some(connected.kept.record.clone());
        self.standing = Some(Standing { state: ConnectionState::Connected, record });
        let advice = connected.billing.as_ref().map(|billing| &billing.advice);
        if advice.is_some_and(|advice| *advice != Advice::None) {
            self.view = View::Billing(connected, None);
        } else {
            self.show_connected(connected);
        }
    }

    fn show_connected(&mut self, connected: Box<Connected>) {
        let record = Some(connected.kept.record.clone());
        let standing = Standing { state: ConnectionState::Connected, record };
        self.standing = Some(standing.clone());
        self.view = View::Connected(Box::new(standing), Some(connected));
    }

    fn disconnected(&mut self, disconnected: &Disconnected) {
        self.go_home();
        self.standing = Some(Standing { state: ConnectionState::None, record: None });
        let message = Message::plain(format!("Disconnected from {}.", self.service.name));
        self.said.push(Said::Message(message));
        for (_, failure) in disconnected.failed() {
            let (cause, next) = failure.parts();
            let cause = doorkey_core::text::harmless(cause);
            let warning = Message::warning(format!("something of it is still stored: {cause}"));
            let next = next.map(doorkey_core::text::harmless);
            self.said.push(Said::Message(Message { next, ..warning }));
        }
    }

    fn go_home(&mut self) {
        self.view = View::Home;
        self.said.clear();
        self.notes.clear();
    }
}

/// As many notes as are worth their room.
const MOST_NOTES: usize = 4;

/// What has to be said about a session at the start: nothing if the next request restores it.
pub fn toast(service: &Service, state: ConnectionState) -> Option<Message> {
    let name = &service.name;
    match state {
        ConnectionState::Expired => Some(Message::warning(format!(
            "Your session with {name} has expired. Run /login to sign in again."
        ))),
        ConnectionState::Ending => Some(Message::warning(format!(
            "Your session with {name} cannot be renewed any more. Run /login before it ends."
        ))),
        _ => None,
    }
}

fn open(page: &Url) -> Wish {
    Wish::Effect(Effect::Open(page.clone()))
}
