//! Reads what a person does at the terminal.
//!
//! Not by crossterm's reader: it asks a terminal that is gone again and again, and takes the beginning of a sequence for
//! a key of its own when the rest comes later.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::thread;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::iterator::Signals;

use super::Input;
use super::job;
use super::keys::Keys;
use super::line::open_input;

/// How long an Escape may be the beginning of another key's sequence, in milliseconds: over a network the rest may come
/// later.
const ESCAPE: u8 = 50;

/// Reports from now on what happens at the terminal, from threads of its own, which end with the process.
///
/// # Errors
/// There is no terminal that keys could come from, or the system has no room for more threads or handlers.
pub fn read(report: impl Fn(Input) + Send + Clone + 'static) -> io::Result<()> {
    let input = open_input()?;
    let mut signals = Signals::new([SIGTSTP, SIGCONT, SIGWINCH])?;
    let report_signals = report.clone();
    thread::Builder::new().name("terminal-signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            match signal {
                SIGTSTP => report_signals(Input::Suspend),
                SIGCONT if job::continued() => {}
                SIGCONT => report_signals(Input::Continued),
                _ => report_signals(Input::Resized),
            }
        }
    })?;
    thread::Builder::new().name("terminal-keys".to_owned()).spawn(move || {
        read_keys(input, &report);
        report(Input::Lost);
    })?;
    Ok(())
}

/// Reads until the terminal is gone.
fn read_keys(mut input: File, report: &impl Fn(Input)) {
    let mut keys = Keys::default();
    let mut bytes = [0; 1024];
    loop {
        let patience = if keys.is_waiting() { PollTimeout::from(ESCAPE) } else { PollTimeout::NONE };
        match wait(&input, patience) {
            Ok(true) => match input.read(&mut bytes) {
                Ok(0) => return,
                Ok(read) => keys.add(&bytes[..read]),
                Err(e) if is_passing(&e) => {}
                Err(_) => return,
            },
            Ok(false) => keys.give_up_waiting(),
            Err(e) if is_passing(&e) => {}
            Err(_) => return,
        }
        for input in keys.by_ref() {
            report(input);
        }
    }
}

/// Waits until there is something to read, the end included.
fn wait(input: &File, patience: PollTimeout) -> io::Result<bool> {
    let mut polled = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut polled, patience)? > 0)
}

fn is_passing(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
