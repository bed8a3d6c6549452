//! The diff of two versions.

use super::definitions::parse_named;
use crate::error::{required, tenant};
use crate::json::Json;
use crate::jsonb::Jsonb;
use crate::planning;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::diff::diff;
use scenario_engine::graph::Graph;

#[pg_extern(immutable, parallel_safe)]
fn scenario_diff(old: Option<Json>, new: Option<Json>) -> Result<Jsonb, ErrorReport> {
    let (old, new) = (required(old, "old")?, required(new, "new")?);
    let old = Graph::compile(&parse_named("the old definition", &old)?);
    let new = Graph::compile(&parse_named("the new definition", &new)?);
    Ok(planning::document(&diff(&old, &new))?)
}

#[pg_extern(name = "scenario_diff", stable, parallel_restricted)]
fn scenario_diff_of_versions(
    tenant_id: Option<pgrx::Uuid>,
    scenario_id: Option<pgrx::Uuid>,
    from_version: Option<i32>,
    to_version: Option<i32>,
) -> Result<Jsonb, ErrorReport> {
    let (tenant_id, scenario_id) = (tenant(tenant_id)?, required(scenario_id, "scenario_id")?);
    let (from, to) = (required(from_version, "from_version")?, required(to_version, "to_version")?);
    Ok(planning::diff_document(tenant_id, scenario_id, from, to)?)
}
