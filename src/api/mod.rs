//! The SQL functions, one file a subject. Each is thin: arguments → engine or store → result. What a function takes,
//! returns, raises and writes is said once, in its COMMENT (`sql/install/`).

pub mod answers;
pub mod batches;
pub mod definitions;
pub mod deploy;
pub mod diff;
pub mod history;
pub mod manual_changes;
pub mod plans;
pub mod reconcile;
pub mod reports;
pub mod revert;
pub mod session_marks;
pub mod sessions;
pub mod simulation;
pub mod writer;
