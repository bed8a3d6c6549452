//! Plans: whom they let in, which of them a session goes by, and what an operator is told ("Plans", "Policies",
//! "The summary" and "Chains" in docs/behaviour.md).

mod evaluable;
mod fields;
mod held;
mod led_elsewhere;
mod other_sessions;
mod pin;
mod policy;
mod summary;
mod summary_input;
mod warnings;
mod way;

pub use fields::{FieldAnchor, FieldReason, FieldReasonKind, FieldToCollect};
pub use led_elsewhere::RelocationFigures;
pub use other_sessions::{HeldCounts, OlderFigures, OlderVersion, OtherSessions, VersionCounts};
pub use pin::{PinReason, StoredPin, pin_has_ended};
pub use policy::{Admission, OnCheckpointBlock, Policy, PolicyError, Scope, ScopeSubject};
pub use summary::{
    AnchorFigures, CountsByScenario, DeletedFigures, SessionFigures, SessionsAtAnchor, Summary, summarize,
};
pub use summary_input::{AnchorCounts, PassedGroup, SummaryInput};
pub use warnings::{Warning, WarningSeverity};
pub use way::{PlanRef, PlanStatus, Way, as_if_deployed, chain_through, find_way};
