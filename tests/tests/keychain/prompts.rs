//! Whether the keyring asks a person something.

use doorkey_tests::desktop::PROMPTER;
use doorkey_tests::home::Home;
use doorkey_tests::running::Running;
use doorkey_tests::wait_for;

/// Sees when the keyring wants its prompter, which may come late, and be gone early.
pub(crate) struct Prompts(Running);

impl Prompts {
    /// From now on, on the bus of this home.
    pub(crate) fn watch(home: &Home) -> Self {
        let wanted = ["member='StartServiceByName'", "member='BeginPrompting'"];
        let monitor = Running::start(home.command("dbus-monitor", &[&["--session"], &wanted[..]].concat()));
        wait_for("the monitor sees the bus", || monitor.stdout().contains("NameAcquired").then_some(()));
        Self(monitor)
    }

    /// Whether it has wanted it.
    pub(crate) fn were_shown(&self) -> bool {
        self.0.stdout().contains(PROMPTER)
    }
}
