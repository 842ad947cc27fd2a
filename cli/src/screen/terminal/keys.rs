//! Keys from what terminals send: UTF-8, control characters, and the sequences of xterm.

use std::collections::VecDeque;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::Input;

const ESCAPE: u8 = 0x1b;
const PASTE_END: &[u8] = b"\x1b[201~";
/// No key has a longer sequence: what is longer is none.
const LONGEST: usize = 32;
/// Ctrl-C. No terminal lets it be part of a paste; where one's end got lost it is the person's.
const INTERRUPT: u8 = 0x03;
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
        let broken_off = self.bytes.iter().position(|byte| *byte == INTERRUPT);
        let is_broken_off = broken_off.is_some_and(|at| end.is_none_or(|end| at < end));
        let end = if is_broken_off { broken_off } else { end };
        // The end may have come in part.
        let text = end.unwrap_or_else(|| (self.bytes.len() + 1).saturating_sub(PASTE_END.len()));
        let room = LONGEST_PASTE.saturating_sub(pasted.len());
        pasted.extend(self.bytes.drain(..text).take(room));
        if end.is_none() {
            return false;
        }
        self.bytes.drain(..if is_broken_off { 0 } else { PASTE_END.len() });
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
        // Two keys that came together, as they do over a slow line. Nothing here is bound to Alt, which looks the same.
        [ESCAPE, ..] => Begins::Key(Some(KeyCode::Esc.into()), 1),
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
    match parameters {
        [b'['] if !is_all => return Begins::Nothing,
        [b'[', last @ b'A'..=b'E', ..] => {
            return Begins::Key(Some(KeyCode::F(last - b'A' + 1).into()), 4);
        }
        _ => {}
    }
    let Some(length) = parameters.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        let whole = bytes.len();
        return match (parameters, is_all) {
            ([], true) => Begins::Key(Some(KeyCode::Esc.into()), 1),
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
    let code = match (first, last) {
        (Some(number), b'~') => numbered(number),
        // Another number makes it something else: where the cursor is, for one.
        (None | Some(1), _) => ended_by(last),
        _ => None,
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Input {
        Input::Key(KeyEvent::new(code, modifiers))
    }

    fn plain(code: KeyCode) -> Input {
        key(code, KeyModifiers::NONE)
    }

    fn typed(c: char) -> Input {
        plain(KeyCode::Char(c))
    }

    fn paste(text: &str) -> Input {
        Input::Paste(text.to_owned())
    }

    /// What terminals send, and what it means.
    fn table() -> Vec<(&'static [u8], Vec<Input>)> {
        const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
        const ALT: KeyModifiers = KeyModifiers::ALT;
        const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
        vec![
            (b"ab", vec![typed('a'), typed('b')]),
            (b"A", vec![key(KeyCode::Char('A'), SHIFT)]),
            ("é漢🦀".as_bytes(), vec![typed('é'), typed('漢'), typed('🦀')]),
            (b"\x03\x1a", vec![key(KeyCode::Char('c'), CONTROL), key(KeyCode::Char('z'), CONTROL)]),
            (b"\0\x1c", vec![key(KeyCode::Char(' '), CONTROL), key(KeyCode::Char('4'), CONTROL)]),
            (b"\r\t\x7f", vec![plain(KeyCode::Enter), plain(KeyCode::Tab), plain(KeyCode::Backspace)]),
            (b"\x1b", vec![plain(KeyCode::Esc)]),
            (b"\x1b\x1b", vec![plain(KeyCode::Esc), plain(KeyCode::Esc)]),
            (b"\x1bx", vec![plain(KeyCode::Esc), typed('x')]),
            (b"\x1b[", vec![plain(KeyCode::Esc), typed('[')]),
            (b"\x1bO", vec![plain(KeyCode::Esc), key(KeyCode::Char('O'), SHIFT)]),
            (b"\x1b[A\x1bOB", vec![plain(KeyCode::Up), plain(KeyCode::Down)]),
            (b"\x1b[1;5C", vec![key(KeyCode::Right, CONTROL)]),
            (b"\x1b[1;4D", vec![key(KeyCode::Left, ALT | SHIFT)]),
            (b"\x1b[H\x1b[4~\x1b[F", vec![plain(KeyCode::Home), plain(KeyCode::End), plain(KeyCode::End)]),
            (b"\x1b[3~\x1b[5;5~", vec![plain(KeyCode::Delete), key(KeyCode::PageUp, CONTROL)]),
            (b"\x1b[Z", vec![key(KeyCode::BackTab, SHIFT)]),
            (b"\x1bOP\x1b[15~\x1b[24~\x1b[[A", [1, 5, 12, 1].map(|f| plain(KeyCode::F(f))).to_vec()),
            (b"\x1b[200~two\r\nlines\rhere\x1b[201~q", vec![paste("two\nlines\nhere"), typed('q')]),
            // What nobody pressed: a focus report, an answer, what is no UTF-8, what is no number.
            (b"\x1b[Iq", vec![typed('q')]),
            (b"\x1b[?62;c\x1b[12;40Rq", vec![typed('q')]),
            (b"\xff\xc3q\xf0\x9f", vec![typed('q')]),
            (b"\x1b[999999~\x1b[;;A", vec![plain(KeyCode::Up)]),
            (b"\x1b[12\x1b[A", vec![plain(KeyCode::Up)]),
            (b"\x1b[200~\xff\x1b[A\x1b[201~", vec![paste("\u{fffd}\x1b[A")]),
            // Its end never comes; who sits there presses Ctrl-C, which no terminal pastes.
            (b"\x1b[200~ab\x03", vec![paste("ab"), key(KeyCode::Char('c'), CONTROL)]),
        ]
    }

    #[test]
    fn keys_are_read_however_the_bytes_come() {
        for (bytes, expected) in table() {
            let mut keys = Keys::default();
            keys.add(bytes);
            keys.give_up_waiting();
            assert_eq!(keys.by_ref().collect::<Vec<_>>(), expected, "{:?}", bytes.escape_ascii().to_string());
            assert!(!keys.is_waiting());
            // One by one, as over a slow line.
            for byte in bytes {
                keys.add(&[*byte]);
            }
            keys.give_up_waiting();
            assert_eq!(
                keys.collect::<Vec<_>>(),
                expected,
                "{:?}, byte by byte",
                bytes.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn what_may_become_another_key_waits() {
        for (begun, rest) in
            [(&b"\x1b"[..], &b"[A"[..]), (b"\x1b[", b"A"), (b"\x1bO", b"A"), (b"\x1b[1;1", b"A")]
        {
            let mut keys = Keys::default();
            keys.add(begun);
            assert_eq!((keys.next(), keys.is_waiting()), (None, true));
            keys.add(rest);
            assert_eq!((keys.next(), keys.is_waiting()), (Some(plain(KeyCode::Up)), false));
        }
    }

    #[test]
    fn a_flood_is_bounded() {
        let mut keys = Keys::default();
        keys.add(b"\x1b[");
        for _ in 0..1000 {
            keys.add(&[b'1'; 1024]);
            assert!(keys.bytes.len() <= 2 * 1024);
            keys.by_ref().for_each(drop);
        }
        keys.give_up_waiting();
        keys.by_ref().for_each(drop);
        keys.add(b"\x1b[200~");
        for _ in 0..1000 {
            keys.add(&[b'1'; 1024]);
        }
        keys.add(PASTE_END);
        assert_eq!(keys.next(), Some(paste(&"1".repeat(LONGEST_PASTE))));
    }

    #[test]
    fn no_bytes_can_stop_it() {
        let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
        let mut keys = Keys::default();
        for _ in 0..100_000 {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            let bytes = b"\x1b\x1b[O;~12AZ\r\xc3\xa9\xf0\x9fa\0";
            keys.add(&[bytes[usize::try_from(dice >> 33).unwrap() % bytes.len()]]);
            if dice & 7 == 0 {
                keys.give_up_waiting();
                assert!(!keys.is_waiting());
            }
        }
    }
}
