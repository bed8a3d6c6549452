//! A turn as the row that a backend gets, and its trace as rows ("Results" in docs/behaviour.md).

use super::{DecisionWithPrompts, Turn};
use crate::composite_type;
use crate::json::Json;
use crate::row::TextList;
use crate::store::sql_id;
use pgrx::Uuid;
use scenario_engine::reconcile::Action;
use serde_json::json;

composite_type! {
    /// The outcome of a turn. `sql/install/30_reconciliation.sql` declares the columns and says what they mean.
    pub struct Reconciliation: "scenario.reconciliation" {
        pub action: &'static str,
        pub target_step_id: Option<String>,
        pub target_step_name: Option<String>,
        pub scenario_version: Option<i32>,
        pub migration_scenario: Option<&'static str>,
        pub anchor_content_hash: Option<String>,
        pub collect_fields: TextList,
        pub confirm_fields: TextList,
        pub prompts: Json,
        pub execute_step_ids: TextList,
        pub decisions: Json,
        pub fields_filled: Json,
        pub blocked_by_checkpoint: bool,
        pub checkpoint_warning: Option<String>,
        pub user_message: Option<String>,
        pub reason: Option<String>,
        pub plan_id: Option<Uuid>,
    }
}

/// seq, step_id, step_name, event, detail.
pub type TraceRow = (i32, Option<String>, Option<String>, String, Json);

impl Turn {
    pub fn into_row(self) -> Reconciliation {
        match self {
            Turn::Settled { step_id, scenario_version, reason, .. } => {
                Reconciliation::settled(step_id, scenario_version, reason.into_owned())
            }
            Turn::Decided(decided) => Reconciliation::decided(*decided),
        }
    }

    /// The story of the decision, numbered from 1.
    pub fn into_trace(self) -> Vec<TraceRow> {
        match self {
            Turn::Settled { step_id, reason, pin, .. } => {
                let pinned = pin.map(|pin| {
                    let detail = json!({
                        "reason": pin.pinned.reason.as_str(),
                        "plan_id": pin.pinned.plan_id.map(|id| id.to_string()),
                        "since": pin.pinned.since,
                        "why": pin.why,
                    });
                    ("pin", detail)
                });
                let outcome = ("outcome", json!({"action": "continue", "reason": reason}));
                let rows = pinned.into_iter().chain([outcome]);
                (1..)
                    .zip(rows)
                    .map(|(seq, (event, d))| (seq, step_id.clone(), None, event.to_owned(), Json::of(&d)))
                    .collect()
            }
            Turn::Decided(decided) => (1..)
                .zip(decided.decision.trace)
                .map(|(seq, e)| (seq, e.step_id, e.step_name, e.event.as_str().to_owned(), Json::of(&e.detail)))
                .collect(),
        }
    }
}

impl Reconciliation {
    /// The session goes on where it is.
    fn settled(step_id: Option<String>, scenario_version: Option<i32>, reason: String) -> Reconciliation {
        let no_list = || Json("[]".to_owned());
        Reconciliation {
            action: Action::Continue.as_str(),
            target_step_id: step_id,
            target_step_name: None,
            scenario_version,
            migration_scenario: None,
            anchor_content_hash: None,
            collect_fields: TextList(Vec::new()),
            confirm_fields: TextList(Vec::new()),
            prompts: no_list(),
            execute_step_ids: TextList(Vec::new()),
            decisions: no_list(),
            fields_filled: Json("{}".to_owned()),
            blocked_by_checkpoint: false,
            checkpoint_warning: None,
            user_message: None,
            reason: Some(reason),
            plan_id: None,
        }
    }

    fn decided(decided: DecisionWithPrompts) -> Reconciliation {
        let DecisionWithPrompts { decision, prompts } = decided;
        let reason = decision.whole_reason();
        let fields_filled = Json::of(&decision.sources_of_fields());
        let blocked_by_checkpoint = decision.is_blocked_by_checkpoint();
        let checkpoint_warning = decision.checkpoint_warning();
        let (step_id, step_name) = decision.target.map_or((None, None), |t| (Some(t.step_id), t.step_name));
        Reconciliation {
            action: decision.action.as_str(),
            target_step_id: step_id,
            target_step_name: step_name,
            scenario_version: decision.scenario_version,
            migration_scenario: decision.migration_scenario.map(|s| s.as_str()),
            anchor_content_hash: decision.anchor_content_hash,
            collect_fields: TextList(decision.collect_fields.into_iter().map(|f| f.field).collect()),
            confirm_fields: TextList(decision.confirm_fields.into_iter().map(|f| f.field).collect()),
            prompts,
            execute_step_ids: TextList(decision.execute_step_ids),
            decisions: Json::of(&decision.decisions),
            fields_filled,
            blocked_by_checkpoint,
            checkpoint_warning,
            user_message: decision.user_message,
            reason: Some(reason),
            plan_id: decision.plan_ids.last().map(|id| sql_id(*id)),
        }
    }
}
