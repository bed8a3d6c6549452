//! A move that is the same for every session at a step: nothing that belongs to a session was asked for.

use crate::cache::{self, CommonMove, PlaceKey};
use crate::error::Result;
use crate::facts::{CommonFacts, NoCommonAnswer, PlanFacts, session_at};
use crate::settings;
use crate::store::engine_id;
use crate::store::sessions::{DueCheck, Position, SessionState};
use pgrx::Uuid;
use scenario_engine::plan::Way;
use scenario_engine::reconcile::{self, Decision, Effect, Session, Settings};
use std::rc::Rc;

/// The move that every session at this position makes; `None` where the decision depends on the session. It is kept in
/// the backend for as long as the same is deployed.
pub fn find(tenant_id: Uuid, position: &Position, plans: &PlanFacts) -> Result<Option<Rc<Decision>>> {
    if !position.matches_version {
        return Ok(None);
    }
    let settings = settings::engine_settings();
    let place = place_of(tenant_id, position.scenario_id, position.scenario_version, &position.step_id);
    if let Some(known) = cache::common_move(&place).filter(|known| holds(known, position, &settings)) {
        return Ok(known.decision.clone());
    }
    let decision = decide(tenant_id, position, plans, &settings)?.map(Rc::new);
    if let Some(deployment) = position.deployment() {
        let content_hash = position.step_content_hash.clone();
        cache::keep_common_move(place, CommonMove { deployment, content_hash, settings, decision: decision.clone() });
    }
    Ok(decision)
}

/// Whether a session that was found to be due stands where every session made the same move when this backend last
/// looked.
pub fn is_likely(tenant_id: Uuid, check: &DueCheck) -> bool {
    let (Some(scenario_id), Some(version), Some(step_id)) = (check.scenario_id, check.scenario_version, &check.step_id)
    else {
        return false;
    };
    cache::common_move(&place_of(tenant_id, scenario_id, version, step_id))
        .is_some_and(|known| known.decision.is_some())
}

/// The move of a session that is due and as it was read, if every session at its place makes it.
pub fn of_session(tenant_id: Uuid, state: &SessionState, position: &Position) -> Option<Rc<Decision>> {
    let is_ordinary = !state.settled && !state.is_finished() && state.pin.is_none() && position.matches_version;
    let place = place_of(tenant_id, position.scenario_id, position.scenario_version, &position.step_id);
    let known = cache::common_move(&place).filter(|_| is_ordinary)?;
    let decision = known.decision.clone().filter(|_| holds(&known, position, &settings::engine_settings()))?;
    // The plans of the way are deployed; a mark of another plan may be void.
    let marked_by_the_way = |plan_id: Uuid| decision.plan_ids.contains(&engine_id(plan_id));
    state.pending_plan_id.is_none_or(marked_by_the_way).then_some(decision)
}

fn place_of(tenant_id: Uuid, scenario_id: Uuid, version: i32, step_id: &str) -> PlaceKey {
    (engine_id(tenant_id), engine_id(scenario_id), version, step_id.to_owned())
}

fn holds(known: &CommonMove, position: &Position, settings: &Settings) -> bool {
    position.deployment() == Some(known.deployment)
        && position.step_content_hash == known.content_hash
        && *settings == known.settings
}

fn decide(tenant_id: Uuid, position: &Position, plans: &PlanFacts, settings: &Settings) -> Result<Option<Decision>> {
    let way = plans.way(position.scenario_id, position.scenario_version, position.published_version)?;
    let content_hash = Some(position.step_content_hash.clone());
    let session = session_at(position.scenario_version, position.step_id.clone(), content_hash);
    by_way(tenant_id, position.scenario_id, &session, (way, position.published_version), plans, settings)
}

/// The same for sessions of which nothing is known but where they are, by the way to a version.
pub fn by_way(
    tenant_id: Uuid,
    scenario_id: Uuid,
    session: &Session,
    (way, to_version): (Way, i32),
    plans: &PlanFacts,
    settings: &Settings,
) -> Result<Option<Decision>> {
    let mut facts = CommonFacts::new(tenant_id, scenario_id, plans.clone());
    match reconcile::reconcile(session, way, to_version, settings, &mut facts) {
        Ok(decision) => Ok(Some(decision).filter(|decision| decision.effect == Effect::Move)),
        Err(NoCommonAnswer::DependsOnSession) => Ok(None),
        Err(NoCommonAnswer::Failed(error)) => Err(error),
    }
}
