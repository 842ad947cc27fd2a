//! A home folder and an environment of a test's own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{getgid, getuid};
use serde_json::Value;

use crate::leash::leashed;
use crate::running::{Ended, Running};
use crate::sandbox::Sandbox;
use crate::scratch::Scratch;
use crate::{binary, canary, desktop::Desktop};

/// Where `pentify` keeps tokens without a keychain, below the home.
pub const CREDENTIALS: &str = ".config/pentify/credentials";

/// Mounts files over others, by pairs, then runs the rest of the arguments as the user and group that come first.
const SHOW_AND_RUN: &str = r#"user=$1 group=$2; shift 2
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift; exec unshare --map-user="$user" --map-group="$group" "$@""#;

/// A home without a bus, a display or a browser, until they are set. Gone on drop.
pub struct Home {
    folder: Scratch,
    variables: BTreeMap<String, String>,
    shown: Vec<(&'static str, PathBuf)>,
    mounted_by: Option<u32>,
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
        Self { folder, variables, shown: Vec::new(), mounted_by: None }
    }

    /// Points the commands at a sandbox.
    #[must_use]
    pub fn with_sandbox(self, sandbox: &Sandbox) -> Self {
        let all = sandbox.environment.iter();
        all.fold(self, |home, (variable, value)| home.with(variable, value))
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

    /// Makes the commands see this text in a file of the system's, in a mount namespace of their own.
    #[must_use]
    pub fn with_system_file(mut self, path: &'static str, text: &str) -> Self {
        let ours = self.folder.join("run").join(path.replace('/', "-"));
        fs::write(&ours, text).unwrap();
        self.shown.push((path, ours));
        self
    }

    /// Makes this home also the one that the system knows: a keychain's lock lies there, whatever `HOME` says.
    #[must_use]
    pub fn as_known_to_the_system(self) -> Self {
        let (user, group) = (getuid(), getgid());
        let text = format!("me:x:{user}:{group}::{}:/bin/sh\n", self.folder.display());
        self.with_system_file("/etc/passwd", &text)
    }

    /// Makes the commands see what this process, which is in a user and mount namespace of its own, has mounted.
    #[must_use]
    pub fn with_mounts_of(mut self, process: &Running) -> Self {
        self.mounted_by = Some(process.id());
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
        // `env` without variables runs its arguments as they are.
        let mut command = leashed("env");
        if let Some(process) = self.mounted_by {
            let process = format!("--target={process}");
            command.args(["nsenter", &process, "--user", "--mount", "--preserve-credentials"]);
        }
        if !self.shown.is_empty() {
            command.args(["unshare", "--map-root-user", "--mount", "sh", "-ec", SHOW_AND_RUN, "sh"]);
            command.args([getuid().to_string(), getgid().to_string()]);
            for (path, ours) in &self.shown {
                command.arg(ours).arg(path);
            }
            command.arg("--");
        }
        command.arg(program.as_ref()).args(args);
        command.env_clear().envs(&self.variables).current_dir(&*self.folder);
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
        Running::start_on_terminal(&self.command(binary("pentify"), &[args, &["--plain"]].concat()))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        canary::expect_none_kept(&self.folder);
    }
}
