//! Deliberate errors for the tests: each rule that a test must guard can be turned wrong by name.
//!
//! Only the feature `mutants`, which tests alone turn on, compiles the switch in. Without it `mutant!` is its first
//! expression.

/// `mutant!("rule", right, wrong)`: the right expression, unless a test has chosen the mutant of that name.
#[cfg(not(feature = "mutants"))]
#[macro_export]
#[doc(hidden)]
macro_rules! mutant {
    ($name:literal, $right:expr, $wrong:expr) => {
        $right
    };
}

#[cfg(feature = "mutants")]
#[macro_export]
#[doc(hidden)]
macro_rules! mutant {
    ($name:literal, $right:expr, $wrong:expr) => {
        if $crate::mutant::is_chosen($name) { $wrong } else { $right }
    };
}

/// Whether the mutant of that name is the one that the environment variable `SCENARIO_MUTANT` chooses.
#[cfg(feature = "mutants")]
#[doc(hidden)]
pub fn is_chosen(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("SCENARIO_MUTANT").ok()).as_deref() == Some(name)
}
