//! What a person does at the terminal.

use ratatui::crossterm::event::KeyEvent;

/// What happens at the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed, or repeats.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resized,
    /// The process shall stop, as `kill -TSTP` asks; Ctrl-Z is a key.
    Suspend,
    /// The process was stopped by somebody else, and goes on.
    Continued,
    /// The terminal is gone. Nothing comes any more.
    Lost,
}
