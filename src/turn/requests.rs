//! What a turn asks for goes on record, so that an answer can be taken whatever is published meanwhile. Only a turn
//! asks: previews, simulations and batches do not.

use crate::error::Result;
use crate::store::requests::{self, Request, RequestKind};
use crate::store::sessions::{Position, SessionState};
use crate::store::versions;
use pgrx::Uuid;
use scenario_engine::reconcile::Decision;
use serde_json::value::RawValue;

/// Keeps what the backend is about to be told to ask for, execute and decide.
pub(super) fn keep(tenant_id: Uuid, state: &SessionState, position: &Position, decision: &Decision) -> Result<()> {
    let version = decision.published_version;
    let nothing = |kind, name| Request {
        kind,
        name,
        value: None,
        step_name: None,
        step_content_hash: None,
        target_step_ids: None,
    };
    let mut asked: Vec<Request<'_>> =
        decision.collect_fields.iter().map(|field| nothing(RequestKind::Collect, field.field.as_str())).collect();
    for filled in &decision.confirm_fields {
        let value = RawValue::from_string(filled.value.clone()).ok();
        asked.push(Request { value, ..nothing(RequestKind::Confirm, &filled.field) });
    }
    for fork in &decision.decisions {
        asked.push(Request {
            step_name: Some(&fork.fork_step_name),
            target_step_ids: Some(fork.branches.iter().map(|branch| branch.target_step_id.as_str()).collect()),
            ..nothing(RequestKind::Fork, &fork.fork_step_id)
        });
    }
    let acts = !decision.execute_step_ids.is_empty();
    let graph = acts.then(|| versions::graph(tenant_id, position.scenario_id, version)).transpose()?;
    for id in &decision.execute_step_ids {
        let Some(node) = graph.as_ref().and_then(|graph| graph.find(id).map(|step| graph.node(step))) else { continue };
        asked.push(Request {
            step_name: Some(&node.name),
            step_content_hash: Some(&node.content_hash),
            ..nothing(RequestKind::Action, &node.id)
        });
    }
    requests::keep(tenant_id, state.session_id, position.scenario_id, version, &asked)
}
