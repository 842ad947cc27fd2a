//! A home folder and an environment of a test's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::leash::leashed;
use crate::running::{Ended, Running};
use crate::sandbox::Sandbox;
use crate::scratch::Scratch;
use crate::{binary, desktop::Desktop};

/// Where `pentify` keeps tokens without a keychain, below the home.
pub const CREDENTIALS: &str = ".config/pentify/credentials";

/// A home without a bus, a display or a browser, until they are set. Gone on drop.
pub struct Home {
    folder: Scratch,
    variables: BTreeMap<String, String>,
}

impl Home {
    /// An empty home. The name is the test's, so that tests do not meet.
    pub fn new(name: &str) -> Self {
        let folder = Scratch::new(name);
        fs::create_dir(folder.join("run")).unwrap();
        let inside = |sub: &str| folder.join(sub).display().to_string();
        let variables = BTreeMap::from([
            ("HOME".to_owned(), inside("")),
            ("XDG_RUNTIME_DIR".to_owned(), inside("run")),
            ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
        ]);
        Self { folder, variables }
    }

    /// Points the commands at a sandbox.
    #[must_use]
    pub fn with_sandbox(self, sandbox: &Sandbox) -> Self {
        self.with("PENTIFY_API_URL", &sandbox.api).with("PENTIFY_APP_URL", &sandbox.app)
    }

    /// Makes the commands part of a desktop session, whose own home stays another.
    #[must_use]
    pub fn with_desktop(self, desktop: &Desktop) -> Self {
        let shared = ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY"];
        let all = desktop.environment().into_iter();
        all.filter(|(name, _)| shared.contains(name)).fold(self, |home, (name, value)| home.with(name, value))
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, variable: &str, value: impl Into<String>) -> Self {
        self.variables.insert(variable.to_owned(), value.into());
        self
    }

    /// What the file for tokens holds; nothing if it is not there.
    pub fn credentials(&self) -> Value {
        let text = fs::read_to_string(self.folder.join(CREDENTIALS)).unwrap_or_else(|_| "null".to_owned());
        serde_json::from_str(&text).unwrap()
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command in this environment and no other.
    pub fn command(&self, program: impl AsRef<Path>, args: &[&str]) -> Command {
        let mut command = leashed(program);
        command.args(args).env_clear().envs(&self.variables).current_dir(&*self.folder);
        command
    }

    /// Runs `pentify` to its end.
    pub fn pentify(&self, args: &[&str]) -> Ended {
        self.start(args).end()
    }

    /// Runs `pentify` with `--json`; its last line.
    pub fn pentify_json(&self, args: &[&str]) -> (i32, Value) {
        let ended = self.pentify(&[args, &["--json"]].concat());
        (ended.code, ended.json())
    }

    /// Starts `pentify` without a terminal.
    pub fn start(&self, args: &[&str]) -> Running {
        Running::start(self.command(binary("pentify"), args))
    }

    /// Starts `pentify` on a terminal, as if a person were there. Its standard output is still a pipe.
    pub fn start_on_terminal(&self, args: &[&str]) -> Running {
        Running::start_on_terminal(self.command(binary("pentify"), args))
    }
}
