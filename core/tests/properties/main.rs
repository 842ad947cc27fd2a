//! Every machine against a small reference: random sequences of answers, failures, lost answers, interrupts, kills and
//! waits, in virtual time. What must hold for all of them is in `process.rs` and `world.rs`, what each must do in the
//! file of its kind. The references are made of invariants and RFCs, not of the machines' code.
//!
//! A case that fails is shrunk, and printed as what went wrong and the sequence of events up to there. Which cases there
//! are is in `../cases`; what was found becomes a test with a name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod browser;
#[path = "../cases/mod.rs"]
mod cases;
mod console;
mod deeds;
mod disk;
mod issuer;
mod plan;
mod polling;
mod process;
mod reference;
mod requests;
mod sessions;
mod story;
mod tokens;
mod world;

use cases::cases;
