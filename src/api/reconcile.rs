//! Reconcile and preview: the same engine, with and without writing.

use crate::error::{required, tenant};
use crate::json::Json;
use crate::turn;
use crate::turn::result::Reconciliation;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

/// What a backend calls before every turn: `reconcile_session(tenant_id, session_id)`.
///
/// Returns one row ("Results" in docs/behaviour.md): what to do with the turn, and what for. Errors: P0002 for a
/// session that does not exist, 22023 for NULL, 25006 if a migration is to be applied in a read-only transaction.
/// Where there is nothing to do it writes nothing, locks nothing and takes no transaction id ("What is due"); else it
/// locks the session and writes session, visit, profile and audit row together, at most once however many callers
/// race.
#[pg_extern(requires = ["reconciliation"])]
fn reconcile_session(tenant_id: Option<Uuid>, session_id: Option<Uuid>) -> Result<Reconciliation, ErrorReport> {
    let turn = turn::reconcile(tenant(tenant_id)?, required(session_id, "session_id")?)?;
    Ok(turn.into_row())
}

/// What `reconcile_session` would say: `preview_reconciliation(tenant_id, session_id [, plan_id])`.
///
/// * `plan_id`: as if this plan were deployed, whatever its status; default: as things are.
///
/// Returns the row of `reconcile_session`. Errors: P0002 for a session or a plan that does not exist, 22023 for a plan that is
/// not for the session's version, or for NULL. Writes nothing; works in a read-only transaction and on a hot standby.
#[pg_extern(stable, parallel_restricted, requires = ["reconciliation"])]
fn preview_reconciliation(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    plan_id: default!(Option<Uuid>, "NULL"),
) -> Result<Reconciliation, ErrorReport> {
    let turn = turn::preview(tenant(tenant_id)?, required(session_id, "session_id")?, plan_id)?;
    Ok(turn.into_row())
}

/// Why: the replay as a story, `explain_reconciliation(tenant_id, session_id [, plan_id])`.
///
/// * `plan_id`: as for `preview_reconciliation`.
///
/// Returns a row for each thing that happened on the walk, in order: seq from 1, the step of the new version, event, detail.
/// Never a field's value. Errors and writes as `preview_reconciliation`.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn explain_reconciliation(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    plan_id: default!(Option<Uuid>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(seq, i32),
            name!(step_id, Option<String>),
            name!(step_name, Option<String>),
            name!(event, String),
            name!(detail, Json),
        ),
    >,
    ErrorReport,
> {
    let turn = turn::preview(tenant(tenant_id)?, required(session_id, "session_id")?, plan_id)?;
    Ok(TableIterator::new(turn.into_trace()))
}
