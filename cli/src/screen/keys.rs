//! What keys mean everywhere.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The letter that a key types, if it types one that can be shown.
pub fn typed(key: KeyEvent) -> Option<char> {
    let steers = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SUPER;
    match key.code {
        KeyCode::Char(c) if !key.modifiers.intersects(steers) && is_shown(c) => Some(c),
        _ => None,
    }
}

/// The letter in lower case that a key types, for keys that do something.
pub fn letter(key: KeyEvent) -> Option<char> {
    typed(key).map(|c| c.to_ascii_lowercase())
}

/// Whether the control key is held.
pub fn is_control(key: KeyEvent) -> bool {
    key.modifiers.contains(KeyModifiers::CONTROL)
}

/// Whether it is this letter with the control key.
pub fn control(key: KeyEvent, letter: char) -> bool {
    is_control(key) && key.code == KeyCode::Char(letter)
}

/// Nothing that steers a terminal, or the direction of what follows.
fn is_shown(c: char) -> bool {
    !doorkey_core::text::is_treacherous(c)
}
