//! Marked secrets: where they may be, and that they are nowhere else.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod children;
mod memory;
mod panics;
mod place;
mod waiting;
