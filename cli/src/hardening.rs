//! What the binaries do first, for the secrets in their memory.

/// No core dumps, and no reading of our memory by other processes of the user, as far as the system lets us.
#[cfg(unix)]
pub fn no_core_dumps() {
    use nix::sys::resource::{Resource, setrlimit};
    // A system that refuses keeps its own rule; the login must not fail for it.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    #[cfg(target_os = "linux")]
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Windows writes no core files of its own accord.
#[cfg(not(unix))]
pub fn no_core_dumps() {}
