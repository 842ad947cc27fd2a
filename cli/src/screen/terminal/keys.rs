//! Keys from what terminals send: UTF-8, control characters, and the sequences of xterm.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Input;

const ESCAPE: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";
/// No key has a longer sequence: what is longer is none.
const LONGEST: usize = 32;
/// More is pasted by mistake.
const LONGEST_PASTE: usize = 64 * 1024;

/// Bytes in, keys out.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// What is not a whole key yet.
    bytes: Vec<u8>,
    pasted: Option<Vec<u8>>,
    found: VecDeque<Input>,
}

/// What bytes begin with.
enum Begins {
    /// A key, of so many bytes.
    Key(Option<KeyEvent>, usize),
    /// Pasted text, after so many bytes.
    Paste(usize),
    /// What may become a key.
    Nothing,
}

impl Keys {
    /// What was read.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.find(false);
    }

    /// Whether what came may be a key as it is, or the beginning of one.
    pub(super) fn is_waiting(&self) -> bool {
        self.pasted.is_none() && !self.bytes.is_empty()
    }

    /// Nothing more came: what did come is all.
    pub(super) fn give_up_waiting(&mut self) {
        self.find(true);
    }

    fn find(&mut self, is_all: bool) {
        while !self.bytes.is_empty() {
            if self.pasted.is_some() {
                if !self.paste() {
                    return;
                }
                continue;
            }
            match begin(&self.bytes, is_all) {
                Begins::Key(key, length) => {
                    self.found.extend(key.map(Input::Key));
                    self.bytes.drain(..length);
                }
                Begins::Paste(length) => {
                    self.bytes.drain(..length);
                    self.pasted = Some(Vec::new());
                }
                Begins::Nothing => return,
            }
        }
    }

    /// Takes pasted text up to its end; whether that has come.
    fn paste(&mut self) -> bool {
        let Some(pasted) = &mut self.pasted else { return true };
        let end = self.bytes.windows(PASTE_END.len()).position(|bytes| bytes == PASTE_END);
        // The end may have come in part.
        let text = end.unwrap_or_else(|| (self.bytes.len() + 1).saturating_sub(PASTE_END.len()));
        let room = LONGEST_PASTE.saturating_sub(pasted.len());
        pasted.extend(self.bytes.drain(..text).take(room));
        if end.is_none() {
            return false;
        }
        self.bytes.drain(..PASTE_END.len());
        let pasted = self.pasted.take().unwrap_or_default();
        // Terminals send line breaks as the key Enter does.
        let text = String::from_utf8_lossy(&pasted).replace("\r\n", "\n").replace('\r', "\n");
        self.found.push_back(Input::Paste(text));
        true
    }
}

impl Iterator for Keys {
    type Item = Input;

    fn next(&mut self) -> Option<Input> {
        self.found.pop_front()
    }
}

/// What `bytes`, which are some, begin with.
fn begin(bytes: &[u8], is_all: bool) -> Begins {
    match bytes {
        [ESCAPE] if is_all => Begins::Key(Some(KeyCode::Esc.into()), 1),
        [ESCAPE] => Begins::Nothing,
        [ESCAPE, b'[', ..] => control_sequence(bytes, is_all),
        [ESCAPE, b'O'] if !is_all => Begins::Nothing,
        [ESCAPE, b'O', last @ (b'A'..=b'D' | b'F' | b'H' | b'M' | b'P'..=b'S'), ..] => {
            Begins::Key(ended_by(*last).map(KeyEvent::from), 3)
        }
        // Twice: the first one was the key.
        [ESCAPE, ESCAPE, ..] => Begins::Key(Some(KeyCode::Esc.into()), 1),
        [ESCAPE, rest @ ..] => match begin(rest, is_all) {
            Begins::Key(key, length) => {
                let with_alt =
                    |key: KeyEvent| KeyEvent { modifiers: key.modifiers | KeyModifiers::ALT, ..key };
                Begins::Key(key.map(with_alt), length + 1)
            }
            other => other,
        },
        [byte @ (0..=0x1f | 0x7f), ..] => Begins::Key(Some(control(*byte)), 1),
        _ => character(bytes, is_all),
    }
}

