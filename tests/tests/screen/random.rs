//! Keys and sizes by chance: whatever is typed, there is a way out, and the terminal is as it was.

use std::time::{Duration, Instant};

use doorkey_tests::PATIENCE;
use doorkey_tests::dice::Dice;
use doorkey_tests::home::Home;
use doorkey_tests::measured::told;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::{Again, left_on};

/// What a person may press; of Ctrl-Z there are tests of its own.
const KEYS: [&str; 38] = [
    "Enter", "Enter", "Enter", "Escape", "Up", "Down", "Left", "Right", "Home", "End", "PPage", "NPage",
    "Tab", "BTab", "BSpace", "DC", "F1", "F12", "Space", "a", "b", "c", "d", "n", "o", "q", "y", "/", "ü",
    "中", "C-a", "C-c", "C-e", "C-l", "C-u", "C-w", "M-x", "M-Enter",
];
const TEXTS: [&str; 7] = [
    "/login",
    "/credits",
    "/help",
    "/lo",
    "what?",
    "\u{202e}\u{7}\u{301}",
    "a line that is longer than most terminals are wide",
];
/// How long a sequence is.
const STEPS: u64 = 14;

#[derive(Clone, Debug)]
enum Step {
    Key(&'static str),
    Type(&'static str),
    Paste(&'static str),
    Resize(u16, u16),
    Wait(Duration),
}

impl Step {
    fn by(dice: &mut Dice) -> Self {
        let mut number = |below| u16::try_from(dice.below(below)).unwrap();
        match number(20) {
            0 | 1 => Self::Resize(number(130) + 2, number(45) + 2),
            2 | 3 => Self::Type(TEXTS[usize::from(number(7))]),
            4 => Self::Paste(TEXTS[usize::from(number(7))]),
            5 => Self::Wait(Duration::from_millis(u64::from(number(60)))),
            _ => Self::Key(KEYS[usize::from(number(38))]),
        }
    }

    fn perform(&self, terminal: &Again) {
        match self {
            Self::Key(key) => terminal.keys(&[key]),
            Self::Type(text) => terminal.type_in(text),
            Self::Paste(text) => terminal.paste(text),
            Self::Resize(columns, rows) => terminal.resize(*columns, *rows),
            // Other moments than the next one; nothing is expected of it.
            Self::Wait(time) => std::thread::sleep(*time),
        }
    }
}

/// Runs a command as often as there are seeds, each time with another sequence.
fn try_all(name: &str, seeds: std::ops::Range<u64>, program: &str, args: &[&str]) {
    let sandbox = Sandbox::start(name, &["--device-interval", "1", "--rate-limit", "off"]);
    let home = Home::new(name).with_sandbox(&sandbox);
    let terminal = Again::new(&home, (80, 24), &[("BROWSER", "/bin/true")], program, args);
    let first = terminal.last();
    let mut ends = Vec::new();
    for seed in seeds {
        let mut dice = Dice(seed);
        let steps: Vec<Step> = (0..STEPS).map(|_| Step::by(&mut dice)).collect();
        let scene = || {
            let (last, written) = (terminal.last(), terminal.written());
            let tail = written[written.len().saturating_sub(1000)..].escape_ascii();
            format!("{program} {args:?}, seed {seed}: {steps:?}\n{last:?}\n{}\n{tail}", terminal.screen())
        };
        terminal.begin();
        steps.iter().for_each(|step| step.perform(&terminal));

        ends.push(leave(&terminal, &scene));
        let last = terminal.last();
        assert!(matches!(last.code, Some(0..=9 | 130)), "it ended with {last:?}: {}", scene());
        assert_eq!(last.settings, first.settings, "{}", scene());
    }
    ends.sort_unstable();
    let (usual, longest) = (ends[ends.len() / 2], ends[ends.len() - 1]);
    told(format_args!(
        "{name}: {} sequences, {usual:.0?} from the first Ctrl-C to the end, at most {longest:.0?}",
        ends.len()
    ));
}

/// Presses Ctrl-C, wherever that is, until the program has ended and its terminal is as before; how long that took.
fn leave(terminal: &Again, scene: &impl Fn() -> String) -> Duration {
    let asked = Instant::now();
    let mut pressed: Option<Instant> = None;
    loop {
        let has_ended = terminal.last().code.is_some();
        let left = if has_ended { left_on(&terminal.written()) } else { Vec::new() };
        if has_ended && left.is_empty() && !terminal.alternate_on() && terminal.cursor_visible() {
            return asked.elapsed();
        }
        assert!(asked.elapsed() < PATIENCE, "ended: {has_ended}, left: {left:?}, {}", scene());
        if !has_ended && pressed.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
            terminal.keys(&["C-c"]);
            pressed = Some(Instant::now());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_interactive_screen_survives_whatever_is_typed() {
    try_all("random-pensar", 0..60, "pensar", &[]);
}

#[test]
fn a_login_survives_whatever_is_typed() {
    try_all("random-pensar-login", 1000..1060, "pensar", &["login", "--no-browser"]);
}

#[test]
fn a_pairing_survives_whatever_is_typed() {
    try_all("random-pentify-login", 2000..2060, "pentify", &["login", "--no-browser"]);
}
