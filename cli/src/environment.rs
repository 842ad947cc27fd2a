//! The environment, read once in `main`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use doorkey_blocking::{Browser, ProxySettings};
use doorkey_store::home_of_effective_user;

/// Variables that may hold tokens: no child process inherits them. Some of them are what
/// `exec` sets.
pub const TOKEN_VARIABLES: &[&str] =
    &["PENTIFY_API_TOKEN", "PENSAR_ACCESS_TOKEN", "DOORKEY_TOKEN", "DOORKEY_ACCESS_TOKEN"];

/// Everything that the commands take from the environment.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    /// The same as text. What is not Unicode is no valid value of anything and must be refused as such, not counted as
    /// unset: U+FFFD takes its place.
    texts: BTreeMap<String, String>,
    /// Whether a person can be asked and can read countdowns: standard input and error are a terminal.
    pub terminal: bool,
    /// Whether the person wants plain lines, with nothing drawn over itself.
    pub plain: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// The name of this machine.
    pub hostname: String,
}

impl Environment {
    /// Reads the environment of this process.
    pub fn read() -> Self {
        // Collecting would sort first, by code of its own for each kind of map, which takes 5 kB.
        let (mut variables, mut texts) = (BTreeMap::new(), BTreeMap::new());
        variables.extend(env::vars_os());
        let text = |value: &OsString| value.to_string_lossy().into_owned();
        texts.extend(variables.iter().map(|(name, value)| (text(name), text(value))));
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        Self {
            variables,
            texts,
            terminal,
            plain: false,
            stdout_is_terminal: io::stdout().is_terminal(),
            hostname: hostname(),
        }
    }

    /// A variable; empty counts as unset.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable as it is, empty or not Unicode as it may be: for those that not we but a library reads.
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The user's home folder: `$HOME`, else the one in the password database. `None` also if `$HOME` is relative: it would
    /// be another one in each folder, and what lies in the working folder can be anybody's.
    pub fn home(&self) -> Option<PathBuf> {
        match self.path("HOME") {
            Some(home) => Some(home).filter(|home| home.is_absolute()),
            None => home_of_effective_user(),
        }
    }

    /// The user's folder for configuration: `$XDG_CONFIG_HOME`, else `~/.config`; `None` without a home.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.folder("XDG_CONFIG_HOME", ".config")
    }

    /// The user's folder for state: `$XDG_STATE_HOME`, else `~/.local/state`; `None` without a home.
    pub fn state_home(&self) -> Option<PathBuf> {
        self.folder("XDG_STATE_HOME", ".local/state")
    }

    /// How to open pages here.
    pub fn browser(&self) -> Browser {
        Browser {
            preferred: self.get("BROWSER").map(str::to_owned),
            has_display: cfg!(not(target_os = "linux"))
                || self.get("DISPLAY").is_some()
                || self.get("WAYLAND_DISPLAY").is_some(),
            hidden_variables: TOKEN_VARIABLES.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    /// Whether something on the terminal can be drawn over itself, and may be.
    pub fn redraws(&self) -> bool {
        self.terminal && !self.plain && self.get("TERM") != Some("dumb")
    }

    /// Whether more than ASCII can be shown. A terminal that says nothing of its letters has Unicode's.
    pub fn unicode(&self) -> bool {
        let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| self.get(name));
        let named = set.map(str::to_ascii_lowercase);
        named.is_none_or(|name| name.contains("utf-8") || name.contains("utf8"))
    }

    /// Whether a person is here to look at a page, and there may be a browser to show it.
    pub fn can_open_pages(&self) -> bool {
        let browser = self.browser();
        self.terminal && (browser.has_display || browser.preferred.is_some())
    }

    /// Whether the person's browser may run elsewhere, where it does not reach what listens here: over SSH and in
    /// containers.
    pub fn is_remote(&self) -> bool {
        const SIGNS: [&str; 6] =
            ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY", "container", "REMOTE_CONTAINERS", "CODESPACES"];
        let marked = ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists());
        marked || SIGNS.iter().any(|name| self.get(name).is_some())
    }

    /// What the environment says about proxies.
    pub fn proxies(&self) -> ProxySettings {
        ProxySettings::from_variables(|name| self.get(name).map(str::to_owned))
    }

    /// Per the XDG Base Directory specification a relative path in the variable is ignored.
    fn folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let given = self.path(variable).filter(|path| path.is_absolute());
        given.or_else(|| Some(self.home()?.join(below_home)))
    }

    fn path(&self, variable: &str) -> Option<PathBuf> {
        let value = self.variables.get(OsStr::new(variable)).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    }
}

#[cfg(unix)]
fn hostname() -> String {
    let name = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned());
    name.ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "this machine".to_owned())
}

#[cfg(not(unix))]
fn hostname() -> String {
    env::var("COMPUTERNAME").unwrap_or_else(|_| "this machine".to_owned())
}
