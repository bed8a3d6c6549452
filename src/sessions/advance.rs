//! A session that goes on by a transition of its version.

use crate::error::{Error, MOVE_HINT, Result, listed};
use crate::row::SessionRow;
use crate::store::sessions::{self, Advance};
use crate::store::steps;
use pgrx::Uuid;

/// What a visit says of an arrival for which the caller gave no reason.
pub const DEFAULT_REASON: &str = "advance";

/// Goes on by a transition of the session's step.
pub fn advance(tenant_id: Uuid, session_id: Uuid, to: &Advance<'_>) -> Result<SessionRow> {
    if let Some(turn) = to.turn_number.filter(|turn| *turn < 0) {
        return Err(Error::bad_argument(format!("turn_number {turn} is negative")));
    }
    if let Some(confidence) = to.confidence {
        check_confidence(confidence)?;
    }
    sessions::lock(tenant_id, session_id)?;
    let state = sessions::read(tenant_id, session_id)?;
    if state.status != "active" {
        return Err(Error::wrong_state(format!("session {session_id} is {} and cannot advance", state.status))
            .detail("Only an active session walks on.")
            .hint("Make it active first: UPDATE scenario.sessions SET status = 'active' …."));
    }
    let position = state.require_position(session_id)?;
    let allowed = steps::next_step_ids(tenant_id, position.scenario_id, position.scenario_version, &position.step_id)?;
    if !allowed.iter().any(|step_id| step_id == to.to_step_id) {
        let version = position.scenario_version;
        return Err(Error::bad_argument(format!(
            "no transition leads from step \"{}\" to step \"{}\" in version {version}",
            position.step_id, to.to_step_id
        ))
        .detail(format!("Transitions lead to: {}.", listed(allowed.iter().map(String::as_str))))
        .hint(MOVE_HINT));
    }
    sessions::advance(tenant_id, session_id, to)?;
    sessions::row(tenant_id, session_id)
}

/// A confidence lies from 0 to 1.
pub fn check_confidence(confidence: f64) -> Result<()> {
    // Not `contains` negated the other way round: NaN is in no range.
    if (0.0..=1.0).contains(&confidence) {
        return Ok(());
    }
    Err(Error::bad_argument(format!("confidence {confidence} is not between 0 and 1")))
}
