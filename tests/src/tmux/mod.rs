//! A real terminal for the tests of what is drawn on one: tmux, with a server for each test.

mod again;
mod process;
mod screen;
mod shell;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub use self::again::{Again, Run};
pub use self::process::{cpu_time, sleeps};
pub use self::screen::{Screen, left_on};
pub use self::shell::{Prompt, Shell};
use crate::home::Home;
use crate::leash::end_all;
use crate::running::Running;
use crate::{PATIENCE, wait_for};

/// What programs are told of the terminal, unless a test says otherwise.
const TERM: &str = "tmux-256color";
/// Before any window is there: nothing of tmux's own is drawn, an Escape is handed on at once, a window stays after its
/// program's end, programs may set the clipboard, and nothing that scrolls away is lost.
const OPTIONS: [[&str; 4]; 7] = [
    ["set", "-g", "status", "off"],
    ["set", "-s", "escape-time", "0"],
    ["set", "-s", "set-clipboard", "on"],
    ["set", "-g", "remain-on-exit", "on"],
    ["set", "-g", "remain-on-exit-format", ""],
    ["set", "-g", "history-limit", "100000"],
    ["set", "-g", "default-terminal", TERM],
];
/// Waits until somebody opens the pipe's other end, so that no byte is written before it is counted.
const GATE: &str = r#"read _ < "$0"; exec "$@""#;
/// What tmux tells of the window, in the order of the fields of [`State`].
const STATE: &str = "#{pane_dead} #{cursor_flag} #{alternate_on} #{pane_width} #{pane_height} #{pane_pid} \
                     #{pane_dead_status},#{pane_dead_signal}";

/// A terminal with one program in it. Both end on drop, with whatever the program started there.
pub struct Tmux {
    server: Option<Running>,
    folder: PathBuf,
    pid: u32,
}

/// The window at one moment.
struct State {
    is_dead: bool,
    shows_cursor: bool,
    is_alternate: bool,
    columns: usize,
    rows: usize,
    pid: u32,
    /// -1 if a signal ended it.
    code: i32,
    screen: Screen,
}

