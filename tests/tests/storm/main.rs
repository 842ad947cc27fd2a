//! Rotation with real processes, a real issuer behind real sockets, files and a real gnome-keyring; SIGKILL and SIGSTOP.
//! The same in virtual time, with every interleaving: `tests/tests/rotation`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod checks;
mod site;
mod small;
mod steps;
mod stopped;
