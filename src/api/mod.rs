//! The SQL functions (SPEC section 19), one file a subject. Each is thin: arguments → engine or store → result.

pub mod batches;
pub mod definitions;
pub mod deploy;
pub mod diff;
pub mod fields;
pub mod history;
pub mod marking;
pub mod plans;
pub mod reconcile;
pub mod reports;
pub mod revert;
pub mod sessions;
pub mod ways_out;
pub mod writer;
