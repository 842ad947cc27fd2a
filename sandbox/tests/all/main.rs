//! The sandbox's tests: the pure service in virtual time, and the server over real sockets.
// Helpers of tests are tests.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod apex;
#[path = "../../../core/tests/cases/mod.rs"]
mod cases;
mod exam;
mod faults;
mod grading;
mod guards;
mod held;
mod junk;
mod pairing;
mod served;
mod shared;
mod world;
