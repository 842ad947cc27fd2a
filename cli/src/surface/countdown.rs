//! The one line that is drawn over itself while a person is elsewhere, in the browser.

use std::io::{self, Write};

use doorkey_core::time::{Now, Timestamp};

use super::words::minutes;
use crate::printer::Printer;

/// Counts down on a terminal; elsewhere says what is news, line by line.
#[derive(Debug)]
pub(super) struct Countdown {
    printer: Printer,
    /// Whether a line can be drawn over itself.
    redraws: bool,
    waiting: Option<Waiting>,
}

/// What is waited for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    /// As in "waiting for the browser".
    pub(super) what: &'static str,
    /// The last that was heard, if that can be told.
    pub(super) state: Option<String>,
    /// When it is asked for again; from then on that is the state.
    pub(super) next_poll: Option<Timestamp>,
    /// When the waiting ends.
    pub(super) expires_at: Timestamp,
}

impl Countdown {
    pub(super) fn new(printer: Printer, redraws: bool) -> Self {
        Self { printer, redraws, waiting: None }
    }

    /// Waits for this from now on.
    pub(super) fn begin(&mut self, now: Now, waiting: Waiting) {
        let is_news =
            self.waiting.as_ref().is_none_or(|old| (old.what, &old.state) != (waiting.what, &waiting.state));
        // Where nothing can be drawn over, only what is news is worth a line.
        if !self.redraws && is_news {
            let left = minutes(waiting.expires_at.since(now.mono));
            let state = waiting.state.as_ref().map(|state| format!(": {state}")).unwrap_or_default();
            self.printer.message(&format!("waiting for {}, {left} left{state}", waiting.what));
        }
        self.waiting = Some(waiting);
        self.draw(now);
    }

    /// Nothing is waited for any more.
    pub(super) fn end(&mut self) {
        self.clear();
        self.waiting = None;
    }

    pub(super) fn draw(&self, now: Now) {
        let (true, Some(waiting)) = (self.redraws, &self.waiting) else { return };
        let left = minutes(waiting.expires_at.since(now.mono));
        let is_asking = waiting.next_poll.is_some_and(|at| at <= now.mono);
        let state = if is_asking { Some("asking") } else { waiting.state.as_deref() };
        let state = state.map(|state| format!(" · {state}")).unwrap_or_default();
        // Without line wrap: what does not fit must not push the link off the screen, line by line.
        let line = format!("\r\x1b[K\x1b[?7l  waiting for {} · {left} left{state}\x1b[?7h", waiting.what);
        write(&self.printer.fit(&line));
    }

    /// Makes room for another line.
    pub(super) fn clear(&self) {
        if self.redraws && self.waiting.is_some() {
            write("\r\x1b[K");
        }
    }
}

fn write(text: &str) {
    let mut stderr = io::stderr();
    // Nobody is left to read it: nothing to tell to anybody.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
