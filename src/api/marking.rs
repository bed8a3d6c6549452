//! The sessions that a plan concerns, for the procedures and functions of `sql/install/71_simulation.sql` and
//! `74_batch_procedures.sql`.

use crate::error::{required, tenant};
use crate::marking;
use crate::store::plan_sessions::{self, Position};
use crate::store::plans;
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::plan::PlanStatus;

/// Marks one page of sessions, for `mark_sessions`.
///
/// Arguments: tenant, plan, step and session after which the page begins, how many.
/// Result: one row: looked_at (locked sessions left out), marked, step and session of the last one of the page (NULL:
/// there was none). Errors: P0002 for an unknown plan; 22023 for NULL. Writes sessions (marks only), migration_plans.
#[pg_extern]
#[allow(clippy::type_complexity)]
fn mark_batch(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
    after_step_id: Option<&str>,
    after_session_id: Option<Uuid>,
    batch_size: Option<i32>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(looked_at, i32),
            name!(marked, i32),
            name!(last_step_id, Option<String>),
            name!(last_session_id, Option<Uuid>),
        ),
    >,
    ErrorReport,
> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let after = Position {
        step_id: required(after_step_id, "after_step_id")?.to_owned(),
        session_id: required(after_session_id, "after_session_id")?,
    };
    let plan = plans::by_id(tenant_id, plan_id)?;
    // An operator may have cancelled the plan meanwhile: then it marks nobody.
    if plan.status != PlanStatus::Deployed {
        return Ok(TableIterator::once((0, 0, None, None)));
    }
    let page = marking::mark_page(tenant_id, &plan, &after, required(batch_size, "batch_size")?)?;
    let (last_step_id, last_session_id) = page.last.map(|last| (last.step_id, last.session_id)).unzip();
    Ok(TableIterator::once((page.looked_at, page.marked, last_step_id, last_session_id)))
}

/// How many sessions `mark_sessions` looks at: those that the plan concerns, that have no mark of it and were not
/// pinned since it was deployed.
///
/// Arguments: tenant, plan. Result: sessions. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
#[pg_extern(stable, parallel_restricted)]
fn count_sessions_to_mark(tenant_id: Option<Uuid>, plan_id: Option<Uuid>) -> Result<i64, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    Ok(plan_sessions::count_to_mark(tenant_id, &plans::by_id(tenant_id, plan_id)?)?)
}

/// The sessions that a simulation of a plan shows: those that it concerns (active or paused, and at its old version as
/// that is stored), finished ones that a policy reopens, and those of older versions whose chain leads through the plan.
///
/// Arguments: tenant, plan. Result: their ids. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
#[pg_extern(stable, parallel_restricted)]
fn plan_session_ids(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
) -> Result<SetOfIterator<'static, Uuid>, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    Ok(SetOfIterator::new(marking::ids_to_simulate(tenant_id, &plans::by_id(tenant_id, plan_id)?)?))
}

extension_sql_file!(
    "../../sql/install/82_marking_functions.sql",
    name = "marking_functions",
    requires = [mark_batch, count_sessions_to_mark, plan_session_ids]
);
