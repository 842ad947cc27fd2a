//! Signals that ask a command to stop.

#[cfg(unix)]
pub use unix::{Terminal, Watch, catch};

#[cfg(not(unix))]
pub use elsewhere::{Terminal, Watch, catch};

#[cfg(unix)]
mod unix {
    use std::fmt;
    use std::fs::{self, File};
    use std::process;
    use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, mpsc};
    use std::time::Duration;

    use nix::sys::termios::{SetArg, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    use doorkey_blocking::Interrupter;
    use doorkey_core::failure::Failure;

    use crate::printer::Printer;

    /// How long it may take to say that the command was interrupted: our output may be full, and nobody reading it.
    const LAST_WORDS: Duration = Duration::from_millis(100);

    /// What puts the terminal back.
    struct Restore(Box<dyn FnOnce() + Send>);

    impl fmt::Debug for Restore {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Restore")
        }
    }

    /// What a signal does at the moment.
    #[derive(Debug, Default)]
    struct State {
        stop: Stop,
        /// Before the process ends.
        restore: Option<Restore>,
        /// A signal came, and ended a machine rather than the process.
        signalled: bool,
        /// The person does not want the machine that is about to begin.
        unwanted: bool,
    }

    /// Whether a signal ends the process.
    #[derive(Debug, Default)]
    enum Stop {
        /// Ends the process: nothing is held that the system would not take back.
        #[default]
        Exit,
        /// Makes the machine release what it holds and end. One that was asked before and still runs is not waited for,
        /// unless it is shielded.
        Interrupt { interrupter: Interrupter, asked: bool, shielded: bool },
    }

    /// Makes SIGINT, SIGTERM and SIGHUP end the command with exit code 130, once it is started.
    #[derive(Clone, Debug)]
    pub struct Watch {
        printer: Printer,
        state: Arc<Mutex<State>>,
        started: Arc<Once>,
        leaves_ignored: bool,
    }

    impl Watch {
        /// A watch that has not started: a command that is over at once need not pay for it.
        pub fn new(printer: Printer) -> Self {
            Self { printer, state: Arc::default(), started: Arc::new(Once::new()), leaves_ignored: false }
        }

        /// The same for a process whose place another program takes: that one could not tell any more what was ignored
        /// when we began, as under `nohup`, so it stays ignored.
        pub fn before_exec(printer: Printer) -> Self {
            Self { leaves_ignored: true, ..Self::new(printer) }
        }

        /// Watches from now on.
        pub fn start(&self) {
            self.started.call_once(|| {
                // Without the handler a signal still ends the process, with the system's own exit code.
                let left_alone = if self.leaves_ignored { ignored_signals() } else { 0 };
                let is_heard = |signal: &i32| left_alone >> (signal - 1) & 1 == 0;
                let heard = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_heard);
                let Ok(mut signals) = Signals::new(heard) else { return };
                let watch = self.clone();
                std::thread::spawn(move || {
                    for _ in signals.forever() {
                        watch.signalled();
                    }
                });
            });
        }

        /// The first signal from now on interrupts a driver; the second one ends the process at once.
        pub fn forward(&self, interrupter: Interrupter) {
            self.start();
            let mut state = self.state();
            if std::mem::take(&mut state.unwanted) {
                interrupter.interrupt();
            }
            state.stop = Stop::Interrupt { interrupter, asked: false, shielded: false };
        }

        /// While shielded, no number of signals ends the process: what the driver is in the middle of would be lost. The
        /// machine is asked to end all the same, and does so when it can.
        pub fn shield(&self, on: bool) {
            if let Stop::Interrupt { shielded, .. } = &mut self.state().stop {
                *shielded = on;
            }
        }

        /// Interrupts the machine that runs, or that was [expected](Self::expect) and is about to begin: its person does
        /// not want to wait any longer.
        pub fn interrupt(&self) {
            let mut state = self.state();
            match &state.stop {
                Stop::Interrupt { interrupter, .. } => interrupter.interrupt(),
                Stop::Exit => state.unwanted = true,
            }
        }

        /// Another machine is about to begin: what was said of the last one does not count for it.
        pub fn expect(&self) {
            self.state().unwanted = false;
        }

        /// Whether a signal asked this process to stop, and ended a machine instead.
        pub fn was_signalled(&self) -> bool {
            self.state().signalled
        }

        /// The driver is done: a signal ends the process again. An interrupt would find nobody.
        pub fn forward_no_more(&self) {
            self.state().stop = Stop::Exit;
        }

        /// Until the answer is dropped, a signal that ends the process first puts the controlling terminal back as it is
        /// now.
        pub fn keep_terminal(&self) -> Terminal {
            let settings = File::open("/dev/tty").ok().and_then(|tty| tcgetattr(&tty).ok());
            let printer = self.printer;
            self.keep_terminal_with(move || {
                if let (Some(settings), Ok(tty)) = (settings, File::open("/dev/tty")) {
                    // What cannot be restored is not worth staying for.
                    let _ = tcsetattr(&tty, SetArg::TCSANOW, &settings);
                }
                // The prompt's line is still open.
                printer.message("");
            })
        }

        /// Until the answer is dropped, a signal that ends the process first calls `restore`, which must not wait for
        /// anybody.
        pub fn keep_terminal_with(&self, restore: impl FnOnce() + Send + 'static) -> Terminal {
            self.start();
            self.state().restore = Some(Restore(Box::new(restore)));
            Terminal(self.clone())
        }

        fn signalled(&self) {
            // Held to the end: nothing that wants a shield begins while the process is ending.
            let mut state = self.state();
            if let Stop::Interrupt { interrupter, asked, shielded } = &mut state.stop
                && (*shielded || !*asked)
            {
                *asked = true;
                interrupter.interrupt();
                state.signalled = true;
                return;
            }
            if let Some(Restore(restore)) = state.restore.take() {
                restore();
            }
            let interrupted = Failure::interrupted();
            let code = interrupted.exit.code();
            let (printer, (told, heard)) = (self.printer, mpsc::channel());
            std::thread::spawn(move || {
                printer.failure(&interrupted);
                let _ = told.send(());
            });
            let _ = heard.recv_timeout(LAST_WORDS);
            process::exit(code.into());
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.state.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// While it lives, a signal that ends the process restores the terminal.
    pub struct Terminal(Watch);

    impl Drop for Terminal {
        fn drop(&mut self) {
            self.0.state().restore = None;
        }
    }

    /// The signals that this process ignores, one bit each, the first lowest. Only Linux says so without unsafe code.
    fn ignored_signals() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
    }

    /// Catches the signals that ask this process to stop from now on; the returned function waits for the first one.
    pub fn catch() -> impl FnOnce() {
        let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]);
        move || {
            if let Ok(mut signals) = signals {
                signals.forever().next();
            }
        }
    }
}

