//! Plans: whom they let in, which of them a session goes by, and what an operator is told (SPEC sections 5 and 9).

mod pin;
mod policy;
mod summary;
mod way;

pub use pin::{PinReason, StoredPin, pin_has_ended};
pub use policy::{Admission, OnCheckpointBlock, Policy, PolicyError, Scope, ScopeSubject};
pub use summary::{AnchorCounts, SummaryInput, summarize};
pub use way::{PlanRef, PlanStatus, Way, find_way};
