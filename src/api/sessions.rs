//! Sessions: starting, advancing and importing.

use crate::error::{required, tenant};
use crate::json::Json;
use crate::row::SessionRow;
use crate::sessions::advance::{DEFAULT_REASON, advance};
use crate::sessions::import::{ImportRequest, import};
use crate::sessions::next_steps;
use crate::sessions::start::start;
use crate::store::sessions::{Advance, Start};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

#[pg_extern(requires = ["sessions"])]
#[allow(clippy::too_many_arguments)]
fn start_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    scenario_id: Option<Uuid>,
    channel: default!(Option<&str>, "NULL"),
    customer_id: default!(Option<Uuid>, "NULL"),
    variables: default!(Option<Json>, "NULL"),
    step_id: default!(Option<&str>, "NULL"),
) -> Result<SessionRow, ErrorReport> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let scenario_id = required(scenario_id, "scenario_id")?;
    Ok(start(tenant_id, Start { session_id, scenario_id, channel, customer_id, variables, step_id })?)
}

#[pg_extern(requires = ["sessions"])]
fn advance_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    to_step_id: Option<&str>,
    turn_number: default!(Option<i32>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
    confidence: default!(Option<f64>, "NULL"),
) -> Result<SessionRow, ErrorReport> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let to_step_id = required(to_step_id, "to_step_id")?;
    let reason = reason.unwrap_or(DEFAULT_REASON);
    Ok(advance(tenant_id, session_id, &Advance { to_step_id, turn_number, reason, confidence })?)
}

#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn next_steps(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(to_step_id, String),
            name!(to_step_name, String),
            name!(condition_text, String),
            name!(condition_kind, &'static str),
            name!(truth, &'static str),
            name!(missing_fields, Vec<String>),
            name!(taken, bool),
            name!(already_done, bool),
        ),
    >,
    ErrorReport,
> {
    let rows =
        next_steps::of_session(tenant(tenant_id)?, required(session_id, "session_id")?)?.into_iter().map(|next| {
            let step = next.step;
            let truth = match step.holds {
                Some(true) => "true",
                Some(false) => "false",
                None => "unknown",
            };
            (
                step.to_step_id,
                step.to_step_name,
                step.condition_text,
                step.condition_kind.as_str(),
                truth,
                step.missing_fields,
                step.taken,
                next.already_done,
            )
        });
    Ok(TableIterator::new(rows))
}

#[pg_extern(requires = ["sessions"])]
#[allow(clippy::too_many_arguments)]
fn import_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    scenario_id: Option<Uuid>,
    scenario_version: Option<i32>,
    step_id: Option<&str>,
    visits: Option<Json>,
    channel: default!(Option<&str>, "NULL"),
    customer_id: default!(Option<Uuid>, "NULL"),
    variables: default!(Option<Json>, "NULL"),
) -> Result<SessionRow, ErrorReport> {
    let request = ImportRequest {
        tenant_id: tenant(tenant_id)?,
        session_id: required(session_id, "session_id")?,
        scenario_id: required(scenario_id, "scenario_id")?,
        scenario_version: required(scenario_version, "scenario_version")?,
        step_id: required(step_id, "step_id")?,
        visits: required(visits, "visits")?,
        channel,
        customer_id,
        variables,
    };
    Ok(import(request)?)
}
