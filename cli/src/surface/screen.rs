//! How much room there is on the terminal.

use std::io;

use terminal_size::terminal_size_of;

/// Columns and rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// The size of the terminal that messages go to; `None` if they go elsewhere or it does not say.
pub(super) fn size() -> Option<Size> {
    let (columns, rows) = terminal_size_of(io::stderr())?;
    Some(Size { columns: columns.0.into(), rows: rows.0.into() })
}
