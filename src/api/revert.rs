//! Taking migrations back.

use crate::error::{required, tenant};
use crate::row::SessionRow;
use crate::store::audit::Author;
use crate::store::{plans, sessions, undo};
use crate::writer::revert::revert;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, check_for_interrupts, default};

#[pg_extern(requires = ["sessions"])]
fn revert_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    by: default!(Option<&str>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
) -> Result<SessionRow, ErrorReport> {
    let (tenant_id, session_id) = (tenant(tenant_id)?, required(session_id, "session_id")?);
    revert(tenant_id, session_id, Author { by, reason })?;
    Ok(sessions::row(tenant_id, session_id)?)
}

#[pg_extern]
#[allow(clippy::type_complexity)]
fn revert_plan(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
    only: default!(Option<Vec<Uuid>>, "NULL"),
    by: default!(Option<&str>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(session_id, Uuid),
            name!(reverted, bool),
            name!(scenario_version, Option<i32>),
            name!(step_id, Option<String>),
            name!(problem, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    plans::by_id(tenant_id, plan_id)?;
    let mut rows = Vec::new();
    for session_id in undo::to_revert(tenant_id, plan_id, only)? {
        check_for_interrupts!();
        // The error of one session is its problem alone, whoever raised it.
        let attempt = undo::try_revert(tenant_id, session_id, by, reason)?;
        let is_reverted = attempt.problem.is_none();
        rows.push((session_id, is_reverted, attempt.scenario_version, attempt.step_id, attempt.problem));
    }
    Ok(TableIterator::new(rows))
}
