//! `scenario.step_visits`: a session's history. Only the triggers of `sessions` write it.

use super::Statement;
use crate::args;
use crate::error::Result;
use pgrx::Uuid;
use scenario_engine::reconcile::Visit;

static HISTORY: Statement = Statement::reading(
    "SELECT v.visit_no, v.step_id, v.step_name, v.step_content_hash, v.scenario_version, v.is_checkpoint,
            v.checkpoint_description
       FROM scenario.step_visits AS v
      WHERE v.tenant_id = $1 AND v.session_id = $2 AND v.scenario_id = $3
      ORDER BY v.visit_no",
);

/// A session's visits in one scenario, oldest first.
pub fn history(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid) -> Result<Vec<Visit>> {
    HISTORY.rows(&args![tenant_id, session_id, scenario_id], |row| {
        Ok(Visit {
            visit_no: row.get(1)?,
            step_id: row.get(2)?,
            step_name: row.get(3)?,
            step_content_hash: row.get(4)?,
            scenario_version: row.get(5)?,
            is_checkpoint: row.get(6)?,
            checkpoint_description: row.opt(7)?,
        })
    })
}
