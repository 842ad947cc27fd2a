//! `pentify login` on a terminal: drawn below what stands there, and gone when it is over.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use doorkey_tests::binary;
use doorkey_tests::golden::{Mask, golden, golden_on};
use doorkey_tests::home::Home;
use doorkey_tests::login::{MULTI, SOLO, approve};
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::{Screen, Shell, left_on};

/// What the link begins with, up to what is another in every run.
const LINK: &str = "/auth/terminal-pair?device_id=";

/// A shell on a machine whose name is the same everywhere: it is shown.
pub fn shell(home: &Home, size: (u16, u16)) -> Shell {
    let command = home.folder().join("bin/pentify");
    let script = format!(
        "#!/bin/sh\nexec unshare --map-root-user --uts sh -c 'hostname laptop && exec \"$@\"' sh {} \"$@\"\n",
        binary("pentify").display()
    );
    fs::create_dir(command.parent().unwrap()).unwrap();
    fs::write(&command, script).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", command.parent().unwrap().display());
    Shell::start(home, size, &[("PATH", &path)])
}

/// Waits for the view; the link in it, as somebody copies it who selects its rows.
fn link(shell: &Shell) -> String {
    shell.wait_for("the login waits", |screen| screen.contains(" left"));
    let shown = shell.joined();
    let links: Vec<&str> = shown.0.iter().filter(|row| row.contains(LINK)).map(|row| row.trim()).collect();
    assert_eq!(links.len(), 1, "{shown}");
    assert!(links[0].starts_with("http://") && !links[0].contains(' '), "{shown}");
    links[0].to_owned()
}

/// The code that the page must show, too.
fn check_code(shell: &Shell) -> String {
    let shown = shell.screen();
    let is_code = |row: &&str| {
        row.contains('-') && row.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'-')
    };
    let code = shown.0.iter().map(|row| row.trim()).find(is_code);
    code.unwrap_or_else(|| panic!("no code:\n{shown}")).to_owned()
}

#[test]
fn a_pairing_is_drawn_and_leaves_nothing_but_its_result() {
    for (columns, person) in [(40, SOLO), (80, MULTI), (120, SOLO)] {
        let name = format!("pentify-login-{columns}");
        let sandbox = Sandbox::start(&name, &[]);
        let home = Home::new(&name).with_sandbox(&sandbox);
        let shell = shell(&home, (columns, 30));
        let before = shell.prompt(1);
        // The view begins in the first row.
        shell.run("clear; pentify login --no-browser");
        let link = link(&shell);
        let mask = Mask::of(&sandbox)
            .hiding(link.split_once(LINK).unwrap().1, "device-id ")
            .hiding(&check_code(&shell), "XXXX-XXXX")
            .hiding_drawings();
        let waits = |screen: &Screen| screen.contains("not authorized yet · next poll in");
        golden_on(&name, &shell, waits, &mask);
        approve(&link, person, "acme");
        let after = shell.prompt(2);
        assert_eq!((after.code, after.settings), (0, before.settings));
        assert_eq!(left_on(&shell.written()), [""; 0]);
        assert!(shell.cursor_visible() && !shell.alternate_on());
        golden(&format!("pentify-paired-{columns}"), &shell.scrollback(), &mask);
        sandbox.end_with_good_grade();
    }
}
