//! One turn of one session: read, decide, and for `reconcile_session` write. Previews and batches decide here too, and
//! so all of them ask the same engine.

mod announce;
pub mod common_move;
mod considered_plan;
mod prompts;
mod requests;
pub mod result;
pub mod simulation;

pub use announce::announce;

use crate::error::{Error, Result};
use crate::facts::{PlanFacts, SessionFacts};
use crate::json::Json;
use crate::settings;
use crate::store::audit;
use crate::store::plans;
use crate::store::sessions::{self, Position, SessionPin, SessionState};
use crate::writer;
use considered_plan::ConsideredPlan;
use pgrx::{Uuid, pg_sys};
use scenario_engine::plan::{PlanRef, Way, pin_has_ended};
use scenario_engine::reconcile::{self, Decision, Effect, Settings};
use std::borrow::Cow;
use std::time::Instant;

/// The outcome of a turn.
pub enum Turn {
    /// Go on where you are.
    Settled {
        step_id: Option<String>,
        scenario_version: Option<i32>,
        reason: Cow<'static, str>,
        /// For [`preview`]: why the session stays on its version.
        pin: Option<ExplainedPin>,
    },
    Decided(Box<DecisionWithPrompts>),
}

/// A decision, with what a backend needs to act on it.
pub struct DecisionWithPrompts {
    pub decision: Decision,
    /// One object a field to ask for or to have confirmed.
    pub prompts: Json,
}

/// A pin, with the sentence that was recorded when it was set.
pub struct ExplainedPin {
    pub pinned: SessionPin,
    pub why: Option<String>,
}

const SWITCHED_OFF: &str = "scenario.enabled is off";
const NOTHING_TO_DO: &str = "nothing to do";

/// What there is to do for a session, before anything of it is written.
enum Due {
    /// It is not due.
    Nothing,
    /// It is due and pinned, and nothing that was deployed since ends its pin.
    Pinned,
    Decided(Box<(Decision, SessionFacts)>),
}

/// What is written for it.
#[derive(PartialEq, Eq)]
enum Writes {
    Nothing,
    /// The count of deployments that the session has seen. Where that cannot be written, the next turn decides again.
    CountAlone,
    Everything,
}

impl Due {
    fn of(tenant_id: Uuid, state: &SessionState) -> Result<Due> {
        let Some(position) = state.position.as_ref().filter(|_| !state.settled) else { return Ok(Due::Nothing) };
        let plans = PlanFacts::at(tenant_id, position);
        if is_pinned(state, position, &plans)? {
            return Ok(Due::Pinned);
        }
        let way = way_to_published(position, &plans)?;
        let facts = SessionFacts::of(tenant_id, state, position, plans);
        Due::decide(state, position, way, &settings::engine_settings(), facts)
    }

    fn decide(
        state: &SessionState,
        position: &Position,
        way: WayTo,
        settings: &Settings,
        mut facts: SessionFacts,
    ) -> Result<Due> {
        let decision = decide(state, position, way, settings, &mut facts)?;
        Ok(Due::Decided(Box::new((decision, facts))))
    }

    fn writes(&self) -> Writes {
        match self {
            Due::Nothing => Writes::Nothing,
            Due::Pinned => Writes::CountAlone,
            Due::Decided(decided) => match decided.0.effect {
                Effect::None => Writes::Nothing,
                Effect::Settle => Writes::CountAlone,
                Effect::Pin | Effect::Move | Effect::Wait(_) | Effect::Exit => Writes::Everything,
            },
        }
    }

    fn into_turn(self, state: &SessionState) -> Result<Turn> {
        match self {
            Due::Nothing => Ok(settled(state, NOTHING_TO_DO.into())),
            Due::Pinned => Ok(settled(state, pinned_because(state))),
            Due::Decided(decided) => {
                let (decision, mut facts) = *decided;
                let prompts = prompts::of(&decision, &mut facts)?;
                Ok(Turn::Decided(Box::new(DecisionWithPrompts { decision, prompts })))
            }
        }
    }
}

