//! Plans and policies.

use crate::error::{required, tenant};
use crate::json::Json;
use crate::lifecycle;
use crate::planning::{self, PlanRequest, PolicyRequest};
use crate::row::PlanRecord;
use crate::store::plans;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::plan::PlanStatus;

#[pg_extern]
fn build_migration_plan(
    tenant_id: Option<pgrx::Uuid>,
    scenario_id: Option<pgrx::Uuid>,
    to_version: Option<i32>,
    from_version: default!(Option<i32>, "NULL"),
    created_by: default!(Option<String>, "NULL"),
    replace: default!(Option<bool>, "false"),
) -> Result<pgrx::Uuid, ErrorReport> {
    let plan = planning::build(&PlanRequest {
        tenant_id: tenant(tenant_id)?,
        scenario_id: required(scenario_id, "scenario_id")?,
        to_version: required(to_version, "to_version")?,
        from_version,
        created_by: created_by.as_deref(),
        replace: replace.unwrap_or(false),
    })?;
    Ok(plan.plan_id)
}

#[pg_extern(stable, parallel_restricted)]
fn migration_plan(tenant_id: Option<pgrx::Uuid>, plan_id: Option<pgrx::Uuid>) -> Result<Json, ErrorReport> {
    Ok(planning::plan_document(tenant(tenant_id)?, required(plan_id, "plan_id")?)?)
}

#[pg_extern(stable, parallel_restricted)]
fn migration_summary(tenant_id: Option<pgrx::Uuid>, plan_id: Option<pgrx::Uuid>) -> Result<Json, ErrorReport> {
    Ok(planning::summary_document(tenant(tenant_id)?, required(plan_id, "plan_id")?)?)
}

#[pg_extern]
fn set_anchor_policy(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
    anchor_content_hash: Option<String>,
    policy: Option<Json>,
    replace: default!(Option<bool>, "false"),
    by: default!(Option<&str>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
) -> Result<Json, ErrorReport> {
    Ok(planning::set_policy(&PolicyRequest {
        tenant_id: tenant(tenant_id)?,
        plan_id: required(plan_id, "plan_id")?,
        content_hash: anchor_content_hash.as_deref(),
        policy: &required(policy, "policy")?,
        replace: replace.unwrap_or(false),
        by,
        reason,
    })?)
}

#[pg_extern(requires = ["plans"])]
fn approve_migration_plan(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
    approved_by: default!(Option<String>, "NULL"),
) -> Result<PlanRecord, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let plan = plans::lock(tenant_id, plan_id)?;
    let allowed = lifecycle::statuses_before(PlanStatus::Approved);
    lifecycle::require_status(&plan, allowed, "it cannot be approved", "approve_migration_plan")?;
    planning::require_fresh(tenant_id, &plan)?;
    plans::approve(tenant_id, plan_id, approved_by.as_deref())?;
    Ok(plans::row(tenant_id, plan_id)?)
}

#[pg_extern(requires = ["plans"])]
fn reject_migration_plan(
    tenant_id: Option<pgrx::Uuid>,
    plan_id: Option<pgrx::Uuid>,
    rejected_by: default!(Option<String>, "NULL"),
    reason: default!(Option<String>, "NULL"),
) -> Result<PlanRecord, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let plan = plans::lock(tenant_id, plan_id)?;
    let allowed = lifecycle::statuses_before(PlanStatus::Rejected);
    lifecycle::require_status(&plan, allowed, "it cannot be rejected", "reject_migration_plan")?;
    plans::reject(tenant_id, plan_id, rejected_by.as_deref(), reason.as_deref())?;
    Ok(plans::row(tenant_id, plan_id)?)
}

#[pg_extern(immutable, parallel_safe)]
fn check_plan_status(plan_id: Option<pgrx::Uuid>, status: Option<&str>, next: Option<&str>) -> Result<(), ErrorReport> {
    let plan_id = required(plan_id, "plan_id")?;
    Ok(lifecycle::check_change(plan_id, required(status, "status")?, required(next, "next")?)?)
}
