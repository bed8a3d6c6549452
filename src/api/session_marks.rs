//! The sessions that a plan concerns, for deployments and for the procedures of batch migration.

use crate::error::{required, tenant};
use crate::json::Json;
use crate::session_marks;
use crate::store::plan_sessions::{self, PageCursor, SessionsToMark};
use crate::store::plans;
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::plan::PlanStatus;

#[pg_extern]
#[allow(clippy::type_complexity)]
fn mark_batch(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
    after_step_id: Option<&str>,
    after_session_id: Option<Uuid>,
    batch_size: Option<i32>,
    run_id: Option<Uuid>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(looked_at, i32),
            name!(marked, i32),
            name!(failed, i32),
            name!(last_step_id, Option<String>),
            name!(last_session_id, Option<Uuid>),
        ),
    >,
    ErrorReport,
> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let after = PageCursor {
        step_id: required(after_step_id, "after_step_id")?.to_owned(),
        session_id: required(after_session_id, "after_session_id")?,
    };
    let plan = plans::by_id(tenant_id, plan_id)?;
    // An operator may have cancelled the plan meanwhile. Then it marks no session.
    if plan.status != PlanStatus::Deployed {
        return Ok(TableIterator::once((0, 0, 0, None, None)));
    }
    let (batch_size, run_id) = (required(batch_size, "batch_size")?, required(run_id, "run_id")?);
    let page = session_marks::mark_page(tenant_id, &plan, &after, batch_size, run_id)?;
    let (last_step_id, last_session_id) = page.last.map(|last| (last.step_id, last.session_id)).unzip();
    Ok(TableIterator::once((page.looked_at, page.marked, page.failed, last_step_id, last_session_id)))
}

#[pg_extern]
fn mark_together(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
    session_ids: Option<Vec<Uuid>>,
    step_ids: Option<Vec<String>>,
    anchor_hashes: Option<Vec<Option<String>>>,
    at_finished: Option<bool>,
) -> Result<i64, ErrorReport> {
    let plan = plans::by_id(tenant(tenant_id)?, required(plan_id, "plan_id")?)?;
    let (step_ids, anchor_hashes) = (required(step_ids, "step_ids")?, required(anchor_hashes, "anchor_hashes")?);
    let sessions = SessionsToMark {
        session_ids: required(session_ids, "session_ids")?,
        step_ids: step_ids.iter().map(String::as_str).collect(),
        anchor_hashes: anchor_hashes.iter().map(Option::as_deref).collect(),
    };
    let at_finished = required(at_finished, "at_finished")?;
    let marked = plan_sessions::mark_together(tenant(tenant_id)?, &plan, sessions, at_finished)?;
    Ok(marked.cast_signed())
}

#[pg_extern]
fn mark_steps(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
    anchor_hashes: Option<Json>,
    left_out: Option<Vec<String>>,
) -> Result<i64, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let (anchor_hashes, left_out) = (required(anchor_hashes, "anchor_hashes")?, required(left_out, "left_out")?);
    Ok(plan_sessions::mark_at_steps(tenant_id, &plans::by_id(tenant_id, plan_id)?, anchor_hashes, &left_out)?)
}

#[pg_extern(stable, parallel_restricted)]
fn count_sessions_to_mark(tenant_id: Option<Uuid>, plan_id: Option<Uuid>) -> Result<i64, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    Ok(plan_sessions::count_to_mark(tenant_id, &plans::by_id(tenant_id, plan_id)?)?)
}
