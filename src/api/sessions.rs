//! Sessions: starting and walking on.

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

/// Starts a session: `start_session(tenant_id, session_id, scenario_id [, channel, customer_id, variables, step_id])`.
///
/// * `variables`: a JSON object, default `{}`. `step_id`: default the entry step of the published version.
///
/// Returns the session's row. Errors: P0002 for a scenario or a step that does not exist, 55000 for a scenario with no
/// published version, 23505 for a session id that is taken, 22023 for NULL or variables that are no object. Writes the session
/// and its first visit.
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

/// Takes a session to the next step: `advance_session(tenant_id, session_id, to_step_id [, turn_number, reason,
/// confidence])`.
///
/// * `turn_number`: the turn of the conversation, kept as `turn_count`; default as it is. `reason`: for the visit, default
///   `advance`. `confidence`: 0 to 1.
///
/// Returns the session's row. Errors: P0002 for a session that does not exist, 22023 if no transition leads there (DETAIL
/// lists those that there are) or for NULL, 55000 for a session that is not active or in no scenario. Writes the session and a
/// visit, also for a transition that leads back to the same step.
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

/// The ways on from the step where a session stands: `next_steps(tenant_id, session_id)`.
///
/// Returns a row for each transition of the step, in the order in which they are tried: the step that it leads to, its
/// condition and the condition's kind, whether it holds (`true`, `false`, `unknown`) by the session's variables and the
/// customer's profile, the fields that it lacks, whether it would be taken now, and whether the action of its step was
/// done already. No rows for a session in no scenario. Errors: P0002 for a session that does not exist, 22023 for NULL.
/// Asks nobody; writes nothing.
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

/// Starts a session that began elsewhere, with its history: `import_session(tenant_id, session_id, scenario_id,
/// scenario_version, step_id, visits [, channel, customer_id, variables])`.
///
/// * `visits`: an array of `{step_id, scenario_version, entered_at, turn_number}`, oldest first, the last one where
///   the session is. Only `step_id` is needed: a version that is left out is the session's, a time and a turn are
///   those of the visit before. An empty array: the session arrives at its step now.
///
/// Returns the session's row. Errors: P0002 for a scenario, or a version or a step of a visit, that does not exist or
/// is not kept any more, or is a draft; 22023 for visits that cannot be read, are not in order or do not end at the
/// session's step, and for NULL; 23505 for a session id that is taken. Writes the session, its visits and, if the
/// first of them is not at the entry of its version, passed_at_start.
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
