//! What customers have passed, done and decided, and which moves are made: the rules of "Acts and checkpoints", "Pins",
//! "Plans", "Chains", "Fallback" and "Decisions". With the feature `mutants`, one test more turns each rule wrong and
//! requires that another one notices: `cargo test -p scenario-engine --features mutants --test acts`.

mod cases;
#[path = "../common/mod.rs"]
mod common;
mod ends;
mod executed;
mod ledger;
#[cfg(feature = "mutants")]
mod mutants;
mod policies;
mod summary;
