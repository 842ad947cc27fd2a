//! A command-line program's login, as pure state machines.
#![no_std]

extern crate alloc;

pub mod http;
pub mod record;
pub mod secret;
pub mod store;
pub mod text;
pub mod time;
pub mod url;
