//! A command-line program's login, as pure state machines.
//!
//! A machine is plain data. It is told what happened and asked what to do next; it has no clock, no randomness and no
//! I/O. The contract in one sentence: *after every [`Machine::handle_event`], drain [`Machine::poll_command`], then
//! sleep until [`Machine::poll_timeout`] or until something happens.*
//!
//! [`Machine::handle_event`]: machine::Machine::handle_event
//! [`Machine::poll_command`]: machine::Machine::poll_command
//! [`Machine::poll_timeout`]: machine::Machine::poll_timeout
#![no_std]

extern crate alloc;

pub mod backoff;
pub mod call;
pub mod command;
pub mod envelope;
pub mod event;
pub mod exchange;
pub mod failure;
pub mod http;
pub mod keep;
pub mod login;
pub mod logout;
pub mod machine;
pub mod notice;
pub mod pairing;
pub mod record;
pub mod resolve;
pub mod secret;
pub mod service;
pub mod status;
pub mod store;
pub mod task;
pub mod text;
pub mod time;
pub mod token;
pub mod trace;
pub mod url;
pub mod use_token;
