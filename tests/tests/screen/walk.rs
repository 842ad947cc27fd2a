//! `pensar` on a terminal of its own, with a browser that only notes what it is asked to open, and somebody who opens it.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use doorkey_tests::golden::{Mask, golden_on};
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::pensar::secrets_in;
use doorkey_tests::tmux::{Screen, Tmux, left_on};
use doorkey_tests::{binary, wait_for};

/// As often as the protocol can say.
pub const QUICK: [&str; 2] = ["--device-interval", "1"];
/// Where screens begin.
pub const SIZE: (u16, u16) = (80, 30);
/// The widths at which screens are kept.
const WIDTHS: [u16; 3] = [120, 40, 80];

/// `pensar` on a terminal.
pub struct Walk {
    tmux: Tmux,
    opened: PathBuf,
}

impl Walk {
    /// Opens the interactive screen in this home, with these further variables and arguments.
    pub fn begin(home: &Home, variables: &[(&str, &str)], args: &[&str]) -> Self {
        let (launcher, opened) = (home.folder().join("launcher"), home.folder().join("opened"));
        fs::write(&launcher, format!("#!/bin/sh\necho \"$*\" >> {}\n", opened.display())).unwrap();
        fs::set_permissions(&launcher, fs::Permissions::from_mode(0o755)).unwrap();
        let browser = [("BROWSER", launcher.to_str().unwrap())];
        let variables = [&browser[..], variables].concat();
        let walk = Self { tmux: Tmux::start(home, SIZE, &variables, binary("pensar"), args), opened };
        // What is typed earlier is echoed where it stands.
        walk.wait_for_text("Pensar Apex");
        walk
    }

    /// Types a command and presses Enter.
    pub fn run(&self, command: &str) {
        self.type_in(command);
        self.wait_for_text(command);
        self.keys(&["Enter"]);
    }

    /// From the prompt to a code that waits for its person; the link that belongs to it.
    pub fn log_in(&self) -> String {
        self.run("/login");
        self.wait_for_text("[Enter] begin");
        self.keys(&["Enter"]);
        self.link()
    }

    /// Waits for the link of a code.
    pub fn link(&self) -> String {
        let shown = self.wait_for("a code waits", |screen| screen.contains("next poll in"));
        let link = shown.row("user_code=").unwrap_or_else(|| panic!("no link:\n{shown}"));
        link.split_whitespace().next().unwrap().to_owned()
    }

    /// From the prompt to whatever follows the approval by this person.
    pub fn connect(&self, email: &str) {
        let link = self.log_in();
        approve(&link, email, "acme");
    }

    /// Waits for what the browser was asked to open, after as many others.
    pub fn opened(&self, earlier: usize) -> String {
        wait_for("the browser is asked to open a page", || {
            let all = fs::read_to_string(&self.opened).ok()?;
            let whole = all.split_inclusive('\n').filter(|line| line.ends_with('\n'));
            whole.map(|line| line.trim_end().to_owned()).nth(earlier)
        })
    }

    /// Waits until the program has put this into the clipboard.
    pub fn copied(&self, text: &str) {
        wait_for("it is copied", || (self.clipboard().as_deref() == Some(text)).then_some(()));
    }

    /// Compares the screen at every width with the files of this name, once it has this text.
    pub fn golden(&self, name: &str, text: &str, mask: &Mask) {
        for columns in WIDTHS {
            self.resize(columns, SIZE.1);
            // The title reaches to the last column but one, unless it is not known where this machine is connected.
            let is_drawn = |screen: &Screen| {
                let title = screen.0.first().map_or("", |row| row.trim());
                let is_whole = title == "Pensar Apex" || title.chars().count() + 3 == usize::from(columns);
                is_whole && screen.contains(text)
            };
            // There is room for a QR code, which is another for every port.
            let mask = if columns == 120 { mask.clone().hiding_drawings() } else { mask.clone() };
            golden_on(&format!("{name}-{columns}"), self, is_drawn, &mask);
        }
    }

    /// Waits for the end, which must leave the terminal as it was and say no secret; its exit code.
    pub fn end(self) -> i32 {
        let code = self.exit_code();
        wait_for("all modes are as they were", || left_on(&self.written()).is_empty().then_some(()));
        assert_eq!(self.scrollback().0, [""; 0]);
        assert_eq!(secrets_in(&String::from_utf8_lossy(&self.written())), 0);
        code
    }
}

impl Deref for Walk {
    type Target = Tmux;

    fn deref(&self) -> &Tmux {
        &self.tmux
    }
}
