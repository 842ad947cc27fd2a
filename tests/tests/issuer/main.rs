//! Doorkey and an issuer that others wrote, with a real browser for the person: what no double of ours could tell us.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod at_once;
mod code;
mod command;
mod device;
mod logins;
mod session;
