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

#[cfg(test)]
mod tests {
    use ratatui::text::Line as Text;

    use super::*;
    use crate::screen::terminal::{Frame, Row, Size, cells};

    /// A view of ten columns: a row, a link of two and a half, another row, a full one.
    fn view() -> Vec<Cells> {
        let row = |text: &'static str, joined| Row { line: Text::from(text), joined };
        let rows = vec![
            row("short", false),
            row("https://ab", true),
            row("cdefghijkl", true),
            row("mnopq", false),
            row("", false),
            row("0123456789", false),
            row("end", false),
        ];
        cells::rows(&Frame { rows, cursor: None }, Size { columns: 10, rows: 20 }, false)
    }

    #[test]
    fn rows_are_counted_as_the_terminal_breaks_them() {
        for (width, cursor, above) in [
            // As it was drawn.
            (10, (0, 6), 6),
            (10, (3, 6), 6),
            (10, (9, 5), 5),
            // Wider: a link of 25 characters is one row at 25, two at 24.
            (25, (0, 6), 4),
            (24, (0, 6), 5),
            (80, (2, 2), 1),
            (80, (0, 0), 0),
            // Narrower: 1 + 4 + 1 + 2 rows at 7.
            (7, (0, 6), 8),
            (7, (2, 3), 4),
            (7, (7, 5), 7),
            // 5 + 25 + 1 + 10 at 1.
            (1, (0, 6), 41),
            (1, (2, 6), 43),
            (4, (0, 1), 2),
            (4, (4, 1), 3),
            // Behind a text the cursor is not wrapped with it.
            (7, (9, 6), 8),
        ] {
            assert_eq!(rows_above(&view(), cursor, width), above, "{cursor:?} at {width}");
        }
    }

    #[test]
    fn a_wide_character_is_not_broken() {
        let row = Row { line: Text::from("漢字漢字x"), joined: false };
        let rows = cells::rows(
            &Frame { rows: vec![row.clone(), row], cursor: None },
            Size { columns: 10, rows: 20 },
            false,
        );
        for (width, above) in [(10, 1), (9, 1), (8, 2), (7, 2), (5, 2), (4, 3), (3, 4), (2, 5)] {
            assert_eq!(rows_above(&rows, (0, 1), width), above, "at {width}");
        }
    }
}