/// Applies whatever migration the session needs, at most once however many callers race ("What is due"). Errors: P0002
/// for a session that does not exist, 25006 if more than the count of deployments is to be written and the transaction
/// is read-only.
pub fn reconcile(tenant_id: Uuid, session_id: Uuid) -> Result<Turn> {
    if !settings::enabled() {
        return Ok(switched_off());
    }
    let check = sessions::check_due(tenant_id, session_id)?;
    if check.settled {
        let (step_id, scenario_version) = (check.step_id, check.scenario_version);
        return Ok(Turn::Settled { step_id, scenario_version, reason: NOTHING_TO_DO.into(), pin: None });
    }
    let started = Instant::now();
    if let Some(turn) = take_common_move(tenant_id, session_id, &check, started)? {
        return Ok(turn);
    }
    let seen = sessions::read(tenant_id, session_id)?;
    let due = Due::of(tenant_id, &seen)?;
    match due.writes() {
        Writes::Nothing => return due.into_turn(&seen),
        Writes::CountAlone if is_read_only() => return due.into_turn(&seen),
        Writes::CountAlone | Writes::Everything => require_writable(session_id)?,
    }
    if sessions::lock_if_unchanged(tenant_id, &seen)? {
        return apply(tenant_id, &seen, due, started);
    }
    // A caller that has waited for the lock finds what the other caller did.
    let locked = sessions::read(tenant_id, session_id)?;
    let due = Due::of(tenant_id, &locked)?;
    apply(tenant_id, &locked, due, started)
}

/// The turn of a session at a step where every session makes the same move: it is locked as it is read, and nothing
/// else is asked. `None` where this backend knows of no such move, or the session is not as it was found to be.
fn take_common_move(
    tenant_id: Uuid,
    session_id: Uuid,
    check: &sessions::DueCheck,
    started: Instant,
) -> Result<Option<Turn>> {
    if is_read_only() || !common_move::is_likely(tenant_id, check) {
        return Ok(None);
    }
    let Some(state) = sessions::lock_and_read(tenant_id, session_id, check)? else { return Ok(None) };
    let Some(position) = &state.position else { return Ok(None) };
    let Some(decision) = common_move::of_session(tenant_id, &state, position) else { return Ok(None) };
    let decision = decision.as_ref().clone();
    write_decision(tenant_id, &state, position, &decision, started)?;
    Ok(Some(Turn::Decided(Box::new(DecisionWithPrompts { decision, prompts: Json("[]".to_owned()) }))))
}

/// Writes what a decision says of a session that is locked.
fn write_decision(
    tenant_id: Uuid,
    state: &SessionState,
    position: &Position,
    decision: &Decision,
    started: Instant,
) -> Result<()> {
    let microseconds = Some(microseconds_since(started));
    let decided = writer::SessionDecision { state, position, decision, microseconds };
    writer::write(tenant_id, std::slice::from_ref(&decided))?;
    requests::keep(tenant_id, state, position, decision)?;
    announce(tenant_id, &decided)
}

/// Writes what there is to do for a session that is locked.
fn apply(tenant_id: Uuid, state: &SessionState, due: Due, started: Instant) -> Result<Turn> {
    match (due, &state.position) {
        (Due::Decided(decided), Some(position)) => {
            let (decision, mut facts) = *decided;
            let prompts = prompts::of(&decision, &mut facts)?;
            write_decision(tenant_id, state, position, &decision, started)?;
            if decision.effect == Effect::Move {
                // The next session at this place may find its move known.
                common_move::find(tenant_id, position, &PlanFacts::at(tenant_id, position))?;
            }
            Ok(Turn::Decided(Box::new(DecisionWithPrompts { decision, prompts })))
        }
        (Due::Pinned, Some(position)) => {
            writer::keep_pins(tenant_id, [(state, position)])?;
            Due::Pinned.into_turn(state)
        }
        (due, _) => due.into_turn(state),
    }
}

