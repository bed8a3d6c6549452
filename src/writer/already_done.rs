//! Which of the sessions that are moved arrive at an action that was done before.

use super::decision::SessionDecision;
use crate::error::Result;
use crate::history::{self, SessionMove, VersionedStep};
use crate::store::actions::{self, ArrivalAtAction};
use crate::store::session_changes::decided::Arrival;
use pgrx::Uuid;

/// Sets for each arrival whether its action was done before. Nearly always no step is a required action, and nothing is
/// read.
pub(super) fn set(tenant_id: Uuid, decisions: &[SessionDecision<'_>], arrivals: &mut [Arrival<'_>]) -> Result<()> {
    let at_actions = arrivals.iter().filter(|arrival| arrival.step.is_required_action);
    let at_actions = at_actions.map(|arrival| ArrivalAtAction {
        session_id: arrival.change.session_id,
        scenario_id: arrival.change.scenario_id,
        content_hash: &arrival.step.content_hash,
        visit_count: arrival.before.visit_count,
    });
    let to_look_at = actions::having_actions(tenant_id, at_actions)?;
    for arrival in arrivals.iter_mut().filter(|arrival| to_look_at.contains(&arrival.change.session_id)) {
        let change = &arrival.change;
        let is_known =
            decisions.iter().any(|one| one.state.session_id == change.session_id && one.position.matches_version);
        let from = VersionedStep { scenario_version: change.from_version, step_id: change.step_before };
        let to = VersionedStep { scenario_version: change.to_version, step_id: change.step_after.unwrap_or_default() };
        arrival.already_done = history::is_done_by_move(&SessionMove {
            tenant_id,
            session_id: change.session_id,
            scenario_id: change.scenario_id,
            from: is_known.then_some(from),
            to,
            plan_ids: &change.plan_ids,
        })?;
    }
    Ok(())
}
