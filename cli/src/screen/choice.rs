//! The list of workspaces to choose from.

use doorkey_core::command::Choice;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};

use super::keys::{is_control, typed};
use super::look::{Look, Rows, cut, width};
use super::terminal::Size;

/// The workspaces, those of them that match what was typed, and the one that Enter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    choices: Vec<Choice>,
    filter: String,
    /// Among those that match.
    selected: usize,
}

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// One of them, by its place in the whole list.
    One(usize),
    /// None of them.
    None,
}

impl List {
    /// All of them, the first one selected.
    pub fn new(choices: Vec<Choice>) -> Self {
        Self { choices, filter: String::new(), selected: 0 }
    }

    /// What a key does.
    pub fn press(&mut self, key: KeyEvent) -> Option<Chosen> {
        let matching = self.matching();
        let last = matching.len().saturating_sub(1);
        match key.code {
            KeyCode::Enter => return matching.get(self.selected).map(|at| Chosen::One(*at)),
            KeyCode::Esc if self.filter.is_empty() => return Some(Chosen::None),
            KeyCode::Esc => self.narrow(String::new()),
            KeyCode::Up => self.selected = self.selected.saturating_sub(1),
            KeyCode::Down => self.selected = (self.selected + 1).min(last),
            KeyCode::Char('p') if is_control(key) => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char('n') if is_control(key) => self.selected = (self.selected + 1).min(last),
            KeyCode::Char('u') if is_control(key) => self.narrow(String::new()),
            KeyCode::PageUp => self.selected = self.selected.saturating_sub(10),
            KeyCode::PageDown => self.selected = (self.selected + 10).min(last),
            KeyCode::Home => self.selected = 0,
            KeyCode::End => self.selected = last,
            KeyCode::Backspace => {
                let mut filter = std::mem::take(&mut self.filter);
                filter.pop();
                self.narrow(filter);
            }
            _ => {
                if let Some(c) = typed(key) {
                    self.narrow(format!("{}{c}", self.filter));
                }
            }
        }
        None
    }

    /// As rows.
    pub fn rows(&self, size: Size, look: Look) -> Rows {
        let mut rows = Rows::new(size, look);
        rows.text("Choose a workspace for this machine:", Style::new().bold());
        rows.blank();
        let matching = self.matching();
        let footer = self.footer(&rows);
        let shown = usize::from(size.rows).saturating_sub(rows.count() + 1 + footer.count()).max(1);
        let first = self.selected.saturating_sub(shown.saturating_sub(1)).min(matching.len());
        let rest = matching.len().saturating_sub(first + shown);
        for (at, index) in matching.iter().enumerate().skip(first).take(shown) {
            if let Some(choice) = self.choices.get(*index) {
                rows.line(self.row(choice, at == self.selected, rows.columns, look));
            }
        }
        if matching.is_empty() {
            rows.text("No workspace matches.", Style::new().dim());
        } else if rest > 0 || first > 0 {
            let (above, below) = (look.sign("↑", "above:"), look.sign("↓", "below:"));
            rows.text(&format!("{above} {first}  {below} {rest}"), Style::new().dim());
        }
        rows.append(footer);
        rows
    }

    /// What was typed, and the keys.
    fn footer(&self, rows: &Rows) -> Rows {
        let look = rows.look;
        let mut footer = rows.narrower(rows.columns);
        if !self.filter.is_empty() {
            footer.blank();
            footer.indented(Line::from(vec![
                Span::raw("Filter: ").dim(),
                Span::raw(cut(&self.filter, rows.columns.saturating_sub(12), look)).bold(),
            ]));
        }
        footer.blank();
        let escape = if self.filter.is_empty() { ("Esc", "none") } else { ("Esc", "all") };
        let arrows = if look.unicode { "↑↓" } else { "Up Down" };
        footer.keys(&[(arrows, "move"), ("Enter", "use it"), ("a-z", "filter"), escape]);
        footer
    }

