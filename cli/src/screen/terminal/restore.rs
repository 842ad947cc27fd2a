//! What has to be put back, whoever ends the process.

use std::io::{self, Write};
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, TryLockError, Weak};
use std::thread;
use std::time::Duration;

use super::Mode;
use super::device::{Line, is_writable};
use super::painter::{HIDE_CURSOR, SHOW_CURSOR};

/// From here to the end of the terminal. Not all at once: tmux takes a view that begins in the first row for a screen of
/// output that is cleared, and keeps it in its history.
const CLEAR_BELOW: &str = "\x1b7\x1b[K\x1b[B\x1b[J\x1b8";
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";
const OTHER_SCREEN: &str = "\x1b[?1049h\x1b[H\x1b[2J";
const NORMAL_SCREEN: &str = "\x1b[?1049l";
/// How often, and how long each time, whoever ends the process waits for somebody who writes.
const TRIES: u32 = 10;
const TRY: Duration = Duration::from_millis(5);

/// The terminal while it is ours.
#[derive(Debug)]
pub(super) struct Taken {
    line: Line,
    mode: Mode,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether the terminal is as we want it.
    taken: bool,
    /// How many rows there are between the beginning of the view and the cursor.
    above: u16,
}

/// The last one that was taken, for a panic.
static TAKEN: Mutex<Weak<Taken>> = Mutex::new(Weak::new());

impl Taken {
    pub(super) fn new(mode: Mode) -> io::Result<Arc<Self>> {
        let taken = Arc::new(Self { line: Line::open()?, mode, state: Mutex::default() });
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let previous = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                let last = TAKEN.try_lock().map(|last| last.upgrade());
                if let Ok(Some(last)) = last {
                    last.abandon();
                }
                previous(info);
            }));
        });
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&taken);
        Ok(taken)
    }

    /// Makes the terminal as we want it, with the cursor in the first column of a row of its own. A process in the
    /// background is stopped here until its turn comes.
    pub(super) fn take(&self, columns: u16) -> io::Result<()> {
        self.line.take_keys()?;
        let mut state = self.state();
        *state = State { taken: true, above: 0 };
        // Behind some text so many blanks end in the next row, else in the same.
        let row = format!("{}\r\x1b[K", " ".repeat(columns.into()));
        let screen = if self.mode == Mode::Full { OTHER_SCREEN } else { "" };
        write(&format!("{HIDE_CURSOR}{PASTE_ON}{row}{screen}"));
        Ok(())
    }

    /// Writes, unless the terminal was put back.
    pub(super) fn write(&self, text: &str, above: u16) {
        let mut state = self.state();
        if state.taken && !text.is_empty() {
            write(text);
            state.above = above;
        }
    }

    /// Clears the view, which begins so many rows above the cursor.
    pub(super) fn clear(&self, above: u16) {
        let place = match (self.mode, above) {
            (Mode::Full, _) => "\x1b[H".to_owned(),
            (Mode::Inline, 0) => "\r".to_owned(),
            (Mode::Inline, above) => format!("\r\x1b[{above}A"),
        };
        self.write(&format!("{HIDE_CURSOR}{place}{CLEAR_BELOW}"), 0);
    }

    /// Whether it is another job's turn to use the terminal.
    pub(super) fn is_anothers(&self) -> bool {
        self.line.is_anothers()
    }

    /// Puts the terminal back as it was, the cursor where the view began.
    pub(super) fn put_back(&self) {
        let mut state = self.state();
        if state.taken && !self.is_anothers() {
            self.line.put_back();
            write(&self.last_words(state.above));
        }
        state.taken = false;
    }

    /// The same for whoever must not wait: somebody else may be writing, and nobody reading.
    pub(super) fn abandon(&self) {
        if self.is_anothers() {
            return;
        }
        self.line.put_back();
        let (mut taken, mut above) = (true, 0);
        for _ in 0..TRIES {
            let state = match self.state.try_lock() {
                Ok(state) => Some(state),
                Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => None,
            };
            if let Some(mut state) = state {
                (taken, above) = (state.taken, state.above);
                state.taken = false;
                break;
            }
            thread::sleep(TRY);
        }
        if taken && is_writable() {
            write(&self.last_words(above));
        }
    }

    fn last_words(&self, above: u16) -> String {
        let place = match (self.mode, above) {
            (Mode::Full, _) => NORMAL_SCREEN.to_owned(),
            (Mode::Inline, 0) => format!("\r{CLEAR_BELOW}"),
            (Mode::Inline, above) => format!("\r\x1b[{above}A{CLEAR_BELOW}"),
        };
        format!("\x1b[m{place}{PASTE_OFF}{SHOW_CURSOR}")
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody may be left to read it: nothing to tell to anybody.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
