//! A program that runs while a test goes on.

use std::fs::File;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use nix::pty::{OpenptyResult, openpty};
use serde_json::Value;

use crate::wait_for;

/// A started program. What it says is read while it runs; it is killed on drop.
pub struct Running {
    child: Child,
    stdout: Said,
    stderr: Said,
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
        Self::reading_stdout(child, stderr)
    }

    /// Starts a command whose standard input and error are a terminal.
    pub fn start_on_terminal(mut command: Command) -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        command.stdin(slave.try_clone().unwrap()).stdout(Stdio::piped()).stderr(slave);
        let child = command.spawn().unwrap();
        // The command still holds our copies of the terminal, which would keep it open after the program's end.
        drop(command);
        Self::reading_stdout(child, Said::read(File::from(master)))
    }

    fn reading_stdout(mut child: Child, stderr: Said) -> Self {
        let stdout = Said::read(child.stdout.take().unwrap());
        Self { child, stdout, stderr }
    }

    /// What it has said so far on standard output.
    pub fn stdout(&self) -> String {
        self.stdout.so_far()
    }

    /// What it has said so far on standard error or on its terminal.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
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

    /// Waits for its end.
    pub fn end(mut self) -> Ended {
        let child = &mut self.child;
        let status = wait_for("the program ends", || child.try_wait().unwrap());
        Ended { code: status.code().unwrap_or(-1), stdout: self.stdout.rest(), stderr: self.stderr.rest() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

/// A stream that a thread reads to its end.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
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
        Self { text, reader: Some(reader) }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn rest(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            wait_for("its output ends", || reader.is_finished().then_some(()));
        }
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
