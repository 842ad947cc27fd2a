//! How things look, and rows made of them.

use std::time::Duration;

use doorkey_core::url::Url;
use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use textwrap::WordSplitter;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::terminal::{Frame, Row, Size};
use crate::environment::Environment;
use crate::surface::{Message, Weight, minutes};

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Colors. Without them there are still bold, dim, underlined and reversed letters.
    pub colors: bool,
    /// More than ASCII.
    pub unicode: bool,
}

impl Look {
    /// What the environment says.
    pub fn of(environment: &Environment, colors: bool) -> Self {
        // Terminals that are older than colors, and say so.
        let is_plain = environment.get("TERM").is_some_and(|term| term.starts_with("vt"));
        Self { colors: colors && !is_plain, unicode: environment.unicode() }
    }

    /// A sign, or what stands for it in ASCII.
    pub fn sign(self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.unicode { sign } else { ascii }
    }
}

/// Columns left free on the left.
const MARGIN: usize = 2;

/// Rows, from the top, for a terminal of some size. Nothing is wider than it.
#[derive(Debug)]
pub struct Rows {
    /// Columns that can be used.
    pub columns: usize,
    /// What the terminal can show.
    pub look: Look,
    rows: Vec<Row>,
    /// Where the keys begin.
    keys: usize,
}

impl Rows {
    /// None yet.
    pub fn new(size: Size, look: Look) -> Self {
        // The last column stays free: a terminal does not wrap there, nor break a row when it becomes narrower by one.
        Self { columns: usize::from(size.columns).saturating_sub(1), look, rows: Vec::new(), keys: 0 }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The same with fewer columns.
    #[must_use]
    pub fn narrower(&self, columns: usize) -> Self {
        Self { columns, look: self.look, rows: Vec::new(), keys: 0 }
    }

    /// Those, to be drawn.
    pub fn frame(self, cursor: Option<(u16, u16)>) -> Frame {
        Frame { rows: self.rows, cursor }
    }

    /// An empty one.
    pub fn blank(&mut self) {
        self.line(Line::default());
    }

    /// One as it is, below nothing.
    pub fn line(&mut self, line: Line<'static>) {
        self.rows.push(Row { line, joined: false });
    }

    /// One behind the margin.
    pub fn indented(&mut self, mut line: Line<'static>) {
        line.spans.insert(0, Span::raw(" ".repeat(MARGIN)));
        self.line(line);
    }

    /// As many as a text takes, behind the margin.
    pub fn text(&mut self, text: &str, style: Style) {
        let width = self.columns.saturating_sub(MARGIN).max(1);
        let options = textwrap::Options::new(width).word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            self.indented(Line::from(Span::styled(line.into_owned(), style)));
        }
    }

    /// A link in one piece. If it is longer than a row it begins at the edge, so that a terminal copies it as one line.
    pub fn link(&mut self, url: &Url) {
        let text = url.expose();
        let text = text.expose_secret();
        if text.width() + MARGIN <= self.columns {
            return self.indented(Line::from(Span::raw(text.to_owned()).underlined()));
        }
        // An address is ASCII. These rows are as wide as the terminal: that is what joins them.
        let bytes: Vec<char> = text.chars().collect();
        let pieces = bytes.chunks(self.columns + 1);
        let last = pieces.len().saturating_sub(1);
        for (at, piece) in pieces.enumerate() {
            let line = Line::from(Span::raw(piece.iter().collect::<String>()).underlined());
            self.rows.push(Row { line, joined: at < last });
        }
    }

    /// What a message says, and what to do about it.
    pub fn message(&mut self, message: &Message) {
        match message.weight {
            Weight::Hint => self.text(&message.text, Style::new().dim()),
            Weight::Plain => self.text(&message.text, Style::new()),
            Weight::Warning => self.text(&format!("warning: {}", message.text), Style::new().magenta()),
        }
        if let Some(next) = &message.next {
            self.next(next);
        }
    }

    /// What to do.
    pub fn next(&mut self, next: &str) {
        let arrow = self.look.sign("→", "->");
        self.text(&format!("{arrow} {next}"), Style::new());
    }

    /// The time left, as a bar and in minutes and seconds.
    pub fn time_left(&mut self, left: Duration, of: Duration) {
        let label = format!(" {} left", minutes(left));
        let room = self.columns.saturating_sub(MARGIN + label.width()).min(40);
        let share = left.as_millis().min(of.as_millis()) * room as u128;
        let full = usize::try_from(share.div_ceil(of.as_millis().max(1))).unwrap_or(room);
        let (full_sign, rest_sign) = (self.look.sign("━", "="), self.look.sign("─", "-"));
        self.indented(Line::from(vec![
            Span::raw(full_sign.repeat(full)).green(),
            Span::raw(rest_sign.repeat(room - full)).dim(),
            Span::raw(label),
        ]));
    }

