//! Sessions that begin and go on by themselves: the convenient way beside plain SQL.

use super::listed;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::row::SessionRow;
use crate::store::sessions::{self, Advance, Start};
use crate::store::steps;
use pgrx::Uuid;

/// What a visit says of an arrival for which the caller gave no reason.
pub const DEFAULT_REASON: &str = "advance";

/// Starts a session at the entry of the published version, or at the step that is given.
pub fn start(tenant_id: Uuid, start: Start<'_>) -> Result<SessionRow> {
    check_variables(start.variables.as_ref())?;
    let session_id = start.session_id;
    sessions::insert(tenant_id, start)?;
    sessions::row(tenant_id, session_id)
}

/// Goes on by a transition of the session's step.
pub fn advance(tenant_id: Uuid, session_id: Uuid, to: &Advance<'_>) -> Result<SessionRow> {
    if let Some(turn) = to.turn_number.filter(|turn| *turn < 0) {
        return Err(Error::bad_argument(format!("turn_number {turn} is negative")));
    }
    if let Some(confidence) = to.confidence {
        check_confidence(confidence)?;
    }
    sessions::lock(tenant_id, session_id)?;
    let state = sessions::look(tenant_id, session_id)?;
    if state.status != "active" {
        return Err(Error::wrong_state(format!("session {session_id} is {} and cannot advance", state.status))
            .detail("Only an active session walks on.")
            .hint("Make it active first: UPDATE scenario.sessions SET status = 'active' …."));
    }
    let place = state.place(session_id)?;
    let allowed = steps::onward(tenant_id, place.scenario_id, place.scenario_version, &place.step_id)?;
    if !allowed.iter().any(|step_id| step_id == to.to_step_id) {
        let version = place.scenario_version;
        return Err(Error::bad_argument(format!(
            "no transition leads from step \"{}\" to step \"{}\" in version {version}",
            place.step_id, to.to_step_id
        ))
        .detail(format!("Transitions lead to: {}.", listed(allowed.iter().map(String::as_str))))
        .hint("To put a session anywhere, UPDATE scenario.sessions SET step_id = …."));
    }
    sessions::advance(tenant_id, session_id, to)?;
    sessions::row(tenant_id, session_id)
}

/// Variables are an object.
pub fn check_variables(variables: Option<&Json>) -> Result<()> {
    if variables.is_some_and(|variables| !variables.as_str().starts_with('{')) {
        return Err(Error::bad_argument("variables must be a JSON object: name → value"));
    }
    Ok(())
}

/// A confidence lies from 0 to 1.
pub fn check_confidence(confidence: f64) -> Result<()> {
    // Not `contains` negated the other way round: NaN is in no range.
    if (0.0..=1.0).contains(&confidence) {
        return Ok(());
    }
    Err(Error::bad_argument(format!("confidence {confidence} is not between 0 and 1")))
}
