//! One turn of one session: look, decide, and for `reconcile_session` write. Every door comes by here, and every door asks
//! the same engine.

mod announce;
pub mod answers;
mod asked;
pub mod everybody;
pub mod import;
pub mod onward;
mod prompts;
pub mod result;
pub mod walk;

pub use announce::announce;

use crate::error::{Error, Result};
use crate::json::Json;
use crate::settings;
use crate::store::facts::SessionFacts;
use crate::store::plan_facts::PlanFacts;
use crate::store::plans::{self, Plan};
use crate::store::sessions::{self, Place, State};
use crate::writer;
use pgrx::{Uuid, pg_sys};
use scenario_engine::plan::Way;
use scenario_engine::reconcile::{self, Decision};
use std::time::Instant;

/// What a turn comes to.
pub enum Turn {
    /// SPEC 7.1: go on where you are.
    Settled {
        step_id: Option<String>,
        scenario_version: Option<i32>,
        reason: &'static str,
    },
    Decided(Box<Decided>),
}

/// A decision, with what a backend needs to act on it.
pub struct Decided {
    pub decision: Decision,
    /// One object a field to ask for or to have confirmed.
    pub prompts: Json,
}

const OFF: &str = "scenario.enabled is off";
const NOTHING: &str = "nothing to do";

/// Applies whatever migration the session needs, at most once however many callers race (SPEC 7). Errors: P0002 for a session
/// that does not exist, 25006 if something is to be done and the transaction cannot write.
pub fn reconcile(tenant_id: Uuid, session_id: Uuid) -> Result<Turn> {
    if !settings::enabled() {
        return Ok(Turn::Settled { step_id: None, scenario_version: None, reason: OFF });
    }
    let glance = sessions::glance(tenant_id, session_id)?;
    if glance.settled {
        let (step_id, scenario_version) = (glance.step_id, glance.scenario_version);
        return Ok(Turn::Settled { step_id, scenario_version, reason: NOTHING });
    }
    let started = Instant::now();
    must_write(session_id)?;
    sessions::lock(tenant_id, session_id)?;
    // Who waited for the lock finds here what the other caller did.
    let state = sessions::look(tenant_id, session_id)?;
    let Some(place) = state.place.as_ref().filter(|_| !state.settled) else {
        return Ok(settled(&state));
    };
    let (decision, mut facts) = decide(tenant_id, &state, place, None, &PlanFacts::new(tenant_id))?;
    let prompts = prompts::of(&decision, &mut facts)?;
    let microseconds = Some(microseconds_since(started));
    let decided = writer::Decided { state: &state, place, decision: &decision, microseconds };
    writer::write(tenant_id, std::slice::from_ref(&decided))?;
    asked::keep(tenant_id, &state, place, &decision)?;
    announce(tenant_id, &decided)?;
    Ok(Turn::Decided(Box::new(Decided { decision, prompts })))
}

/// What [`reconcile`] would say now, or once the plan `plan_id` was deployed. Writes nothing. Errors: P0002 for a session or a
/// plan that does not exist, 22023 for a plan that is not for the session.
pub fn preview(tenant_id: Uuid, session_id: Uuid, plan_id: Option<Uuid>) -> Result<Turn> {
    if !settings::enabled() {
        return Ok(Turn::Settled { step_id: None, scenario_version: None, reason: OFF });
    }
    let state = sessions::look(tenant_id, session_id)?;
    let plan = plan_id.map(|plan_id| plans::by_id(tenant_id, plan_id)).transpose()?;
    let active = state.status == "active";
    let Some(place) = state.place.as_ref().filter(|_| active && (plan.is_some() || !state.settled)) else {
        return Ok(settled(&state));
    };
    let plans = match &plan {
        Some(plan) => PlanFacts::as_if_deployed(tenant_id, plan),
        None => PlanFacts::new(tenant_id),
    };
    let (decision, mut facts) = decide(tenant_id, &state, place, plan.as_ref(), &plans)?;
    let prompts = prompts::of(&decision, &mut facts)?;
    Ok(Turn::Decided(Box::new(Decided { decision, prompts })))
}

/// Whole microseconds since then.
pub fn microseconds_since(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX)
}

fn settled(state: &State) -> Turn {
    let place = state.place.as_ref();
    Turn::Settled {
        step_id: place.map(|p| p.step_id.clone()),
        scenario_version: place.map(|p| p.scenario_version),
        reason: NOTHING,
    }
}

/// Asks the engine: by the way to the published version, or by one plan alone.
pub fn decide(
    tenant_id: Uuid,
    state: &State,
    place: &Place,
    plan: Option<&Plan>,
    plans: &PlanFacts,
) -> Result<(Decision, SessionFacts)> {
    let (way, version) = match plan {
        Some(plan) => {
            must_fit(plan, state.session_id, place)?;
            (Way::Plans(vec![plan.engine_ref()]), plan.to_version)
        }
        None => {
            let way = plans.way(place.scenario_id, place.scenario_version, place.published_version)?;
            (way, place.published_version)
        }
    };
    let session = state.for_engine(place)?;
    let mut facts = SessionFacts::new(tenant_id, state.session_id, place.scenario_id, state.customer_id, plans.clone());
    let decision = reconcile::reconcile(&session, way, version, &settings::engine_settings(), &mut facts)?;
    Ok((decision, facts))
}

/// A plan that is previewed must lead from where the session is, or to it.
fn must_fit(plan: &Plan, session_id: Uuid, place: &Place) -> Result<()> {
    let leads_from_here = [plan.from_version, plan.to_version].contains(&place.scenario_version);
    if plan.scenario_id == place.scenario_id && leads_from_here {
        return Ok(());
    }
    Err(Error::bad_argument(format!("plan {} is not for session {session_id}", plan.plan_id)).detail(format!(
        "The plan leads from version {} to {} of scenario {}; the session walks version {} of scenario {}.",
        plan.from_version, plan.to_version, plan.scenario_id, place.scenario_version, place.scenario_id
    )))
}

/// On a hot standby PostgreSQL would say only that it cannot assign a transaction id (XX000).
fn must_write(session_id: Uuid) -> Result<()> {
    // SAFETY: a variable of this backend, which has one thread.
    if unsafe { pg_sys::XactReadOnly } {
        return Err(Error::read_only(format!(
            "session {session_id} is to be migrated, and this transaction is read-only"
        ))
        .hint("Call reconcile_session on the primary; preview_reconciliation shows what it would do."));
    }
    Ok(())
}

/// Ids for a DETAIL: `a, b, c`, each once, or `none`; of a long list the beginning.
fn listed<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 20;
    let mut listed: Vec<&str> = Vec::new();
    for id in ids {
        if listed.contains(&id) {
            continue;
        }
        if listed.len() == MOST {
            return format!("{}, …", listed.join(", "));
        }
        listed.push(id);
    }
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}
