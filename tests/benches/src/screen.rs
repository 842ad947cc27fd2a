//! What a screen costs that waits for its person, beside a peer that draws as often.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use doorkey_sandbox::{Options, Running, serve};
use doorkey_tests::home::Home;
use doorkey_tests::tmux::{Tmux, cpu_time, sleeps};

use crate::Binaries;
use crate::document::{table, verdict};

const SIZE: (u16, u16) = (100, 32);
/// After the last first drawing.
const BEFORE: Duration = Duration::from_secs(2);
const MEASURED: Duration = Duration::from_secs(60);
/// Of every screen that waits.
const MOST_BYTES: f64 = 200.0;
/// The share of one processor, in percent.
const MOST_CPU: f64 = 0.5;

/// A program on a terminal of its own that has drawn what it draws first.
struct Waiting {
    name: &'static str,
    terminal: Tmux,
    first: usize,
}

impl Waiting {
    fn start(name: &'static str, home: &Home, program: &Path, args: &[&str], shows: &str) -> Self {
        let terminal = Tmux::start(home, SIZE, &[], program, args);
        terminal.wait_for_text(shows);
        let first = terminal.written().len();
        Self { name, terminal, first }
    }

    /// The full screen of `pensar`, led from its prompt to the code.
    fn at_the_code(name: &'static str, home: &Home, pensar: &Path) -> Self {
        let mut waiting = Self::start(name, home, pensar, &[], "○ ");
        let before = waiting.terminal.written().len();
        waiting.terminal.type_in("/login");
        waiting.terminal.keys(&["Enter"]);
        waiting.terminal.wait_for_text("[Enter] begin");
        waiting.terminal.keys(&["Enter"]);
        waiting.terminal.wait_for_text(" left");
        waiting.first = waiting.terminal.written().len() - before;
        waiting
    }

    fn work(&self) -> Work {
        let pid = self.terminal.pid();
        Work {
            at: Instant::now(),
            bytes: self.terminal.written().len() as u64,
            cpu: cpu_time(pid),
            sleeps: sleeps(pid).values().sum(),
        }
    }
}

/// What a program has done so far.
struct Work {
    at: Instant,
    bytes: u64,
    cpu: Duration,
    sleeps: u64,
}

pub(crate) fn measure(binaries: &Binaries) -> String {
    let sandbox = sandbox();
    let announced = sandbox.announcement();
    let home = announced
        .env
        .pairs()
        .into_iter()
        .fold(Home::new("bench-screen"), |home, (name, value)| home.with(name, value));
    let login = ["login", "--no-browser"];
    let all = [
        Waiting::start("`pensar`, at the prompt", &home, &binaries.pensar, &[], "○ "),
        Waiting::at_the_code("`pensar`, `/login`: the code", &home, &binaries.pensar),
        Waiting::start("`pensar login`: the code", &home, &binaries.pensar, &login, " left"),
        Waiting::start("`pentify login`: the link", &home, &binaries.pentify, &login, " left"),
        Waiting::start("`watch -n1 date`", &home, Path::new("watch"), &["-n1", "date"], "Every 1.0s"),
    ];
    sleep(BEFORE);
    let begin = all.each_ref().map(Waiting::work);
    sleep(MEASURED);
    let end = all.each_ref().map(Waiting::work);
    let rows = all.iter().zip(begin.iter().zip(&end)).map(|(waiting, (begin, end))| {
        let took = (end.at - begin.at).as_secs_f64();
        let a_second = |count: u64| count as f64 / took;
        let bytes = a_second(end.bytes - begin.bytes);
        let cpu = 100.0 * (end.cpu - begin.cpu).as_secs_f64() / took;
        let is_peer = waiting.name.contains("watch");
        let goal = verdict("< 200 bytes per s, < 0.5 % of a processor", bytes < MOST_BYTES && cpu < MOST_CPU);
        vec![
            waiting.name.to_owned(),
            waiting.first.to_string(),
            format!("{bytes:.0}"),
            format!("{cpu:.2} %"),
            format!("{:.1}", a_second(end.sleeps - begin.sleeps)),
            if is_peer { String::new() } else { goal },
        ]
    });
    table(
        &[
            "what waits",
            "bytes of the first drawing",
            "bytes per s",
            "of one processor",
            "wake-ups per s",
            "goal",
        ],
        &rows.collect::<Vec<_>>(),
    )
}

/// All logins come from the same address.
fn sandbox() -> Running {
    serve(Options { rate_limit: false, ..Options::default() }).unwrap()
}