fn control(byte: u8) -> KeyEvent {
    let with_control = |code| KeyEvent::new(code, KeyModifiers::CONTROL);
    match byte {
        b'\r' => KeyCode::Enter.into(),
        b'\t' => KeyCode::Tab.into(),
        0x7f | 0x08 => KeyCode::Backspace.into(),
        0 => with_control(KeyCode::Char(' ')),
        1..=0x1a => with_control(KeyCode::Char(char::from(byte - 1 + b'a'))),
        _ => with_control(KeyCode::Char(char::from(byte - 0x1c + b'4'))),
    }
}

/// One character of UTF-8. What is none is no key.
fn character(bytes: &[u8], is_all: bool) -> Begins {
    let first = &bytes[..bytes.len().min(4)];
    let (text, bad) = match str::from_utf8(first) {
        Ok(text) => (text, None),
        Err(e) => {
            let (good, _) = first.split_at(e.valid_up_to());
            (str::from_utf8(good).unwrap_or_default(), Some(e.error_len()))
        }
    };
    match (text.chars().next(), bad) {
        (Some(c), _) => {
            let modifiers = if c.is_uppercase() { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
            Begins::Key(Some(KeyEvent::new(KeyCode::Char(c), modifiers)), c.len_utf8())
        }
        (None, Some(None)) if !is_all => Begins::Nothing,
        (None, Some(Some(length))) => Begins::Key(None, length),
        (None, _) => Begins::Key(None, first.len()),
    }
}

/// `ESC [`, parameters, and what ends them (ECMA-48, 5.4).
fn control_sequence(bytes: &[u8], is_all: bool) -> Begins {
    let parameters = &bytes[2..];
    // The Linux console's function keys.
    if let [b'[', last, ..] = parameters {
        let key = match last {
            b'A'..=b'E' => Some(KeyCode::F(last - b'A' + 1).into()),
            _ => None,
        };
        return Begins::Key(key, 4);
    }
    let Some(length) = parameters.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        let whole = bytes.len();
        return match (parameters, is_all) {
            ([], true) => Begins::Key(Some(KeyEvent::new(KeyCode::Char('['), KeyModifiers::ALT)), whole),
            (_, true) => Begins::Key(None, whole),
            (_, false) if whole > LONGEST => Begins::Key(None, whole),
            (_, false) => Begins::Nothing,
        };
    };
    let (parameters, last) = (&parameters[..length], parameters[length]);
    let whole = length + 3;
    // Something else begins in the middle of it.
    if !(0x40..=0x7e).contains(&last) {
        return Begins::Key(None, whole - 1);
    }
    let mut numbers = parameters.split(|byte| *byte == b';').map(|number| {
        str::from_utf8(number)
            .ok()
            .filter(|number| !number.is_empty())
            .and_then(|number| number.parse::<u8>().ok())
    });
    let (first, modifiers) = (numbers.next().flatten(), numbers.next().flatten());
    if (first, last) == (Some(200), b'~') {
        return Begins::Paste(whole);
    }
    let code = if last == b'~' { first.and_then(numbered) } else { ended_by(last) };
    let key = code.map(|code| {
        let shift = if code == KeyCode::BackTab { KeyModifiers::SHIFT } else { KeyModifiers::NONE };
        KeyEvent::new(code, shift | modified(modifiers))
    });
    Begins::Key(key, whole)
}

/// The key of a sequence that this byte ends.
fn ended_by(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        // On the keypad.
        b'M' => KeyCode::Enter,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

/// The key of a sequence with this number and `~` at its end.
fn numbered(number: u8) -> Option<KeyCode> {
    Some(match number {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        11..=15 => KeyCode::F(number - 10),
        17..=21 => KeyCode::F(number - 11),
        23..=24 => KeyCode::F(number - 12),
        _ => return None,
    })
}

/// xterm's second parameter: one more than the sum of 1 (Shift), 2 (Alt) and 4 (Control).
fn modified(parameter: Option<u8>) -> KeyModifiers {
    let bits = parameter.unwrap_or(1).saturating_sub(1);
    let mut modifiers = KeyModifiers::NONE;
    for (bit, modifier) in [(1, KeyModifiers::SHIFT), (2, KeyModifiers::ALT), (4, KeyModifiers::CONTROL)] {
        if bits & bit != 0 {
            modifiers |= modifier;
        }
    }
    modifiers
}
