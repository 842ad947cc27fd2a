//! A terminal that was drawn on is as before, whatever ended or stopped the program: its modes are compared bit by bit.
#![cfg(all(feature = "screen", target_os = "linux"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::env;
use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use doorkey::hardening;
use doorkey::printer::Printer;
use doorkey::screen::terminal::{Frame, Input, Mode, Row, Terminal, read};
use doorkey::signals::Watch;
use nix::sys::signal::Signal;
use ratatui::crossterm::event::{KeyCode, KeyModifiers};

use sealed::{PATIENCE, pty};

/// Set for the program that draws, which is this file's own test `program`.
const PROGRAM: &str = "DOORKEY_TEST_SCREEN";
const COLUMNS: u16 = 60;

/// A small program with a view: what comes from the keyboard is shown, and some keys do something.
#[test]
fn program() {
    let mode = match env::var(PROGRAM).as_deref() {
        Ok("full") => Mode::Full,
        Ok("inline") => Mode::Inline,
        _ => return,
    };
    hardening::begin();
    print!("text before");
    std::io::stdout().flush().unwrap();
    let watch = Watch::new(Printer { json: false, unicode: true });
    let mut terminal = Terminal::enter(mode, false, &watch).unwrap();
    let (told, inputs) = channel();
    read(move |input| {
        let _ = told.send(input);
    })
    .unwrap();
    let (mut last, mut count) = ("nothing".to_owned(), 0);
    loop {
        let rows = [format!("the view after {last}"), format!("that was number {count}."), String::new()];
        let rows = rows.map(|text| Row { line: text.into(), joined: false }).to_vec();
        terminal.draw(&Frame { rows, cursor: None });
        let input = match inputs.recv_timeout(Duration::from_millis(20)) {
            Ok(input) => input,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => panic!("no more input"),
        };
        count += 1;
        last = format!("{input:?}");
        match input {
            Input::Key(key) => match (key.code, key.modifiers) {
                (KeyCode::Char('q'), _) => break,
                (KeyCode::Char('p'), _) => panic!("as asked"),
                (KeyCode::Char('a'), _) => terminal.above(|| eprintln!("a line\nabove")),
                (KeyCode::Char('z'), KeyModifiers::CONTROL) => terminal.suspend(),
                (code, modifiers) => last = format!("key {modifiers} {code}"),
            },
            Input::Paste(text) => last = format!("paste {text:?}"),
            Input::Suspend => terminal.suspend(),
            Input::Continued => terminal.resume(),
            Input::Resized => terminal.resized(),
            Input::Lost => {
                drop(terminal);
                // Told elsewhere than to a terminal that is gone.
                let file = env::var("DOORKEY_TEST_LOST").unwrap();
                let lost = 1 + inputs.try_iter().filter(|input| *input == Input::Lost).count();
                fs::write(&file, format!("lost {lost}")).unwrap();
                thread::sleep(PATIENCE);
                return;
            }
        }
    }
    drop(terminal);
    println!("over");
}

fn program_in(mode: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "program", "--nocapture"]).env(PROGRAM, mode);
    command
}

/// The same as a job of a shell.
fn job_in(mode: &str, script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-mc", &format!("\"$0\" --exact program --nocapture; {script}")]);
    command.arg(env::current_exe().unwrap()).env(PROGRAM, mode).env("PATH", env::var("PATH").unwrap());
    command
}

fn start(command: &Command) -> pty::Terminal {
    pty::Terminal::sized(command, COLUMNS, 20)
}

/// Waits until a row begins so.
fn wait_for_row(terminal: &pty::Terminal, text: &str) {
    terminal.wait_until(|terminal| shown(terminal).1.iter().any(|row| row.starts_with(text)));
}

/// Waits until the program draws.
fn wait_for_view(terminal: &pty::Terminal) {
    wait_for_row(terminal, "the view after nothing");
    wait_for_row(terminal, "that was number 0.");
}

/// What the terminal shows in the end, row by row.
fn shown(terminal: &pty::Terminal) -> (vt100::Parser, Vec<String>) {
    let mut parser = vt100::Parser::new(20.try_into().unwrap(), COLUMNS.try_into().unwrap(), 1000);
    parser.process(terminal.screen().as_bytes());
    let rows = parser.screen().rows(0, COLUMNS).map(|row| row.trim_end().to_owned()).collect();
    (parser, rows)
}

/// Nothing of the view, neither on the screen nor in the terminal's state.
fn assert_nothing_left(terminal: &pty::Terminal, what: &str) {
    terminal.wait_until(|terminal| terminal.screen().contains("\x1b[?25h"));
    assert_eq!(terminal.settings(), terminal.settings_before(), "{what}");
    let (parser, rows) = shown(terminal);
    assert!(!rows.iter().any(|row| row.contains("view") || row.contains("number")), "{what}: {rows:?}");
    let screen = parser.screen();
    assert!(!screen.hide_cursor() && !screen.alternate_screen() && !screen.bracketed_paste(), "{what}");
}

