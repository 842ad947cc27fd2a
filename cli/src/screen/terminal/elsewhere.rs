//! The device and its keys by crossterm, where there are neither termios nor job control.

use std::io;
use std::thread;

use ratatui::crossterm::event::{self, Event, KeyEventKind};
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};

use super::Input;

/// The terminal that keys come from.
#[derive(Debug)]
pub(super) struct Line;

impl Line {
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self)
    }

    /// Keys come one by one from now on.
    pub(super) fn take_keys(&self) -> io::Result<()> {
        enable_raw_mode()
    }

    /// The mode as it was. What cannot be restored is not worth staying for.
    pub(super) fn put_back(&self) {
        let _ = disable_raw_mode();
    }

    pub(super) fn is_anothers(&self) -> bool {
        false
    }
}

pub(super) fn is_writable() -> bool {
    true
}

/// Nothing is stopped here.
pub(super) struct Expecting;

impl Expecting {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn stop(&self) {}
}

/// Reports from now on what happens at the terminal, from a thread of its own, which ends with the process.
///
/// # Errors
/// The system has no room for another thread.
pub fn read(report: impl Fn(Input) + Send + Clone + 'static) -> io::Result<()> {
    let run = move || {
        loop {
            match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => report(Input::Key(key)),
                Ok(Event::Paste(text)) => report(Input::Paste(text)),
                Ok(Event::Resize(..)) => report(Input::Resized),
                Ok(_) => {}
                Err(_) => return report(Input::Lost),
            }
        }
    };
    thread::Builder::new().name("terminal-keys".to_owned()).spawn(run)?;
    Ok(())
}
