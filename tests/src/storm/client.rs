//! One client, a process.

use std::process::{Child, Command, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait_for;

/// A running client. It is killed on drop.
pub struct Client {
    process: Child,
}

impl Client {
    /// Starts it.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut command: Command) -> Self {
        Self { process: command.spawn().unwrap() }
    }

    /// Ends its standard input, which is how one is told to end that asks again and again.
    pub fn end_input(&mut self) {
        drop(self.process.stdin.take());
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn end(mut self) -> ExitStatus {
        wait_for("a client ends", || self.ended())
    }

    /// How it has ended, if it has.
    ///
    /// # Panics
    /// If that cannot be found out.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }

    /// Waits until it is stopped by a signal.
    ///
    /// # Panics
    /// If it is not.
    pub fn is_stopped(&self) {
        let path = format!("/proc/{}/stat", self.process.id());
        wait_for("a client stops", || {
            let stat = std::fs::read_to_string(&path).unwrap();
            // After the name in parentheses (proc(5)).
            stat.rsplit_once(") ").unwrap().1.starts_with('T').then_some(())
        });
    }

    /// Lets a stopped one go on.
    ///
    /// # Panics
    /// If it is gone.
    pub fn go_on(&self) {
        kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGCONT).unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