#[test]
fn a_program_that_ends_leaves_everything_as_before() {
    for mode in ["full", "inline"] {
        let mut terminal = start(&program_in(mode));
        wait_for_view(&terminal);
        assert_ne!(terminal.settings(), terminal.settings_before(), "{mode}");
        terminal.type_in("\x1b[1;5A");
        wait_for_row(&terminal, "the view after key Control Up");
        terminal.type_in("\x1b[200~pasted\rtext\x1b[201~");
        wait_for_row(&terminal, "the view after paste \"pasted\\ntext\"");
        terminal.type_in("\x03");
        wait_for_row(&terminal, "the view after key Control c");
        terminal.type_in("q");
        assert_eq!(terminal.finish(), Some(0), "{mode}");
        terminal.wait_for("over");
        assert_nothing_left(&terminal, mode);
        let (_, rows) = shown(&terminal);
        let before = rows.iter().position(|row| row.starts_with("text before")).unwrap();
        assert_eq!(rows[before..before + 2], ["text before", "over"], "{mode}: {rows:?}");
    }
}

#[test]
fn another_size_draws_the_view_anew() {
    for mode in ["full", "inline"] {
        let mut terminal = start(&program_in(mode));
        wait_for_view(&terminal);
        let device = format!("/proc/{}/fd/0", terminal.id());
        let stty = Command::new("stty").args(["-F", &device, "columns", "12"]).status().unwrap();
        assert!(stty.success());
        wait_for_row(&terminal, "that was num");
        // Cut to the new width, and there once.
        let is_cut = |terminal: &pty::Terminal| {
            let (_, rows) = shown(terminal);
            let count = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
            (count("the view"), count("that was"), count("after"), count("number")) == (1, 1, 0, 0)
        };
        terminal.wait_until(is_cut);
        terminal.type_in("q");
        assert_eq!(terminal.finish(), Some(0), "{mode}");
        terminal.wait_for("over");
        assert_nothing_left(&terminal, mode);
    }
}

#[test]
fn lines_are_written_above_the_view() {
    for mode in ["full", "inline"] {
        let mut terminal = start(&program_in(mode));
        wait_for_view(&terminal);
        terminal.type_in("a");
        wait_for_row(&terminal, "that was number 1.");
        let (_, rows) = shown(&terminal);
        if mode == "inline" {
            let line = rows.iter().position(|row| row == "a line").unwrap();
            assert_eq!(rows[line + 1], "above", "{rows:?}");
            assert!(rows[line + 2].starts_with("the view"), "{rows:?}");
        } else {
            assert!(rows[0].starts_with("the view"), "{rows:?}");
        }
        terminal.type_in("q");
        assert_eq!(terminal.finish(), Some(0), "{mode}");
        terminal.wait_for("over");
        assert_nothing_left(&terminal, mode);
        let (_, rows) = shown(&terminal);
        let line = rows.iter().position(|row| row == "a line").unwrap();
        assert_eq!(rows[line..line + 3], ["a line", "above", "over"], "{mode}");
    }
}

#[test]
fn a_panic_puts_the_terminal_back_before_it_is_told() {
    for mode in ["full", "inline"] {
        let mut terminal = start(&program_in(mode));
        wait_for_view(&terminal);
        terminal.type_in("p");
        assert_eq!(terminal.finish(), Some(1), "{mode}: {}", terminal.screen());
        terminal.wait_for("report it");
        assert_nothing_left(&terminal, mode);
        assert!(
            shown(&terminal).1.iter().any(|row| row.starts_with("error: a bug")),
            "{:?}",
            terminal.screen()
        );
    }
}

#[test]
fn a_signal_puts_the_terminal_back_before_the_last_words() {
    for mode in ["full", "inline"] {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
            let mut terminal = start(&program_in(mode));
            wait_for_view(&terminal);
            terminal.signal(signal);
            assert_eq!(terminal.finish(), Some(130), "{mode}");
            terminal.wait_for("interrupted");
            assert_nothing_left(&terminal, mode);
            let rows = shown(&terminal).1;
            assert!(rows.contains(&"error: interrupted".to_owned()), "{mode}: {rows:?}");
        }
    }
}

#[test]
fn a_program_that_is_stopped_leaves_the_terminal_to_the_shell() {
    for (mode, stop) in
        [("full", "\x1a"), ("inline", "\x1a"), ("inline", "kill -TSTP"), ("full", "kill -TSTP")]
    {
        let script = "echo it stopped; read go; fg; echo shell goes on";
        let mut terminal = start(&job_in(mode, script));
        wait_for_view(&terminal);
        if stop == "\x1a" {
            terminal.type_in(stop)
        } else {
            signal_child(&terminal, "-TSTP")
        }
        terminal.wait_for("it stopped");
        assert_nothing_left(&terminal, stop);
        terminal.type_in("go\n");
        let again = |terminal: &pty::Terminal| {
            let screen = terminal.screen();
            screen.split("it stopped").nth(1).is_some_and(|later| later.contains("the view after"))
        };
        terminal.wait_until(again);
        terminal.type_in("x");
        wait_for_row(&terminal, "the view after key  x");
        // Its being continued was no news: the key is the second thing that happened.
        wait_for_row(&terminal, "that was number 2.");
        terminal.type_in("q");
        assert_eq!(terminal.finish(), Some(0));
        terminal.wait_for("shell goes on");
        assert_nothing_left(&terminal, stop);
    }
}

