//! Which sessions of a plan need nothing but to be moved: clean grafts, which a batch applies set-wise (SPEC 12).

use super::facts::SessionFacts;
use super::plans::Plan;
use super::{Statement, policies};
use crate::args;
use crate::error::Result;
use crate::settings;
use pgrx::Uuid;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::plan::Way;
use scenario_engine::reconcile::{self, Action, Effect, Session};
use std::collections::BTreeMap;

static ANCHORS: Statement = Statement::reading(
    "SELECT a.old_step_id, a.anchor_content_hash FROM scenario.plan_anchors AS a
      WHERE a.tenant_id = $1 AND a.plan_id = $2 AND a.kind = 'anchor' ORDER BY a.ordinal",
);

/// What becomes of every session at a step.
pub struct Graft {
    pub old_step_id: String,
    pub new_step_id: String,
    pub anchor_content_hash: String,
    pub reason: String,
}

/// The steps whose sessions are all moved in silence. Asks the engine for each anchor whose policy lets everybody in,
/// with a session that has nothing but its place: if the answer is a clean graft, it did not look at more, and is the
/// same for every session there.
pub fn of_plan(tenant_id: Uuid, plan: &Plan) -> Result<Vec<Graft>> {
    let policies = policies::of_plan(tenant_id, plan.plan_id)?;
    let settings = settings::engine_settings();
    let nobody = Uuid::from_bytes([0; 16]);
    let anchors: Vec<(String, String)> =
        ANCHORS.rows(&args![tenant_id, plan.plan_id], |row| Ok((row.get(1)?, row.get(2)?)))?;
    let mut grafts = Vec::new();
    let mut facts = SessionFacts::new(tenant_id, nobody, plan.scenario_id, None);
    for (old_step_id, hash) in anchors {
        if policies.get(&hash).is_some_and(|policy| !policy.admits_everybody()) {
            continue;
        }
        let session = Session {
            session_id: super::engine_id(nobody),
            scenario_version: plan.from_version,
            step_id: old_step_id,
            step_content_hash: None,
            matches_version: true,
            finished: false,
            channel: None,
            age_days: 0.0,
            variables: BTreeMap::new(),
        };
        let way = Way::Plans(vec![plan.engine_ref()]);
        let decision = reconcile::reconcile(&session, way, plan.to_version, &settings, &mut facts)?;
        // What hangs on a history is not the same for everybody.
        if facts.has_read_history() {
            facts = SessionFacts::new(tenant_id, nobody, plan.scenario_id, None);
            continue;
        }
        let is_graft = decision.action == Action::Teleport
            && decision.effect == Effect::Move
            && decision.migration_scenario == Some(MigrationScenario::CleanGraft);
        if let (true, Some(target), Some(anchor_content_hash)) =
            (is_graft, decision.target, decision.anchor_content_hash)
        {
            grafts.push(Graft {
                old_step_id: session.step_id,
                new_step_id: target.step_id,
                anchor_content_hash,
                reason: decision.reason,
            });
        }
    }
    Ok(grafts)
}
