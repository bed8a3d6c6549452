//! Plans and policies (SPEC section 5).

use crate::error::{required, tenant};
use crate::json::Json;
use crate::lifecycle;
use crate::planning::{self, PlanRequest, PolicyRequest};
use crate::row::PlanRecord;
use crate::store::plans;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::plan::PlanStatus;

/// Builds a migration plan and stores it, pending (SPEC 5).
///
/// Arguments: tenant, scenario, the version to go to (a draft; with `from_version` also the published one); optionally the
/// version to come from (else the published one), who builds it (else the login), and whether an open plan for the same two
/// versions is superseded (else it is in the way). Result: the plan's id. Errors: P0002 for an unknown scenario or version;
/// 55000 if nothing is published, `to_version` is archived or `from_version` a draft; 22023 for NULL or equal versions; 23505
/// for a second open plan. Writes migration_plans, plan_anchors.
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

/// The whole plan as one document: header, `stale`, `history` (status, at, by), `policies` by anchor, `transformation_map`
/// (SPEC 4.5, 5).
///
/// Arguments: tenant, plan. Errors: P0002 for an unknown plan; 22023 for NULL; 54000 if it holds more than a million changes.
/// Writes nothing.
#[pg_extern(stable, parallel_restricted)]
fn migration_plan(tenant_id: Option<pgrx::Uuid>, plan_id: Option<pgrx::Uuid>) -> Result<Json, ErrorReport> {
    Ok(planning::plan_document(tenant(tenant_id)?, required(plan_id, "plan_id")?)?)
}

/// What an operator is told before approving: anchors by scenario, sessions counted, fields to collect, warnings (SPEC 5).
///
/// Arguments: tenant, plan. Result: one object. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
#[pg_extern(stable, parallel_restricted)]
fn migration_summary(tenant_id: Option<pgrx::Uuid>, plan_id: Option<pgrx::Uuid>) -> Result<Json, ErrorReport> {
    Ok(planning::summary_document(tenant(tenant_id)?, required(plan_id, "plan_id")?)?)
}

/// Sets the policy of an anchor or a deleted step of a pending plan, or of all of them ("Policies" in
/// docs/behaviour.md).
///
/// Arguments: tenant, plan, content hash of the anchor or the deleted step (NULL: every one of the plan), the policy;
/// optionally whether it replaces the policy that is set (else its keys are merged into that, and a null sets a key's
/// default), who sets it (else the login), and why. Result: the policy as stored; for a NULL hash, as an anchor without
/// a policy stores it. Errors: P0002 for an unknown plan, or a hash that it does not have, with those that it has;
/// 55000 if it is not pending; 22023 for NULL, a policy that is not valid, with all findings, or a hash in
/// `accept_repeat` that no act of the scenario and no step of the two versions has. Writes anchor_policies.
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

/// Approves a pending plan (SPEC 5).
///
/// Arguments: tenant, plan; optionally who approves (else the login). Result: the plan's row. Errors: P0002 for an unknown plan;
/// 55000 if it is not pending, or stale; 22023 for NULL. Writes migration_plans.
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

/// Rejects a pending plan (SPEC 5).
///
/// Arguments: tenant, plan; optionally who rejects (else the login), and why. Result: the plan's row. Errors: P0002 for an
/// unknown plan; 55000 if it is not pending; 22023 for NULL. Writes migration_plans.
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

/// Whether a plan can become what it is to become, for the trigger of `migration_plans`.
///
/// Arguments: plan, its status, the next one. Result: none. Errors: 55000 if it cannot; 22023 for NULL. Writes nothing.
#[pg_extern(immutable, parallel_safe)]
fn check_plan_status(plan_id: Option<pgrx::Uuid>, status: Option<&str>, next: Option<&str>) -> Result<(), ErrorReport> {
    let plan_id = required(plan_id, "plan_id")?;
    Ok(lifecycle::check_change(plan_id, required(status, "status")?, required(next, "next")?)?)
}
