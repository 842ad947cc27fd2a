//! A `doorkey sandbox` in a process of its own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::http::{HttpRequest, Method};
use doorkey_core::url::Url;
use doorkey_sandbox::State;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::closed_port::ClosedPort;
use crate::home::Home;
use crate::running::Running;
use crate::{binary, wait_for};

/// Runs until it is dropped.
pub struct Sandbox {
    /// Where Pentify's API is.
    pub api: String,
    /// Where Pentify's pages are.
    pub app: String,
    /// Where Pensar's API is.
    pub pensar_api: String,
    /// Where Pensar's pages are.
    pub console: String,
    /// Where Pensar's WorkOS is.
    pub workos: String,
    /// What points a client there.
    pub environment: BTreeMap<String, String>,
    origins: Vec<String>,
    running: Running,
    marks: Cell<u32>,
    home: Home,
}

/// One that was stopped. Where it was and what it knew is in its state, which [`Sandbox::start_lasting`] keeps. Nobody
/// listens there, and no other test's server comes to be there.
pub struct Stopped {
    home: Home,
    origins: Vec<String>,
    ports: Vec<ClosedPort>,
    /// The lock by which the next server knows that others have its ports, too, and joins them.
    presence: File,
}

impl Stopped {
    /// Starts it again with these further arguments, where it was.
    pub fn start(self, args: &[&str]) -> Sandbox {
        let Self { home, origins, ports, presence } = self;
        let sandbox = Sandbox::start_in(home, &[args, &LASTING].concat());
        drop((ports, presence));
        assert_eq!(sandbox.origins, origins, "it is where it was");
        sandbox
    }
}

/// Where it tells what requests for Pensar's tokens came to, in its home.
const EVENTS: &str = "events.jsonl";
/// Keeps the state and the ports in its home.
const LASTING: [&str; 2] = ["--state", "state.json"];
/// Held, shared, by every server of this state.
const PRESENCE: &str = "state.json.serving";

impl Sandbox {
    /// Starts one with these further arguments. The name is the test's.
    pub fn start(name: &str, args: &[&str]) -> Self {
        Self::start_in(Home::new(&format!("{name}-sandbox")), args)
    }

    /// The same with one that can be stopped and started again.
    pub fn start_lasting(name: &str, args: &[&str]) -> Self {
        Self::start(name, &[args, &LASTING].concat())
    }