/// Elsewhere Ctrl-C ends the process by the system's own rule.
#[cfg(not(unix))]
mod elsewhere {
    use doorkey_blocking::Interrupter;

    use crate::printer::Printer;

    /// Watches nothing.
    #[derive(Clone, Debug, Default)]
    pub struct Watch;

    impl Watch {
        /// Watches nothing.
        pub fn new(_: Printer) -> Self {
            Self
        }

        /// Watches nothing.
        pub fn before_exec(_: Printer) -> Self {
            Self
        }

        /// Does nothing.
        pub fn start(&self) {}

        /// Does nothing.
        pub fn forward(&self, _: Interrupter) {}

        /// Does nothing.
        pub fn interrupt(&self) {}

        /// Does nothing.
        pub fn expect(&self) {}

        /// No signal is heard here.
        pub fn was_signalled(&self) -> bool {
            false
        }

        /// Does nothing.
        pub fn forward_no_more(&self) {}

        /// Does nothing.
        pub fn shield(&self, _: bool) {}

        /// Does nothing.
        pub fn keep_terminal(&self) -> Terminal {
            Terminal
        }

        /// Does nothing.
        pub fn keep_terminal_with(&self, _: impl FnOnce() + Send + 'static) -> Terminal {
            Terminal
        }
    }

    /// Nothing to restore.
    pub struct Terminal;

    /// Waits for the end of the process.
    pub fn catch() -> impl FnOnce() {
        || {
            loop {
                std::thread::park();
            }
        }
    }
}