impl Tmux {
    /// Starts a program on a terminal of this size, in the home's environment with these further variables.
    pub fn start(
        home: &Home,
        (columns, rows): (u16, u16),
        variables: &[(&str, &str)],
        program: impl AsRef<Path>,
        args: &[&str],
    ) -> Self {
        let folder = free_folder(&home.folder().join("run"));
        let path = |name: &str| folder.join(name).display().to_string();
        let server = Running::start(home.command("tmux", &["-D", "-S", &path("socket"), "-f", "/dev/null"]));
        wait_for("tmux listens", || folder.join("socket").exists().then_some(()));
        let gate = folder.join("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();

        // Nothing of what tmux adds for programs that know it; and not all of it would be the server's.
        let of_home = home.command("", &[]);
        let of_home = of_home
            .get_envs()
            .map(|(name, value)| (name.to_str().unwrap(), value.unwrap().to_str().unwrap()));
        let all = of_home.chain([("TERM", TERM)]).chain(variables.iter().copied());
        let variables: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
        let mut started: Vec<&str> = ["-i"].into_iter().chain(variables.iter().map(String::as_str)).collect();
        started.push(program.as_ref().to_str().unwrap());
        let started = home.command("env", &[&started, args].concat());

        let mut tmux = Self { server: Some(server), folder, pid: 0 };
        let mut order: Vec<OsString> = Vec::new();
        for option in OPTIONS {
            order.extend(option.map(OsString::from));
            order.push(";".into());
        }
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let window = ["new-session", "-d", "-x", &columns, "-y", &rows, "-c"];
        order.extend(window.map(OsString::from));
        order.extend([home.folder().into(), "--".into(), "sh".into(), "-c".into(), GATE.into()]);
        order.extend([gate.clone().into_os_string(), started.get_program().to_owned()]);
        order.extend(started.get_args().map(|arg| OsString::from(verbatim(arg.to_str().unwrap()))));
        order.extend([";", "pipe-pane"].map(OsString::from));
        order.push(format!("exec cat > {}", tmux.folder.join("written").display()).into());
        tmux.order(&order);
        tmux.pid = tmux.state().pid;
        wait_for("what is written is counted", || tmux.folder.join("written").exists().then_some(()));
        fs::write(gate, "\n").unwrap();
        tmux
    }

    /// Presses keys, by tmux's names: `Enter`, `Escape`, `Up`, `C-c`, `q`.
    pub fn keys(&self, keys: &[&str]) {
        self.order(&[&["send-keys"], keys].concat());
    }

    /// Types a text, letter by letter.
    pub fn type_in(&self, text: &str) {
        self.order(&["send-keys", "-l", "--", &verbatim(text)]);
    }

    /// Pastes a text: in brackets, if the program has asked for that.
    pub fn paste(&self, text: &str) {
        let text = verbatim(text);
        self.order(&[
            "set-buffer",
            "-b",
            "pasted",
            "--",
            &text,
            ";",
            "paste-buffer",
            "-p",
            "-d",
            "-b",
            "pasted",
        ]);
    }

    /// Makes the terminal larger or smaller.
    pub fn resize(&self, columns: u16, rows: u16) {
        self.order(&["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// What is on the screen.
    pub fn screen(&self) -> Screen {
        self.state().screen
    }

    /// The same with colors, as the escape sequences that draw it.
    pub fn styled(&self) -> String {
        self.order(&["capture-pane", "-p", "-e"])
    }

    /// Everything that has scrolled away, then the screen. Never what is on an alternate screen.
    pub fn scrollback(&self) -> Screen {
        Screen::new(&self.order(&["capture-pane", "-p", "-S", "-"]))
    }

    /// The screen with rows joined that the terminal itself has wrapped, as somebody copies them who selects them.
    pub fn joined(&self) -> Screen {
        Screen::new(&self.order(&["capture-pane", "-p", "-J"]))
    }

    /// Waits until the screen is so.
    ///
    /// # Panics
    /// If it is not for [`PATIENCE`], or the program has ended without it, with the last screen.
    pub fn wait_for(&self, what: &str, mut is_so: impl FnMut(&Screen) -> bool) -> Screen {
        let started = Instant::now();
        loop {
            let state = self.state();
            if is_so(&state.screen) {
                return state.screen;
            }
            let State { screen, columns, rows, code, .. } = &state;
            assert!(!state.is_dead, "it has ended with {code} before: {what}\n{columns}×{rows}:\n{screen}");
            assert!(started.elapsed() < PATIENCE, "waited in vain: {what}\n{columns}×{rows}:\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the screen has this text in one of its rows.
    pub fn wait_for_text(&self, text: &str) -> Screen {
        self.wait_for(&format!("{text:?}"), |screen| screen.contains(text))
    }

    /// Waits for the end of the program; its exit code, -1 if a signal ended it.
    pub fn exit_code(&self) -> i32 {
        let started = Instant::now();
        loop {
            let state = self.state();
            if state.is_dead {
                return state.code;
            }
            assert!(started.elapsed() < PATIENCE, "the program does not end:\n{}", state.screen);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the program has ended.
    pub fn has_ended(&self) -> bool {
        self.state().is_dead
    }

    /// Whether the cursor is shown. Only while the program runs.
    pub fn cursor_visible(&self) -> bool {
        self.state().shows_cursor
    }

    /// Whether the program has switched to the screen without scroll-back.
    pub fn alternate_on(&self) -> bool {
        self.state().is_alternate
    }

    /// What a program has put into the clipboard last (OSC 52).
    pub fn clipboard(&self) -> Option<String> {
        let shown = self.ask(&["show-buffer"]);
        shown.status.success().then(|| text(shown.stdout))
    }

    /// Everything that the program and the terminal's echo have written so far.
    pub fn written(&self) -> Vec<u8> {
        fs::read(self.folder.join("written")).unwrap()
    }

    /// The process that was started.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The process group that has the terminal: in a shell, that of the program that runs there.
    pub fn foreground(&self) -> u32 {
        process::foreground(self.pid)
    }

    /// Sends a signal to the process that has the terminal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.foreground()).unwrap()), signal).unwrap();
    }

    /// Closes the window, as somebody does with the mouse: its program gets a SIGHUP, and has no terminal any more.
    /// Only its end can be watched from now on.
    pub fn close(&self) {
        // The server ends with its last window; that it does may be the answer.
        let _ = self.ask(&["kill-pane"]);
    }

    /// Waits until the process that was started is gone, after [`close`](Self::close).
    pub fn is_gone(&self) {
        wait_for("the program ends with its terminal", || (!process::is_alive(self.pid)).then_some(()));
    }

    fn state(&self) -> State {
        // Once in a while tmux misses that its child has ended.
        if let Some(server) = self.server.as_ref().filter(|_| process::is_zombie(self.pid)) {
            server.signal(Signal::SIGCHLD);
        }
        // In one order, between whose parts nothing changes.
        let told = self.order(&["display-message", "-p", STATE, ";", "capture-pane", "-p"]);
        let (told, screen) = told.split_once('\n').unwrap();
        let fields: Vec<&str> = told.split(' ').collect();
        // A moment passes between the end of what it writes and its own.
        let (code, signal) = fields[6].split_once(',').unwrap();
        State {
            is_dead: fields[0] == "1" && (!code.is_empty() || !signal.is_empty()),
            shows_cursor: fields[1] == "1",
            is_alternate: fields[2] == "1",
            columns: fields[3].parse().unwrap(),
            rows: fields[4].parse().unwrap(),
            pid: fields[5].parse().unwrap(),
            code: code.parse().unwrap_or(-1),
            screen: Screen::new(screen),
        }
    }

    fn order<S: Into<OsString> + Clone>(&self, order: &[S]) -> String {
        let done = self.ask(order);
        assert!(done.status.success(), "tmux: {}", text(done.stderr));
        text(done.stdout)
    }

    fn ask<S: Into<OsString> + Clone>(&self, order: &[S]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.env_clear().env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
        tmux.arg("-S").arg(self.folder.join("socket"));
        tmux.args(order.iter().cloned().map(Into::into)).output().unwrap()
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let started = process::of_session(self.pid);
        drop(self.server.take());
        end_all(&started);
    }
}

/// A new folder: a home may have several terminals.
fn free_folder(run: &Path) -> PathBuf {
    let all = (1..).map(|number| run.join(format!("tmux-{number}")));
    let mut free = all.filter(|folder| fs::create_dir(folder).is_ok());
    assert!(run.is_dir(), "{} is no folder", run.display());
    free.next().unwrap()
}

/// A text as an argument of tmux, which takes a semicolon at the end for the end of the order.
fn verbatim(text: &str) -> String {
    text.strip_suffix(';').map_or_else(|| text.to_owned(), |before| format!("{before}\\;"))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
