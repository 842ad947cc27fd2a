//! Places where the screen waits for a person, in a shell that sees what is left afterwards.

use std::ops::Deref;

use doorkey_sandbox::pensar::account::MULTI;
use doorkey_tests::binary;
use doorkey_tests::home::Home;
use doorkey_tests::login::approve;
use doorkey_tests::sandbox::Sandbox;
use doorkey_tests::tmux::{Prompt, Screen, Shell, left_on};
use doorkey_tests::wait_for;

/// As often as the protocol can say, and as often as the tests of one address want.
pub const QUICK: [&str; 4] = ["--device-interval", "1", "--rate-limit", "off"];
const SIZE: (u16, u16) = (100, 32);
/// What is typed to the shell before a command, and must stay.
const BEFORE: &str = "# before";
/// What nothing but a view has in it.
const OF_VIEWS: [&str; 7] =
    ["Pensar Apex", "user_code=", "terminal-pair", " left", "Choose a workspace", "cancel", "❯"];

/// Where the screen waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At the prompt of `pensar`.
    Home,
    /// In `pensar`, with the code on the screen.
    Code,
    /// In `pensar`, in the list of workspaces.
    List,
    /// In `pensar login`, with the code on the screen.
    LoginCode,
    /// In `pensar login`, in the list of workspaces.
    LoginList,
    /// In `pentify login`, with the link on the screen.
    PairingCode,
}

impl Place {
    /// Whether it is on the alternate screen.
    pub fn is_full(self) -> bool {
        matches!(self, Self::Home | Self::Code | Self::List)
    }

    /// What is on the screen here and nowhere else.
    pub fn text(self) -> &'static str {
        match self {
            Self::Home => "/login, /help",
            Self::Code | Self::LoginCode | Self::PairingCode => " left",
            Self::List | Self::LoginList => "Choose a workspace",
        }
    }
}

/// A shell in which the commands are run, one after the other.
pub struct Scene {
    shell: Shell,
    first: Prompt,
}

impl Scene {
    /// A shell in this home.
    pub fn new(home: &Home) -> Self {
        let folder = binary("pensar").parent().unwrap().display().to_string();
        let shell = Shell::start(home, SIZE, &[("PATH", &format!("{folder}:/usr/bin:/bin"))]);
        shell.run(BEFORE);
        let first = shell.prompt(2);
        Self { shell, first }
    }

    /// Starts a command and goes to this place.
    pub fn go_to(&self, place: Place) {
        self.start(place);
        self.wait_for_text(place.text());
    }

    /// The same without waiting at the end.
    fn start(&self, place: Place) {
        match place {
            Place::Home => self.go_home(),
            Place::Code => {
                self.go_home();
                self.run("/login");
                // To begin; or, after a login that was ended in the list, to choose.
                self.wait_for_text("[Enter] ");
                self.keys(&["Enter"]);
            }
            Place::LoginCode => self.run("pensar login --no-browser --force"),
            Place::PairingCode => self.run("pentify login --no-browser"),
            Place::List | Place::LoginList => {
                self.start(if place == Place::List { Place::Code } else { Place::LoginCode });
                let codes = Place::Code.text();
                let shown = self.wait_for("a code or a list", |screen| {
                    screen.contains(codes) || screen.contains(place.text())
                });
                // A login that was ended in the list goes on there: the person is known.
                if shown.contains(codes) {
                    approve(&self.link(), MULTI, "acme");
                }
            }
        }
    }

    fn go_home(&self) {
        self.run("pensar");
        // What is found out about the connection at the start is known.
        let is_known = |screen: &Screen| ["○ ", "● "].iter().any(|sign| screen.contains(sign));
        self.wait_for("the prompt", |screen| screen.contains(Place::Home.text()) && is_known(screen));
    }

    /// Presses Ctrl-C until the program ends; with which exit code it must.
    pub fn leave(&self, place: Place) -> i32 {
        self.keys(&["C-c"]);
        if !place.is_full() {
            return 130;
        }
        // In the screen it leads to the prompt, and from there to the shell, as `/quit` does.
        if place != Place::Home {
            self.wait_for_text("Cancelled.");
            self.keys(&["C-c"]);
        }
        0
    }

    /// The link that a login shows.
    pub fn link(&self) -> String {
        let shown = self.wait_for_text(" left");
        // A QR code may stand beside it.
        let link = shown.0.iter().flat_map(|row| row.split(' ')).find(|word| word.contains("user_code="));
        link.unwrap_or_else(|| panic!("no link:\n{shown}")).to_owned()
    }

    /// Waits until the shell has its prompt again after as many further commands as it was given, and checks that nothing
    /// is left of any view; what the last command ended with, and everything that is there to be read.
    pub fn back(&self, commands: u32) -> (i32, Screen) {
        let code = self.back_from_force(commands);
        let all = self.scrollback();
        let of_view = OF_VIEWS.iter().find(|text| all.contains(text));
        assert_eq!(of_view, None, "it is still there:\n{all}");
        assert!(all.0[0].ends_with(BEFORE), "what stood there before is gone:\n{all}");
        (code, all)
    }

    /// The same where something may be left on the screen, but nothing of the terminal's settings.
    pub fn back_from_force(&self, commands: u32) -> i32 {
        let prompt = self.wait_for_shell(commands);
        assert_eq!(prompt.settings, self.first.settings, "{}", self.screen());
        let left = || left_on(&self.written());
        wait_for("the modes are put back", || left().is_empty().then_some(()));
        assert!(self.cursor_visible() && !self.alternate_on(), "{}", self.screen());
        prompt.code
    }

    /// Waits until the shell has its prompt again after as many further commands as it was given.
    pub fn wait_for_shell(&self, commands: u32) -> Prompt {
        self.prompt(self.first.number + commands)
    }

    /// Waits until the shell has the terminal again, whatever is drawn there.
    pub fn wait_for_stop(&self, commands: u32) {
        wait_for("the shell goes on", || (self.prompts() == self.first.number + commands).then_some(()));
    }

    /// Checks that what is typed is shown again, and arrives in lines.
    pub fn echoes(&self, commands: u32) {
        self.run("echo ready; read -r typed; echo \"<$typed>\"");
        self.wait_for("somebody who reads", |screen| screen.0.iter().any(|row| row == "ready"));
        self.type_in("seen");
        self.wait_for("the echo", |screen| screen.0.iter().any(|row| row == "seen"));
        self.keys(&["Enter"]);
        self.wait_for_text("<seen>");
        self.back_from_force(commands + 1);
    }
}

impl Deref for Scene {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.shell
    }
}

/// A sandbox and a home of a test's own.
pub fn world(name: &str, args: &[&str]) -> (Sandbox, Home) {
    let sandbox = Sandbox::start(name, &[&QUICK, args].concat());
    let home = Home::new(name).with_sandbox(&sandbox);
    (sandbox, home)
}
