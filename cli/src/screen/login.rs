//! One login, as the person sees it: what is waited for, the page with its code, the list, a question.

use doorkey_core::command::{Choice, Question};
use doorkey_core::notice::Notice;
use doorkey_core::secret::Secret;
use doorkey_core::service::Service;
use doorkey_core::time::Now;
use doorkey_core::url::Url;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::style::Style;

use super::choice::{Chosen, List};
use super::keys::{control, letter};
use super::look::{Look, Rows};
use super::page::Page;
use super::terminal::Size;
use crate::surface::{Asked, Qr};

/// What the screen asks for: the answer to something, or something of the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The machine is to release what it holds and end.
    Cancel,
    /// The answer to a list.
    Choose(Option<usize>),
    /// The answer to a question.
    Answer(bool),
    /// A page for the browser.
    Open(Url),
    /// A text for the clipboard.
    Copy(Secret),
    /// The shell is wanted for a while.
    Suspend,
}

/// The login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    service: Service,
    /// Whether links are drawn as QR codes.
    qr: Qr,
    step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing is asked of the person.
    Working(String),
    Page(Box<Page>),
    Choosing(List),
    Asking(Asked),
}

impl Login {
    /// A login that has just begun.
    pub fn new(service: &Service, qr: Qr) -> Self {
        let step = Step::Working(format!("Contacting {}", service.name));
        Self { service: service.clone(), qr, step }
    }

    /// Whether something is asked of the person, or shown.
    pub fn has_news(&self) -> bool {
        !matches!(self.step, Step::Working(_))
    }

    /// Whether what is shown changes with time.
    pub fn counts_down(&self) -> bool {
        matches!(self.step, Step::Page(_))
    }

    /// A notice came. `false`: it is not about a page.
    pub fn hear(&mut self, now: Now, notice: &Notice) -> bool {
        if let Some(page) = Page::of(now, notice, &self.service.device_name) {
            self.step = Step::Page(Box::new(page));
            return true;
        }
        match &mut self.step {
            Step::Page(page) => page.hear(notice),
            // The wait that belongs to no page has nothing to show.
            _ => matches!(notice, Notice::Waiting { .. }),
        }
    }

    /// There is something to choose.
    pub fn choose(&mut self, choices: Vec<Choice>) {
        self.step = Step::Choosing(List::new(choices));
    }

    /// There is something to answer; `false` if that is not known here.
    pub fn ask(&mut self, question: Question) -> bool {
        let asked = Asked::of(question, &self.service);
        let is_known = asked.is_some();
        if let Some(asked) = asked {
            self.step = Step::Asking(asked);
        }
        is_known
    }

    /// What became of opening a page that the person asked for.
    pub fn opened(&mut self, result: &Result<(), String>) {
        if let Step::Page(page) = &mut self.step {
            page.opened(result);
        }
    }

    /// What a key does.
    pub fn press(&mut self, key: KeyEvent) -> Option<Effect> {
        if control(key, 'c') {
            return Some(Effect::Cancel);
        }
        if control(key, 'z') {
            return Some(Effect::Suspend);
        }
        match &mut self.step {
            Step::Working(_) => (key.code == KeyCode::Esc).then_some(Effect::Cancel),
            Step::Page(page) => match (key.code, letter(key)) {
                (KeyCode::Esc, _) => Some(Effect::Cancel),
                (_, Some('c')) => page.copy_code().map(Effect::Copy),
                (_, Some('l')) => Some(Effect::Copy(page.copy_link())),
                (_, Some('o')) => Some(Effect::Open(page.link().clone())),
                _ => None,
            },
            Step::Choosing(list) => {
                let index = match list.press(key)? {
                    Chosen::One(index) => Some(index),
                    Chosen::None => None,
                };
                self.step = Step::Working("Setting up the workspace".to_owned());
                Some(Effect::Choose(index))
            }
            Step::Asking(asked) => {
                let yes = match (key.code, letter(key)) {
                    (KeyCode::Enter, _) => asked.otherwise,
                    (_, Some('y')) => true,
                    (KeyCode::Esc, _) | (_, Some('n')) => false,
                    _ => return None,
                };
                self.step = Step::Working(format!("Contacting {}", self.service.name));
                Some(Effect::Answer(yes))
            }
        }
    }

    /// As rows.
    pub fn rows(&self, now: Now, size: Size, look: Look) -> Rows {
        match &self.step {
            Step::Working(what) => {
                let mut rows = Rows::new(size, look);
                rows.text(&format!("{what}{}", look.sign("…", "...")), Style::new());
                rows.blank();
                rows.keys(&[("Esc", "cancel")]);
                rows
            }
            Step::Page(page) => page.rows(now, size, look, self.qr),
            Step::Choosing(list) => list.rows(size, look),
            Step::Asking(asked) => {
                let mut rows = Rows::new(size, look);
                rows.text(&asked.text, Style::new().bold());
                rows.blank();
                let (yes, no) = if asked.otherwise { ("y, Enter", "n") } else { ("y", "n, Enter") };
                rows.keys(&[(yes, "yes"), (no, "no")]);
                rows
            }
        }
    }
}
