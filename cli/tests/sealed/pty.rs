//! A command on a terminal of its own, as a person at a keyboard has it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

use super::{PATIENCE, canary};

pub struct Terminal {
    child: Child,
    keyboard: File,
    /// Everything that was written to it.
    written: Arc<Mutex<Vec<u8>>>,
    /// Columns and rows.
    size: (u16, u16),
    /// Keeps the terminal alive after the command's end, so that its settings can be looked at.
    line: File,
    settings: nix::libc::termios,
}

/// Both ends of a terminal: the person's, and the one that programs get. No other test's program inherits either.
pub fn pair() -> (File, File) {
    let person = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&person).and_then(|()| unlockpt(&person)).unwrap();
    let mut options = OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
    let line = options.open(ptsname_r(&person).unwrap()).unwrap();
    (OwnedFd::from(person).into(), line)
}

impl Terminal {
    /// Starts a command with a terminal as its standard streams and its controlling terminal.
    pub fn start(command: &Command) -> Self {
        Self::sized(command, 0, 0)
    }

    /// The same with a terminal that says how large it is.
    pub fn sized(command: &Command, columns: u16, rows: u16) -> Self {
        let (keyboard, line) = pair();
        let settings = tcgetattr(&line).unwrap().into();
        let end = || Stdio::from(line.try_clone().unwrap());
        if columns != 0 {
            let size = ["rows", &rows.to_string(), "cols", &columns.to_string()];
            assert!(Command::new("stty").args(size).stdin(end()).status().unwrap().success());
        }
        // `setsid` makes the terminal the controlling one and becomes the command.
        let mut started = Command::new("setsid");
        started.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        started.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let child = started.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let (mut glass, written) = (keyboard.try_clone().unwrap(), Arc::<Mutex<Vec<u8>>>::default());
        let shown = Arc::clone(&written);
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(read) = glass.read(&mut buffer) {
                shown.lock().unwrap().extend(&buffer[..read]);
            }
        });
        let size = if columns == 0 { (80, 24) } else { (columns, rows) };
        Self { child, keyboard, written, size, line, settings }
    }

    pub fn type_in(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
    }

    /// Everything shown so far.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// What there is to see now, after all that was drawn over.
    pub fn glass(&self) -> String {
        let mut parser =
            vt100::Parser::new(self.size.1.try_into().unwrap(), self.size.0.try_into().unwrap(), 0);
        parser.process(&self.written.lock().unwrap());
        parser.screen().contents()
    }

    /// Waits until there is this text to see, in one row.
    pub fn wait_to_see(&self, text: &str) {
        self.wait_until(|terminal| terminal.glass().contains(text));
    }

    /// Waits until `text` stands on the screen.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(|terminal| terminal.screen().contains(text));
    }

    /// Whether keys appear on the screen.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.line).unwrap().local_flags.contains(LocalFlags::ECHO)
    }

    /// All settings of the terminal as they were before the command was started.
    pub fn settings_before(&self) -> nix::libc::termios {
        self.settings
    }

    /// All settings of the terminal.
    pub fn settings(&self) -> nix::libc::termios {
        tcgetattr(&self.line).unwrap().into()
    }

    /// The process that was started.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn wait_until(&self, holds: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < PATIENCE, "still waiting: {:?}\n{}", self.screen(), self.glass());
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    /// Waits for the command's end; its exit code.
    pub fn finish(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        canary::expect_none_said("", &self.screen());
    }
}