    /// The keys that do something here.
    pub fn keys(&mut self, keys: &[(&str, &str)]) {
        self.keys = self.rows.len();
        let mut line = Line::default();
        for (key, does) in keys {
            let item = [Span::raw(format!("[{key}]")).bold(), Span::raw(format!(" {does}"))];
            let width: usize = item.iter().map(Span::width).sum();
            if line.width() > 0 && MARGIN + line.width() + 2 + width > self.columns {
                self.indented(std::mem::take(&mut line));
            }
            if line.width() > 0 {
                line.push_span("  ");
            }
            line.extend(item);
        }
        self.indented(line);
    }

    /// Puts these beside those that there are, from row `from` on, at column `column`.
    pub fn beside(&mut self, from: usize, column: usize, lines: Vec<Line<'static>>) {
        while self.rows.len() < from + lines.len() {
            self.blank();
        }
        for (row, line) in self.rows.iter_mut().skip(from).zip(lines) {
            let gap = column.saturating_sub(row.line.width());
            row.line.push_span(" ".repeat(gap));
            row.line.extend(line.spans);
        }
    }

    /// Puts these between those that there are and the keys at their end, the way out, which stays in sight: of a terminal
    /// with fewer rows the others go, but not all of what is new.
    pub fn above_keys(&mut self, new: Self, rows: usize) {
        let keys = self.rows.split_off(self.keys.saturating_sub(1).min(self.rows.len()));
        let room = rows.saturating_sub(keys.len());
        let kept = room.saturating_sub(new.rows.len()).max(room / 2);
        self.rows.truncate(kept);
        let room = room.saturating_sub(self.rows.len());
        self.rows.extend(new.rows.into_iter().take(room));
        self.rows.extend(keys);
    }

    /// Puts these below those that there are.
    pub fn append(&mut self, below: Self) {
        self.rows.extend(below.rows);
    }
}

/// The beginning of a text that fits, with a sign for what does not.
pub fn cut(text: &str, columns: usize, look: Look) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let end = look.sign("…", "~");
    let mut room = columns.saturating_sub(end.width());
    let fits = |c: &char| {
        let width = c.width().unwrap_or(0);
        let fits = width <= room;
        room = room.saturating_sub(width);
        if !fits {
            room = 0;
        }
        fits
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push_str(if columns == 0 { "" } else { end });
    cut
}

/// How many columns a text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { colors: true, unicode: true };

    #[test]
    fn what_is_cut_is_never_wider_than_its_room() {
        for (text, columns, shown) in [
            ("Acme", 4, "Acme"),
            ("Acme Corporation", 6, "Acme …"),
            ("日本語", 4, "日…"),
            ("日本語", 5, "日本…"),
            ("x", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, columns, LOOK), shown, "{text} {columns}");
            assert!(cut(text, columns, LOOK).width() <= columns, "{text} {columns}");
        }
    }

    #[test]
    fn a_bar_is_full_at_the_beginning_and_empty_at_the_end() {
        let bar = |left, of| {
            let mut rows = Rows::new(Size { columns: 30, rows: 9 }, LOOK);
            rows.time_left(Duration::from_secs(left), Duration::from_secs(of));
            rows.rows[0].line.to_string()
        };
        assert_eq!(bar(300, 300), "  ━━━━━━━━━━━━━━━━━ 5:00 left");
        assert_eq!(bar(150, 300), "  ━━━━━━━━━──────── 2:30 left");
        assert_eq!(bar(1, 300), "  ━──────────────── 0:01 left");
        assert_eq!(bar(0, 300), "  ───────────────── 0:00 left");
        // Nothing to measure by.
        assert_eq!(bar(9, 0), "  ───────────────── 0:09 left");
    }

    #[test]
    fn a_link_that_is_too_long_is_one_line_for_whoever_copies_it() {
        let url = Url::parse("https://app.pentify.io/auth/terminal-pair?device_id=abc").unwrap();
        let mut rows = Rows::new(Size { columns: 20, rows: 9 }, LOOK);
        rows.link(&url);
        let shown: Vec<_> = rows.rows.iter().map(|row| (row.line.to_string(), row.joined)).collect();
        assert_eq!(
            shown,
            [
                ("https://app.pentify.".to_owned(), true),
                ("io/auth/terminal-pai".to_owned(), true),
                ("r?device_id=abc".to_owned(), false)
            ]
        );
    }
}
