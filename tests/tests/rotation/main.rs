//! Rotation of refresh tokens, with the shipped machines and the sandbox's own issuer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod awkward;
mod chance;
mod clocks;
mod corners;
mod crash;
mod gateway;
mod login;
mod moving;
mod races;
mod world;
