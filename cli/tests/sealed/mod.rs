//! Runs our binaries in a sealed environment: a home of its own, no other variables, no bus, no browser.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

pub mod apex;
pub mod bus;
pub mod canary;
pub mod hostile;
pub mod issuer;
pub mod pty;
pub mod recorder;
pub mod scene;
pub mod shape;
pub mod snapshot;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::url::Url;
use doorkey_sandbox::Person;
use serde_json::Value;

/// Far longer than anything takes, on however slow a machine.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A home folder and an environment; gone on drop.
pub struct Sealed {
    pub home: PathBuf,
    variables: BTreeMap<String, String>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// Fails if it has said what it may not.
    pub fn new(code: i32, stdout: String, stderr: String) -> Self {
        canary::expect_none_said(&stdout, &stderr);
        Self { code, stdout, stderr }
    }

    /// The last line of standard output as JSON.
    pub fn json(&self) -> Value {
        let line = self.stdout.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }
}

impl Sealed {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("doorkey-{name}-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(home.join("run")).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let variables = BTreeMap::from([
            ("HOME".to_owned(), text(&home)),
            ("XDG_RUNTIME_DIR".to_owned(), text(&home.join("run"))),
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        Self { home, variables }
    }

    pub fn set(&mut self, variable: &str, value: impl Into<String>) -> &mut Self {
        self.variables.insert(variable.to_owned(), value.into());
        self
    }

    pub fn unset(&mut self, variable: &str) -> &mut Self {
        self.variables.remove(variable);
        self
    }

    /// Points the commands at a sandbox.
    pub fn use_sandbox(&mut self, sandbox: &Sandbox) {
        self.set("PENTIFY_API_URL", &sandbox.api);
        self.set("PENTIFY_APP_URL", &sandbox.app);
    }

    pub fn command(&self, binary: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary);
        command.args(args).env_clear().envs(&self.variables).current_dir(&self.home);
        command
    }

    pub fn pentify(&self, args: &[&str]) -> Ended {
        self.pentify_with_input(args, b"")
    }

    pub fn pentify_with_input(&self, args: &[&str], input: &[u8]) -> Ended {
        let mut child = self.start_pentify(args);
        // A command that does not read its input may close it early.
        let _ = child.stdin.take().unwrap().write_all(input);
        finish(child)
    }

    pub fn start_pentify(&self, args: &[&str]) -> Child {
        self.command(env!("CARGO_BIN_EXE_pentify"), args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn file(&self, path: &str) -> String {
        std::fs::read_to_string(self.home.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        canary::expect_none_kept(&self.home);
        let _ = std::fs::remove_dir_all(&self.home);
    }
}

pub fn finish(child: Child) -> Ended {
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended::new(output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// A `doorkey sandbox` that runs until it is dropped.
pub struct Sandbox {
    pub api: String,
    pub app: String,
    child: Child,
}

impl Sandbox {
    pub fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorkey"))
            .arg("sandbox")
            .args(args.iter().map(OsStr::new))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let url = |name: &str| announced["urls"][name].as_str().unwrap().to_owned();
        Self { api: url("api"), app: url("app"), child }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a pairing's link as the sandbox's first person, and authorizes.
pub fn approve(link: &str) {
    approve_as(doorkey_sandbox::ACCOUNTS.first().unwrap().email, link);
}

/// The same as somebody of either service.
pub fn approve_as(email: &str, link: &str) {
    let mut transport = HttpTransport::new(ProxySettings::default(), "test");
    let link = Url::parse(link).unwrap();
    Person::new(email)
        .approve(&link, |request| transport.send(request, PATIENCE).map_err(|e| e.detail))
        .unwrap();
}

/// Reads lines of `stream` until one contains `needle`; fails at its end.
pub fn wait_for_line(stream: &mut impl Read, needle: &str) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte).unwrap() > 0 {
        if byte[0] != b'\n' {
            line.push(byte[0]);
            continue;
        }
        let text = String::from_utf8_lossy(&line).into_owned();
        if text.contains(needle) {
            return text;
        }
        line.clear();
    }
    panic!("no line with {needle:?}");
}
