//! What is drawn on a terminal, on a real one: tmux. Program, sandbox and terminal are processes of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod cost;
mod harness;
mod pensar_login;
mod random;
mod scene;
mod servers;
mod signals;
