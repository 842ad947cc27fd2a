//! What a terminal shows of what the painter writes.

use std::collections::HashMap;
use std::num::NonZero;

use ratatui::style::{Style, Stylize};
use ratatui::text::{Line, Span};
use vt100::Parser;

use super::cells::{self, Cell, Cells};
use super::painter::Painter;
use super::{Frame, Row, Size};

/// A terminal with lines on it, and a view below them.
struct Scene {
    terminal: Parser,
    painter: Painter,
    size: Size,
    above: Vec<String>,
    written: usize,
    looks: HashMap<String, Look>,
}

type Look = (vt100::Color, vt100::Color, [bool; 4]);

fn look(cell: &vt100::Cell) -> Look {
    (cell.fgcolor(), cell.bgcolor(), [cell.bold(), cell.dim(), cell.underline(), cell.inverse()])
}

impl Scene {
    fn new(columns: u16, rows: u16, above: usize) -> Self {
        let mut terminal = emulator(rows, columns, 10_000);
        let above: Vec<String> =
            (0..above).map(|line| format!("{line}").chars().take(columns.into()).collect()).collect();
        for line in &above {
            terminal.process(format!("{line}\r\n").as_bytes());
        }
        terminal.process(b"\x1b[?25l");
        let size = Size { columns, rows };
        Self { terminal, painter: Painter::new(columns), size, above, written: 0, looks: HashMap::new() }
    }

    fn draw(&mut self, frame: &Frame) {
        self.draw_in(frame, true);
    }

    /// Draws, and compares all that the terminal shows and remembers with what it should.
    fn draw_in(&mut self, frame: &Frame, colors: bool) {
        let rows = cells::rows(frame, self.size, colors);
        let text = self.painter.paint(rows.clone(), frame.cursor);
        self.written = text.len();
        self.terminal.process(text.as_bytes());
        self.compare(&rows, frame.cursor);
    }

    fn compare(&mut self, rows: &[Cells], cursor: Option<(u16, u16)>) {
        let mut expected = self.above.clone();
        expected.extend(rows.iter().map(text));
        let mut shown = self.everything();
        let end = shown.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
        shown.truncate(end.max(expected.len()));
        shown.resize(expected.len().max(end), String::new());
        assert_eq!(shown, expected);

        let screen = &self.terminal.screen().clone();
        let (row, column) = screen.cursor_position();
        let (cursor_column, cursor_row) = self.painter.resting_place();
        assert_eq!(screen.hide_cursor(), cursor.is_none());
        assert_eq!(column, cursor_column);
        let top = row - cursor_row;
        for (number, row) in (top..).zip(rows) {
            assert_eq!(screen.row_wrapped(number), row.joined, "row {number}");
            for column in 0..self.size.columns {
                self.compare_cell(number, column, &row.at(column.into()));
            }
        }
    }

    fn compare_cell(&mut self, row: u16, column: u16, expected: &Cell) {
        let cell = &self.terminal.screen().cell(row, column).unwrap().clone();
        let shown =
            if cell.contents().is_empty() && !cell.is_wide_continuation() { " " } else { cell.contents() };
        assert_eq!(shown, expected.symbol, "row {row}, column {column}");
        if !expected.is_rest() {
            assert_eq!(self.look(&expected.look.sequence()), look(cell), "row {row}, column {column}");
        }
    }

    /// What a sequence makes of characters.
    fn look(&mut self, sequence: &str) -> Look {
        *self.looks.entry(sequence.to_owned()).or_insert_with(|| {
            let mut terminal = emulator(1, 2, 0);
            terminal.process(format!("{sequence}x").as_bytes());
            look(terminal.screen().cell(0, 0).unwrap())
        })
    }

    /// The scroll-back and the screen, without blanks at the ends of lines.
    fn everything(&mut self) -> Vec<String> {
        let screen = self.terminal.screen_mut();
        let columns = self.size.columns;
        screen.set_scrollback(usize::MAX);
        let back = screen.scrollback();
        let mut lines = Vec::new();
        for behind in (1..=back).rev() {
            screen.set_scrollback(behind);
            lines.extend(screen.rows(0, columns).take(1));
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns));
        lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
    }
}

