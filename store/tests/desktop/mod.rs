//! A desktop session of its own: a message bus, a keyring daemon and a display that nobody else uses, and that end
//! with the test, also when it is killed.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::leash::{end_all, leashed, running_in};
use crate::scratch::Scratch;

/// Far longer than anything takes, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(90);
const SECRETS: &str = "org.freedesktop.secrets";
/// Who shows the keyring's prompts.
pub const PROMPTER: &str = "org.gnome.keyring.SystemPrompter";

/// What a session's bus can start by itself.
pub enum Services {
    /// Nothing.
    None,
    /// What is installed on this machine.
    Installed,
}

/// A running session. Everything in it carries the session's folder in its environment, by which it is ended.
pub struct Desktop {
    folder: Scratch,
    running: Vec<Child>,
    display: Option<String>,
}

impl Desktop {
    /// A session with a bus and, so far, nothing else.
    pub fn start(name: &str, services: Services) -> Self {
        Self::start_without_bus(name).with_bus(services)
    }

    /// The same with a virtual display, on which prompts appear.
    pub fn start_with_display(name: &str) -> Self {
        let mut desktop = Self::start_without_bus(name);
        let mut display =
            desktop.command("Xvfb", &["-displayfd", "1", "-screen", "0", "640x480x8", "-nolisten", "tcp"]);
        let mut display = display.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let output = display.stdout.as_mut().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).unwrap();
        desktop.display = Some(format!(":{}", line.trim()));
        desktop.running.push(display);
        desktop.with_bus(Services::Installed)
    }

    fn start_without_bus(name: &str) -> Self {
        let folder = Scratch::new(name);
        for sub in ["run", "data", "config"] {
            fs::create_dir(folder.join(sub)).unwrap();
        }
        Self { folder, running: Vec::new(), display: None }
    }

    fn with_bus(mut self, services: Services) -> Self {
        let folder = match services {
            Services::None => "",
            Services::Installed => "<servicedir>/usr/share/dbus-1/services</servicedir>",
        };
        let config = format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen>{folder}<policy context=\"default\">\
             <allow send_destination=\"*\"/><allow own=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>",
            self.folder.join("bus").display()
        );
        let path = self.folder.join("bus.conf");
        fs::write(&path, config).unwrap();
        let option = format!("--config-file={}", path.display());
        let mut bus = self.command("dbus-daemon", &[&option, "--nofork", "--nopidfile"]);
        let bus = bus.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.running.push(bus);
        await_that("the bus listens", || self.folder.join("bus").exists());
        self
    }

    /// The keyring daemon with an unlocked default collection.
    pub fn with_unlocked_keyring(mut self) -> Self {
        self.start_keyring();
        self
    }

    /// Starts the keyring daemon; it makes the collection if there is none yet.
    pub fn start_keyring(&mut self) {
        let mut daemon =
            self.command("gnome-keyring-daemon", &["--unlock", "--foreground", "--components=secrets"]);
        let mut daemon =
            daemon.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Closing the pipe ends the password.
        daemon.stdin.take().unwrap().write_all(b"password").unwrap();
        self.running.push(daemon);
        await_that("the keyring is there", || self.owns(SECRETS));
        self.activate_keyring();
    }

    /// Waits until the keyring answers, which the bus starts if it can and nobody has: our callers have little patience.
    pub fn activate_keyring(&self) {
        let service = format!("--dest={SECRETS}");
        let ping = ["--session", "--print-reply", &service, "/", "org.freedesktop.DBus.Peer.Ping"];
        await_that("the keyring answers", || self.run("dbus-send", &ping, "").status.success());
    }

    /// Ends the process that was started last.
    pub fn end_last(&mut self) {
        let mut last = self.running.pop().unwrap();
        last.kill().unwrap();
        last.wait().unwrap();
        await_that("the keyring is gone", || !self.owns(SECRETS));
    }

    /// Locks the default collection.
    pub fn lock(&self) {
        let login = "array:objpath:/org/freedesktop/secrets/collection/login";
        self.call("/org/freedesktop/secrets", "org.freedesktop.Secret.Service.Lock", &[login]);
    }

    /// Makes the collection that is forgotten at logout the default one.
    pub fn make_volatile(&self) {
        let session = "objpath:/org/freedesktop/secrets/collection/session";
        self.call(
            "/org/freedesktop/secrets",
            "org.freedesktop.Secret.Service.SetAlias",
            &["string:default", session],
        );
    }

    /// Whether a program on the bus has this name.
    pub fn owns(&self, name: &str) -> bool {
        let mut ask =
            self.command("dbus-send", &["--session", "--print-reply", "--dest=org.freedesktop.DBus"]);
        let ask = ask.args(["/", "org.freedesktop.DBus.NameHasOwner", &format!("string:{name}")]);
        String::from_utf8_lossy(&ask.output().unwrap().stdout).contains("boolean true")
    }

    /// Runs a program in this session to its end.
    pub fn run(&self, program: &str, args: &[&str], input: &str) -> Output {
        let mut command = self.command(program, args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// What a program needs in its environment to be part of this session.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        let inside = |sub: &str| self.folder.join(sub).display().to_string();
        let mut environment = vec![
            ("HOME", inside("")),
            ("XDG_RUNTIME_DIR", inside("run")),
            ("XDG_DATA_HOME", inside("data")),
            ("XDG_CONFIG_HOME", inside("config")),
            ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", inside("bus"))),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin".to_owned()),
        ];
        environment.extend(self.display.clone().map(|display| ("DISPLAY", display)));
        environment
    }

    /// A private folder of the session.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn call(&self, path: &str, method: &str, args: &[&str]) {
        let dest = format!("--dest={SECRETS}");
        let mut all = vec!["--session", "--print-reply", &dest, path, method];
        all.extend(args);
        let output = self.run("dbus-send", &all, "");
        assert!(output.status.success(), "{method}: {output:?}");
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = leashed(program);
        command.args(args).env_clear().envs(self.environment());
        command
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // What the bus started is not our child.
        end_all(&running_in(&self.folder));
        if !thread::panicking() {
            await_that("nothing of the session is left", || running_in(&self.folder).is_empty());
        }
    }
}

/// Waits until something holds.
pub fn await_that(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "still waiting until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
