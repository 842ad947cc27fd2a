//! Ctrl-C, SIGTERM and SIGHUP, whatever the command is waiting for: 130, at once, nothing held, nothing half-written.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sealed::PATIENCE;
use sealed::apex::Live;
use sealed::bus::SilentBus;
use sealed::hostile::Answer;
use sealed::issuer::{Home, Issuer};
use sealed::pty::Terminal;
use sealed::scene::{Scene, TOKEN};

/// Ten times what an interrupt may take. The machine may be slow, but not each time.
const AT_ONCE: Duration = Duration::from_secs(2);
const TRIES: usize = 9;
/// How long a keychain is waited for at least.
const KEYCHAIN: Duration = Duration::from_secs(2);
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// What can be seen of a running command.
struct Running<'a> {
    scene: &'a Scene,
    bus: Option<&'a SilentBus>,
    pid: u32,
    stderr: &'a Mutex<String>,
}

impl Running<'_> {
    fn said(&self, text: &str) -> bool {
        self.stderr.lock().unwrap().contains(text)
    }

    /// Whether the command has opened a file of this name.
    fn has_open(&self, name: &str) -> bool {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid)).unwrap();
        open.flatten().any(|fd| fs::read_link(fd.path()).is_ok_and(|path| path.ends_with(name)))
    }
}

struct Wait {
    name: &'static str,
    args: &'static [&'static str],
    answers: fn() -> Vec<Answer>,
    silent_bus: bool,
    /// When the command would go on by itself, at the earliest.
    goes_on: Duration,
    lock_taken: bool,
    /// Whether the command waits for what it is to be interrupted in.
    reached: fn(&Running<'_>) -> bool,
}

const WAIT: Wait = Wait {
    name: "",
    args: &["usage"],
    answers: || vec![Answer::json(200, "{}")],
    silent_bus: false,
    // A request's limit.
    goes_on: Duration::from_secs(10),
    lock_taken: false,
    reached: |_| false,
};

fn waits() -> Vec<Wait> {
    vec![
        Wait {
            name: "the click",
            args: &["login"],
            answers: || vec![Answer::error(404, "not_paired_yet", "")],
            reached: |running| running.said("not authorized yet"),
            ..WAIT
        },
        Wait {
            name: "an answer to a poll",
            args: &["login"],
            answers: || vec![Answer::Silence],
            reached: |running| running.scene.api.requests().len() == 1,
            ..WAIT
        },
        Wait {
            name: "an answer",
            answers: || vec![Answer::Silence],
            reached: |running| running.scene.api.requests().len() == 1,
            ..WAIT
        },
        Wait {
            name: "the next try",
            // The longest wait between two tries.
            answers: || vec![Answer::with_headers(503, "retry-after: 60\r\n", "")],
            reached: |running| running.said("trying again in 60.0 s"),
            ..WAIT
        },
        Wait {
            name: "a keychain to read",
            silent_bus: true,
            goes_on: KEYCHAIN,
            reached: |running| running.bus.is_some_and(|bus| bus.connections() > 0),
            ..WAIT
        },
        Wait {
            name: "a keychain to write, with the lock held",
            args: &["auth", "use-token", TOKEN],
            silent_bus: true,
            goes_on: KEYCHAIN,
            reached: |running| {
                running.has_open("credentials.lock") && running.bus.is_some_and(|bus| bus.connections() > 0)
            },
            ..WAIT
        },
        Wait {
            name: "the lock that another process holds",
            args: &["auth", "use-token", TOKEN],
            lock_taken: true,
            reached: |running| running.has_open("credentials.lock"),
            ..WAIT
        },
    ]
}

#[test]
fn a_signal_ends_every_wait_at_once() {
    thread::scope(|scope| {
        for wait in waits() {
            scope.spawn(move || {
                for signal in SIGNALS {
                    let took =
                        (0..TRIES).filter_map(|_| interrupt(&wait, signal)).find(|took| *took < AT_ONCE);
                    println!("waiting for {}: ended {took:?} after {signal}", wait.name);
                    assert!(took.is_some(), "{}: {signal}", wait.name);
                }
            });
        }
    });
}