fn emulator(rows: u16, columns: u16, scrollback: usize) -> Parser {
    Parser::new(NonZero::new(rows).unwrap(), NonZero::new(columns).unwrap(), scrollback)
}

fn text(row: &Cells) -> String {
    let text: String = row.cells.iter().map(|cell| cell.symbol.as_str()).collect();
    text.trim_end().to_owned()
}

fn row(text: &str) -> Row {
    Row { line: Line::from(text.to_owned()), joined: false }
}

fn frame(rows: &[&str]) -> Frame {
    Frame { rows: rows.iter().map(|text| row(text)).collect(), cursor: None }
}

#[test]
fn a_view_grows_and_shrinks_wherever_it_is_on_the_screen() {
    for above in [0, 2, 7, 8, 30] {
        let mut scene = Scene::new(20, 8, above);
        for rows in [
            &["one"][..],
            &["one", "two", "three"],
            &["one", "", "three", "4", "5", "6", "7", "eight"],
            &["ONE", "2"],
            &[],
            &["again", "more"],
            &["1", "2", "3", "4", "5", "6", "7", "8", "cut"],
        ] {
            scene.draw(&frame(rows));
        }
    }
}

#[test]
fn a_frame_without_news_writes_nothing() {
    let mut scene = Scene::new(20, 8, 2);
    scene.draw(&frame(&["one", "two"]));
    scene.draw(&frame(&["one", "two"]));
    assert_eq!(scene.written, 0);
}

#[test]
fn a_second_less_is_few_bytes() {
    let view = |bar: usize, left: &str| {
        let mut rows: Vec<Row> = (0..18).map(|number| row(&format!("row {number} of the view"))).collect();
        let bar = format!("{}{}", "█".repeat(bar), "░".repeat(60 - bar));
        rows.push(Row {
            line: Line::from(vec![
                Span::raw(bar).cyan(),
                Span::raw("  waiting for the browser "),
                left.to_owned().bold(),
            ]),
            joined: false,
        });
        rows.push(row("o open   c copy   Esc cancel"));
        Frame { rows, cursor: None }
    };
    let mut scene = Scene::new(120, 40, 3);
    scene.draw(&view(40, "9:41"));
    scene.draw(&view(39, "9:40"));
    println!("measured: {} bytes a second", scene.written);
    assert!(scene.written < 100, "{}", scene.written);
}

#[test]
fn joined_rows_are_one_line_to_the_terminal() {
    let link = "https://console.example/device?user_code=BCDF-GHJK";
    let joined = |text: &str, columns: usize| {
        let chars: Vec<char> = text.chars().collect();
        let parts: Vec<String> = chars.chunks(columns).map(|part| part.iter().collect()).collect();
        let last = parts.len() - 1;
        parts
            .iter()
            .enumerate()
            .map(|(number, part)| Row { joined: number < last, ..row(part) })
            .collect::<Vec<_>>()
    };
    for above in [0, 3, 9] {
        let mut scene = Scene::new(20, 8, above);
        let with = |link: &str, before: &str| {
            let mut rows = vec![row(before)];
            rows.extend(joined(link, 20));
            rows.push(row("after"));
            Frame { rows, cursor: None }
        };
        scene.draw(&with(link, "before"));
        assert!(scene.terminal.screen().contents().contains(link));
        // A change beside it leaves it alone; one in it makes it anew.
        scene.draw(&with(link, "BEFORE"));
        assert!(scene.written < 20, "{}", scene.written);
        scene.draw(&with(&link.replace("BCDF", "ZZZZ"), "BEFORE"));
        scene.draw(&with(&link[..30], "BEFORE"));
        // The same text, not joined any more.
        let mut apart = with(link, "BEFORE");
        apart.rows.iter_mut().for_each(|row| row.joined = false);
        scene.draw(&apart);
        scene.draw(&with(link, "BEFORE"));
        scene.draw(&frame(&["short", "", "rows"]));
    }
}

#[test]
fn a_row_is_joined_only_if_it_is_full_and_there_is_a_next_one() {
    let mut scene = Scene::new(10, 5, 1);
    let joined = |text| Row { joined: true, ..row(text) };
    scene.draw(&Frame {
        rows: vec![joined("short"), joined("0123456789"), row(""), joined("0123456789")],
        cursor: None,
    });
}

