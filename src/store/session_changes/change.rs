//! What a decision changes of a session, and the same as a row of `scenario.session_change`.

use crate::cache::KeptStep;
use crate::json::{Json, JsonValues, SharedJson};
use crate::row::Column;
use pgrx::Uuid;
use std::rc::Rc;

/// Declares the columns of `scenario.session_change`, in its order; a column that a change does not give is NULL.
macro_rules! session_change {
    ($($column:ident: $type:ty,)*) => {
        #[derive(Default)]
        pub(super) struct SessionChange<'a> {
            $(pub(super) $column: Option<$type>,)*
        }

        impl SessionChange<'_> {
            pub(super) fn into_columns(self) -> Vec<Column> {
                vec![$(Column::new(stringify!($column), self.$column)),*]
            }
        }
    };
}

session_change! {
    session_id: Uuid,
    scenario_id: Uuid,
    revision: i32,
    visit_count: i32,
    turn_count: i32,
    from_version: i32,
    to_version: i32,
    migration_scenario: &'static str,
    anchor_content_hash: &'a str,
    step_before: &'a str,
    content_hash_before: &'a str,
    checksum_before: &'a str,
    step_after: &'a str,
    step_name: String,
    content_hash_after: String,
    checksum_after: &'a str,
    is_checkpoint: bool,
    checkpoint_description: String,
    is_terminal: bool,
    already_done: bool,
    action: &'static str,
    fields_filled: SharedJson,
    asked: SharedJson,
    trace: SharedJson,
    fields_asked: Vec<&'a str>,
    checkpoint: String,
    reason: String,
    microseconds: i64,
    plan_ids: Vec<Uuid>,
    plan_id: Uuid,
    deployments: i32,
    variables_written: Json,
    variables_before: Json,
    times_written: Json,
    is_recorded: bool,
    waiting_for: &'static str,
    mark_plan_id: Uuid,
    pinned_reason: &'static str,
    pinned_plan_id: Uuid,
}

/// What every change of a session is recorded with.
pub struct Change<'a> {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    /// The session's revision before the change.
    pub revision: i32,
    pub from_version: i32,
    pub to_version: i32,
    pub migration_scenario: Option<&'static str>,
    pub anchor_content_hash: Option<&'a str>,
    pub step_before: &'a str,
    /// `None`: it leaves the scenario.
    pub step_after: Option<&'a str>,
    /// The action of the result row, or `pin`.
    pub action: &'static str,
    /// Field → source, a JSON object.
    pub fields_filled: Json,
    /// Why each field was asked for, a JSON list.
    pub asked: Option<Json>,
    /// How the decision was made, a JSON list.
    pub trace: Option<Json>,
    pub fields_asked: Vec<&'a str>,
    /// The checkpoints that forbade a redirect, by name.
    pub checkpoint: Option<String>,
    pub reason: String,
    /// `None`: the decision was made for several sessions at once.
    pub microseconds: Option<i64>,
    /// In the order in which they lead to `to_version`; empty for a fallback.
    pub plan_ids: Vec<Uuid>,
}

impl<'a> SessionChange<'a> {
    /// What is recorded is nearly the same for many sessions: traces are long, and those of sessions at one step are
    /// mostly equal.
    pub(super) fn of(change: Change<'a>, values: &mut JsonValues) -> SessionChange<'a> {
        SessionChange {
            session_id: Some(change.session_id),
            scenario_id: Some(change.scenario_id),
            revision: Some(change.revision),
            from_version: Some(change.from_version),
            to_version: Some(change.to_version),
            migration_scenario: change.migration_scenario,
            anchor_content_hash: change.anchor_content_hash,
            step_before: Some(change.step_before),
            step_after: change.step_after,
            action: Some(change.action),
            fields_filled: Some(values.of(change.fields_filled)),
            asked: change.asked.map(|asked| values.of(asked)),
            trace: change.trace.map(|trace| values.of(trace)),
            fields_asked: Some(change.fields_asked),
            checkpoint: change.checkpoint,
            reason: Some(change.reason),
            microseconds: change.microseconds,
            plan_id: change.plan_ids.last().copied(),
            plan_ids: Some(change.plan_ids),
            ..SessionChange::default()
        }
    }
}

/// Where a session was before a change that can be taken back.
pub struct Before<'a> {
    pub visit_count: i32,
    pub step_content_hash: &'a str,
    pub checksum: &'a str,
}

/// Variables that a move adds.
pub struct NewVariables {
    /// Name → value, a JSON object.
    pub written: Json,
    /// Those of them that the session had before, as they were.
    pub before: Json,
    /// When each of them was given, in seconds since 1970: a JSON object.
    pub times: Json,
}

/// An arrival at `step_after` of `to_version`.
pub struct Arrival<'a> {
    pub change: Change<'a>,
    pub before: Before<'a>,
    pub turn_count: i32,
    /// The scenario's count of deployments that the decision has seen.
    pub deployments: i32,
    /// The checksum of `to_version`.
    pub new_checksum: &'a str,
    /// What `step_after` is.
    pub step: Rc<KeptStep>,
    /// `None`: the variables stay as they are.
    pub variables: Option<NewVariables>,
    /// The step is a required action that was done before.
    pub already_done: bool,
    /// More sessions at the same step, which the same decision moves.
    pub others: Vec<OtherArrival>,
}

/// What an arrival of one session has that another by the same decision has not.
pub struct OtherArrival {
    pub session_id: Uuid,
    /// As in [`Change`], [`Before`] and [`Arrival`].
    pub revision: i32,
    pub visit_count: i32,
    pub turn_count: i32,
}

/// The end of a session's walk through its scenario.
pub struct Exit<'a> {
    pub change: Change<'a>,
    pub before: Before<'a>,
}

/// A session that stays at its step.
pub struct Stay<'a> {
    pub change: Change<'a>,
    /// Whether it gets an audit row, and so a new revision.
    pub is_recorded: bool,
    /// `None`: it waits for nothing, and no plan that is deployed now moves it.
    pub waiting_for: Option<&'static str>,
    pub mark_plan_id: Option<Uuid>,
    /// The scenario's count of deployments that the decision has seen.
    pub deployments: i32,
    /// `None`: it is not pinned.
    pub pinned_reason: Option<&'static str>,
    pub pinned_plan_id: Option<Uuid>,
}

/// A session for which nothing is decided: its pin holds, whatever was deployed.
pub struct KeptPin {
    pub session_id: Uuid,
    /// The scenario's count of deployments that the decision has seen.
    pub deployments: i32,
}

impl<'a> SessionChange<'a> {
    pub(super) fn with_before(self, before: Before<'a>) -> SessionChange<'a> {
        SessionChange {
            visit_count: Some(before.visit_count),
            content_hash_before: Some(before.step_content_hash),
            checksum_before: Some(before.checksum),
            ..self
        }
    }
}
