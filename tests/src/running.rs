//! A program that runs while a test goes on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::{canary, wait_for};

/// A started program. What it says is read while it runs; it is killed on drop.
pub struct Running {
    child: Child,
    stdout: Said,
    stderr: Said,
    keyboard: Option<File>,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// What it said on standard output.
    pub stdout: String,
    /// What it said on standard error, or on its terminal.
    pub stderr: String,
}

/// What a waiting login shows.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The link to open.
    pub link: String,
    /// The code that the page must show, too.
    pub check_code: String,
}

impl Running {
    /// Starts a command with pipes and no input.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = Said::read(child.stderr.take().unwrap());
        Self::reading_stdout(child, stderr, None)
    }

    /// Starts a command whose standard input and error are a terminal, its controlling one.
    pub fn start_on_terminal(command: &Command) -> Self {
        let (master, slave) = terminal();
        // `setsid` takes the terminal and becomes the command.
        let mut started = Command::new("setsid");
        started.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        started.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        started.current_dir(command.get_current_dir().unwrap());
        started.stdin(slave.try_clone().unwrap()).stdout(Stdio::piped()).stderr(slave);
        let child = started.spawn().unwrap();
        // The command still holds our copies of the terminal, which would keep it open after the program's end.
        drop(started);
        let keyboard = Some(master.try_clone().unwrap());
        Self::reading_stdout(child, Said::read(master), keyboard)
    }

    fn reading_stdout(mut child: Child, stderr: Said, keyboard: Option<File>) -> Self {
        let stdout = Said::read(child.stdout.take().unwrap());
        Self { child, stdout, stderr, keyboard }
    }

    /// Types something at the terminal that it was started on.
    pub fn type_in(&self, text: &str) {
        self.keyboard.as_ref().expect("a terminal").write_all(text.as_bytes()).unwrap();
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.id()).unwrap()), signal).unwrap();
    }

    /// What it has said so far on standard output.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has said so far on standard error or on its terminal.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// The lines that it has said completely so far on standard error or on its terminal, without colors.
    pub fn lines(&self) -> Vec<String> {
        let said = self.stderr();
        said.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(plain).collect()
    }

    /// Waits until a login has shown its link.
    pub fn invitation(&self) -> Invitation {
        wait_for("the login shows its link and code", || {
            let shown = self.stderr();
            let link = shown.lines().find(|line| line.contains("/auth/terminal-pair?"))?;
            let (_, code) = shown.split_once("check code: ")?;
            let (code, _) = code.split_once('\n')?;
            Some(Invitation { link: plain(link), check_code: plain(code) })
        })
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Whether it has ended and all that it said is here.
    pub fn is_over(&mut self) -> bool {
        !self.is_running() && self.stdout.is_whole() && self.stderr.is_whole()
    }

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let child = &mut self.child;
        let status = wait_for("the program ends", || child.try_wait().unwrap());
        // What it has said is looked into on drop.
        Ended { code: status.code().unwrap_or(-1), stdout: self.stdout.rest(), stderr: self.stderr.rest() }
    }
}

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "it is shown with the test that fails")]
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("what a program had said:\n{}{}", self.stdout(), self.stderr());
        }
        canary::expect_none_said(&self.stdout(), &self.stderr());
    }
}

impl Ended {
    /// Checks the exit code.
    #[must_use]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// The last line of standard output as JSON.
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// Both ends of the terminal of somebody who has never changed it. No other program that a test starts inherits one, which
/// would keep it open after its own program's end.
fn terminal() -> (File, File) {
    let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
    grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
    let mut options = File::options();
    options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
    let slave = options.open(ptsname_r(&master).unwrap()).unwrap();
    let size = ["rows", "24", "cols", "80"];
    let sized = Command::new("stty").args(size).stdin(slave.try_clone().unwrap()).status().unwrap();
    assert!(sized.success(), "stty: {sized}");
    (OwnedFd::from(master).into(), slave)
}

/// A stream that a thread reads to its end.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
}

impl Said {
    fn read(mut stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // A terminal whose last program has ended gives an error instead of an end.
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                written.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Self { text, reader }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn is_whole(&self) -> bool {
        self.reader.is_finished()
    }

    fn rest(&self) -> String {
        wait_for("its output ends", || self.is_whole().then_some(()));
        self.so_far()
    }
}

/// A line without colors and the white space around it.
fn plain(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    let rest =
        parts.map(|part| part.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, text)| text));
    rest.fold(first, |text, part| text + part).trim().to_owned()
}