#[test]
fn wide_characters_are_overwritten_as_a_whole() {
    let mut scene = Scene::new(12, 5, 1);
    for text in [
        "漢字かな",
        "a漢字かな",
        "ab字かな",
        "漢b字",
        "漢字",
        "e\u{301}漢e\u{301}x",
        "éa漢x",
        "漢字漢字漢字",
        "x字漢字漢字漢字",
    ] {
        scene.draw(&frame(&[text]));
    }
}

#[test]
fn a_terminal_that_is_too_small_shows_what_fits() {
    for (columns, rows) in [(1, 1), (1, 5), (2, 2), (5, 1)] {
        let mut scene = Scene::new(columns, rows, 1);
        for text in ["漢字", "abcdef", "", "x"] {
            scene.draw(&frame(&[text, text, text]));
            scene.draw(&Frame { cursor: Some((7, 7)), ..frame(&[text, text]) });
        }
    }
}

#[test]
fn without_colors_there_is_none() {
    let mut scene = Scene::new(20, 5, 1);
    let colorful =
        Line::from(vec![Span::raw("red").red().on_blue().bold(), Span::raw("x").reversed().green()]);
    scene.draw_in(&Frame { rows: vec![Row { line: colorful, joined: false }], cursor: None }, false);
    let cell = scene.terminal.screen().cell(1, 0).unwrap();
    assert_eq!(
        (cell.fgcolor(), cell.bgcolor(), cell.bold()),
        (vt100::Color::Default, vt100::Color::Default, true)
    );
}

#[test]
fn a_cursor_that_is_shown_is_where_the_frame_says() {
    let mut scene = Scene::new(20, 5, 1);
    scene.draw(&frame(&["> ", "help"]));
    assert!(scene.terminal.screen().hide_cursor());
    scene.draw(&Frame { cursor: Some((2, 0)), ..frame(&["> ", "help"]) });
    assert!(!scene.terminal.screen().hide_cursor());
    assert_eq!(scene.terminal.screen().cursor_position(), (1, 2));
    scene.draw(&Frame { cursor: Some((3, 0)), ..frame(&["> x", "help"]) });
    assert_eq!(scene.terminal.screen().cursor_position(), (1, 3));
    scene.draw(&frame(&["> x", "help"]));
    assert!(scene.terminal.screen().hide_cursor());
}

#[test]
fn whatever_is_drawn_after_whatever_is_what_is_seen() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut frames = 0;
    while frames < 10_000 {
        let (columns, rows) = (dice.below(60) + 1, dice.below(16) + 1);
        let (columns, rows) = (u16::try_from(columns).unwrap(), u16::try_from(rows).unwrap());
        let above = dice.below(20);
        let mut scene = Scene::new(columns, rows, above);
        let mut last = Frame::default();
        for _ in 0..50 {
            last = dice.frame(columns.into(), last);
            scene.draw(&last);
            frames += 1;
        }
    }
}

/// Chance, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    /// A frame that has something in common with the last one.
    fn frame(&mut self, columns: usize, last: Frame) -> Frame {
        let mut rows = last.rows;
        rows.truncate(self.below(20));
        for _ in 0..self.below(4) {
            let row = self.row(columns);
            let place = self.below(rows.len() + 1);
            if self.below(2) == 0 && place < rows.len() { rows[place] = row } else { rows.insert(place, row) }
        }
        let cursor = (self.below(3) == 0).then(|| (self.number(columns), self.number(rows.len().max(1))));
        Frame { rows, cursor }
    }

    fn number(&mut self, end: usize) -> u16 {
        u16::try_from(self.below(end)).unwrap()
    }

    fn row(&mut self, columns: usize) -> Row {
        const TEXTS: [&str; 9] =
            ["a", "  ", "word", "漢字", "█░", "e\u{301}", "longer text", "\x1b[2J", " x "];
        let joined = self.below(3) == 0;
        let mut line = Line::default();
        while if joined { line.width() < columns } else { self.below(6) > 0 } {
            let style =
                [Style::new(), Style::new().bold().red(), Style::new().on_blue(), Style::new().reversed()]
                    [self.below(4)];
            let text = if joined { "0" } else { TEXTS[self.below(TEXTS.len())] };
            line.spans.push(Span::styled(text, style));
        }
        Row { line, joined }
    }
}
