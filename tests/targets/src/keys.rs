//! Keys from what a terminal sends: the screen's own code.

#[path = "../../../cli/src/screen/terminal/keys.rs"]
mod included;

use ratatui::crossterm::event::KeyEvent;

use included::Keys;

/// As the screen has it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Input {
    Key(KeyEvent),
    Paste(String),
}

/// However the bytes come, they are the same keys; nothing is kept back once nothing more comes, and nothing grows.
pub fn keys(bytes: &[u8]) {
    let whole = read(bytes, bytes.len());
    assert!(whole.len() <= bytes.len());
    let pasted: usize =
        whole.iter().map(|input| if let Input::Paste(text) = input { text.len() } else { 0 }).sum();
    assert!(pasted <= 3 * bytes.len());
    // What is longer than any sequence is given up as soon as it is known to be.
    let longest = bytes.split(|byte| !(0x20..=0x3f).contains(byte)).map(<[u8]>::len).max();
    if longest.is_none_or(|longest| longest < 28) {
        for size in [1, 3, 5] {
            assert_eq!(read(bytes, size), whole, "{}", bytes.escape_ascii());
        }
    }
}

fn read(bytes: &[u8], size: usize) -> Vec<Input> {
    let mut keys = Keys::default();
    let mut read = Vec::new();
    for piece in bytes.chunks(size.max(1)) {
        keys.add(piece);
        read.extend(keys.by_ref());
    }
    keys.give_up_waiting();
    read.extend(keys.by_ref());
    assert!(!keys.is_waiting());
    read
}
