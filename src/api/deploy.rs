//! Publishing and deploying.

use crate::acts;
use crate::error::{required, tenant};
use crate::json::Json;
use crate::publishing;
use crate::store::{plan_sessions, plans, progress};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

#[pg_extern]
#[allow(clippy::type_complexity)]
fn deploy_migration_plan(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
    deployed_by: default!(Option<String>, "NULL"),
) -> Result<
    TableIterator<
        'static,
        (
            name!(plan_id, pgrx::Uuid),
            name!(sessions_marked, i64),
            name!(sessions_by_anchor, Json),
            name!(deployed_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    publishing::deploy_plan(tenant_id, plan_id, deployed_by.as_deref())?;
    let (by_anchor, marked) = plan_sessions::marks_by_anchor(tenant_id, plan_id)?;
    let deployed_at = plans::deployed_at(tenant_id, plan_id)?;
    Ok(TableIterator::once((plan_id, marked, by_anchor, deployed_at)))
}

#[pg_extern]
fn cancel_deployment(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
    cancelled_by: default!(Option<String>, "NULL"),
) -> Result<i64, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    Ok(publishing::cancel(tenant_id, plan_id, cancelled_by.as_deref())?)
}

#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn deployment_status(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(plan_id, pgrx::Uuid),
            name!(status, String),
            name!(marked, i64),
            name!(applied, i64),
            name!(pending, i64),
            name!(pinned, i64),
            name!(collecting, i64),
            name!(waiting_action, i64),
            name!(waiting_decision, i64),
            name!(checkpoint_blocks, i64),
            name!(exits, i64),
            name!(by_scenario, Json),
            name!(by_action, Json),
            name!(last_applied_at, Option<TimestampWithTimeZone>),
        ),
    >,
    ErrorReport,
> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let p = progress::of_plan(tenant_id, plan_id)?;
    Ok(TableIterator::once((
        plan_id,
        p.status,
        p.marked,
        p.applied,
        p.pending,
        p.pinned,
        p.collecting,
        p.waiting_action,
        p.waiting_decision,
        p.checkpoint_blocks,
        p.exits,
        p.by_scenario,
        p.by_action,
        p.last_applied_at,
    )))
}

#[pg_extern]
fn on_publish(
    tenant_id: Option<pgrx::Uuid>,
    scenario_id: Option<pgrx::Uuid>,
    old_version: Option<i32>,
    new_version: Option<i32>,
    published_by: default!(Option<&str>, "NULL"),
) -> Result<(), ErrorReport> {
    let (tenant_id, scenario_id) = (tenant(tenant_id)?, required(scenario_id, "scenario_id")?);
    let new_version = required(new_version, "new_version")?;
    Ok(publishing::on_publish(tenant_id, scenario_id, old_version, new_version, published_by)?)
}

#[pg_extern]
fn keep_acts(
    tenant_id: Option<pgrx::Uuid>,
    scenario_id: Option<pgrx::Uuid>,
    old_version: Option<i32>,
    new_version: Option<i32>,
) -> Result<(), ErrorReport> {
    let (tenant_id, scenario_id) = (tenant(tenant_id)?, required(scenario_id, "scenario_id")?);
    Ok(acts::keep_published(tenant_id, scenario_id, old_version, required(new_version, "new_version")?)?)
}
