//! The terminal itself: it must show what is there, or every test of a screen would pass.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use doorkey_tests::browser::Browser;
use doorkey_tests::golden::{Mask, compare, differences};
use doorkey_tests::home::Home;
use doorkey_tests::picture::{Theme, picture};
use doorkey_tests::tmux::{Screen, Shell, Tmux, cpu_time, left_on};
use doorkey_tests::wait_for;
use nix::sys::signal::Signal;

const SIZE: (u16, u16) = (40, 10);

fn script(home: &Home, script: &str) -> Tmux {
    Tmux::start(home, SIZE, &[], "sh", &["-c", script])
}

fn screen(rows: &[&str]) -> Screen {
    Screen(rows.iter().map(|row| (*row).to_owned()).collect())
}

/// What a test that must fail says.
fn failure(test: impl FnOnce()) -> String {
    *catch_unwind(AssertUnwindSafe(test)).unwrap_err().downcast::<String>().unwrap()
}

#[test]
fn a_program_has_the_terminal_and_nothing_of_the_outside() {
    let home = Home::new("screen-environment");
    let tmux = Tmux::start(&home, SIZE, &[("MORE", "here;")], "sh", &["-c", "env; stty size; exit 3;"]);
    assert_eq!(tmux.exit_code(), 3);
    let all = tmux.scrollback();
    let mut names: Vec<&str> = all
        .0
        .iter()
        .filter_map(|row| Some(row.split_once('=')?.0))
        .filter(|name| !name.contains('/'))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["HOME", "LANG", "MORE", "PATH", "PWD", "TERM", "XDG_RUNTIME_DIR"], "{all}");
    assert!(all.contains("TERM=tmux-256color") && all.contains("MORE=here;"), "{all}");
    assert_eq!(all.0.last().unwrap(), "10 40", "{all}");
}

#[test]
fn keys_arrive_and_a_new_size_is_told() {
    let home = Home::new("screen-keys");
    let tmux = script(
        &home,
        r#"trap 'stty size' WINCH; stty size; read first; echo "[$first]"; while ! read second; do :; done
        echo "[$second]"; stty -echo -icanon; printf '\033[?2004h'; head -c 18 | od -An -c; kill -TERM $$"#,
    );
    tmux.wait_for_text("10 40");
    tmux.type_in("a b; c;");
    tmux.keys(&["Enter"]);
    tmux.wait_for_text("[a b; c;]");
    tmux.resize(30, 8);
    tmux.wait_for_text("8 30");
    tmux.keys(&["x", "Enter"]);
    tmux.wait_for_text("[x]");
    wait_for("brackets are asked for", || {
        String::from_utf8(tmux.written()).unwrap().contains("?2004h").then_some(())
    });
    tmux.paste("p;");
    tmux.keys(&["Up", "Escape", "C-c"]);
    assert_eq!(tmux.exit_code(), -1, "a signal ended it: {}", tmux.screen());
}

#[test]
fn what_is_drawn_is_seen() {
    let home = Home::new("screen-drawn");
    let tmux = script(
        &home,
        r#"i=0; while [ $((i += 1)) -le 12 ]; do echo "line $i"; done
        printf '\033]52;c;aGVsbG8=\007\033[31mred\033[0m %s' 0123456789012345678901234567890123456789
        read _; printf '\033[?1049h\033[?25l\033[2Jelsewhere'; read _; printf '\033[?25h\033[?1049l'; read _"#,
    );
    tmux.wait_for_text("red");
    assert_eq!(tmux.clipboard().as_deref(), Some("hello"));
    assert_eq!(tmux.screen().0[0], "line 5");
    assert_eq!(tmux.scrollback().0[..2], ["line 1", "line 2"]);
    assert!(tmux.joined().contains("red 0123456789012345678901234567890123456789"), "{}", tmux.joined());
    assert!(!tmux.screen().contains("red 0123456789012345678901234567890123456789"));
    assert!(tmux.styled().contains("\x1b[31mred"), "{:?}", tmux.styled());
    assert!(tmux.cursor_visible() && !tmux.alternate_on());

    tmux.keys(&["Enter"]);
    tmux.wait_for_text("elsewhere");
    assert!(!tmux.cursor_visible() && tmux.alternate_on());
    wait_for("all is counted", || (left_on(&tmux.written()) == ["?1049h", "?25l"]).then_some(()));
    tmux.keys(&["Enter"]);
    let back = tmux.wait_for("the first screen", |screen| screen.contains("line 7"));
    assert!(!back.contains("elsewhere") && tmux.cursor_visible() && !tmux.alternate_on());
    wait_for("all is counted", || left_on(&tmux.written()).is_empty().then_some(()));

    let last = failure(|| {
        drop(tmux.wait_for("its end", |_| {
            tmux.keys(&["Enter"]);
            false
        }))
    });
    assert!(last.contains("ended with 0 before: its end") && last.contains("line 12"), "{last}");
}

#[test]
fn a_closed_window_is_told_and_leaves_nothing_behind() {
    let home = Home::new("screen-closed");
    let told = home.folder().join("told");
    let tmux = script(
        &home,
        &format!("trap 'echo gone > {}; exit' HUP; echo ready; while :; do sleep 0.05; done", told.display()),
    );
    tmux.wait_for_text("ready");
    assert_eq!(tmux.foreground(), tmux.pid());
    tmux.close();
    tmux.is_gone();
    assert_eq!(std::fs::read_to_string(told).unwrap(), "gone\n");

    // What does not end by itself is ended with the terminal.
    let tmux = script(&home, "trap '' HUP; sleep 1000 & echo \"$!\"; exec sleep 1000");
    let started = tmux.wait_for("the number", |screen| !screen.0.is_empty()).0.remove(0);
    let pids = [tmux.pid().to_string(), started];
    drop(tmux);
    wait_for("both end", || {
        let is_there = |pid: &String| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline")).is_ok_and(|line| line.contains("sleep"))
        };
        (!pids.iter().any(is_there)).then_some(())
    });
}

