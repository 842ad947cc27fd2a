//! The drivers and clients as a program embeds them, against the served sandbox.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod dropped;
mod flight;
mod own_store;
mod profiles;
