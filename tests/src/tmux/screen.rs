//! What is on a terminal, as text.

use std::collections::BTreeMap;
use std::fmt;

/// Rows of text, without the blanks at their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Screen(pub Vec<String>);

impl Screen {
    /// The rows of a text, which ends with a line break; empty ones at the end left out.
    pub fn new(text: &str) -> Self {
        let mut rows: Vec<String> = text.lines().map(|row| row.trim_end().to_owned()).collect();
        while rows.last().is_some_and(String::is_empty) {
            rows.pop();
        }
        Self(rows)
    }

    /// Whether one of the rows has this text.
    pub fn contains(&self, text: &str) -> bool {
        self.row(text).is_some()
    }

    /// The first row that has this text.
    pub fn row(&self, text: &str) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|row| row.contains(text))
    }
}

impl fmt::Display for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

/// The terminal's modes that a program has switched and not put back, as it says it (`?25l`, `?1049h`); of these every
/// terminal begins with line wrap (7) and the cursor (25) on and all others off. The keypad's is left out: it does no
/// harm, and line editors leave it on.
pub fn left_on(written: &[u8]) -> Vec<String> {
    let written = String::from_utf8_lossy(written);
    let mut switched = BTreeMap::new();
    for sequence in written.split("\x1b[?").skip(1) {
        let end = sequence.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(sequence.len());
        let Some(switch @ ('h' | 'l')) = sequence[end..].chars().next() else { continue };
        for mode in sequence[..end].split(';').filter(|mode| *mode != "1") {
            switched.insert(mode.to_owned(), switch);
        }
    }
    let begins = |mode: &str| if ["7", "25"].contains(&mode) { 'h' } else { 'l' };
    let left = switched.into_iter().filter(|(mode, switch)| *switch != begins(mode));
    left.map(|(mode, switch)| format!("?{mode}{switch}")).collect()
}
