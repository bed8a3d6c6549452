//! What the procedures of batch migration ask of Rust (SPEC 6, 12): they are `sql/install/73_batches.sql` and
//! `74_batch_procedures.sql`.

use crate::error::{Error, required, tenant};
use crate::lifecycle;
use crate::settings;
use crate::store::{grafts, plans};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgSqlErrorCode, Uuid, pg_sys};
use scenario_engine::plan::PlanStatus;

/// Refuses to begin a batch run where it could not work (SPEC 12).
///
/// Arguments: tenant, plan, name of the procedure. Result: none. Errors: 25001 inside a transaction block; P0002 for an
/// unknown plan; 55000 if it is not deployed or `scenario.enabled` is off; 22023 for NULL. Writes nothing.
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

/// The steps of a plan whose sessions are moved in silence, whoever they are (SPEC 12).
///
/// Arguments: tenant, plan. Result: rows of old step, new step, anchor, reason; none while `scenario.log_clean_grafts` is on,
/// since then each is to be logged by itself. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn graft_steps(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(old_step_id, String),
            name!(new_step_id, String),
            name!(anchor_content_hash, String),
            name!(reason, String),
        ),
    >,
    ErrorReport,
> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let plan = plans::by_id(tenant_id, plan_id)?;
    let grafts = if settings::log_clean_grafts() { Vec::new() } else { grafts::of_plan(tenant_id, &plan)? };
    let rows = grafts.into_iter().map(|g| (g.old_step_id, g.new_step_id, g.anchor_content_hash, g.reason));
    Ok(TableIterator::new(rows))
}

/// A setting of retention, as it counts here and now: asking Rust has the settings defined and checked.
///
/// Arguments: `version` or `plan`. Result: days. Errors: 22023 for NULL or another word. Writes nothing.
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

extension_sql_file!(
    "../../sql/install/80_batch_functions.sql",
    name = "batch_functions",
    requires = [begin_batch, graft_steps, retention_days]
);
