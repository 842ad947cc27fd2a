//! A frame as what stands in each column.

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;

use super::style::Look;
use super::{Frame, Size};

/// What stands in one column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// What is seen as one character; nothing in the columns that the wide one before takes, too.
    pub(super) symbol: String,
    pub(super) look: Look,
}

/// One row, without the blanks at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) cells: Vec<Cell>,
    /// Whether it takes the whole width and goes on in the next row.
    pub(super) joined: bool,
}

impl Cell {
    pub(super) fn blank() -> Self {
        Self { symbol: " ".to_owned(), look: Look::default() }
    }

    /// Whether it is the rest of a wide character.
    pub(super) fn is_rest(&self) -> bool {
        self.symbol.is_empty()
    }
}

impl Cells {
    /// What stands in a column.
    pub(super) fn at(&self, column: usize) -> Cell {
        self.cells.get(column).cloned().unwrap_or_else(Cell::blank)
    }
}

/// The rows of a frame, cut to what fits.
pub(super) fn rows(frame: &Frame, size: Size, colors: bool) -> Vec<Cells> {
    let rows = &frame.rows[..frame.rows.len().min(size.rows.into())];
    let mut cells: Vec<Cells> = rows
        .iter()
        .map(|row| {
            let mut buffer = Buffer::empty(Rect::new(0, 0, size.columns, 1));
            buffer.set_line(0, 0, &row.line, size.columns);
            let cells = columns(&buffer, colors);
            let joined = row.joined && cells.len() == usize::from(size.columns);
            Cells { cells, joined }
        })
        .collect();
    for next in 1..=cells.len() {
        let goes_on = cells.get(next).is_some_and(|row| !row.cells.is_empty());
        cells[next - 1].joined &= goes_on;
    }
    cells
}

/// The columns of a buffer of one row, without the blanks at its end.
fn columns(buffer: &Buffer, colors: bool) -> Vec<Cell> {
    let mut columns = Vec::with_capacity(buffer.content.len());
    let mut rest = 0;
    for cell in &buffer.content {
        let look = Look::of(cell, colors);
        if rest > 0 {
            rest -= 1;
            columns.push(Cell { symbol: String::new(), look: Look::default() });
            continue;
        }
        rest = usize::from(cell.cell_width()).saturating_sub(1);
        let is_blank = cell.symbol() == " " && !look.shows_on_blanks();
        columns.push(if is_blank { Cell::blank() } else { Cell { symbol: cell.symbol().to_owned(), look } });
    }
    while columns.last() == Some(&Cell::blank()) {
        columns.pop();
    }
    columns
}
