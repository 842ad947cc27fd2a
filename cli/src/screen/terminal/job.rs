//! Job control: stopping as Ctrl-Z does, and what continues a process.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A stop takes effect at once, in other threads a moment later.
const MOMENT: Duration = Duration::from_millis(10);
const MOMENTS: u32 = 10;
/// How late we may hear what continued us.
const LATE: Duration = Duration::from_millis(200);

/// Who expects to be continued.
#[derive(Debug)]
enum Expected {
    /// Nobody: it comes from elsewhere.
    No,
    /// We do, and so often it has happened.
    Yes { continued: bool },
    /// We did, up to then.
    Until(Instant),
}

static EXPECTED: Mutex<Expected> = Mutex::new(Expected::No);

/// While it lives, being continued is expected.
pub(super) struct Expecting;

impl Expecting {
    pub(super) fn new() -> Self {
        *expected() = Expected::Yes { continued: false };
        Self
    }

    /// Stops the job that this process belongs to; returns when it is continued.
    ///
    /// SIGTTIN stops like SIGTSTP, for which we have a handler, and unlike SIGSTOP not where nobody could continue us.
    pub(super) fn stop(&self) {
        if kill(Pid::from_raw(0), Signal::SIGTTIN).is_err() {
            return;
        }
        for _ in 0..MOMENTS {
            if matches!(*expected(), Expected::Yes { continued: true }) {
                return;
            }
            thread::sleep(MOMENT);
        }
    }
}

impl Drop for Expecting {
    fn drop(&mut self) {
        *expected() = Expected::Until(Instant::now());
    }
}

/// Takes note that this process was continued; whether that was expected.
pub(super) fn continued() -> bool {
    let mut expected = expected();
    match &mut *expected {
        Expected::No => false,
        Expected::Yes { continued } => {
            *continued = true;
            true
        }
        Expected::Until(end) => end.elapsed() < LATE,
    }
}

fn expected() -> MutexGuard<'static, Expected> {
    EXPECTED.lock().unwrap_or_else(PoisonError::into_inner)
}
