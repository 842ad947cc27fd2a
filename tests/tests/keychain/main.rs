//! The commands with a real keychain, and with every way in which there is none: gnome-keyring on buses of our own.
//! Sandbox, login and keyring are processes of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod entry;
mod failures;
mod held;
mod pensar;
mod prompts;
mod returned;
mod workspaces;