    fn row(&self, choice: &Choice, is_selected: bool, columns: usize, look: Look) -> Line<'static> {
        let title_width = |choice: &Choice| width(&choice.name) + width(&choice.slug) + 3;
        let balance = |choice: &Choice| choice.balance.map(|b| b.to_string()).unwrap_or_default();
        let right = self.choices.iter().map(|choice| width(&balance(choice))).max().unwrap_or(0);
        let widest = self.choices.iter().map(title_width).max().unwrap_or(0);
        let left = widest.min(columns.saturating_sub(right + 5));
        // Names are chosen by whoever invites: what tells workspaces apart is the slug.
        let slug = format!(" ({})", choice.slug);
        let name = cut(&choice.name, left.saturating_sub(width(&slug)), look);
        let title = cut(&format!("{name}{slug}"), left, look);
        let gap = " ".repeat(left.saturating_sub(width(&title)) + 2);
        let marker = if is_selected { look.sign("❯", ">") } else { " " };
        let row = format!("{marker} {title}{gap}{:>right$} ", balance(choice));
        let row = Span::raw(cut(&row, columns, look));
        Line::from(if is_selected { row.reversed() } else { row })
    }

    /// The places of those that match: every word of the filter is in the name or the slug.
    fn matching(&self) -> Vec<usize> {
        let filter = self.filter.to_lowercase();
        let matches = |choice: &Choice| {
            let text = format!("{} {}", choice.name, choice.slug).to_lowercase();
            filter.split_whitespace().all(|word| text.contains(word))
        };
        self.choices.iter().enumerate().filter(|(_, choice)| matches(choice)).map(|(at, _)| at).collect()
    }

    /// Another filter; what was selected stays so, if it still matches.
    fn narrow(&mut self, filter: String) {
        let before = self.matching().get(self.selected).copied();
        // Longer than any name there is no use in it.
        self.filter = filter.chars().take(60).collect();
        let place = |at| self.matching().iter().position(|other| Some(*other) == at);
        self.selected = place(before).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use doorkey_core::money::Money;

    use super::*;

    const LOOK: Look = Look { colors: true, unicode: true };

    fn list() -> List {
        let choice = |name: &str, slug: &str, cents: i64| Choice {
            name: name.to_owned(),
            slug: slug.to_owned(),
            balance: Some(Money::from_units(cents * 100)),
        };
        List::new(vec![
            choice("Acme", "acme", 4_200),
            choice("Bücher", "books", 50),
            choice("Blue Team", "blue", 0),
        ])
    }

    fn press(list: &mut List, keys: &[KeyCode]) -> Option<Chosen> {
        keys.iter().fold(None, |_, code| list.press(KeyEvent::from(*code)))
    }

    fn type_in(list: &mut List, text: &str) {
        text.chars().for_each(|c| assert_eq!(list.press(KeyEvent::from(KeyCode::Char(c))), None));
    }

    #[test]
    fn enter_takes_what_the_arrows_came_to() {
        for (keys, chosen) in [
            (vec![], 0),
            (vec![KeyCode::Down], 1),
            (vec![KeyCode::Down, KeyCode::Down, KeyCode::Down], 2),
            (vec![KeyCode::Up], 0),
            (vec![KeyCode::End], 2),
            (vec![KeyCode::End, KeyCode::Up], 1),
            (vec![KeyCode::PageDown, KeyCode::Home], 0),
        ] {
            let mut list = list();
            assert_eq!(press(&mut list, &keys), None);
            assert_eq!(press(&mut list, &[KeyCode::Enter]), Some(Chosen::One(chosen)), "{keys:?}");
        }
    }

    #[test]
    fn what_is_typed_narrows_the_list_and_escape_widens_it_again() {
        let mut list = list();
        type_in(&mut list, "b");
        assert_eq!(list.matching(), [1, 2]);
        assert_eq!(press(&mut list, &[KeyCode::Down, KeyCode::Enter]), Some(Chosen::One(2)));
        type_in(&mut list, "OO");
        assert_eq!(press(&mut list, &[KeyCode::Enter]), Some(Chosen::One(1)));
        type_in(&mut list, "x");
        assert_eq!(press(&mut list, &[KeyCode::Enter]), None, "nothing matches");
        assert_eq!(press(&mut list, &[KeyCode::Backspace, KeyCode::Enter]), Some(Chosen::One(1)));
        assert_eq!(press(&mut list, &[KeyCode::Esc]), None);
        assert_eq!(list.matching(), [0, 1, 2]);
        assert_eq!(press(&mut list, &[KeyCode::Enter]), Some(Chosen::One(1)), "it stays selected");
        assert_eq!(press(&mut list, &[KeyCode::Esc]), Some(Chosen::None));
    }

    #[test]
    fn names_and_balances_stand_in_columns_however_narrow_it_is() {
        let shown = |columns| {
            let rows = list().rows(Size { columns, rows: 20 }, LOOK);
            rows.frame(None).rows.into_iter().map(|row| row.line.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(40)[2..5],
            ["❯ Acme (acme)       $42.00 ", "  Bücher (books)     $0.50 ", "  Blue Team (blue)   $0.00 "]
        );
        assert_eq!(shown(22)[3..5], ["❯ Ac… (acme)  $42.00 ", "  B… (books)   $0.50 "]);
    }

    #[test]
    fn what_is_selected_is_always_among_what_is_shown() {
        let many =
            (0..50).map(|at| Choice { name: format!("Name {at}"), slug: format!("n{at}"), balance: None });
        let mut list = List::new(many.collect());
        for at in 0..50 {
            let rows = list.rows(Size { columns: 40, rows: 12 }, LOOK).frame(None).rows;
            assert!(rows.len() <= 12);
            let marked: Vec<_> = rows.iter().filter(|row| row.line.to_string().starts_with('❯')).collect();
            assert_eq!(marked.len(), 1);
            assert!(marked[0].line.to_string().contains(&format!("(n{at})")));
            press(&mut list, &[KeyCode::Down]);
        }
    }
}
