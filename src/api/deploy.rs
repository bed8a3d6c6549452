//! Publishing and deploying: phase 1, mark (SPEC section 6).

use crate::acts;
use crate::error::{required, tenant};
use crate::json::Json;
use crate::publishing;
use crate::store::{plan_sessions, plans, progress};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

/// Deploys a plan: publishes its version, unless it is published already, and marks its sessions (SPEC 6).
///
/// Arguments: tenant, plan; optionally who deploys (else the login). Result: one row: plan_id, sessions_marked,
/// sessions_by_anchor (anchor's content hash, or `none` for a deleted step with nowhere to go → sessions), deployed_at.
/// Errors: P0002 for an unknown plan; 55000 if it is not approved (or pending, with `require_approval` off), is stale, or
/// does not start at the published version; 22023 for NULL. Writes scenarios, scenario_versions, migration_plans, sessions
/// (marks only).
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

/// Stops a deployment ("Publishing and deploying"): the plan is cancelled, its marks are void, and everybody whose way
/// leads over it is pinned at their next turn. Those that it has migrated stay where they are. Waits for no session.
///
/// Arguments: tenant, plan; optionally who cancels (else the login). Result: sessions whose mark is void now. Errors:
/// P0002 for an unknown plan; 55000 if it is not deployed; 22023 for NULL. Writes migration_plans, scenarios.
#[pg_extern]
fn cancel_deployment(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
    cancelled_by: default!(Option<String>, "NULL"),
) -> Result<i64, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    Ok(publishing::cancel(tenant_id, plan_id, cancelled_by.as_deref())?)
}

/// How far a deployment has come, counted from sessions and audit rows (SPEC 6).
///
/// Arguments: tenant, plan. Result: one row, all counts in sessions: marked (marks that it has set), applied, pending
/// (marked now, and the plan is deployed), pinned (now, by the plan or at its old version), collecting (pending and
/// waiting for the customer), waiting_action, waiting_decision, checkpoint_blocks, exits, by_scenario (applied),
/// by_action, last_applied_at. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
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

/// What belongs to publishing (SPEC 6): deploys the plan between the two versions and marks sessions. For the trigger of
/// `scenarios`, which moves the statuses of the versions after it.
///
/// Arguments: tenant, scenario, the version published before (NULL: none), the version published now; optionally who
/// publishes (else the login). Result: none. Errors: 55000 if sessions walk the old version and no plan is approved, or
/// the plan is stale; 22023 for NULL. Writes migration_plans, plan_anchors, sessions (marks only).
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

/// Keeps what the steps of a version that has just been published said, and which acts they stand for: for the
/// trigger of `scenarios`, in the publishing transaction.
///
/// Arguments: tenant, scenario, the version published before (NULL: none), the version published now. Result: none.
/// Errors: P0002 for an unknown scenario or version; 22023 for NULL. Writes acts, act_pairs, scenarios
/// (acts_revision).
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