#[test]
fn a_shell_stops_programs_and_sees_what_they_leave() {
    let home = Home::new("screen-shell");
    let shell = Shell::start(&home, SIZE, &[]);
    let before = shell.prompt(1);
    shell.run("cat");
    shell.wait_for_text("$ cat");
    wait_for("cat has the terminal", || (shell.foreground() != shell.pid()).then_some(()));
    shell.type_in("echoed");
    shell.wait_for("the echo", |screen| screen.0 == ["$ cat", "echoed"]);
    shell.keys(&["Enter", "C-z"]);
    let stopped = shell.prompt(2);
    assert_eq!(stopped.code, 128 + Signal::SIGTSTP as i32);
    shell.run("fg");
    wait_for("cat has it again", || (shell.foreground() != shell.pid()).then_some(()));
    shell.keys(&["C-c"]);
    assert_eq!(shell.prompt(3).code, 130);
    shell.run("stty -echo; false");
    let left = shell.prompt(4);
    assert_eq!(left.code, 1);
    assert_ne!(left.settings, before.settings, "what is left in disorder is seen");
    shell.run("stty echo");
    assert_eq!(shell.prompt(5).settings, before.settings);
}

#[test]
fn work_is_measured() {
    let home = Home::new("screen-work");
    let tmux = script(&home, "echo begin; read _; i=0; while :; do : $((i += 1)); done");
    wait_for("all is counted", || (tmux.written() == b"begin\r\n").then_some(()));
    let idle = cpu_time(tmux.pid());
    tmux.keys(&["x", "Enter"]);
    wait_for("it works", || (cpu_time(tmux.pid()) >= idle + Duration::from_millis(200)).then_some(()));
    wait_for("the echo of the two keys", || (tmux.written() == b"begin\r\nx\r\n").then_some(()));
}

#[test]
fn a_kept_screen_is_compared_without_what_changes() {
    let waits = screen(&[
        "  code BCDF-GHJK",
        "│ http://127.0.0.1:41873/dev │",
        "│ ice?id=BCDF-GHJK           │",
        "  waiting · 4:37 left · 14:02:07",
        "  ━━━━━━━─────── 4:37 left",
        "  pending · next poll in 4 s",
        "  ━━━━━━━━━━━╸──",
        "  █▀▀▄ █▄▄ ▀  of you",
        "  █▀▀▄ █▄▄",
    ]);
    let mask = Mask::new()
        .hiding("BCDF-GHJK", "XXXX-XXXX")
        .hiding("127.0.0.1:41873", "127.0.0.1:00000")
        .hiding_drawings();
    let masked = mask.apply(&waits);
    assert_eq!(
        masked.0,
        [
            "  code XXXX-XXXX",
            "│ http://127.0.0.1:00000/dev │",
            "│ ice?id=XXXX-XXXX           │",
            "  waiting · m:ss left · 14:02:07",
            "  ~~~~~~~~~~~~~~ m:ss left",
            "  pending · next poll in n s",
            "  ~~~~~~~~~~~~──",
            "▚▚▚▚▚▚▚▚▚▚▚▚▚▚of you",
            "▚▚▚",
        ]
    );
    assert_eq!(differences(&masked, &masked), None);
    let other = screen(&["a", "b", "c"]);
    assert_eq!(differences(&screen(&["a", "x"]), &other).unwrap(), "  a\n- x\n+ b\n+ c\n");

    let missing = failure(|| compare("no-such-screen", &other, &mask));
    assert!(missing.contains("DOORKEY_WRITE_GOLDEN=1 writes the file. The screen:\na\nb\nc\n"), "{missing}");
    let other = failure(|| compare("pensar-login-40", &other, &mask));
    assert!(other.contains("\n- $ pensar login --no-browser\n+ a\n"), "{other}");
}

#[test]
fn a_picture_has_every_color_and_no_gaps() {
    let home = Home::new("screen-picture");
    let browser = Browser::start("screen-picture");
    let tmux = script(
        &home,
        r#"printf '\033[1mbold\033[0m \033[2mdim\033[0m \033[4munder\033[0m \033[7minverse\033[0m \033[3mitalic\033[0m\n'
        for color in 31 32 33 34 35 36 90 91; do printf '\033[%smcolor\033[0m ' $color; done
        printf '\n\033[38;5;16;48;5;231m █▀▀▀▄▄█ \033[0m \033[38;2;200;100;50mtrue\033[0m\n ██▄▄▀▀██\n╭──────╮ <&> ü\n│ ▏▎▍▌ │\n╰──────╯\n'
        read _"#,
    );
    tmux.wait_for_text("╰");
    for (theme, name) in [(Theme::Dark, "screen-harness-dark"), (Theme::Light, "screen-harness-light")] {
        let file = picture(&browser, name, &tmux.styled(), SIZE, theme);
        let bytes = std::fs::read(&file).unwrap();
        assert!(bytes.starts_with(b"\x89PNG") && bytes.len() < 40_000, "{}: {}", file.display(), bytes.len());
    }
}
