//! A move that is the same for every session at a step: nothing that belongs to a session was asked for.

use crate::error::Result;
use crate::facts::{CommonFacts, NoCommonAnswer, PlanFacts, session_at};
use crate::settings;
use crate::store::sessions::Position;
use pgrx::Uuid;
use scenario_engine::plan::Way;
use scenario_engine::reconcile::{self, Decision, Effect, Session};

/// The move that every session at this position makes; `None` where the decision depends on the session.
pub fn find(tenant_id: Uuid, position: &Position, plans: &PlanFacts) -> Result<Option<Decision>> {
    if !position.matches_version {
        return Ok(None);
    }
    let way = plans.way(position.scenario_id, position.scenario_version, position.published_version)?;
    let content_hash = Some(position.step_content_hash.clone());
    let session = session_at(position.scenario_version, position.step_id.clone(), content_hash);
    by_way(tenant_id, position.scenario_id, &session, way, position.published_version, plans)
}

/// The same for sessions of which nothing is known but where they are, by the way to a version.
pub fn by_way(
    tenant_id: Uuid,
    scenario_id: Uuid,
    session: &Session,
    way: Way,
    to_version: i32,
    plans: &PlanFacts,
) -> Result<Option<Decision>> {
    let mut facts = CommonFacts::new(tenant_id, scenario_id, plans.clone());
    match reconcile::reconcile(session, way, to_version, &settings::engine_settings(), &mut facts) {
        Ok(decision) => Ok(Some(decision).filter(|decision| decision.effect == Effect::Move)),
        Err(NoCommonAnswer::DependsOnSession) => Ok(None),
        Err(NoCommonAnswer::Failed(error)) => Err(error),
    }
}
