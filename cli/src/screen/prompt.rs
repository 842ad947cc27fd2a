//! The line in which commands are typed, with what completes it.

use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};

use super::keys::{control, is_control, typed};
use super::look::{Look, Rows, width};

/// The commands with their aliases, and what they do.
pub const COMMANDS: [(Command, &str, &str, &str); 4] = [
    (Command::Login, "/login", "/auth", "connect to Pensar Console, or disconnect"),
    (Command::Credits, "/credits", "/buy", "the workspace's balance, and where to buy credits"),
    (Command::Help, "/help", "", "what can be typed here"),
    (Command::Quit, "/quit", "/exit", "leave"),
];

/// What stands in an empty line.
const HINT: &str = "/login, /help";

/// As long as a line may get.
const LONGEST: usize = 200;

/// What can be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `/login`
    Login,
    /// `/credits`
    Credits,
    /// `/help`
    Help,
    /// `/quit`
    Quit,
}

/// The line, and the places in it and in what completes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    typed: Vec<char>,
    cursor: usize,
    /// Among what completes it.
    selected: usize,
    history: Vec<String>,
    /// How far back in the history, if at all.
    back: Option<usize>,
}

/// What came of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// A command.
    Command(Command),
    /// Something else.
    Unknown(String),
    /// The end of input: an empty line, and who types is done.
    End,
}

impl Prompt {
    /// What a key does.
    pub fn press(&mut self, key: KeyEvent) -> Option<Entered> {
        match key.code {
            KeyCode::Enter => return self.enter(),
            KeyCode::Char('c') if is_control(key) && !self.typed.is_empty() => self.set(""),
            KeyCode::Char('c' | 'd') if is_control(key) && self.typed.is_empty() => {
                return Some(Entered::End);
            }
            KeyCode::Tab => {
                if let Some(name) = self.completions().get(self.selected) {
                    self.set(name);
                }
            }
            KeyCode::Esc => self.set(""),
            KeyCode::Up if self.completions().len() > 1 => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down if self.completions().len() > 1 => {
                self.selected = (self.selected + 1).min(self.completions().len() - 1);
            }
            KeyCode::Up => self.recall(self.back.map_or(0, |back| back + 1)),
            KeyCode::Down => match self.back {
                Some(back) if back > 0 => self.recall(back - 1),
                Some(_) => self.set(""),
                None => {}
            },
            KeyCode::Left => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Right => self.cursor = (self.cursor + 1).min(self.typed.len()),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.typed.len(),
            _ if control(key, 'a') => self.cursor = 0,
            _ if control(key, 'e') => self.cursor = self.typed.len(),
            _ if control(key, 'u') => self.remove(0),
            _ if control(key, 'w') => {
                let is_space = |c: &char| c.is_whitespace();
                let before = self.typed.get(..self.cursor).unwrap_or_default();
                let word = before.iter().rposition(|c| !is_space(c)).unwrap_or(0);
                let start = before.get(..word).unwrap_or_default().iter().rposition(is_space);
                self.remove(start.map_or(0, |at| at + 1));
            }
            KeyCode::Backspace => self.remove(self.cursor.saturating_sub(1)),
            KeyCode::Delete if self.cursor < self.typed.len() => {
                self.typed.remove(self.cursor);
                self.changed();
            }
            _ => {
                if let Some(c) = typed(key) {
                    self.insert(c);
                }
            }
        }
        None
    }

    /// What was pasted is typed; nothing runs by it.
    pub fn paste(&mut self, text: &str) {
        text.chars().filter_map(|c| typed(KeyEvent::from(KeyCode::Char(c)))).for_each(|c| self.insert(c));
    }

    /// The line, then what completes it; and the cursor's column in the first of these rows.
    pub fn rows(&self, rows: &mut Rows, look: Look) -> u16 {
        let sign = look.sign("❯", ">");
        let room = rows.columns.saturating_sub(5);
        let before: String = self.typed.get(..self.cursor).unwrap_or_default().iter().collect();
        // Of a long line that part is shown in which the cursor is.
        let hidden = (0..self.cursor).find(|from| width(&self.from(*from, self.cursor)) <= room).unwrap_or(0);
        let shown = self.from(hidden, self.typed.len());
        let shown = if self.typed.is_empty() { Span::raw(HINT).dim() } else { Span::raw(shown) };
        let line = Line::from(vec![Span::raw(format!("{sign} ")).bold().green(), shown]);
        rows.indented(line);
        let completions = self.completions();
        // Nothing to complete is left of a command that stands there whole.
        if completions.len() > 1 || completions.first().is_some_and(|name| *name != before) {
            for (at, name) in completions.iter().enumerate() {
                let does = COMMANDS.iter().find(|command| command.1 == *name || command.2 == *name);
                let mut name = Span::raw(format!("  {name:<10}"));
                if at == self.selected {
                    name = name.reversed();
                }
                let does = does.map(|command| command.3).unwrap_or_default();
                let does = super::look::cut(does, rows.columns.saturating_sub(16), look);
                rows.indented(Line::from(vec![name, Span::styled(format!("  {does}"), Style::new().dim())]));
            }
        }
        u16::try_from(4 + width(&self.from(hidden, self.cursor))).unwrap_or(0)
    }

    fn from(&self, start: usize, end: usize) -> String {
        self.typed.get(start..end).unwrap_or_default().iter().collect()
    }

