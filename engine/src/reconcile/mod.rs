//! Reconciliation ("What is due" to "Fallback" in docs/behaviour.md): one function, one [`Decision`], with its trace.
//!
//! [`reconcile`] is behind every door: `reconcile_session` applies what it decides, `preview_reconciliation` and
//! `explain_reconciliation` show it, simulation and batches call it for many sessions.
//!
//! | file | holds |
//! |---|---|
//! | `decide` | [`reconcile`]: which of the ways below a session goes |
//! | `by_plans`, `fallback` | going by plans, and without any |
//! | `way` | the destinations to which plans lead |
//! | `land` | the landing: what a replay comes to |
//! | `outcome` | one constructor for each outcome |
//! | `reconciliation` | what one call has looked up, and what its moves are judged on |
//! | `walker`, `replay`, `fork`, `path` | the walk along the customer's own path |
//! | `gap`, `judge`, `prompt` | values of fields, and the questions to the customer |
//! | `history`, `checkpoint`, `decisions` | what the session has behind it |
//! | `facts`, `settings` | what goes in |
//! | `decision`, `trace`, `record` | what comes out |
//! | `onward` | the next steps of a session, without a migration |

mod by_plans;
mod checkpoint;
mod decide;
mod decision;
mod decisions;
mod facts;
mod fallback;
mod fork;
mod gap;
mod history;
mod judge;
mod land;
mod onward;
mod outcome;
mod path;
mod prompt;
mod reconciliation;
mod record;
mod replay;
mod settings;
mod trace;
mod walker;
mod way;

pub use decide::reconcile;
pub use decision::{
    Action, BlockRule, CheckpointBlock, Decision, DecisionBranch, DecisionRequest, Effect, FieldRequest, FilledField,
    FollowedDecision, NeededFor, Pin, RejectedValue, Target, UndoneLanding, WaitingFor,
};
pub use facts::{
    Candidate, CompletedAction, Facts, FieldSource, Goal, PlannedStep, Session, StepPairs, SubmittedDecision, Visit,
};
pub use judge::{Judgement, Refusal, judge, same_json};
pub use onward::{NextStep, next_steps};
pub use record::{MOST_BYTES, MOST_EVENTS, NeededField, Outcome, Record};
pub use settings::{OnUndecided, Settings};
pub use trace::{Event, TraceEvent};
