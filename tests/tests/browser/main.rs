//! The pages in a real browser, beside a real `pentify login` or `pensar login` that waits for what happens there, and
//! beside requests as a terminal sends them. Sandbox, login and browser are processes of their own.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod audited;
mod console;
mod keys;
mod links;
mod pairing;
mod pensar;
