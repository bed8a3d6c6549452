//! The diff of two versions (SPEC section 4).

use super::definitions::parse_named;
use crate::error::{required, tenant};
use crate::json::Json;
use crate::planning;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::diff::diff;
use scenario_engine::graph::Graph;

/// The transformation map of two definitions: anchors with their changes, deleted and inserted steps (SPEC 4.5).
///
/// Arguments: the old and the new definition. Result: the map; the same two definitions give the same map. Errors: 22023 for
/// NULL or a definition with errors, with all findings; 54000 if it holds more than a million changes. Writes nothing.
#[pg_extern(immutable, parallel_safe)]
fn scenario_diff(old: Option<Json>, new: Option<Json>) -> Result<Json, ErrorReport> {
    let (old, new) = (required(old, "old")?, required(new, "new")?);
    let old = Graph::compile(&parse_named("the old definition", &old)?);
    let new = Graph::compile(&parse_named("the new definition", &new)?);
    Ok(planning::document(&diff(&old, &new))?)
}

/// The transformation map of two stored versions of a scenario (SPEC 4.5).
///
/// Arguments: tenant, scenario, the two versions. Result: the map. Errors: P0002 for an unknown scenario or version; 22023
/// for NULL; 54000 if it holds more than a million changes. Writes nothing.
#[pg_extern(name = "scenario_diff", stable, parallel_restricted)]
fn scenario_diff_of_versions(
    tenant_id: Option<pgrx::Uuid>,
    scenario_id: Option<pgrx::Uuid>,
    from_version: Option<i32>,
    to_version: Option<i32>,
) -> Result<Json, ErrorReport> {
    let (tenant_id, scenario_id) = (tenant(tenant_id)?, required(scenario_id, "scenario_id")?);
    let (from, to) = (required(from_version, "from_version")?, required(to_version, "to_version")?);
    Ok(planning::diff_document(tenant_id, scenario_id, from, to)?)
}
