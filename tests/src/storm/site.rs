//! Where a storm happens: an issuer, a home folder with one session, and the logs of both sides.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::desktop::{Desktop, Services};
use crate::home::Home;
use crate::sandbox::Sandbox;
use crate::storm::client::Client;
use crate::storm::issuer::{Log, Request};
use crate::storm::line::{Line, Told};
use crate::storm::tail::Tail;
use crate::{binary, wait_for};

/// The folder below the home that everything of a session lies in.
pub const SESSION: &str = ".pensar";
/// The keyring's name on the bus.
const KEYRING: &str = "org.freedesktop.secrets";
/// The name of clients that only show what is stored.
const SHOWN: u32 = u32::MAX;

/// Where the session lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// In a file.
    File,
    /// In a real gnome-keyring, in a desktop session that all clients are in.
    Keychain,
}

impl Store {
    /// As the client's command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Keychain => "keychain",
        }
    }
}

/// How the issuer behaves, and what its clients are told about it.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// How long an access token is good.
    pub access_lifetime: u64,
    /// How long the issuer answers a spent token again; 0: never.
    pub grace: u64,
    /// How long its clients believe that it does.
    pub believed_grace: u64,
    /// How the token endpoint misbehaves, such as `lost-answer:0.1`.
    pub faults: &'static [&'static str],
}

/// Where a storm happens. Everything ends and vanishes with it.
pub struct Site {
    store: Store,
    believed_grace: u64,
    sandbox: Sandbox,
    home: Home,
    folder: Home,
    desktop: Option<RefCell<Desktop>>,
}

impl Site {
    /// A site. The name is the test's.
    pub fn new(name: &str, store: Store, issuer: &Issuer) -> Self {
        let name = format!("{name}-{}", store.name());
        let folder = Home::new(&format!("{name}-logs"));
        let (lifetime, grace) = (issuer.access_lifetime.to_string(), issuer.grace.to_string());
        let at_tokens = |fault: &&str| format!("{fault}@/user_management/authenticate");
        let faults: Vec<String> = issuer.faults.iter().map(at_tokens).collect();
        let mut args = vec!["--access-lifetime", &lifetime, "--grace", &grace];
        args.extend(["--rate-limit", "off"]);
        args.extend(faults.iter().flat_map(|fault| ["--fault", fault.as_str()]));
        let sandbox = Sandbox::start(&name, &args);
        let desktop = matches!(store, Store::Keychain)
            .then(|| Desktop::start(&format!("{name}-desktop"), Services::None).with_unlocked_keyring());
        let home = Home::new(&name);
        let home = desktop.iter().fold(home, Home::with_desktop);
        let home = sandbox.environment.iter().fold(home, |home, (name, value)| home.with(name, value));
        Self {
            store,
            believed_grace: issuer.believed_grace,
            sandbox,
            home,
            folder,
            desktop: desktop.map(RefCell::new),
        }
    }

    /// The home folder that all clients share.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The issuer.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Starts a client of this name with these further arguments. What it tells goes to the clients' log.
    pub fn start(&self, client: u32, args: &[&str]) -> Client {
        self.start_in(&self.home, client, args)
    }

    /// The same in another home folder.
    pub fn start_in(&self, home: &Home, client: u32, args: &[&str]) -> Client {
        let (name, grace) = (client.to_string(), self.believed_grace.to_string());
        let mut all = vec!["--name", &name, "--grace", &grace, "--store", self.store.name()];
        all.extend(args);
        let mut command = home.command(binary("storm-client"), &all);
        let told = File::options().create(true).append(true).open(self.clients_log()).unwrap();
        let errors =
            File::options().create(true).append(true).open(self.folder.folder().join("errors")).unwrap();
        command.stdin(Stdio::piped()).stdout(told).stderr(errors);
        Client::start(command)
    }

    /// Runs a client to its end; what it told, and whether it succeeded.
    pub fn run(&self, client: u32, args: &[&str]) -> (Vec<Told>, bool) {
        self.run_in(&self.home, client, args)
    }

    /// The same in another home folder.
    pub fn run_in(&self, home: &Home, client: u32, args: &[&str]) -> (Vec<Told>, bool) {
        wait_for("the keyring answers in time", || self.try_in(home, client, args))
    }

    /// Runs a client to its end once; nothing if it failed because of the keyring.
    pub fn try_run(&self, client: u32, args: &[&str]) -> Option<(Vec<Told>, bool)> {
        self.try_in(&self.home, client, args)
    }

