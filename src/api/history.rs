//! What the triggers of `sessions` ask of a session's history.

use crate::error::{required, tenant};
use crate::history::{self, SessionMove, VersionedStep};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

#[pg_extern]
fn begin_in_the_middle(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    scenario_id: Option<Uuid>,
    scenario_version: Option<i32>,
    step_id: Option<&str>,
) -> Result<(), ErrorReport> {
    let (tenant_id, session_id) = (tenant(tenant_id)?, required(session_id, "session_id")?);
    let scenario_id = required(scenario_id, "scenario_id")?;
    let scenario_version = required(scenario_version, "scenario_version")?;
    let step_id = required(step_id, "step_id")?;
    Ok(history::begin_in_the_middle(tenant_id, session_id, scenario_id, scenario_version, step_id)?)
}

#[pg_extern(volatile, parallel_restricted)]
#[allow(clippy::too_many_arguments)]
fn is_already_done(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    scenario_id: Option<Uuid>,
    old_version: Option<i32>,
    old_step_id: Option<&str>,
    scenario_version: Option<i32>,
    step_id: Option<&str>,
    is_move: Option<bool>,
) -> Result<bool, ErrorReport> {
    let (tenant_id, session_id) = (tenant(tenant_id)?, required(session_id, "session_id")?);
    let scenario_id = required(scenario_id, "scenario_id")?;
    let from = VersionedStep {
        scenario_version: required(old_version, "old_version")?,
        step_id: required(old_step_id, "old_step_id")?,
    };
    let to = VersionedStep {
        scenario_version: required(scenario_version, "scenario_version")?,
        step_id: required(step_id, "step_id")?,
    };
    let is_move = required(is_move, "is_move")?;
    let arrival = SessionMove { tenant_id, session_id, scenario_id, from: Some(from), to, plan_ids: &[] };
    Ok(history::is_done_on_arrival(&arrival, is_move)?)
}
