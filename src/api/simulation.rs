//! What a plan would do, session by session and in groups ("Plans" in docs/behaviour.md).

use crate::error::{Result, required, tenant};
use crate::store::plans;
use crate::turn::simulation::Simulation;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{PgLogLevel, Uuid};
use std::collections::HashMap;

/// What the plan would do to each session, whatever the plan's status: `preview_reconciliation` for every one of them.
///
/// Arguments: tenant, plan. Result: a row for each session: where it is, and what its next turn would say and why.
/// First come the sessions active or paused at its from_version as that is stored, then the finished ones there that a
/// policy reopens, then those of older versions whose chain of plans leads through this one. Errors: P0002 for an
/// unknown plan, 22023 for NULL. Writes nothing; works in a read-only transaction and on a hot standby.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn simulate_migration_plan(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(session_id, Uuid),
            name!(step_id, String),
            name!(step_name, Option<String>),
            name!(action, &'static str),
            name!(target_step_id, Option<String>),
            name!(target_step_name, Option<String>),
            name!(migration_scenario, Option<&'static str>),
            name!(anchor_content_hash, Option<String>),
            name!(reason, Option<String>),
            name!(collect_fields, Vec<String>),
            name!(confirm_fields, Vec<String>),
            name!(execute_step_ids, Vec<String>),
            name!(blocked_by_checkpoint, bool),
            name!(checkpoint_warning, Option<String>),
        ),
    >,
    ErrorReport,
> {
    let sessions = begin(tenant_id, plan_id)?.map_while(or_raise);
    Ok(TableIterator::new(sessions.map(|session| {
        let result = (*session.result).clone();
        (
            session.session_id,
            session.step_id,
            session.step_name,
            result.action,
            result.target_step_id,
            result.target_step_name,
            result.migration_scenario,
            result.anchor_content_hash,
            result.reason,
            result.collect_fields.0,
            result.confirm_fields.0,
            result.execute_step_ids.0,
            result.blocked_by_checkpoint,
            result.checkpoint_warning,
        )
    })))
}

/// What the rows of a simulation have in common in one of its groups.
#[derive(PartialEq, Eq, Hash)]
struct Group {
    step_id: String,
    step_name: Option<String>,
    action: &'static str,
    target_step_id: Option<String>,
    target_step_name: Option<String>,
    migration_scenario: Option<&'static str>,
    reason: Option<String>,
    asked_fields: Vec<String>,
    execute_step_ids: Vec<String>,
    blocked_by_checkpoint: bool,
}

/// The rows of `simulate_migration_plan` that say the same, counted, for `simulation_summary`.
///
/// Arguments: tenant, plan. Result: a row for each group of sessions, with how many they are. Errors: P0002 for an
/// unknown plan, 22023 for NULL. Writes nothing.
#[pg_extern(stable, parallel_restricted)]
#[allow(clippy::type_complexity)]
fn simulated_groups(
    tenant_id: Option<Uuid>,
    plan_id: Option<Uuid>,
) -> std::result::Result<
    TableIterator<
        'static,
        (
            name!(step_id, String),
            name!(step_name, Option<String>),
            name!(action, &'static str),
            name!(target_step_id, Option<String>),
            name!(target_step_name, Option<String>),
            name!(migration_scenario, Option<&'static str>),
            name!(reason, Option<String>),
            name!(asked_fields, Vec<String>),
            name!(execute_step_ids, Vec<String>),
            name!(blocked_by_checkpoint, bool),
            name!(sessions, i64),
        ),
    >,
    ErrorReport,
> {
    let mut groups: HashMap<Group, i64> = HashMap::new();
    for session in begin(tenant_id, plan_id)? {
        let session = session?;
        let result = (*session.result).clone();
        let group = Group {
            step_id: session.step_id,
            step_name: session.step_name,
            action: result.action,
            target_step_id: result.target_step_id,
            target_step_name: result.target_step_name,
            migration_scenario: result.migration_scenario,
            reason: result.reason,
            asked_fields: result.collect_fields.0.into_iter().chain(result.confirm_fields.0).collect(),
            execute_step_ids: result.execute_step_ids.0,
            blocked_by_checkpoint: result.blocked_by_checkpoint,
        };
        *groups.entry(group).or_default() += 1;
    }
    Ok(TableIterator::new(groups.into_iter().map(|(group, sessions)| {
        (
            group.step_id,
            group.step_name,
            group.action,
            group.target_step_id,
            group.target_step_name,
            group.migration_scenario,
            group.reason,
            group.asked_fields,
            group.execute_step_ids,
            group.blocked_by_checkpoint,
            sessions,
        )
    })))
}

fn begin(tenant_id: Option<Uuid>, plan_id: Option<Uuid>) -> Result<Simulation> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    Simulation::of(tenant_id, plans::by_id(tenant_id, plan_id)?)
}

/// A row of a function that has returned rows already: only by raising it can an error be told then.
fn or_raise<T>(row: Result<T>) -> Option<T> {
    match row {
        Ok(row) => Some(row),
        Err(error) => {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
            None
        }
    }
}
