//! The ways on from the step where a session stands, with what is known. Reads only.

use crate::error::Result;
use crate::history::{self, At};
use crate::settings;
use crate::store::facts::SessionFacts;
use crate::store::plan_facts::PlanFacts;
use crate::store::sessions::{self, Place};
use pgrx::Uuid;
use scenario_engine::reconcile::{self, NextStep};

/// A transition, and whether the action that it leads to was done already.
pub struct Next {
    pub step: NextStep,
    pub already_done: bool,
}

/// The transitions of the session's step in order; none for a session in no scenario. P0002 if there is no such
/// session.
pub fn next_steps(tenant_id: Uuid, session_id: Uuid) -> Result<Vec<Next>> {
    let state = sessions::look(tenant_id, session_id)?;
    let Some(place) = &state.place else { return Ok(Vec::new()) };
    let session = state.for_engine(place)?;
    let plans = PlanFacts::new(tenant_id);
    let mut facts = SessionFacts::new(tenant_id, session_id, place.scenario_id, state.customer_id, plans);
    let steps = reconcile::next_steps(&session, &settings::engine_settings(), &mut facts)?;
    let mut all = Vec::with_capacity(steps.len());
    for step in steps {
        let already_done = step.to_required_action && is_done(tenant_id, session_id, place, &step.to_step_id)?;
        all.push(Next { step, already_done });
    }
    Ok(all)
}

/// Whether an arrival at the step of the session's version would find its action done.
fn is_done(tenant_id: Uuid, session_id: Uuid, place: &Place, to_step_id: &str) -> Result<bool> {
    let at = |step_id| At { scenario_version: place.scenario_version, step_id };
    history::is_done_on_arrival(tenant_id, session_id, place.scenario_id, at(&place.step_id), at(to_step_id))
}
