//! Plans: whom they let in, which of them a session goes by, and what an operator is told ("Plans", "Policies",
//! "The summary" and "Chains" in docs/behaviour.md).

mod elsewhere;
mod evaluable;
mod fields;
mod leading;
mod pin;
mod policy;
mod summary;
mod summary_input;
mod warnings;
mod way;

pub use elsewhere::{Elsewhere, HeldCounts, OlderFigures, OlderVersion, VersionCounts};
pub use fields::{FieldAnchor, FieldReason, FieldReasonKind, FieldToCollect};
pub use leading::RelocationFigures;
pub use pin::{PinReason, StoredPin, pin_has_ended};
pub use policy::{Admission, OnCheckpointBlock, Policy, PolicyError, Scope, ScopeSubject};
pub use summary::{AnchorFigures, DeletedFigures, SessionFigures, SessionsAtAnchor, Summary, summarize};
pub use summary_input::{AnchorCounts, PassedGroup, SummaryInput};
pub use warnings::{Warning, WarningSeverity};
pub use way::{PlanRef, PlanStatus, Way, as_if_deployed, chain_through, find_way};
