//! A session that must not be renewed where it lies: brought from another machine, or in a folder that other machines may
//! use. The commands see such a machine and such a folder in a mount namespace.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod copied;
mod shared;
