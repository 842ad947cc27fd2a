//! Pensar, played by the sandbox in this process, and a sealed home whose `pensar` uses it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use doorkey_blocking::{HttpTransport, ProxySettings, Transport};
use doorkey_core::http::{HttpRequest, HttpResponse};
use doorkey_core::url::Url;
use doorkey_sandbox::pensar::Settings;
use doorkey_sandbox::{AccessLog, Options, Person, Running, serve};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{Ended, PATIENCE, Sealed, finish};

const PASSWORDS: &str = "/etc/passwd";
/// Makes us root in a mount namespace of its own.
const UNSHARE: [&str; 2] = ["--map-root-user", "--mount"];

pub struct Apex {
    pub sealed: Sealed,
    pub running: Running,
}

/// Codes that may be polled for every second: as often as the protocol can say.
pub fn quick() -> Settings {
    Settings { device_interval: Duration::from_secs(1), ..Settings::default() }
}

/// Whoever has it locked holds back the answers to requests for tokens, and all that come after them.
pub type Gate = Arc<Mutex<()>>;

/// The same sandbox behind a gate.
pub fn gated(options: Options) -> (Options, Gate) {
    let gate = Gate::default();
    let closed = Arc::clone(&gate);
    let log: AccessLog = Box::new(move |access| {
        if access.place.ends_with("/user_management/authenticate") {
            drop(closed.lock());
        }
    });
    (Options { log: Some(log), ..options }, gate)
}

impl Apex {
    pub fn new(name: &str) -> Self {
        Self::with(name, quick())
    }

    pub fn with(name: &str, pensar: Settings) -> Self {
        Self::serving(name, Options { pensar, ..Options::default() })
    }

    /// Any sandbox.
    pub fn serving(name: &str, options: Options) -> Self {
        let mut sealed = Sealed::new(name);
        let running = serve(options).unwrap();
        for (variable, value) in running.announcement().env.pairs() {
            sealed.set(variable, value);
        }
        let home = sealed.home.to_str().unwrap();
        fs::write(sealed.home.join("run/passwd"), format!("root:x:0:0::{home}:/bin/sh\n")).unwrap();
        Self { sealed, running }
    }

    pub fn pensar(&self, args: &[&str]) -> Ended {
        self.start(args).finish()
    }

    pub fn start(&self, args: &[&str]) -> Live {
        Live::start(self.command(args).stdin(Stdio::null()))
    }

    /// The command, not yet started. The lock that goes with a keychain lies in the home that the password database
    /// names: the command sees a database that names the sealed one, where the system lets us show it another.
    pub fn command(&self, args: &[&str]) -> Command {
        static CAN: OnceLock<bool> = OnceLock::new();
        let pensar = env!("CARGO_BIN_EXE_pensar");
        let can_mount = || {
            let mut tried = Command::new("unshare");
            tried.args(UNSHARE).args(["mount", "--bind", PASSWORDS, PASSWORDS]);
            tried.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
        };
        if !*CAN.get_or_init(can_mount) {
            return self.sealed.command(pensar, args);
        }
        let passwords = self.sealed.home.join("run/passwd");
        let script = format!("mount --bind \"$1\" {PASSWORDS} && shift && exec \"$@\"");
        let front = ["sh", "-c", &script, "sh", passwords.to_str().unwrap(), pensar];
        self.sealed.command("unshare", &[&UNSHARE, &front[..], args].concat())
    }

    /// Runs a login that this person approves.
    pub fn login(&self, email: &str, args: &[&str]) -> Ended {
        let live = self.start(&[&["login"], args].concat());
        click(|send| Person::new(email).approve(&live.link(0), send).unwrap());
        live.finish()
    }

    /// A file below `~/.pensar`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.sealed.home.join(".pensar").join(name)
    }

    /// A file below `~/.pensar`, which must be private, as JSON.
    pub fn file(&self, name: &str) -> Value {
        let path = self.path(name);
        assert_eq!(mode(&path), 0o600, "{name}");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// Puts a file below `~/.pensar`, as an older program would have.
    pub fn put(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path("")).unwrap();
        fs::set_permissions(self.path(""), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Makes the stored access token look as if its time were over, so that the next command renews the session. At the
    /// sandbox the token is still good: however slow this machine is, nothing expires in between.
    pub fn make_due(&self) {
        let mut session = self.file("auth.json");
        session["lifetimeMs"] = 1.into();
        self.put("auth.json", &session.to_string());
    }

    /// Fails if the sandbox found anything wrong with what it was asked.
    pub fn expect_good_grade(&self) {
        let grade = self.running.grade().unwrap();
        assert!(grade.is_clean(), "{grade:?}");
    }
}

/// The permissions of a file or folder.
pub fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Lets a person walk the sandbox's pages over HTTP.
pub fn click<T>(walk: impl FnOnce(&mut dyn FnMut(&HttpRequest) -> Result<HttpResponse, String>) -> T) -> T {
    let mut transport = HttpTransport::new(ProxySettings::default(), "test");
    walk(&mut |request| transport.send(request, PATIENCE).map_err(|e| e.detail))
}

/// A running command whose output can be looked at. It does not outlive the test.
pub struct Live {
    child: Option<Child>,
    stdout: Heard,
    stderr: Heard,
}

struct Heard {
    text: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Heard {
    fn of(mut pipe: impl Read + Send + 'static) -> Self {
        let text = Arc::<Mutex<String>>::default();
        let heard = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut buffer = [0; 1024];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                bytes.extend_from_slice(&buffer[..read]);
                *heard.lock().unwrap() = String::from_utf8_lossy(&bytes).into_owned();
            }
        });
        Self { text, reader: Some(reader) }
    }

    fn whole(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        self.text.lock().unwrap().clone()
    }
}

impl Live {
    pub fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (stdout, stderr) =
            (Heard::of(child.stdout.take().unwrap()), Heard::of(child.stderr.take().unwrap()));
        Self { child: Some(child), stdout, stderr }
    }

    pub fn stderr(&self) -> String {
        self.stderr.text.lock().unwrap().clone()
    }

    pub fn stdout(&self) -> String {
        self.stdout.text.lock().unwrap().clone()
    }

    pub fn wait_until(&self, what: &str, holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < PATIENCE, "{what}: {:?} {:?}", self.stdout(), self.stderr());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The link that is shown after `earlier` others.
    pub fn link(&self, earlier: usize) -> Url {
        let links = || -> Vec<String> {
            let text = self.stderr();
            // A line is shown in one piece, but may be read in two.
            let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            lines.map(str::trim).filter(|line| line.starts_with("http://")).map(str::to_owned).collect()
        };
        self.wait_until("a link", || links().len() > earlier);
        Url::parse(&links()[earlier]).unwrap()
    }

    pub fn signal(&self, signal: Signal) {
        let id = self.child.as_ref().unwrap().id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }

    pub fn finish(mut self) -> Ended {
        let ended = finish(self.child.take().unwrap());
        Ended::new(ended.code, self.stdout.whole(), self.stderr.whole())
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
