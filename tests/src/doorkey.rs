//! `doorkey` in a home of its own, as somebody sees it who signs in at an issuer.

use serde_json::Value;

use crate::home::Home;
use crate::issuer::{Issuer, Person};
use crate::running::{Ended, Running};
use crate::{binary, wait_for};

/// Where everything lies, below the home.
pub const FOLDER: &str = ".config/doorkey";
/// Where profiles are remembered, below the home.
pub const SETTINGS: &str = ".config/doorkey/config.toml";
/// Where sessions are kept without a keychain, below the home.
pub const SESSIONS: &str = ".config/doorkey/credentials";

/// What a login tells that waits for its person.
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// The page for typing the code.
    pub page: String,
    /// The code.
    pub code: String,
    /// The page with the code in it.
    pub link: String,
}

impl DeviceCode {
    /// Waits until a login with `--json` has told it.
    pub fn of(login: &mut Running) -> Self {
        let told = told(login, "device_code");
        let text = |name: &str| told[name].as_str().unwrap().to_owned();
        Self {
            page: text("verification_uri"),
            code: text("user_code"),
            link: text("verification_uri_complete"),
        }
    }
}

/// The first line of a login by the browser of this machine: its link.
pub fn authorization_link(login: &mut Running) -> String {
    let told = told(login, "authorization_request");
    told["link"].as_str().unwrap().to_owned()
}

impl Home {
    /// Runs `doorkey` to its end.
    pub fn doorkey(&self, args: &[&str]) -> Ended {
        self.start_doorkey(args).end()
    }

    /// The same with `--json`; its last line.
    pub fn doorkey_json(&self, args: &[&str]) -> (i32, Value) {
        let ended = self.doorkey(&[args, &["--json"]].concat());
        (ended.code, ended.json())
    }

    /// Starts `doorkey` without a terminal.
    pub fn start_doorkey(&self, args: &[&str]) -> Running {
        Running::start(self.command(binary("doorkey"), args))
    }

    /// Starts a login at this issuer, with these further arguments.
    pub fn start_doorkey_login(&self, issuer: &Issuer, args: &[&str]) -> Running {
        let login = ["login", &issuer.at.issuer, "--client-id", &issuer.at.client_id, "--scope", "openid"];
        self.start_doorkey(&[&login[..], args, &["--no-browser", "--json"]].concat())
    }

    /// Signs in at this issuer; what the login told at its end.
    pub fn sign_in_at(&self, issuer: &Issuer, person: Person<'_>, args: &[&str]) -> Value {
        let mut login = self.start_doorkey_login(issuer, args);
        person.connect_by_link(&DeviceCode::of(&mut login).link);
        login.end().expect(0).json()
    }
}

/// Waits until a login with `--json` has told of this event.
fn told(login: &mut Running, event: &str) -> Value {
    let line = wait_for("the login tells what it waits for", || {
        // Asked first: what it says last may be all that it says.
        let is_over = login.is_over();
        let said = login.stdout();
        let line = said.lines().find(|line| line.contains(&format!("\"{event}\"")) && line.ends_with('}'));
        assert!(line.is_some() || !is_over, "it has ended: {}", login.stderr());
        line.map(str::to_owned)
    });
    serde_json::from_str(&line).unwrap()
}
