//! The terminal under the screen: frames in, keys out, and everything as before in the end.
//!
//! Output goes to standard error, since standard output may be piped.

mod cells;
#[cfg(not(unix))]
mod elsewhere;
mod input;
#[cfg(unix)]
mod job;
#[cfg(unix)]
mod keys;
#[cfg(unix)]
mod line;
mod painter;
#[cfg(unix)]
mod reader;
mod reflow;
mod restore;
mod style;
#[cfg(test)]
mod tests;

use std::io::{self, IsTerminal};
use std::sync::Arc;

use data_encoding::BASE64;
use ratatui::text::Line;
use terminal_size::terminal_size_of;

use self::device::Expecting;
use self::painter::Painter;
use self::restore::Taken;
use crate::signals::{self, Watch};

pub use self::device::read;
pub use self::input::Input;

#[cfg(not(unix))]
use self::elsewhere as device;

/// What depends on the system.
#[cfg(unix)]
mod device {
    pub(super) use super::job::Expecting;
    pub(super) use super::line::{Line, is_writable};
    pub use super::reader::read;
}

/// What is drawn: rows from the top. What does not fit on the terminal is cut: rows on the right, the frame at its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the cursor is, as column and row, from 0; hidden without.
    pub cursor: Option<(u16, u16)>,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What stands there.
    pub line: Line<'static>,
    /// Whether it fills the width and goes on in the next row: then there is no line break in between, so that a terminal
    /// selects and copies both as one line.
    pub joined: bool,
}

/// Which part of the terminal is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All of it, on the alternate screen.
    Full,
    /// As many rows as the frame has, below what is there.
    Inline,
}

/// How large a terminal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Characters in a row.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// Of a terminal that does not say.
const USUAL: Size = Size { columns: 80, rows: 24 };

/// A terminal to draw on. When it is dropped the terminal is as before: of a view below other output nothing stays, and
/// the cursor is in the first column where the view began.
pub struct Terminal {
    taken: Arc<Taken>,
    painter: Painter,
    mode: Mode,
    colors: bool,
    size: Size,
    frame: Frame,
    _kept: signals::Terminal,
}

impl Terminal {
    /// Takes the terminal: keys come one by one, the cursor is hidden. From now on it is put back however the process
    /// ends: by `watch`, by a panic, or by itself.
    ///
    /// Without `colors` there is bold, dim, underlined and reversed text only.
    ///
    /// # Errors
    /// Standard error is no terminal, or there is none that keys could come from.
    pub fn enter(mode: Mode, colors: bool, watch: &Watch) -> io::Result<Self> {
        if !io::stderr().is_terminal() {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "standard error is no terminal"));
        }
        let size = size();
        let taken = Taken::new(mode)?;
        let kept = {
            let taken = Arc::clone(&taken);
            watch.keep_terminal_with(move || taken.abandon())
        };
        let (painter, frame) = (Painter::new(size.columns), Frame::default());
        let terminal = Self { taken, painter, mode, colors, size, frame, _kept: kept };
        terminal.taken.take(size.columns)?;
        Ok(terminal)
    }

    /// How large it is, or was when it was last drawn on.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Draws a frame over the last one, writing only what is new. In the background nothing is drawn; that a terminal
    /// has vanished is no error.
    pub fn draw(&mut self, frame: &Frame) {
        if self.frame != *frame {
            self.frame = frame.clone();
        }
        self.redraw();
    }

    /// Lets `print` write whole lines: above the view, or on the normal screen, where they are seen in the end.
    pub fn above(&mut self, print: impl FnOnce()) {
        self.go_away();
        print();
        self.come_back();
    }

    /// Puts text into the clipboard (OSC 52), if the terminal does that.
    pub fn copy(&mut self, text: &str) {
        let text = format!("\x1b]52;c;{}\x1b\\", BASE64.encode(text.as_bytes()));
        self.taken.write(&text, self.painter.resting_place().1);
    }

    /// Stops the process as SIGTSTP does, with the terminal as before; comes back with everything drawn anew.
    pub fn suspend(&mut self) {
        let expecting = Expecting::new();
        self.go_away();
        expecting.stop();
        self.come_back();
    }

    /// Draws everything anew after something else stopped and continued the process.
    pub fn resume(&mut self) {
        let _expecting = Expecting::new();
        self.come_back();
    }

    /// Forgets what stands there: the next frame is drawn anew, over whatever somebody else has written.
    pub fn refresh(&mut self) {
        if !self.taken.is_anothers() {
            self.taken.clear(self.painter.resting_place().1);
            self.painter = Painter::new(self.size.columns);
        }
    }

    /// Notices that the size is another one now. What stood there is gone then: the next frame is drawn anew.
    pub fn resized(&mut self) {
        let size = size();
        if size == self.size || self.taken.is_anothers() {
            return;
        }
        let cursor = self.painter.resting_place();
        let above = reflow::rows_above(self.painter.rows(), cursor, size.columns);
        self.taken.clear(above);
        (self.size, self.painter) = (size, Painter::new(size.columns));
    }

    fn go_away(&mut self) {
        self.resized();
        self.taken.put_back();
    }

    /// Draws the last frame anew. A process in the background is stopped until its turn comes.
    fn come_back(&mut self) {
        self.size = size();
        self.painter = Painter::new(self.size.columns);
        // A terminal that cannot be taken has vanished.
        if self.taken.take(self.size.columns).is_ok() {
            self.redraw();
        }
    }

    fn redraw(&mut self) {
        self.resized();
        if self.taken.is_anothers() {
            return;
        }
        let rows = cells::rows(&self.frame, self.size, self.colors);
        let (column, row) = self.painter.resting_place();
        let mut text = self.painter.paint(rows, self.frame.cursor);
        // Somebody else may have written, too, and left the cursor elsewhere.
        if self.mode == Mode::Full && !text.is_empty() {
            text.insert_str(0, &format!("\x1b[{};{}H", row + 1, column + 1));
        }
        self.taken.write(&text, self.painter.resting_place().1);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.go_away();
    }
}

/// The size of the terminal that is drawn on.
fn size() -> Size {
    terminal_size_of(io::stderr())
        .map_or(USUAL, |(columns, rows)| Size { columns: columns.0.max(1), rows: rows.0.max(1) })
}
