//! What becomes of rows when a terminal of another width breaks their lines anew, as most do.

use super::cells::Cells;

/// How many rows of the terminal lie between the beginning of the view and the cursor, which stood on that column and
/// row when the view was drawn, now that the terminal is `width` columns wide.
pub(super) fn rows_above(rows: &[Cells], cursor: (u16, u16), width: u16) -> u16 {
    let (column, row) = (usize::from(cursor.0), usize::from(cursor.1));
    let mut above = 0;
    let mut line = Line { width: width.max(1).into(), column: 0, row: 0 };
    for (index, cells) in rows.iter().enumerate() {
        let is_cursors = index == row;
        let shown = if is_cursors { column.min(cells.cells.len()) } else { cells.cells.len() };
        let mut next = 0;
        while next < shown {
            let rest = cells.cells[next + 1..].iter().take_while(|cell| cell.is_rest()).count();
            line.put(1 + rest);
            next += 1 + rest;
        }
        if is_cursors {
            // Behind the text the cursor moves on alone; at the end of a row it stays there.
            line.column = (line.column + column.saturating_sub(shown)).min(line.width);
            let wraps = line.column == line.width && column < cells.cells.len();
            above += line.row + usize::from(wraps);
            break;
        }
        if !cells.joined {
            above += line.row + 1;
            (line.column, line.row) = (0, 0);
        }
    }
    u16::try_from(above).unwrap_or(u16::MAX)
}

/// A line while its characters are put into rows.
struct Line {
    width: usize,
    column: usize,
    row: usize,
}

impl Line {
    fn put(&mut self, width: usize) {
        if self.column + width > self.width {
            (self.column, self.row) = (0, self.row + 1);
        }
        self.column += width;
    }
}
