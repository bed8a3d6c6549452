//! Plans: whom they let in, which of them a session goes by, and what an operator is told (SPEC sections 5 and 9).

mod policy;
mod summary;
mod way;

pub use policy::{OnCheckpointBlock, Policy, PolicyError, Scope, ScopeSubject};
pub use summary::{AnchorCounts, SummaryInput, summarize};
pub use way::{PlanRef, PlanStatus, Way, find_way};
