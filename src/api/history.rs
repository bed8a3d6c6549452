//! What the triggers of `sessions` ask of a session's history.

use crate::error::{required, tenant};
use crate::history::{self, VersionedStep};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Keeps the checkpoints that a session has passed without a visit, since it begins in the middle of a version. For
/// the trigger of `sessions`.
///
/// Arguments: tenant, session, scenario, version, the step at which it begins. Result: none. Errors: P0002 for an
/// unknown version, 22023 for NULL. Writes passed_at_start.
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

/// Whether a session that arrives at a required action had it done before its last move. For the trigger of
/// `sessions`, before the visit is written.
///
/// Arguments: tenant, session, scenario, version and step that it comes from, version and step at which it arrives.
/// Result: boolean. Errors: P0002 for an unknown version, 22023 for NULL. Only reads.
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
    Ok(history::is_done_on_arrival(tenant_id, session_id, scenario_id, from, to)?)
}
