//! Draws rows over the rows that were drawn before, from the cursor downwards.
//!
//! The first row is where the cursor was at first; where that is on the terminal is never asked. All moves are relative
//! to it, so the terminal may scroll. A hidden cursor rests at the beginning of the first row: there it also is after the
//! terminal has broken the lines anew.

use std::fmt::Write;
use std::ops::Range;

use super::cells::{Cell, Cells};
use super::style::Look;

pub(super) const HIDE_CURSOR: &str = "\x1b[?25l";
pub(super) const SHOW_CURSOR: &str = "\x1b[?25h";
/// As many unchanged columns are not worth a jump.
const SHORT_GAP: usize = 5;

/// What stands on the terminal.
#[derive(Debug, Default)]
pub(super) struct Painter {
    width: u16,
    rows: Vec<Cells>,
    /// Column and row; hidden without.
    cursor: Option<(u16, u16)>,
}

impl Painter {
    /// With an empty view on a terminal of this width, and a hidden cursor in the first column.
    pub(super) fn new(width: u16) -> Self {
        Self { width, ..Self::default() }
    }

    /// What stands there.
    pub(super) fn rows(&self) -> &[Cells] {
        &self.rows
    }

    /// Where the cursor is, as column and row of the view.
    pub(super) fn resting_place(&self) -> (u16, u16) {
        self.cursor.unwrap_or_default()
    }

    /// What has to be written so that these rows stand there and nothing else of the view, with the cursor there.
    pub(super) fn paint(&mut self, rows: Vec<Cells>, cursor: Option<(u16, u16)>) -> String {
        let last =
            (self.width.saturating_sub(1), u16::try_from(rows.len()).unwrap_or(u16::MAX).saturating_sub(1));
        let cursor = cursor.map(|(column, row)| (column.min(last.0), row.min(last.1)));
        if rows == self.rows && cursor == self.cursor {
            return String::new();
        }
        let (column, row) = self.resting_place();
        let mut pen =
            Pen { out: String::new(), row: row.into(), column: Some(column.into()), look: Look::default() };
        if self.cursor.is_some() {
            pen.out.push_str(HIDE_CURSOR);
        }
        self.make_room(&mut pen, rows.len());
        let mut next = 0;
        while next < rows.len() {
            let length = 1 + rows[next..].iter().take_while(|row| row.joined).count();
            self.paint_line(&mut pen, &rows, next..next + length);
            next += length;
        }
        if rows.len() < self.rows.len() {
            pen.dress(Look::default());
            pen.go(rows.len(), 0);
            pen.out.push_str("\x1b[J");
        }
        pen.dress(Look::default());
        let (column, row) = cursor.unwrap_or_default();
        pen.go(row.into(), column.into());
        if cursor.is_some() {
            pen.out.push_str(SHOW_CURSOR);
        }
        (self.rows, self.cursor) = (rows, cursor);
        pen.out
    }

    /// Line breaks for rows that are not there yet: at the end of the terminal it scrolls.
    fn make_room(&self, pen: &mut Pen, rows: usize) {
        let there = self.rows.len().max(1);
        if rows > there {
            pen.go(there - 1, 0);
            pen.out.push_str(&"\n".repeat(rows - there));
            (pen.row, pen.column) = (rows - 1, None);
        }
    }

    /// Paints rows that are joined, or one that is not.
    fn paint_line(&self, pen: &mut Pen, rows: &[Cells], line: Range<usize>) {
        let nothing = Cells::default();
        let old = |row: usize| self.rows.get(row).unwrap_or(&nothing);
        if line.clone().all(|row| rows[row] == *old(row)) {
            return;
        }
        let first = line.start;
        if line.len() == 1 && !old(first).joined {
            return paint_changes(pen, first, old(first), &rows[first]);
        }
        // How rows are joined is known to the terminal alone: what it knows is made anew as a whole.
        pen.dress(Look::default());
        for row in line.clone().rev() {
            pen.go(row, 0);
            pen.out.push_str("\x1b[K");
        }
        for row in line {
            if row > first {
                (pen.row, pen.column) = (row, Some(0));
            }
            for cell in &rows[row].cells {
                pen.write(cell);
            }
            pen.column = None;
        }
    }
}

/// Where the next character goes, and how it looks.
struct Pen {
    out: String,
    row: usize,
    /// Not known after characters whose width terminals do not agree on.
    column: Option<usize>,
    look: Look,
}

impl Pen {
    /// Goes to a row that is there.
    fn go(&mut self, row: usize, column: usize) {
        if (self.row, self.column) == (row, Some(column)) {
            return;
        }
        // First to the left: it ends the state between the last column and the next row.
        if self.column != Some(0) {
            self.out.push('\r');
        }
        let _ = match row.cmp(&self.row) {
            std::cmp::Ordering::Less => write!(self.out, "\x1b[{}A", self.row - row),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => write!(self.out, "\x1b[{}B", row - self.row),
        };
        if column > 0 {
            let _ = write!(self.out, "\x1b[{column}C");
        }
        (self.row, self.column) = (row, Some(column));
    }

    fn dress(&mut self, look: Look) {
        if self.look != look {
            self.out.push_str(&look.sequence());
            self.look = look;
        }
    }

    /// Writes the character of a cell, if it is not the rest of the one before.
    fn write(&mut self, cell: &Cell) {
        if cell.is_rest() {
            self.column = self.column.map(|column| column + 1);
            return;
        }
        self.dress(cell.look);
        self.out.push_str(&cell.symbol);
        let is_simple = cell.symbol.chars().nth(1).is_none();
        self.column = self.column.filter(|_| is_simple).map(|column| column + 1);
    }
}

/// Paints what is not the same in a row.
fn paint_changes(pen: &mut Pen, row: usize, old: &Cells, new: &Cells) {
    for run in changes(old, new) {
        let written = run.start..run.end.min(new.cells.len());
        for column in written {
            let cell = &new.cells[column];
            if !cell.is_rest() {
                pen.go(row, column);
            }
            pen.write(cell);
        }
        if run.end > new.cells.len() {
            pen.dress(Look::default());
            pen.go(row, run.start.max(new.cells.len()));
            pen.out.push_str("\x1b[K");
        }
    }
}

/// The columns that are not the same. Of a wide character that is another one, or none any more, all are or the first is.
fn changes(old: &Cells, new: &Cells) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let columns = 0..old.cells.len().max(new.cells.len());
    for changed in columns.filter(|column| old.at(*column) != new.at(*column)) {
        match runs.last_mut() {
            Some(run) if run.end + SHORT_GAP > changed => run.end = changed + 1,
            _ => runs.push(changed..changed + 1),
        }
    }
    runs
}
