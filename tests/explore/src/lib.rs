//! Every interleaving of what processes do with one session.
//!
//! What is explored is what is shipped: the machines of `doorkey-core`, and the issuer of `doorkey-sandbox`. Only the
//! stores, the network and the clocks are played. A step is the smallest thing that others can notice: one operation of a
//! store, a request's arrival, its answer's arrival, a death.
#![allow(clippy::expect_used, clippy::cast_precision_loss, reason = "a check that cannot go on fails")]
#![allow(missing_docs, reason = "a program's parts; what is meant for others says so")]

pub mod action;
pub mod bounds;
pub mod client;
pub mod fingerprint;
pub mod ghost;
mod moves;
pub mod part;
pub mod plan;
mod probe;
pub mod rules;
pub mod search;
pub mod simulate;
mod step;
pub mod tally;
pub mod tape;
pub mod world;

#[path = "../../src/dice.rs"]
pub mod dice;
#[path = "../../src/disk.rs"]
pub mod disk;
#[path = "../../src/somebody.rs"]
pub mod somebody;
