//! `scenario.scenario_steps`: a version's steps as rows, so that a turn reads no JSON.

use super::Statement;
use crate::args;
use crate::error::Result;
use pgrx::Uuid;

static ONWARD: Statement = Statement::reading(
    "SELECT st.next_step_ids FROM scenario.scenario_steps AS st
      WHERE st.tenant_id = $1 AND st.scenario_id = $2 AND st.version = $3 AND st.step_id = $4",
);

/// The steps that transitions lead to from this one, each once; none if there is no such step.
pub fn onward(tenant_id: Uuid, scenario_id: Uuid, version: i32, step_id: &str) -> Result<Vec<String>> {
    let found = ONWARD.row(&args![tenant_id, scenario_id, version, step_id], |row| row.get(1))?;
    Ok(found.unwrap_or_default())
}