    fn try_in(&self, home: &Home, client: u32, args: &[&str]) -> Option<(Vec<Told>, bool)> {
        let before = self.lines().len();
        let succeeded = self.start_in(home, client, args).end().success();
        let told = self.told_since(before, client);
        (!self.is_too_slow(&told) && !self.has_crashed(&told)).then_some((told, succeeded))
    }

    /// What a client has told after so many lines of all.
    fn told_since(&self, before: usize, client: u32) -> Vec<Told> {
        let lines = self.lines().into_iter().skip(before).filter(|line| line.client == client);
        lines.map(|line| line.told).collect()
    }

    /// Whether it failed because the keyring had crashed, which runs again now.
    fn has_crashed(&self, told: &[Told]) -> bool {
        let failed = |told: &Told| matches!(told, Told::Failed { code, .. } if code == "store_absent");
        told.last().is_some_and(failed) && self.revive_keyring()
    }

    /// Whether it failed because the keyring did not answer: each of its calls has two seconds, which is the library's
    /// choice, and a machine with other work may need more.
    fn is_too_slow(&self, told: &[Told]) -> bool {
        let slow = ["store_timed_out", "stored_nowhere"];
        let failed = |told: &Told| matches!(told, Told::Failed { code, .. } if slow.contains(&code.as_str()));
        self.store == Store::Keychain && told.last().is_some_and(failed)
    }

    /// Starts the keyring again if it has crashed, which gnome-keyring can when clients are killed while it answers them.
    /// Whether it had.
    pub fn revive_keyring(&self) -> bool {
        let Some(desktop) = &self.desktop else { return false };
        let crashed = !desktop.borrow().owns(KEYRING);
        if crashed {
            desktop.borrow_mut().start_keyring();
        }
        crashed
    }

    /// Signs in anew, with one grant: if the keyring does not take the session, the client itself tries that again.
    ///
    /// # Panics
    /// If that fails.
    pub fn sign_in(&self, client: u32) -> Told {
        let before = self.lines().len();
        let mut signing_in = self.start(client, &["sign-in"]);
        let ended = wait_for("somebody signs in", || {
            let ended = signing_in.ended();
            if ended.is_none() && matches!(self.told_since(before, client).last(), Some(Told::Failed { .. }))
            {
                self.revive_keyring();
            }
            ended
        });
        let told = self.told_since(before, client);
        assert!(ended.success(), "{told:?}: {}", self.errors());
        told.into_iter().next().unwrap()
    }

    /// What is stored.
    ///
    /// # Panics
    /// If nothing is, or nothing that can be read.
    pub fn record(&self) -> Told {
        let (told, succeeded) = self.run(SHOWN, &["show"]);
        assert!(succeeded, "{told:?}: {}", self.errors());
        told.into_iter().next().unwrap()
    }

    /// A copy of the home folder.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn copied_home(&self, name: &str) -> Home {
        let home = Home::new(name);
        let home = self.sandbox.environment.iter().fold(home, |home, (name, value)| home.with(name, value));
        let (from, to) = (self.home.folder().join(SESSION), home.folder().join(SESSION));
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
        home
    }

    /// Adds to the clients' log what cannot be told by a client itself.
    pub fn note(&self, client: u32, told: Told) {
        let mut line = serde_json::to_vec(&Line { client, told }).unwrap();
        line.push(b'\n');
        File::options().append(true).open(self.clients_log()).unwrap().write_all(&line).unwrap();
    }

    /// What the clients have told so far.
    pub fn lines(&self) -> Vec<Line> {
        Line::read_all(&fs::read_to_string(self.clients_log()).unwrap_or_default())
    }

    /// What the clients tell from the first line on.
    pub fn tail(&self) -> Tail {
        Tail::new(self.clients_log())
    }

    /// What the issuer has told so far.
    pub fn issuer_log(&self) -> Log {
        Log::read(&self.sandbox.events())
    }

    /// What became of the refresh tokens of the newest login.
    pub fn refreshes(&self) -> Vec<Request> {
        let log = self.issuer_log();
        let newest = log.families().last().map(|family| (*family).to_owned());
        log.requests.into_iter().filter(|asked| asked.number.is_some() && asked.family == newest).collect()
    }

    /// What the clients have written to standard error, which should be nothing.
    pub fn errors(&self) -> String {
        fs::read_to_string(self.folder.folder().join("errors")).unwrap_or_default()
    }

    fn clients_log(&self) -> PathBuf {
        self.folder.folder().join("clients")
    }
}
