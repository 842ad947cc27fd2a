//! `pensar` in a home of its own, as somebody sees it who uses it.

use std::fs;
use std::path::Path;

use doorkey_sandbox::pensar::account::SOLO;
use serde_json::Value;

use crate::home::Home;
use crate::login::approve;
use crate::running::{Ended, Running};
use crate::{binary, wait_for};

/// Where a session is kept without a keychain, below the home.
pub const SESSION: &str = ".pensar/auth.json";
/// What other programs read and write, too.
pub const SETTINGS: &str = ".pensar/config.json";

/// What only the sandbox's credentials have in them. The last is the second half of a JWT, an access token.
const SECRETS: [&str; 5] = ["psr_refresh_", "psr_device_", "psr_key_", "psr_sign_", ".eyJ"];

/// What a login shows that waits for its person.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// The link with the code in it.
    pub link: String,
    /// The code that the page must show, too.
    pub code: String,
    /// Where the code can be typed.
    pub page: String,
}

impl DeviceCode {
    /// Waits until a login has shown it.
    pub fn of(login: &Running) -> Self {
        let link = link(login, 0);
        let (code, page) = wait_for("the login shows its code", || {
            let lines = login.lines();
            let code = lines.iter().find(|line| is_code(line))?.clone();
            let (_, page) = lines.iter().find_map(|line| line.split_once("On another device: open "))?;
            Some((code, page.split(' ').next()?.to_owned()))
        });
        Self { link, code, page }
    }
}

/// Waits for the link that a command shows after `earlier` others.
pub fn link(command: &Running, earlier: usize) -> String {
    wait_for("a link is shown", || {
        command.lines().into_iter().filter(|line| line.starts_with("http://")).nth(earlier)
    })
}

impl Home {
    /// Runs `pensar` to its end.
    pub fn pensar(&self, args: &[&str]) -> Ended {
        self.start_pensar(args).end_of_pensar()
    }

    /// The same with `--json`; its last line.
    pub fn pensar_json(&self, args: &[&str]) -> (i32, Value) {
        let ended = self.pensar(&[args, &["--json"]].concat());
        (ended.code, ended.json())
    }

    /// Starts `pensar` without a terminal.
    pub fn start_pensar(&self, args: &[&str]) -> Running {
        Running::start(self.command(binary("pensar"), args))
    }

    /// Starts `pensar` for a person at a terminal, in plain lines: the view is looked at on a terminal that draws it.
    pub fn start_pensar_on_terminal(&self, args: &[&str]) -> Running {
        Running::start_on_terminal(&self.command(binary("pensar"), &[args, &["--plain"]].concat()))
    }

    /// Connects, with the sandbox's person at the other side who has one workspace.
    pub fn connect(&self) -> Ended {
        let login = self.start_pensar(&["login", "--no-browser", "--force"]);
        approve(&DeviceCode::of(&login).link, SOLO, "acme");
        login.end_of_pensar().expect(0)
    }

    /// What a file below this home holds; nothing if it is not there.
    pub fn json_file(&self, path: impl AsRef<Path>) -> Value {
        let text = fs::read_to_string(self.folder().join(path)).unwrap_or_else(|_| "null".to_owned());
        serde_json::from_str(&text).unwrap()
    }

    /// Makes the access token in the session's file look as if its time were over. However slow this machine is, it still is
    /// good for its issuer.
    pub fn end_access_token(&self) {
        let mut session = self.json_file(SESSION);
        assert!(session["lifetimeMs"].is_u64(), "{session}");
        session["lifetimeMs"] = 1.into();
        fs::write(self.folder().join(SESSION), session.to_string()).unwrap();
    }

    /// How many secrets a file below this home holds.
    pub fn secrets(&self, path: impl AsRef<Path>) -> usize {
        secrets_in(&self.json_file(path).to_string())
    }
}

impl Running {
    /// Waits for the end of a `pensar`, which must not have said anything that is secret.
    pub fn end_of_pensar(self) -> Ended {
        let ended = self.end();
        assert_eq!(secrets_in(&ended.stdout) + secrets_in(&ended.stderr), 0, "{ended:?}");
        ended
    }
}

/// How many of the sandbox's credentials a text holds.
pub fn secrets_in(text: &str) -> usize {
    SECRETS.iter().map(|begin| text.matches(begin).count()).sum()
}

/// Eight letters in two groups.
fn is_code(line: &str) -> bool {
    line.split('-').all(|group| group.len() == 4 && group.bytes().all(|byte| byte.is_ascii_uppercase()))
        && line.len() == 9
}
