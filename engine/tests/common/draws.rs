//! What the property tests draw: how many cases, and from which seed.

use proptest::test_runner::{Config, RngSeed};

/// The seed of an ordinary run, so that everybody draws the same cases. `PROPTEST_RNG_SEED` names another one, as
/// `make test-engine-long` does.
pub const SEED: u64 = 0x5ce2_a210_0000_0009;

/// Cases of one property: `PROPTEST_CASES`, or 10,000.
pub fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000)
}

/// The configuration of a property that draws one `share`th of the cases.
pub fn config(share: u32) -> Config {
    let mut config = Config { cases: (cases() / share).max(1), failure_persistence: None, ..Config::default() };
    if matches!(config.rng_seed, RngSeed::Random) {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    config
}
