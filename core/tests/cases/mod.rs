//! Which random cases are tried: the same in every run, so that none fails by chance. `PROPTEST_CASES=25600` tries a
//! hundred times as many, `PROPTEST_RNG_SEED` others. Nothing is written beside the sources.

use proptest::test_runner::{Config, RngSeed};

/// So many cases, or more, as `PROPTEST_CASES` is to its default.
pub(crate) fn cases(number: u32) -> Config {
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
