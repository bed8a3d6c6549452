//! A turn as the result row of SPEC 7.6, and its trace as rows of SPEC 7.7.

use super::{Decided, Turn};
use crate::json::Json;
use crate::store::sql_id;
use pgrx::Uuid;
use scenario_engine::reconcile::{Decision, FilledField, FollowedDecision};
use serde_json::{Map, Value, json};

/// The columns of SPEC 7.6, in order.
pub type ResultRow = (
    String,
    Option<String>,
    Option<String>,
    Option<i32>,
    Option<String>,
    Option<String>,
    Vec<String>,
    Vec<String>,
    Json,
    Vec<String>,
    Json,
    Json,
    bool,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Uuid>,
);

/// seq, step_id, step_name, event, detail.
pub type TraceRow = (i32, Option<String>, Option<String>, String, Json);

impl Turn {
    pub fn into_row(self) -> ResultRow {
        match self {
            Turn::Settled { step_id, scenario_version, reason } => settled_row(step_id, scenario_version, reason),
            Turn::Decided(decided) => decided_row(*decided),
        }
    }

    /// The story of the decision, numbered from 1.
    pub fn into_trace(self) -> Vec<TraceRow> {
        match self {
            Turn::Settled { step_id, reason, .. } => {
                let detail = Json::of(&json!({"action": "continue", "reason": reason}));
                vec![(1, step_id, None, "outcome".to_owned(), detail)]
            }
            Turn::Decided(decided) => (1..)
                .zip(decided.decision.trace)
                .map(|(seq, e)| (seq, e.step_id, e.step_name, e.event.as_str().to_owned(), Json::of(&e.detail)))
                .collect(),
        }
    }
}

fn settled_row(step_id: Option<String>, scenario_version: Option<i32>, reason: &'static str) -> ResultRow {
    let none = || Json("[]".to_owned());
    (
        "continue".to_owned(),
        step_id,
        None,
        scenario_version,
        None,
        None,
        Vec::new(),
        Vec::new(),
        none(),
        Vec::new(),
        none(),
        Json("{}".to_owned()),
        false,
        None,
        None,
        Some(reason.to_owned()),
        None,
    )
}

fn decided_row(decided: Decided) -> ResultRow {
    let Decided { decision, prompts } = decided;
    let reason = reason(&decision);
    let (blocked, warning) = (decision.is_blocked_by_checkpoint(), decision.checkpoint_warning());
    let (step_id, step_name) = decision.target.map_or((None, None), |t| (Some(t.step_id), t.step_name));
    (
        decision.action.as_str().to_owned(),
        step_id,
        step_name,
        decision.scenario_version,
        decision.migration_scenario.map(|s| s.as_str().to_owned()),
        decision.anchor_content_hash,
        decision.collect_fields.into_iter().map(|f| f.field).collect(),
        decision.confirm_fields.into_iter().map(|f| f.field).collect(),
        prompts,
        decision.execute_step_ids,
        Json::of(&decision.decisions),
        sources(&decision.fields_filled),
        blocked,
        warning,
        decision.user_message,
        Some(reason),
        decision.plan_ids.last().map(|id| sql_id(*id)),
    )
}

/// The decision's reason, with the answers that it went by and its warnings.
pub(super) fn reason(decision: &Decision) -> String {
    let followed = decision.followed.iter().map(FollowedDecision::sentence);
    let all = std::iter::once(decision.reason.clone()).chain(followed).chain(decision.warnings.iter().cloned());
    all.collect::<Vec<_>>().join("; ")
}

/// Field → source. Never a value.
pub(super) fn sources(filled: &[FilledField]) -> Json {
    let map: Map<String, Value> = filled.iter().map(|f| (f.field.clone(), Value::from(f.source.as_str()))).collect();
    Json::of(&map)
}
