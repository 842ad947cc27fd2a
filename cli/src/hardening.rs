//! What the binaries do first, for the secrets in their memory.

use doorkey_core::failure::{Exit, Failure};

use crate::printer::Printer;

/// Keeps secrets from leaving with a crash.
pub fn begin() {
    no_core_dumps();
    quiet_panics();
}

/// A panic is a bug of ours, so its exit code says so. What it would print may hold a secret: only its place is told.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
        let message = format!("a bug of this program{}", place.unwrap_or_default());
        let failure = Failure::new(Exit::Internal, "internal", message).next("please report it");
        Printer { json: false, unicode: false }.failure(&failure);
        std::process::exit(Exit::Internal.code().into());
    }));
}

/// No core dumps, and no reading of our memory by other processes of the user, as far as the system lets us.
#[cfg(unix)]
fn no_core_dumps() {
    use nix::sys::resource::{Resource, setrlimit};
    // A system that refuses keeps its own rule; the login must not fail for it.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Whether the system did as it was asked; `None` where it writes none of its own accord.
#[cfg(unix)]
pub fn core_dumps_are_off() -> Option<bool> {
    use nix::sys::resource::{Resource, getrlimit};
    let limited = getrlimit(Resource::RLIMIT_CORE).is_ok_and(|(soft, _)| soft == 0);
    #[cfg(target_os = "linux")]
    let limited = limited && nix::sys::prctl::get_dumpable().is_ok_and(|dumpable| !dumpable);
    Some(limited)
}

/// Whether the system did as it was asked; `None` where it writes none of its own accord.
#[cfg(not(unix))]
pub fn core_dumps_are_off() -> Option<bool> {
    None
}

/// Windows writes no core files of its own accord.
#[cfg(not(unix))]
fn no_core_dumps() {}
