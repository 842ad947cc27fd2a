//! The built binaries in the world they are made for: a real browser, a real keychain, a sandbox in a process of its
//! own. Here is what runs and watches them; the tests are beside it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

pub mod audit;
pub mod browser;
pub mod closed_port;
pub mod dice;
pub mod disk;
pub mod doorkey;
pub mod golden;
pub mod grant;
pub mod home;
pub mod issuer;
pub mod login;
pub mod measured;
pub mod memory;
pub mod mishap;
pub mod pensar;
pub mod picture;
pub mod running;
pub mod sandbox;
pub mod seat;
pub mod somebody;
pub mod storm;
pub mod tmux;
pub mod webdriver;

#[path = "../../cli/tests/sealed/canary.rs"]
pub mod canary;
#[path = "../../store/tests/desktop/mod.rs"]
pub mod desktop;
#[path = "../../store/tests/leash/mod.rs"]
pub mod leash;
#[path = "../../store/tests/scratch/mod.rs"]
pub mod scratch;

/// Compiles what the pages show of embedding, for which every crate is needed.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/embedding.md")]
struct Pages;

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it. Only a machine that hangs needs as long.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// A binary of this workspace, as `tests/run` built it.
///
/// # Panics
/// If `DOORKEY_BIN_DIR` does not say where that is, or it is not there.
pub fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os("DOORKEY_BIN_DIR").expect(
        "DOORKEY_BIN_DIR is not set: run tests/run, or build with `cargo build -p doorkey --bins` and set it to the \
         folder with the binaries (an absolute path)",
    );
    let path = PathBuf::from(folder).join(name);
    assert!(path.is_file(), "{} is missing; DOORKEY_BIN_DIR must name the folder with it", path.display());
    path
}

/// Asks again and again until there is an answer.
///
/// # Panics
/// If there is none for [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
