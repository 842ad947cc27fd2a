//! Ctrl-C, SIGTERM and SIGHUP while a session is being renewed at an issuer that takes each refresh token once: the
//! renewal is finished, whatever comes, and the next command needs no login.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod sealed;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use doorkey_sandbox::Options;
use doorkey_sandbox::pensar::{Settings, account};
use nix::sys::signal::Signal;
use sealed::apex::{Apex, Gate, gated, quick};

/// A connection with a strict issuer.
struct Strict {
    apex: Apex,
    events: PathBuf,
    answers: Gate,
}

impl Strict {
    fn connect(name: &str) -> Self {
        let events = std::env::temp_dir().join(format!("doorkey-{name}-{}.jsonl", std::process::id()));
        let _ = fs::remove_file(&events);
        let (options, answers) = gated(Options {
            pensar: Settings { grace: Duration::ZERO, ..quick() },
            events: Some(events.clone()),
            ..Options::default()
        });
        let strict = Self { apex: Apex::serving(name, options), events, answers };
        strict.apex.login(account::SOLO, &[]).expect(0);
        strict
    }

    /// How many refresh tokens the issuer has taken.
    fn spent(&self) -> usize {
        fs::read_to_string(&self.events).unwrap().matches("\"outcome\":\"rotated\"").count()
    }
}

impl Drop for Strict {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.events);
    }
}

#[test]
fn no_signal_tears_a_renewal() {
    thread::scope(|scope| {
        for (name, signals) in [
            ("int-int", [Signal::SIGINT, Signal::SIGINT]),
            ("term-term", [Signal::SIGTERM, Signal::SIGTERM]),
            ("hup-hup", [Signal::SIGHUP, Signal::SIGHUP]),
            ("hup-int", [Signal::SIGHUP, Signal::SIGINT]),
        ] {
            // The machine may be too slow, but not each time.
            scope.spawn(move || assert!((0..9).any(|_| is_finished(name, signals)), "{name}"));
        }
    });
}

/// Interrupts a renewal twice; whether that could be done before the command would have given up the request.
fn is_finished(name: &str, signals: [Signal; 2]) -> bool {
    let strict = Strict::connect(name);
    let apex = &strict.apex;
    apex.make_due();
    let held_back = strict.answers.lock().unwrap();
    let begun = Instant::now();
    let is_late = || begun.elapsed() > Duration::from_secs(8);
    let live = apex.start(&["credits"]);
    live.wait_until("the token on its way", || strict.spent() == 1 || is_late());
    live.signal(signals[0]);
    live.wait_until("the first signal heard", || live.stderr().contains("finished first") || is_late());
    live.signal(signals[1]);
    if is_late() {
        return false;
    }
    drop(held_back);
    let ended = live.finish().expect(130);
    assert!(ended.stderr.ends_with("error: interrupted\n"), "{name}: {ended:?}");
    assert_eq!(ended.stdout, "", "{name}");
    // What the issuer gave out is stored: the next command uses it, and the next renewal spends it.
    let next = apex.pensar(&["credits"]).expect(0);
    assert_eq!(next.stdout, "Workspace: Acme (acme)\nBalance: $42.00\n", "{name}: {next:?}");
    assert_eq!(strict.spent(), 1, "{name}");
    apex.make_due();
    apex.pensar(&["credits"]).expect(0);
    assert_eq!(strict.spent(), 2, "{name}");
    assert!(!apex.path("auth.emergency").exists(), "{name}");
    apex.expect_good_grade();
    true
}
