//! Every machine against a small reference: random sequences of answers, failures, lost answers, interrupts, kills and
//! waits, in virtual time. What must hold for all of them is in `process.rs` and `world.rs`, what each must do in the
//! file of its kind. The references are made of invariants and RFCs, not of the machines' code.
//!
//! A case that fails is shrunk, and printed as what went wrong and the sequence of events up to there. The cases are the
//! same in every run; `DOORKEY_PROPERTIES=100` tries a hundred times as many, `PROPTEST_RNG_SEED` others. Nothing is
//! written beside the sources: what was found becomes a test with a name.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod browser;
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

use proptest::test_runner::{Config, RngSeed};

/// So many cases, or as many times that as the environment says.
fn cases(number: u32) -> Config {
    let times = std::env::var("DOORKEY_PROPERTIES").ok();
    let times = times.map_or(1, |times| times.parse().expect("DOORKEY_PROPERTIES is a number"));
    let usual = Config::default();
    Config {
        cases: number * times,
        failure_persistence: None,
        rng_seed: match usual.rng_seed {
            RngSeed::Random => RngSeed::Fixed(8),
            given @ RngSeed::Fixed(_) => given,
        },
        max_shrink_iters: 4_000,
        ..usual
    }
}
