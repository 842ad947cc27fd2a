//! Signals that ask a command to stop.

use doorkey_blocking::Interrupter;

/// From now on SIGINT, SIGTERM and SIGHUP make the machine release what it holds and the command exit with 130; the
/// second one ends the process at once.
#[cfg(unix)]
pub fn forward(interrupter: Interrupter) {
    use doorkey_core::failure::Exit;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Without the handler a signal still ends the process, with the system's own exit code.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    std::thread::spawn(move || {
        for (count, _) in signals.forever().enumerate() {
            if count > 0 {
                std::process::exit(Exit::Interrupted.code().into());
            }
            interrupter.interrupt();
        }
    });
}

/// Elsewhere Ctrl-C ends the process by the system's own rule.
#[cfg(not(unix))]
pub fn forward(_: Interrupter) {}

/// Catches the signals that ask this process to stop from now on; the returned function waits for the first one.
#[cfg(unix)]
pub fn catch() -> impl FnOnce() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
    move || {
        if let Ok(mut signals) = signals {
            signals.forever().next();
        }
    }
}

/// Waits for the end of the process.
#[cfg(not(unix))]
pub fn catch() -> impl FnOnce() {
    || {
        loop {
            std::thread::park();
        }
    }
}