    fn text(&self) -> String {
        self.typed.iter().collect()
    }

    /// The names that begin so: aliases only when nothing else does.
    fn completions(&self) -> Vec<&'static str> {
        let text = self.text();
        if !text.starts_with('/') {
            return Vec::new();
        }
        let begins = |name: &&str| name.starts_with(&text);
        let names: Vec<_> = COMMANDS.iter().map(|command| command.1).filter(begins).collect();
        if !names.is_empty() {
            return names;
        }
        COMMANDS.iter().map(|command| command.2).filter(|name| !name.is_empty()).filter(begins).collect()
    }

    fn enter(&mut self) -> Option<Entered> {
        let text = self.text().trim().to_owned();
        if text.is_empty() {
            return None;
        }
        let exact = COMMANDS.iter().find(|command| command.1 == text || command.2 == text);
        // What is selected among several is what its reader sees marked.
        let selected = self.completions().get(self.selected).copied().filter(|_| text != "/");
        let by_name = |name| COMMANDS.iter().find(|command| command.1 == name || command.2 == name);
        let command = exact.or_else(|| by_name(selected?)).map(|command| command.0);
        self.history.push(text.clone());
        self.set("");
        Some(match command {
            Some(command) => Entered::Command(command),
            None => Entered::Unknown(text),
        })
    }

    fn insert(&mut self, c: char) {
        if self.typed.len() < LONGEST {
            self.typed.insert(self.cursor, c);
            self.cursor += 1;
            self.changed();
        }
    }

    /// Removes what stands from there to the cursor.
    fn remove(&mut self, start: usize) {
        self.typed.drain(start.min(self.cursor)..self.cursor);
        self.cursor = start.min(self.cursor);
        self.changed();
    }

    fn recall(&mut self, back: usize) {
        let Some(text) = self.history.iter().rev().nth(back).cloned() else { return };
        self.set(&text);
        self.back = Some(back);
    }

    fn set(&mut self, text: &str) {
        self.typed = text.chars().collect();
        self.cursor = self.typed.len();
        self.changed();
    }

    fn changed(&mut self) {
        (self.selected, self.back) = (0, None);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;

    fn type_in(prompt: &mut Prompt, text: &str) -> Option<Entered> {
        text.chars().fold(None, |_, c| {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '↑' => KeyCode::Up,
                '↓' => KeyCode::Down,
                '←' => KeyCode::Left,
                '⌫' => KeyCode::Backspace,
                c => KeyCode::Char(c),
            };
            prompt.press(KeyEvent::from(code))
        })
    }

    #[test]
    fn every_name_and_every_beginning_runs_its_command() {
        for (typed, command) in [
            ("/login\n", Command::Login),
            ("/auth\n", Command::Login),
            ("/credits\n", Command::Credits),
            ("/buy\n", Command::Credits),
            ("/help\n", Command::Help),
            ("/quit\n", Command::Quit),
            ("/exit\n", Command::Quit),
            ("/lo\n", Command::Login),
            ("/a\n", Command::Login),
            ("/c\t\n", Command::Credits),
            ("/↓\t\n", Command::Credits),
            (" /login \n", Command::Login),
            ("/lgin←←←o\n", Command::Login),
            ("/loginx⌫\n", Command::Login),
        ] {
            let entered = type_in(&mut Prompt::default(), typed);
            assert!(matches!(entered, Some(Entered::Command(c)) if c == command), "{typed:?} {entered:?}");
        }
    }

    #[test]
    fn nothing_runs_that_was_not_meant() {
        for typed in ["\n", "   \n"] {
            assert_eq!(type_in(&mut Prompt::default(), typed), None, "{typed:?}");
        }
        for typed in ["login\n", "/\n", "/logout\n", "/login now\n", "hello\n"] {
            let entered = type_in(&mut Prompt::default(), typed);
            assert_eq!(entered, Some(Entered::Unknown(typed.trim().to_owned())));
        }
    }

    #[test]
    fn earlier_lines_come_back() {
        let mut prompt = Prompt::default();
        type_in(&mut prompt, "one\ntwo\n");
        type_in(&mut prompt, "↑");
        assert_eq!(prompt.text(), "two");
        type_in(&mut prompt, "↑↑↑");
        assert_eq!(prompt.text(), "one");
        type_in(&mut prompt, "↓");
        assert_eq!(prompt.text(), "two");
        type_in(&mut prompt, "↓");
        assert_eq!(prompt.text(), "");
    }

    #[test]
    fn a_word_or_the_whole_line_is_removed() {
        let mut prompt = Prompt::default();
        let control = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
        type_in(&mut prompt, "one two  ");
        prompt.press(control('w'));
        assert_eq!(prompt.text(), "one ");
        prompt.press(control('w'));
        assert_eq!(prompt.text(), "");
        type_in(&mut prompt, "one two");
        prompt.press(control('u'));
        assert_eq!(prompt.text(), "");
        assert_eq!(prompt.press(control('d')), Some(Entered::End));
    }

    #[test]
    fn what_is_pasted_runs_nothing_and_steers_nothing() {
        let mut prompt = Prompt::default();
        prompt.paste("/quit\n\x1b[2J\u{202e}/login\r\n");
        assert_eq!(prompt.text(), "/quit[2J/login");
    }
}
