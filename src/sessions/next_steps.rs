//! The transitions of the step at which a session is, with what is known of their conditions. Reads only.

use crate::error::Result;
use crate::facts::PlanFacts;
use crate::facts::SessionFacts;
use crate::history::{self, SessionMove, VersionedStep};
use crate::settings;
use crate::store::sessions::{self, Position};
use pgrx::Uuid;
use scenario_engine::reconcile::{self, NextStep};

/// A transition, and whether the action that it leads to was done already.
pub struct NextStepOfSession {
    pub step: NextStep,
    pub already_done: bool,
}

/// The transitions of the session's step in order; none for a session in no scenario. P0002 if there is no such
/// session.
pub fn of_session(tenant_id: Uuid, session_id: Uuid) -> Result<Vec<NextStepOfSession>> {
    let state = sessions::read(tenant_id, session_id)?;
    let Some(position) = &state.position else { return Ok(Vec::new()) };
    let session = state.for_engine(position)?;
    let plans = PlanFacts::new(tenant_id);
    let mut facts = SessionFacts::of(tenant_id, &state, position, plans);
    let steps = reconcile::next_steps(&session, &settings::engine_settings(), &mut facts)?;
    let mut all = Vec::with_capacity(steps.len());
    for step in steps {
        let already_done = step.to_required_action && is_done(tenant_id, session_id, position, &step.to_step_id)?;
        all.push(NextStepOfSession { step, already_done });
    }
    Ok(all)
}

/// Whether an arrival at the step of the session's version would find its action done.
fn is_done(tenant_id: Uuid, session_id: Uuid, position: &Position, to_step_id: &str) -> Result<bool> {
    let at = |step_id| VersionedStep { scenario_version: position.scenario_version, step_id };
    let arrival = SessionMove {
        tenant_id,
        session_id,
        scenario_id: position.scenario_id,
        from: Some(at(&position.step_id)),
        to: at(to_step_id),
        plan_ids: &[],
    };
    history::is_done_on_arrival(&arrival, false)
}
