//! Every machine against a small reference: random sequences of answers, failures, lost answers, interrupts, kills and
//! waits, in virtual time. What must hold for all of them is in `process.rs` and `world.rs`, what each must do in the
//! file of its kind. The references are made of invariants and RFCs, not of the machines' code.
//!
//! A case that fails is shrunk, and printed as what went wrong and the sequence of events up to there. The cases are the
//! same in every run; `PROPTEST_CASES=25600` tries a hundred times as many, `PROPTEST_RNG_SEED` others. Nothing is
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

/// So many cases, or more, as `PROPTEST_CASES` is to its default.
fn cases(number: u32) -> Config {
    let usual = Config::default();
    Config {
        cases: (number.saturating_mul(usual.cases) / 256).max(1),
        failure_persistence: None,
        rng_seed: match usual.rng_seed {
            RngSeed::Random => RngSeed::Fixed(8),
            given @ RngSeed::Fixed(_) => given,
        },
        ..usual
    }
}
