//! What the procedures of batch migration, and retention, ask of Rust.

use crate::batch::{self, Counts};
use crate::error::{Error, required, tenant};
use crate::lifecycle;
use crate::settings;
use crate::store::plans;
use crate::store::sessions::{self, Locked};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgSqlErrorCode, Uuid, pg_sys};
use scenario_engine::plan::PlanStatus;

#[pg_extern]
fn begin_batch(tenant_id: Option<Uuid>, plan_id: Option<Uuid>, procedure: Option<&str>) -> Result<(), ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let procedure = required(procedure, "procedure")?;
    // SAFETY: reads the state of this backend's transaction.
    if unsafe { pg_sys::IsTransactionBlock() } {
        let message = format!("{procedure} cannot run inside a transaction block");
        return Err(ErrorReport::new(PgSqlErrorCode::ERRCODE_ACTIVE_SQL_TRANSACTION, message, "pg_scenario")
            .set_detail("It commits after each batch.")
            .set_hint("CALL it by itself, in autocommit mode."));
    }
    if !settings::enabled() {
        return Err(Error::wrong_state(format!("{procedure} does nothing while scenario.enabled is off"))
            .hint("SET scenario.enabled = on.")
            .into());
    }
    let plan = plans::by_id(tenant_id, plan_id)?;
    lifecycle::require_status(&plan, &[PlanStatus::Deployed], "it has no sessions to work on", procedure)?;
    Ok(())
}

#[pg_extern]
fn lock_marked_sessions(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
    after_session_id: Option<Uuid>,
    batch_size: Option<i32>,
    session_ids: Option<Vec<Uuid>>,
    skip_locked: Option<bool>,
) -> Result<Vec<Uuid>, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let (after, size) = (required(after_session_id, "after_session_id")?, required(batch_size, "batch_size")?);
    Ok(match session_ids {
        Some(session_ids) => sessions::lock_marked_of(tenant_id, plan_id, session_ids)?,
        None => {
            let locked = if required(skip_locked, "skip_locked")? { Locked::Skip } else { Locked::Refuse };
            sessions::lock_marked(tenant_id, plan_id, after, size, locked)?
        }
    })
}

#[pg_extern]
#[allow(clippy::type_complexity)]
fn migrate_page(
    tenant_id: Option<Uuid>,
    session_ids: Option<Vec<Uuid>>,
) -> Result<
    TableIterator<
        'static,
        (name!(applied, i32), name!(deferred, i32), name!(pinned, i32), name!(exited, i32), name!(blocked, i32)),
    >,
    ErrorReport,
> {
    let (tenant_id, session_ids) = (tenant(tenant_id)?, required(session_ids, "session_ids")?);
    let counts = batch::migrate_page(tenant_id, &session_ids)?;
    let Counts { applied, deferred, pinned, exited, blocked } = counts;
    Ok(TableIterator::once((applied, deferred, pinned, exited, blocked)))
}

// SQL asks Rust for the settings, so that they are defined and checked.
#[pg_extern(stable, parallel_safe)]
fn retention_days(what: Option<&str>) -> Result<i32, ErrorReport> {
    match required(what, "what")? {
        "version" => Ok(settings::version_retention_days()),
        "plan" => Ok(settings::plan_retention_days()),
        other => Err(Error::bad_argument(format!("there is no retention of \"{other}\""))
            .hint("There is one of version and one of plan.")
            .into()),
    }
}
