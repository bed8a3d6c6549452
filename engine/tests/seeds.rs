//! What an ordinary run of the property tests draws is the same every time.

mod common;

use common::draws::config;
use common::property::property_with;
use proptest::test_runner::{Config, RngSeed};
use std::cell::RefCell;

/// The tapes that a property is checked on.
fn drawn(config: Config) -> Vec<Vec<usize>> {
    let tapes = RefCell::new(Vec::new());
    property_with(Config { cases: 50, ..config }, "drawn", |dice| {
        tapes.borrow_mut().push((0..20).map(|_| dice.below(256)).collect());
        Ok(())
    });
    tapes.into_inner()
}

fn seeded(seed: u64) -> Config {
    Config { rng_seed: RngSeed::Fixed(seed), ..config(1) }
}

#[test]
fn two_runs_draw_the_same_cases() {
    assert_eq!(drawn(config(1)), drawn(config(1)));
    let first = drawn(seeded(1));
    assert_eq!(first.len(), 50);
    assert_eq!(first, drawn(seeded(1)));
}

#[test]
fn another_seed_draws_other_cases() {
    assert_ne!(drawn(seeded(1)), drawn(seeded(2)));
}

#[test]
fn an_ordinary_run_has_a_fixed_seed() {
    assert!(matches!(config(1).rng_seed, RngSeed::Fixed(_)));
}
