//! Reconciliation (SPEC sections 7 to 10): one function, one [`Decision`], with its trace.
//!
//! [`reconcile`] is behind every door: `reconcile_session` applies what it decides, `preview_reconciliation` and
//! `explain_reconciliation` show it, simulation and batches call it for many sessions.

mod checkpoint;
mod decide;
mod decision;
mod facts;
mod fork;
mod gap;
mod history;
mod path;
mod prompt;
mod replay;
mod settings;
mod trace;
mod way;

pub use decide::reconcile;
pub use decision::{
    Action, BlockRule, CheckpointBlock, Decision, DecisionBranch, DecisionRequest, Effect, FieldRequest, FieldSource,
    FilledField, FollowedDecision, NeededFor, RejectedValue, Target, WaitingFor,
};
pub use facts::{Candidate, CompletedAction, Facts, Goal, PlanRow, Session, SubmittedDecision, Visit};
pub use gap::same_json;
pub use settings::{OnUndecided, Settings};
pub use trace::{Event, TraceEvent};
