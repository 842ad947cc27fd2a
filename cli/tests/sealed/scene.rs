//! One hostile situation: a sealed home, servers that misbehave, and what the command made of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::hostile::{Answer, Hostile};
use super::snapshot::{Snapshot, snapshot};
use super::{Ended, Sealed, finish};

/// A token with the right form.
pub const TOKEN: &str = "pt_live_abcdefghijklmnopqrstuvwx";
/// Another one, for what must not be touched.
pub const OLD_TOKEN: &str = "pt_live_OLDabcdefghijklmnopqrstu";

pub struct Scene {
    pub sealed: Sealed,
    /// Plays the API.
    pub api: Hostile,
    /// Must hear nothing: another host, a proxy.
    pub bystander: Hostile,
    pub input: Vec<u8>,
    /// Shell commands that run as root in a mount and host name namespace of their own, before the command.
    pub before: Option<String>,
}

impl Scene {
    /// A scene where the API gives these answers; they are told where the bystander listens.
    pub fn new(name: &str, answers: impl FnOnce(&str) -> Vec<Answer>) -> Self {
        let mut sealed = Sealed::new(name);
        let bystander = Hostile::start(Vec::new());
        let api = Hostile::start(answers(&bystander.url()));
        sealed.set("PENTIFY_API_URL", api.url()).set("PENTIFY_APP_URL", "http://127.0.0.1:9");
        Self { sealed, api, bystander, input: Vec::new(), before: None }
    }

    pub fn config(&self) -> PathBuf {
        self.sealed.home.join(".config/pentify")
    }

    /// Puts a credentials file in place, private as it must be.
    pub fn credentials(&self, content: &str) -> PathBuf {
        for folder in [".config", ".config/pentify"] {
            let folder = self.sealed.home.join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let path = self.config().join("credentials");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Signs in to `origin` with [`OLD_TOKEN`], as an earlier login would have.
    pub fn sign_in_at(&self, origin: &str) -> PathBuf {
        self.credentials(&format!(
            r#"{{"v":1,"records":{{"acme":{{"v":1,"gen":"00ff.1","origin":"{origin}","workspace":{{"slug":"acme","name":"Acme"}},"token":"{OLD_TOKEN}"}}}},"active":"acme"}}"#
        ))
    }

    /// Signs in to the scene's API.
    pub fn sign_in(&self) -> PathBuf {
        self.sign_in_at(&self.api.url())
    }

    pub fn files(&self) -> Snapshot {
        snapshot(&self.sealed.home)
    }

    pub fn run(&self, args: &[&str]) -> Ended {
        let mut child = self.command(args).spawn().unwrap();
        // A command that does not read its input may close it early.
        let _ = child.stdin.take().unwrap().write_all(&self.input);
        finish(child)
    }

    /// Starts the command with all its streams piped.
    pub fn start(&self, args: &[&str]) -> Guarded {
        Guarded(Some(self.command(args).spawn().unwrap()))
    }

    /// The command, not yet started.
    pub fn command(&self, args: &[&str]) -> Command {
        let pentify = env!("CARGO_BIN_EXE_pentify");
        let mut command = match &self.before {
            None => self.sealed.command(pentify, args),
            Some(script) => {
                let script = format!("set -e; {script}; exec \"$@\"");
                let mut all = vec!["-m", "-u", "sh", "-c", &script, "sh", pentify];
                all.extend(args);
                self.sealed.command("unshare", &all)
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// What a command said, with the parts taken out that differ from run to run.
    pub fn normalised(&self, text: &str) -> String {
        let text = text.replace(self.sealed.home.to_str().unwrap(), "~");
        let text = text.replace(&self.api.url(), "http://API").replace(&self.bystander.url(), "http://OTHER");
        let mut lines = Vec::new();
        for line in text.lines() {
            let line = match line.split_once("; trying again in ") {
                Some((front, _)) => format!("{front}; trying again"),
                None => line.to_owned(),
            };
            let line = masked(&line, "device_id=", '&');
            lines.push(masked(&masked(&line, "check code: ", ' '), "the browser, ", ' '));
        }
        lines.join("\n")
    }
}

/// A running command, which does not outlive the test.
pub struct Guarded(Option<Child>);

impl Guarded {
    pub fn child(&mut self) -> &mut Child {
        self.0.as_mut().unwrap()
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Ended {
        finish(self.0.take().unwrap())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Replaces what stands between `after` and `end` by an ellipsis.
fn masked(line: &str, after: &str, end: char) -> String {
    let Some((front, rest)) = line.split_once(after) else { return line.to_owned() };
    let back = rest.find(end).map_or("", |at| &rest[at..]);
    format!("{front}{after}…{back}")
}
