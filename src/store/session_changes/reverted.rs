//! What taking a migration back changes.

use super::check_all_written;
use crate::args;
use crate::error::Result;
use crate::store::Statement;
use pgrx::Uuid;

/// Puts a session back where it was before its last migration, and pins it. A value that somebody has given since
/// stays: it is not the migration's. A session that the migration finished goes on; one that was finished before it is
/// finished again.
static REVERT: Statement = Statement::writing(concat!(
    "WITH written AS (
         UPDATE scenario.sessions AS s
            SET scenario_id = u.scenario_id, scenario_version = u.scenario_version, step_id = u.step_id,
                step_content_hash = u.step_content_hash, scenario_checksum = u.scenario_checksum,
                reconciled_deployments = c.deployments, pinned_at = pg_catalog.clock_timestamp(),
                pinned_reason = 'reverted', pinned_plan_id = u.plan_id,
                variables = (SELECT s.variables - coalesce(pg_catalog.array_agg(w.key), '{}')
                                    || coalesce(pg_catalog.jsonb_object_agg(w.key, u.variables_before -> w.key)
                                                FILTER (WHERE u.variables_before ? w.key), '{}')
                               FROM pg_catalog.jsonb_each(u.variables_written) AS w
                              WHERE s.variables -> w.key = w.value),
                variables_set_at = (SELECT s.variables_set_at - coalesce(pg_catalog.array_agg(w.key), '{}')
                                      FROM pg_catalog.jsonb_each(u.variables_written) AS w
                                     WHERE s.variables -> w.key = w.value),
                status = CASE WHEN st.is_terminal AND s.status IN ('active', 'paused') THEN 'completed'
                              WHEN NOT st.is_terminal AND s.status = 'completed' THEN 'active' ELSE s.status END,
                already_done = $7, visit_count = s.visit_count + 1, revision = s.revision + 1, ",
    no_mark!(),
    "
           FROM scenario.migration_undo AS u
           JOIN scenario.scenarios AS c ON c.tenant_id = u.tenant_id AND c.scenario_id = u.scenario_id
           JOIN scenario.scenario_steps AS st
             ON st.tenant_id = u.tenant_id AND st.scenario_id = u.scenario_id AND st.version = u.scenario_version
                AND st.step_id = u.step_id
          WHERE s.tenant_id = $1 AND s.session_id = $2 AND s.revision = $3 AND s.visit_count = $4
            AND u.tenant_id = s.tenant_id AND u.session_id = s.session_id
         RETURNING s.tenant_id, s.session_id, s.revision, s.visit_count, s.turn_count, s.scenario_id,
                   s.scenario_version, s.step_id, u.plan_id, st.name, st.content_hash, st.is_checkpoint,
                   st.checkpoint_description
     ), visited AS (
         INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id,
                step_name, step_content_hash, turn_number, reason, is_checkpoint, checkpoint_description, plan_id,
                already_done)
         SELECT w.tenant_id, w.session_id, w.visit_count, w.scenario_id, w.scenario_version, w.step_id, w.name,
                w.content_hash, w.turn_count, 'revert', w.is_checkpoint, w.checkpoint_description, w.plan_id, $7
           FROM written AS w
     ), taken_back AS (
         UPDATE scenario.migration_undo AS u SET reverted_at = pg_catalog.now()
           FROM written AS w WHERE u.tenant_id = w.tenant_id AND u.session_id = w.session_id
     ), audited AS (
         INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version,
                to_version, step_before, step_after, action, reason)
         SELECT w.tenant_id, w.session_id, w.revision, w.scenario_id,
                pg_catalog.array_remove(ARRAY[w.plan_id], NULL), $5, w.scenario_version, $6, w.step_id, 'revert', $8
           FROM written AS w
     ) SELECT w.revision = $3 + 1 AND w.visit_count = $4 + 1 FROM written AS w"
));

/// A session that goes back, as it is before.
pub struct Revert<'a> {
    pub session_id: Uuid,
    pub revision: i32,
    pub visit_count: i32,
    /// Where it is; `None`: it left the scenario.
    pub from_version: Option<i32>,
    pub step_before: Option<&'a str>,
    /// The step that it goes back to is a required action that was done before.
    pub already_done: bool,
    /// For the audit.
    pub reason: String,
}

/// Puts a session back where it was before its last migration.
pub fn revert(tenant_id: Uuid, revert: &Revert<'_>) -> Result<()> {
    let as_asked: Vec<bool> = REVERT.rows(
        &args![
            tenant_id,
            revert.session_id,
            revert.revision,
            revert.visit_count,
            revert.from_version,
            revert.step_before,
            revert.already_done,
            revert.reason.as_str(),
        ],
        |row| row.get(1),
    )?;
    check_all_written(1, &as_asked)
}
