//! Runs a property over random tapes.

use super::dice::Dice;
pub use super::draws::cases;
use super::draws::config;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Checks the property on the tapes of the run's seed ([`config`]); a failure is shrunk and shown with the tape,
/// which `TAPE=hex` runs again alone.
pub fn property(name: &str, check: impl Fn(&mut Dice<'_>) -> Result<(), String>) {
    if let Ok(hex) = std::env::var("TAPE") {
        let tape: Vec<u8> = hex
            .as_bytes()
            .chunks(2)
            .filter_map(|c| u8::from_str_radix(std::str::from_utf8(c).ok()?, 16).ok())
            .collect();
        if let Err(why) = check(&mut Dice::new(&tape)) {
            panic!("{why}");
        }
        return;
    }
    property_with(Config { max_shrink_iters: 30_000, ..config(1) }, name, check);
}

/// The same with a configuration of the caller's, whatever `TAPE` says.
pub fn property_with(config: Config, name: &str, check: impl Fn(&mut Dice<'_>) -> Result<(), String>) {
    let outcome = TestRunner::new(config)
        .run(&vec(any::<u8>(), 48..480), |tape| check(&mut Dice::new(&tape)).map_err(TestCaseError::fail));
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, tape)) => {
            let hex: String = tape.iter().map(|byte| format!("{byte:02x}")).collect();
            panic!("{why}\n\nagain: TAPE={hex} cargo test -p scenario-engine {name}");
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Counts what became of the cases.
#[derive(Debug, Default)]
pub struct Tally(RefCell<BTreeMap<&'static str, u32>>);

impl Tally {
    /// Prints the counts: what a property was put to the test with.
    pub fn tell(&self, what: &str) {
        println!("{what}, {} cases: {:#?}", cases(), self.0.borrow());
    }

    pub fn count(&self, what: &'static str) {
        *self.0.borrow_mut().entry(what).or_default() += 1;
    }

    pub fn of(&self, what: &str) -> u32 {
        self.0.borrow().get(what).copied().unwrap_or_default()
    }

    /// At least so many cases of a hundred must have been of that kind: a property that is never put to the test
    /// proves nothing.
    pub fn at_least(&self, percent: f64, what: &str) {
        let found = self.of(what);
        // Single replayed tapes and short smoke runs prove nothing either way.
        if std::env::var("TAPE").is_err() && cases() >= 1000 {
            let share = 100.0 * f64::from(found) / f64::from(cases());
            assert!(share >= percent, "only {share:.2} % of the cases were \"{what}\": {:#?}", self.0.borrow());
        }
    }
}

/// Fails the case with a message unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
