//! Reconcile and preview: the same engine, with and without writing.

use crate::error::{required, tenant};
use crate::json::Json;
use crate::turn;
use crate::turn::result::Reconciliation;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

#[pg_extern(requires = ["reconciliation"])]
fn reconcile_session(tenant_id: Option<Uuid>, session_id: Option<Uuid>) -> Result<Reconciliation, ErrorReport> {
    let turn = turn::reconcile(tenant(tenant_id)?, required(session_id, "session_id")?)?;
    Ok(turn.into_row())
}

#[pg_extern(stable, parallel_restricted, requires = ["reconciliation"])]
fn preview_reconciliation(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    plan_id: default!(Option<Uuid>, "NULL"),
) -> Result<Reconciliation, ErrorReport> {
    let turn = turn::preview(tenant(tenant_id)?, required(session_id, "session_id")?, plan_id)?;
    Ok(turn.into_row())
}

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