#[test]
fn a_program_in_the_background_leaves_the_terminal_alone() {
    let script = "echo it stopped; read go; bg; read go; fg; echo shell goes on";
    let mut terminal = start(&job_in("inline", script));
    wait_for_view(&terminal);
    terminal.type_in("\x1a");
    terminal.wait_for("it stopped");
    let child = child_of(&terminal);
    terminal.wait_until(|_| state_of(child) == 'T');
    // Continued, it asks for the terminal, and is stopped again: that may be over before anybody looks.
    let switches = switches_of(child);
    terminal.type_in("go\n");
    terminal.wait_until(|_| switches_of(child) > switches && state_of(child) == 'T');
    assert_nothing_left(&terminal, "background");
    assert_eq!(terminal.screen().split("it stopped").nth(1).unwrap().matches("view").count(), 0);
    terminal.type_in("go\n");
    terminal
        .wait_until(|terminal| terminal.screen().split("it stopped").nth(1).unwrap().contains("the view"));
    terminal.type_in("q");
    assert_eq!(terminal.finish(), Some(0));
    terminal.wait_for("shell goes on");
    assert_nothing_left(&terminal, "end");
}

#[test]
fn a_program_that_something_else_stopped_is_drawn_anew() {
    for mode in ["full", "inline"] {
        let mut terminal = start(&job_in(mode, "echo it stopped; read go; fg; echo shell goes on"));
        wait_for_view(&terminal);
        signal_child(&terminal, "-STOP");
        terminal.wait_for("it stopped");
        terminal.type_in("go\n");
        wait_for_row(&terminal, "the view after Continued");
        terminal.type_in("q");
        assert_eq!(terminal.finish(), Some(0));
        terminal.wait_for("shell goes on");
        assert_eq!(terminal.settings(), terminal.settings_before(), "{mode}");
    }
}

#[test]
fn where_nobody_could_continue_it_a_program_does_not_stop() {
    let mut terminal = start(&program_in("inline"));
    wait_for_view(&terminal);
    terminal.type_in("\x1a");
    wait_for_row(&terminal, "that was number 1.");
    terminal.type_in("q");
    assert_eq!(terminal.finish(), Some(0));
    terminal.wait_for("over");
    assert_nothing_left(&terminal, "end");
}

#[test]
fn a_terminal_that_is_gone_is_told_once_and_costs_nothing() {
    let (mut master, line) = pty::pair();
    let end = || Stdio::from(line.try_clone().unwrap());
    let told = env::temp_dir().join(format!("doorkey-lost-{}", std::process::id()));
    let mut program = program_in("inline");
    // Not its controlling terminal: nothing but the end of input tells it.
    let mut child =
        program.env("DOORKEY_TEST_LOST", &told).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    drop(line);
    let mut screen = Vec::new();
    let mut buffer = [0; 1024];
    while !screen.windows(9).any(|bytes| bytes == b"number 0.") {
        let read = master.read(&mut buffer).unwrap();
        screen.extend_from_slice(&buffer[..read]);
    }
    master.write_all(b"x").unwrap();
    drop((master, program));
    let start = Instant::now();
    while fs::read_to_string(&told).unwrap_or_default().is_empty() {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(fs::read_to_string(&told).unwrap(), "lost 1");
    let before = ticks_of(child.id());
    thread::sleep(Duration::from_millis(500));
    let spent = ticks_of(child.id()) - before;
    let _ = (child.kill(), child.wait(), fs::remove_file(&told));
    assert!(spent < 10, "{spent} hundredths of a second");
}

/// The shell's child.
fn child_of(terminal: &pty::Terminal) -> u32 {
    let children = format!("/proc/{0}/task/{0}/children", terminal.id());
    fs::read_to_string(children).unwrap().trim().parse().unwrap()
}

fn signal_child(terminal: &pty::Terminal, signal: &str) {
    let pid = child_of(terminal).to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

/// What `/proc/PID/stat` says behind the name.
fn stat_of(pid: u32) -> Vec<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().map(str::to_owned).collect()
}

fn state_of(pid: u32) -> char {
    stat_of(pid)[0].chars().next().unwrap()
}

/// Hundredths of a second on a processor.
fn ticks_of(pid: u32) -> u64 {
    stat_of(pid)[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// How often the program has gone to sleep, all its threads taken together.
fn switches_of(pid: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten();
    let status = threads.map(|thread| fs::read_to_string(thread.path().join("status")).unwrap());
    status
        .map(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}