/// What [`reconcile`] would say now, a paused session taken as active, or once the plan `plan_id` was deployed. Writes
/// nothing. Errors: P0002 for a session or a plan that does not exist, 22023 for a plan that is not for the session.
pub fn preview(tenant_id: Uuid, session_id: Uuid, plan_id: Option<Uuid>) -> Result<Turn> {
    if !settings::enabled() {
        return Ok(switched_off());
    }
    let mut state = sessions::read(tenant_id, session_id)?;
    state.settled = state.settled_if_active;
    let plan = plan_id.map(|plan_id| plans::by_id(tenant_id, plan_id)).transpose()?;
    let due = match (plan, &state.position) {
        (Some(plan), Some(position)) if considered_plan::concerns(&state) => {
            let considered = ConsideredPlan::of(tenant_id, plan)?;
            let facts = || Ok(SessionFacts::of(tenant_id, &state, position, considered.plans.clone()));
            considered.due(&state, position, facts)?
        }
        _ => Due::of(tenant_id, &state)?,
    };
    let mut turn = due.into_turn(&state)?;
    if let (Turn::Settled { pin, .. }, Some(pinned)) = (&mut turn, state.pin) {
        *pin = Some(ExplainedPin { pinned, why: audit::why_pinned(tenant_id, session_id)? });
    }
    Ok(turn)
}

/// Whether the session is pinned, and nothing that was deployed since ends that.
pub fn is_pinned(state: &SessionState, position: &Position, plans: &PlanFacts) -> Result<bool> {
    Ok(has_pin_in_force(state, position, &plans.refs(position.scenario_id)?))
}

fn has_pin_in_force(state: &SessionState, position: &Position, plans: &[PlanRef]) -> bool {
    state.stored_pin().is_some_and(|pin| !pin_has_ended(&pin, position.scenario_version, plans))
}

fn pinned_because(state: &SessionState) -> Cow<'static, str> {
    let reason = state.pin.as_ref().map_or("operator", |pin| pin.reason.as_str());
    format!("pinned to its version ({reason}); nothing that was deployed since ends that").into()
}

/// Whole microseconds since then.
pub fn microseconds_since(began: Instant) -> i64 {
    i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX)
}

fn switched_off() -> Turn {
    Turn::Settled { step_id: None, scenario_version: None, reason: SWITCHED_OFF.into(), pin: None }
}

fn settled(state: &SessionState, reason: Cow<'static, str>) -> Turn {
    let position = state.position.as_ref();
    Turn::Settled {
        step_id: position.map(|p| p.step_id.clone()),
        scenario_version: position.map(|p| p.scenario_version),
        reason,
        pin: None,
    }
}

/// How a session comes to another version, and which.
pub type WayTo = (Way, i32);

/// How a session comes to the version that is published.
pub fn way_to_published(position: &Position, plans: &PlanFacts) -> Result<WayTo> {
    let way = plans.way(position.scenario_id, position.scenario_version, position.published_version)?;
    Ok((way, position.published_version))
}

/// Asks the engine for a decision. The session is not pinned ([`is_pinned`]).
pub fn decide(
    state: &SessionState,
    position: &Position,
    (way, to_version): WayTo,
    settings: &Settings,
    facts: &mut SessionFacts,
) -> Result<Decision> {
    let session = state.for_engine(position)?;
    let mut decision = reconcile::reconcile(&session, way, to_version, settings, facts)?;
    // Only a mark makes a finished session due. Where no policy reopens it, the mark has said what it could.
    if session.finished && decision.effect == Effect::None {
        decision.effect = Effect::Settle;
    }
    Ok(decision)
}

/// On a hot standby PostgreSQL would say only that it cannot assign a transaction id (XX000).
fn require_writable(session_id: Uuid) -> Result<()> {
    if is_read_only() {
        return Err(Error::read_only(format!(
            "session {session_id} is to be migrated, and this transaction is read-only"
        ))
        .hint("Call reconcile_session on the primary; preview_reconciliation shows what it would do."));
    }
    Ok(())
}

fn is_read_only() -> bool {
    // SAFETY: a variable of this backend, which has one thread.
    unsafe { pg_sys::XactReadOnly }
}
