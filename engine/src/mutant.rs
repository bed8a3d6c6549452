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

#[cfg(feature = "mutants")]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
    static MET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Chooses the mutant of this thread; `None` for the right code.
#[cfg(feature = "mutants")]
pub fn choose(name: Option<&'static str>) {
    CHOSEN.with(|chosen| chosen.set(name));
    MET.with(|met| met.set(false));
}

/// Whether the chosen mutant's place in the code was reached since it was chosen.
#[cfg(feature = "mutants")]
pub fn was_met() -> bool {
    MET.with(std::cell::Cell::get)
}

#[cfg(feature = "mutants")]
#[doc(hidden)]
pub fn is_chosen(name: &str) -> bool {
    let chosen = CHOSEN.with(std::cell::Cell::get) == Some(name);
    if chosen {
        MET.with(|met| met.set(true));
    }
    chosen
}
