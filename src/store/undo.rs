//! `scenario.migration_undo`: what it takes to put a session back (SPEC 12). Taken back by `72_revert.sql`.

use super::Statement;
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;

/// Reads the session as it still is, so it comes before the statement that moves it.
static KEEP: Statement = Statement::writing(
    "INSERT INTO scenario.migration_undo AS u
            (tenant_id, session_id, plan_id, scenario_id, scenario_version, step_id, step_content_hash, scenario_checksum,
             reconciled_version, variables_written, variables_before, revision, visit_count)
     SELECT s.tenant_id, s.session_id, $3, s.scenario_id, s.scenario_version, s.step_id, s.step_content_hash,
            s.scenario_checksum, s.reconciled_version, $4,
            (SELECT coalesce(pg_catalog.jsonb_object_agg(w.key, s.variables -> w.key), '{}')
               FROM pg_catalog.jsonb_object_keys($4) AS w (key) WHERE s.variables ? w.key),
            s.revision + 1, s.visit_count + $5
       FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.session_id = $2
     ON CONFLICT (tenant_id, session_id) DO UPDATE
        SET plan_id = excluded.plan_id, scenario_id = excluded.scenario_id, scenario_version = excluded.scenario_version,
            step_id = excluded.step_id, step_content_hash = excluded.step_content_hash,
            scenario_checksum = excluded.scenario_checksum, reconciled_version = excluded.reconciled_version,
            variables_written = excluded.variables_written, variables_before = excluded.variables_before,
            revision = excluded.revision, visit_count = excluded.visit_count, applied_at = excluded.applied_at,
            reverted_at = NULL",
);

/// Keeps where the session is, just before a migration takes it elsewhere.
///
/// * `plan_id`: the plan that moves it; none in a fallback.
/// * `arrives`: it arrives at a step, and so gets a visit; false when it leaves the scenario.
/// * `written`: what is about to be put into its variables, a JSON object.
pub fn keep(tenant_id: Uuid, session_id: Uuid, plan_id: Option<Uuid>, arrives: bool, written: Json) -> Result<()> {
    KEEP.execute(&args![tenant_id, session_id, plan_id, written, i32::from(arrives)])?;
    Ok(())
}