/// Interrupts a command in its wait; how long it then took to end. `None` if it may have gone on by itself before.
fn interrupt(wait: &Wait, signal: Signal) -> Option<Duration> {
    let what = format!("{} interrupted by {signal}", wait.name);
    let mut scene = Scene::new("interrupt", |_| (wait.answers)());
    scene.sign_in();
    let bus = wait.silent_bus.then(|| SilentBus::start(&mut scene.sealed));
    let lock = scene.config().join("credentials.lock");
    let taken = wait.lock_taken.then(|| take(&lock));
    let before = scene.files();

    let start = Instant::now();
    let mut guarded = scene.start(wait.args);
    let child = guarded.child();
    let (mut pipe, stderr) = (child.stderr.take().unwrap(), Arc::<Mutex<String>>::default());
    let heard = Arc::clone(&stderr);
    let reader = thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            heard.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
    let running = Running { scene: &scene, bus: bus.as_ref(), pid: child.id(), stderr: &stderr };
    while !(wait.reached)(&running) {
        let ended = child.try_wait().unwrap();
        if ended.is_some() && start.elapsed() > wait.goes_on {
            return None;
        }
        if ended.is_some() || start.elapsed() > PATIENCE {
            panic!("{what}: not reached; {ended:?}, {:?}", stderr.lock().unwrap());
        }
        thread::sleep(Duration::from_millis(5));
    }

    let signalled = Instant::now();
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
    let ended = child.wait().unwrap();
    let took = signalled.elapsed();
    reader.join().unwrap();
    if start.elapsed() > wait.goes_on {
        return None;
    }
    assert_eq!(ended.code(), Some(130), "{what}: {ended:?}");
    let said = stderr.lock().unwrap().clone();
    assert!(said.ends_with("error: interrupted\n"), "{what}: {said:?}");
    assert!(!said.contains("stored"), "{what}: {said:?}");
    assert_eq!(scene.files(), before, "{what}: something was written");
    drop(taken);
    // A child that this test forks at the same moment shares our own hold on it until it becomes another program.
    let start = Instant::now();
    while lock.exists() && File::open(&lock).unwrap().try_lock().is_err() {
        assert!(start.elapsed() < PATIENCE, "{what}: the lock is not free");
        thread::sleep(Duration::from_millis(5));
    }
    Some(took)
}

/// Takes the credential's lock, as another process would.
fn take(path: &std::path::Path) -> File {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.lock().unwrap();
    file
}

#[test]
fn a_signal_ends_a_list_and_not_only_the_profile_that_is_being_read() {
    let issuer = Issuer::start(|_| Answer::json(200, "{}"));
    let mut home = Home::signed_in("interrupt-list", &issuer, &["--profile", "one"]);
    home.login(&issuer, &["--profile", "two"]);
    home.sealed.unset("DOORKEY_STORE");
    let bus = SilentBus::start(&mut home.sealed);
    let is_in_time = |_| {
        let (start, before) = (Instant::now(), bus.connections());
        let live = Live::start(&mut home.command(env!("CARGO_BIN_EXE_doorkey"), &["list"]));
        live.wait_until("the keychain", || bus.connections() > before);
        live.signal(Signal::SIGINT);
        let ended = live.finish();
        if start.elapsed() > KEYCHAIN {
            return false;
        }
        let ended = ended.expect(130);
        assert_eq!((&*ended.stdout, &*ended.stderr), ("", "error: interrupted\n"));
        true
    };
    assert!((0..TRIES).any(is_in_time));
}

#[test]
fn a_signal_ends_a_command_whose_output_nobody_reads() {
    for args in [&["api", "GET", "/v1/scans"][..], &["api", "GET", "/v1/scans", "--json"]] {
        // Far more than a pipe holds.
        let scene =
            Scene::new("interrupt", |_| vec![Answer::json(200, format!("\"{}\"", "x".repeat(900_000)))]);
        scene.sign_in();
        let mut guarded = scene.start(args);
        let child = guarded.child();
        let mut stdout = child.stdout.take().unwrap();
        stdout.read_exact(&mut [0]).unwrap();
        // So many bytes come at once; then the pipe is full soon.
        thread::sleep(Duration::from_millis(300));
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGTERM).unwrap();
        let signalled = Instant::now();
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(ended) => break ended,
                None => assert!(signalled.elapsed() < PATIENCE, "{args:?}: it goes on"),
            }
            thread::sleep(Duration::from_millis(5));
        };
        assert_eq!(ended.code(), Some(130), "{args:?}");
    }
}

#[test]
fn a_script_reads_that_it_was_interrupted() {
    let scene = Scene::new("interrupt", |_| vec![Answer::Silence]);
    scene.sign_in();
    let mut guarded = scene.start(&["usage", "--json"]);
    let pid = Pid::from_raw(i32::try_from(guarded.child().id()).unwrap());
    let start = Instant::now();
    while scene.api.requests().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    kill(pid, Signal::SIGINT).unwrap();
    let ended = guarded.finish().expect(130);
    assert_eq!((&ended.json()["error"]["code"], ended.stderr.as_str()), (&"interrupted".into(), ""));
}

#[test]
fn a_signal_at_the_hidden_prompt_restores_the_terminal() {
    let scene = Scene::new("interrupt", |_| Vec::new());
    let mut terminal = Terminal::start(&scene.command(&["auth", "use-token"]));
    terminal.wait_for("API token (not shown): ");
    terminal.wait_until(|terminal| !terminal.echoes());
    terminal.signal(Signal::SIGTERM);
    assert_eq!(terminal.finish(), Some(130));
    assert!(terminal.echoes(), "the terminal is as it was");
}
