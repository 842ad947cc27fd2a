//! `pensar` where less can be drawn: without colors, in ASCII, on an old terminal, in plain lines; and without any service.

use doorkey_sandbox::pensar::account::SOLO;
use doorkey_tests::golden::{Mask, golden, golden_on};
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::pensar::secrets_in;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::{Screen, Tmux, left_on};
use doorkey_tests::{binary, wait_for};

use crate::walk::{QUICK, SIZE, Walk};

/// Whether something sets a color, of letters or their ground.
fn has_colors(written: &[u8]) -> bool {
    let written = String::from_utf8_lossy(written);
    let sequences = written.split("\x1b[").skip(1);
    let is_color = |number: &str| {
        number.parse().is_ok_and(|number: u32| matches!(number, 30..=38 | 40..=48 | 90..=97 | 100..=107))
    };
    sequences.filter_map(|text| text.split_once('m')).any(|(numbers, _)| numbers.split(';').any(is_color))
}

#[test]
fn a_terminal_that_can_do_less_shows_the_same() {
    let sandbox = Sandbox::start_predictable("walk-less", &QUICK);
    for (name, variables, colors, ascii) in [
        ("color", [("COLORTERM", "truecolor")], true, false),
        ("no-color", [("NO_COLOR", "1")], false, false),
        ("ascii", [("LC_ALL", "C")], true, true),
        ("vt100", [("TERM", "vt100")], false, false),
    ] {
        let home = Home::new(&format!("walk-{name}")).with_sandbox(&sandbox);
        let walk = Walk::begin(&home, &variables, &[]);
        let link = walk.log_in();
        if ascii {
            let mask = Mask::of(&sandbox);
            let is_drawn = |screen: &Screen| screen.contains("not authorized yet - next poll in");
            golden_on("apex-code-ascii-80", &walk, is_drawn, &mask);
        }
        approve(&link, SOLO, "acme");
        walk.wait_for_text("Workspace: Acme (acme)");
        walk.keys(&["Enter"]);
        walk.wait_for_text("acme");
        walk.run("/quit");
        assert_eq!(walk.exit_code(), 0);
        let written = walk.written();
        assert_eq!(has_colors(&written), colors, "{name}");
        assert_eq!(written.is_ascii(), ascii, "{name}");
        assert_eq!(walk.end(), 0);
    }
    sandbox.end_with_good_grade();
}

#[test]
fn plain_lines_do_the_same_and_draw_nothing() {
    let sandbox = Sandbox::start_predictable("walk-plain", &QUICK);
    let home = Home::new("walk-plain").with_sandbox(&sandbox);
    let tmux = Tmux::start(&home, SIZE, &[], binary("pensar"), &["--plain"]);
    let answer = |prompt: &str, text: &str| {
        tmux.wait_for(prompt, |screen| screen.0.last().is_some_and(|row| row == prompt));
        tmux.type_in(text);
        tmux.keys(&["Enter"]);
    };
    answer("pensar>", "/help");
    answer("pensar>", "/nope");
    answer("pensar>", "/credits");
    answer("pensar>", "/login");
    // Only what is news is told, so nothing follows this before the approval.
    let shown = tmux.wait_for_text("not authorized yet");
    approve(shown.row("user_code=").unwrap().trim(), SOLO, "acme");
    answer("pensar>", "/credits");
    answer("Open the billing page? [y/N]", "n");
    answer("pensar>", "/auth");
    answer("Disconnect? [y/N]", "n");
    answer("pensar>", "/login");
    answer("Disconnect? [y/N]", "y");
    answer("pensar>", "/quit");
    assert_eq!(tmux.exit_code(), 0);
    golden("apex-plain-80", &tmux.scrollback(), &Mask::of(&sandbox));
    wait_for("all is counted", || tmux.written().ends_with(b"/quit\r\n").then_some(()));
    let written = tmux.written();
    // Colors aside, nothing steers the terminal.
    let text = String::from_utf8_lossy(&written);
    let steers = text
        .split("\x1b[")
        .skip(1)
        .filter(|text| text.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m'));
    assert_eq!(steers.count(), text.matches('\x1b').count(), "{text:?}");
    assert_eq!(left_on(&written), [""; 0]);
    assert_eq!(secrets_in(&text), 0);
    sandbox.end_with_good_grade();
}

#[test]
fn the_embedded_sandbox_plays_the_other_side() {
    let home = Home::new("walk-embedded");
    let tmux = Tmux::start(&home, SIZE, &[], binary("pensar"), &["--sandbox"]);
    let run = |command: &str| {
        tmux.type_in(command);
        tmux.wait_for_text(command);
        tmux.keys(&["Enter"]);
    };
    tmux.wait_for_text("○ not connected");
    run("/login");
    tmux.wait_for_text("[Enter] begin");
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("the sandbox's own person authorizes this device");
    tmux.wait_for_text("[D] disconnect");
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("● acme");
    run("/credits");
    tmux.wait_for_text("Balance: $42.00");
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("/login, /help");
    tmux.keys(&["C-d"]);
    assert_eq!(tmux.exit_code(), 0);
    wait_for("all is counted", || left_on(&tmux.written()).is_empty().then_some(()));
    assert!(!home.folder().join(".pensar").exists(), "the real place is left alone");
}
