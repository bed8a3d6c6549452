//! `scenario.session_actions` and `scenario.session_decisions`: what was done and decided for a session ("Acts and
//! checkpoints" and "Decisions" in docs/behaviour.md).

use super::Statement;
use crate::args;
use crate::error::Result;
use pgrx::Uuid;
use scenario_engine::reconcile::{CompletedAction, SubmittedDecision};

static COMPLETED: Statement = Statement::reading(
    "SELECT a.scenario_version, a.step_id, a.step_content_hash FROM scenario.session_actions AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.scenario_id = $3",
);

static COMPLETE: Statement = Statement::writing(
    "INSERT INTO scenario.session_actions (tenant_id, session_id, scenario_id, scenario_version, step_id, step_content_hash)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, session_id, scenario_id, scenario_version, step_id) DO NOTHING",
);

static DECISIONS: Statement = Statement::reading(
    "SELECT d.scenario_version, d.fork_step_id, d.target_step_id FROM scenario.session_decisions AS d
      WHERE d.tenant_id = $1 AND d.session_id = $2 AND d.scenario_id = $3",
);

static DECIDE: Statement = Statement::writing(
    "INSERT INTO scenario.session_decisions AS d
            (tenant_id, session_id, scenario_id, scenario_version, fork_step_id, target_step_id)
     VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (tenant_id, session_id, scenario_id, scenario_version, fork_step_id)
     DO UPDATE SET target_step_id = EXCLUDED.target_step_id, decided_at = EXCLUDED.decided_at,
                   decided_by = EXCLUDED.decided_by
      WHERE d.target_step_id <> EXCLUDED.target_step_id",
);

/// Required actions that were done for the session in this scenario.
pub fn completed(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid) -> Result<Vec<CompletedAction>> {
    COMPLETED.rows(&args![tenant_id, session_id, scenario_id], |row| {
        Ok(CompletedAction { scenario_version: row.get(1)?, step_id: row.get(2)?, step_content_hash: row.get(3)? })
    })
}

/// Records an action as done, and says whether it was not on record yet; a second time changes nothing.
pub fn complete(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, done: &CompletedAction) -> Result<bool> {
    let written = COMPLETE.execute(&args![
        tenant_id,
        session_id,
        scenario_id,
        done.scenario_version,
        done.step_id.as_str(),
        done.step_content_hash.as_str(),
    ])?;
    Ok(written > 0)
}

/// Answers to forks that were given for the session in this scenario.
pub fn decisions(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid) -> Result<Vec<SubmittedDecision>> {
    DECISIONS.rows(&args![tenant_id, session_id, scenario_id], |row| {
        Ok(SubmittedDecision { scenario_version: row.get(1)?, fork_step_id: row.get(2)?, target_step_id: row.get(3)? })
    })
}

/// Records an answer; a later one for the same fork takes its place.
pub fn decide(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, decision: &SubmittedDecision) -> Result<()> {
    DECIDE.execute(&args![
        tenant_id,
        session_id,
        scenario_id,
        decision.scenario_version,
        decision.fork_step_id.as_str(),
        decision.target_step_id.as_str(),
    ])?;
    Ok(())
}