    /// The same with one whose codes and ids are not drawn by chance: they are the same in every run that asks for them in
    /// the same order. Its ports are not.
    pub fn start_predictable(name: &str, args: &[&str]) -> Self {
        let home = Home::new(&format!("{name}-sandbox"));
        let state = json!({"v": 2, "now": 0, "ports": {}, "state": State::new([7; 32])});
        let file = home.folder().join("state.json");
        fs::write(&file, state.to_string()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        Self::start_in(home, &[args, &LASTING].concat())
    }

    /// Stops it, so that nobody listens at its ports any more.
    pub fn stop(self) -> Stopped {
        let presence = File::open(self.home.folder().join(PRESENCE)).unwrap();
        presence.lock_shared().unwrap();
        // Before it leaves them, so that they are never free.
        let port = |host: String| host.rsplit_once(':').unwrap().1.parse().unwrap();
        let ports = self.hosts().map(port).map(ClosedPort::of_servers).collect();
        self.running.signal(Signal::SIGINT);
        let Self { running, home, origins, .. } = self;
        running.end();
        Stopped { home, origins, ports, presence }
    }

    /// Stands still until it goes on: requests come in all the same, and wait.
    pub fn stand_still(&self) {
        self.running.signal(Signal::SIGSTOP);
    }

    /// Goes on after it stood still.
    pub fn go_on(&self) {
        self.running.signal(Signal::SIGCONT);
    }

    fn start_in(home: Home, args: &[&str]) -> Self {
        let args = [&["sandbox", "--access-log", "--grade", "--events", EVENTS], args].concat();
        let running = Running::start(home.command(binary("doorkey"), &args));
        let line = wait_for("the sandbox says where it is", || {
            running.stdout().split_once('\n').map(|(line, _)| line.to_owned())
        });
        let announced: Value = serde_json::from_str(&line).unwrap();
        let url = |name: &str| announced["urls"][name].as_str().unwrap().to_owned();
        let origins = announced["urls"].as_object().unwrap().values();
        let environment = announced["env"].as_object().unwrap().iter();
        let environment =
            environment.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
        Self {
            api: url("api"),
            app: url("app"),
            pensar_api: url("pensar_api"),
            console: url("console"),
            workos: url("workos"),
            environment,
            origins: origins.map(|url| url.as_str().unwrap().to_owned()).collect(),
            running,
            marks: Cell::new(0),
            home,
        }
    }

    /// Where it listens, as `127.0.0.1:PORT`.
    pub fn hosts(&self) -> impl Iterator<Item = String> {
        self.origins.iter().map(|origin| origin.split_once("://").unwrap().1.to_owned())
    }

    /// Every request so far, as `METHOD path status`; those for assets and of this method left out.
    pub fn requests(&self) -> Vec<String> {
        // The log is read by a thread of its own; once it has our mark, it has all that was answered before.
        let mark = format!("/mark-{}", self.marks.replace(self.marks.get() + 1));
        let url = Url::parse(&format!("{}{mark}", self.app)).unwrap();
        let mut transport = HttpTransport::new(ProxySettings::default(), "doorkey-tests");
        transport.send(&HttpRequest::new(Method::Get, url), Duration::from_secs(30)).unwrap();
        let ended = format!("{}{mark} ", self.app);
        let log = wait_for("the log has our mark", || {
            let log = self.running.stderr();
            let (before, after) = log.split_once(&ended)?;
            after.contains('\n').then(|| before.to_owned())
        });
        let lines = log.lines().filter_map(|line| {
            let origin = self.origins.iter().find(|origin| line.contains(&format!("{origin}/")))?;
            Some(line.replace(origin, ""))
        });
        let ours = |line: &String| line.contains("/mark-");
        let asset = |line: &String| line.contains("/style.css") || line.contains("/icon.svg");
        lines.filter(|line| line.split(' ').count() == 3 && !ours(line) && !asset(line)).collect()
    }

    /// How many polls were answered so far.
    pub fn polls(&self) -> usize {
        self.requests().iter().filter(|line| line.contains("/auth/terminal/poll")).count()
    }

    /// What every request for Pensar's tokens came to so far: `pending`, `issued`, `rotated` and so on.
    pub fn outcomes(&self) -> Vec<String> {
        let events = self.events();
        // A line is written in one piece, but may be read in two.
        let lines = events.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let outcome = |line| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["outcome"].as_str().map(str::to_owned)
        };
        lines.filter_map(outcome).collect()
    }

    /// What it told so far of requests for Pensar's tokens, as JSON Lines; the last one may not be there to its end.
    pub fn events(&self) -> String {
        fs::read_to_string(self.home.folder().join(EVENTS)).unwrap()
    }

    /// Stops it; fails if any client broke a rule.
    pub fn end_with_good_grade(self) {
        assert_eq!(self.broken_rules(), [""; 0]);
    }

    /// Stops it; the rules that clients broke.
    pub fn broken_rules(self) -> Vec<String> {
        self.running.signal(Signal::SIGINT);
        let ended = self.running.end();
        let grade = ended.stdout.lines().nth(1).unwrap_or_else(|| panic!("no grade: {ended:?}"));
        let grade: Value = serde_json::from_str(grade).unwrap();
        assert!(grade["requests"].as_u64().unwrap() > 0, "it has graded nobody: {ended:?}");
        let broken = grade["rules"].as_array().unwrap().iter().filter(|rule| rule["count"] != 0);
        broken.map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
    }
}
