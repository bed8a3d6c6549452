//! A plan that is considered as if it were deployed, for a preview of one session and for a simulation of many.

use super::{Due, WayTo, has_pin_in_force};
use crate::error::{Error, Result};
use crate::facts::{PlanFacts, SessionFacts};
use crate::settings;
use crate::store::plans::Plan;
use crate::store::sessions::{Position, SessionState};
use pgrx::Uuid;
use scenario_engine::plan::{PlanRef, PlanStatus, Way, as_if_deployed};
use scenario_engine::reconcile::Settings;

/// Whether a plan can concern a session: it is active, paused or finished.
pub(super) fn concerns(state: &SessionState) -> bool {
    state.is_live() || state.is_finished()
}

pub(super) struct ConsideredPlan {
    pub plan: Plan,
    pub plans: PlanFacts,
    pub settings: Settings,
    /// The scenario's plans as if this one were deployed.
    deployed: Vec<PlanRef>,
}

impl ConsideredPlan {
    /// Considers a plan, whatever its status.
    pub fn of(tenant_id: Uuid, plan: Plan) -> Result<ConsideredPlan> {
        let plans = PlanFacts::as_if_deployed(tenant_id, &plan);
        // Deploying it now would end every pin of its own sessions; one that is deployed has ended those that it does.
        let deployed = plans.refs(plan.scenario_id)?;
        let deployed = match plan.status {
            PlanStatus::Deployed => deployed.to_vec(),
            _ => as_if_deployed(&deployed, &plan.engine_ref()),
        };
        Ok(ConsideredPlan { plan, plans, settings: settings::engine_settings(), deployed })
    }

    /// What there would be to do for a session that a plan can concern ([`concerns`]). 22023 where the plan leads
    /// neither from where the session is nor to it.
    pub fn due(
        &self,
        state: &SessionState,
        position: &Position,
        facts: impl FnOnce() -> Result<SessionFacts>,
    ) -> Result<Due> {
        let way = self.way(state.session_id, position)?;
        if has_pin_in_force(state, position, &self.deployed) {
            return Ok(Due::Pinned);
        }
        Due::decide(state, position, way, &self.settings, facts()?)
    }

    /// How a session comes to the new version of the plan: by the plan alone, or, from another version, by a chain
    /// through it.
    fn way(&self, session_id: Uuid, position: &Position) -> Result<WayTo> {
        let plan = &self.plan;
        if plan.scenario_id == position.scenario_id {
            if [plan.from_version, plan.to_version].contains(&position.scenario_version) {
                return Ok((Way::Plans(vec![plan.engine_ref()]), plan.to_version));
            }
            if let Some(chain) = self.plans.chain_through(plan, position.scenario_version)? {
                return Ok((Way::Plans(chain), plan.to_version));
            }
        }
        Err(Error::bad_argument(format!("plan {} is not for session {session_id}", plan.plan_id)).detail(format!(
            "The plan leads from version {} to {} of scenario {}; the session walks version {} of scenario {}, and no \
             chain of plans leads from there through this plan.",
            plan.from_version, plan.to_version, plan.scenario_id, position.scenario_version, position.scenario_id
        )))
    }
}
