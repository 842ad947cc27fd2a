//! `pensar` on a terminal, against the sandbox.

use doorkey_sandbox::pensar::account::SOLO;
use doorkey_tests::binary;
use doorkey_tests::golden::{Mask, golden};
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::{Shell, left_on};

/// As often as the protocol can say.
const QUICK: [&str; 2] = ["--device-interval", "1"];
const LOGIN: &str = "pensar login --no-browser";

fn machine(name: &str, sandbox: &Sandbox) -> Home {
    Home::new(name).with_sandbox(sandbox)
}

/// A shell that finds the commands, on a terminal of this size.
fn shell(home: &Home, size: (u16, u16)) -> Shell {
    let folder = binary("pensar").parent().unwrap().display().to_string();
    Shell::start(home, size, &[("PATH", &format!("{folder}:/usr/bin:/bin"))])
}

/// Waits for the link that a login shows, or on a narrow terminal the page and the code to be typed there.
fn link(shell: &Shell) -> String {
    let shown = shell.wait_for("the login waits", |screen| screen.contains(" left"));
    let link = shown.row("http://").unwrap_or_else(|| panic!("no link:\n{shown}")).trim().to_owned();
    if link.contains("user_code=") {
        return link;
    }
    let is_code = |row: &&str| row.len() == 9 && row.bytes().all(|c| c.is_ascii_uppercase() || c == b'-');
    let code =
        shown.0.iter().map(|row| row.trim()).find(is_code).unwrap_or_else(|| panic!("no code:\n{shown}"));
    format!("{link}?user_code={code}")
}

#[test]
fn a_login_is_drawn_and_leaves_the_terminal_as_it_was() {
    for size in [(40, 30), (80, 30), (120, 30)] {
        let name = format!("pensar-login-{}", size.0);
        let sandbox = Sandbox::start_predictable(&name, &QUICK);
        let home = machine(&name, &sandbox);
        let shell = shell(&home, size);
        let before = shell.prompt(1);
        shell.run(LOGIN);
        let link = link(&shell);
        let waits = shell.wait_for("an answer to the first poll", |screen| {
            screen.contains("not authorized yet · next poll in")
        });
        golden(&name, &waits, &Mask::of(&sandbox));
        approve(&link, SOLO, "acme");
        let after = shell.prompt(2);
        assert_eq!((after.code, after.settings), (0, before.settings));
        assert!(left_on(&shell.written()).is_empty(), "{:?}", left_on(&shell.written()));
        assert!(shell.cursor_visible());
        golden(&format!("pensar-connected-{}", size.0), &shell.scrollback(), &Mask::of(&sandbox));
        sandbox.end_with_good_grade();
    }
}
