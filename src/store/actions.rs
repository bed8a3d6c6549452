//! `scenario.session_actions` and `scenario.session_decisions`: what was done and decided for a session ("Acts and
//! checkpoints" and "Decisions" in docs/behaviour.md).

use super::Statement;
use crate::args;
use crate::error::Result;
use pgrx::Uuid;
use scenario_engine::reconcile::{CompletedAction, SubmittedDecision};
use std::collections::HashSet;

static COMPLETED: Statement = Statement::reading(
    "SELECT a.scenario_version, a.step_id, a.step_content_hash, a.visit_no FROM scenario.session_actions AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.scenario_id = $3",
);

static COMPLETE: Statement = Statement::writing(
    "INSERT INTO scenario.session_actions
            (tenant_id, session_id, scenario_id, scenario_version, step_id, step_content_hash, visit_no)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
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

// Sessions that have had no action executed, and have not been at a step of the act before the present one, are most of
// them.
static ARRIVING_AT_ACTIONS: Statement = Statement::reading(
    "SELECT a.session_id
       FROM ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::uuid[]), pg_catalog.unnest($4::integer[]),
                       pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::integer[]))
         AS a (session_id, scenario_id, version, step_id, visit_count)
      WHERE (SELECT st.is_required_action FROM scenario.scenario_steps AS st
              WHERE st.tenant_id = $1 AND st.scenario_id = a.scenario_id AND st.version = a.version
                AND st.step_id = a.step_id)
        AND (EXISTS (SELECT FROM scenario.session_actions AS d
                      WHERE d.tenant_id = $1 AND d.session_id = a.session_id AND d.scenario_id = a.scenario_id)
             OR EXISTS (SELECT FROM scenario.step_visits AS v
                         WHERE v.tenant_id = $1 AND v.session_id = a.session_id AND v.scenario_id = a.scenario_id
                           AND v.visit_no < a.visit_count
                           AND v.step_content_hash IN (
                               SELECT c.content_hash
                                 FROM scenario.scenario_steps AS st
                                 JOIN scenario.acts AS k
                                   ON k.tenant_id = st.tenant_id AND k.scenario_id = st.scenario_id
                                      AND k.content_hash = st.content_hash
                                 JOIN scenario.acts AS c
                                   ON c.tenant_id = k.tenant_id AND c.scenario_id = k.scenario_id AND c.act = k.act
                                WHERE st.tenant_id = $1 AND st.scenario_id = a.scenario_id AND st.version = a.version
                                  AND st.step_id = a.step_id)))",
);

// What was executed while the session waited to land is recorded under the version that it landed in.
static EXECUTED_SINCE: Statement = Statement::reading(
    "SELECT a.step_content_hash FROM scenario.session_actions AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.scenario_id = $3
        AND (a.visit_no >= $4 OR a.scenario_version = $5)",
);

/// A session that is to arrive at a step.
pub struct ArrivalAtStep<'a> {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    pub version: i32,
    pub step_id: &'a str,
    /// Its visits until now.
    pub visit_count: i32,
}

/// Of these sessions those that arrive at a required action and have had an action executed in the scenario, or were at
/// a step of the same act before the step where they are.
pub fn arriving_at_actions<'a>(
    tenant_id: Uuid,
    arrivals: impl Iterator<Item = ArrivalAtStep<'a>>,
) -> Result<HashSet<Uuid>> {
    let (mut sessions, mut scenarios, mut versions, mut steps) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut visit_counts = Vec::new();
    for ArrivalAtStep { session_id, scenario_id, version, step_id, visit_count } in arrivals {
        visit_counts.push(visit_count);
        sessions.push(session_id);
        scenarios.push(scenario_id);
        versions.push(version);
        steps.push(step_id);
    }
    let own = args![tenant_id, sessions, scenarios, versions, steps, visit_counts];
    let found = ARRIVING_AT_ACTIONS.rows(&own, |row| row.get(1))?;
    Ok(found.into_iter().collect())
}

/// Content hashes of the actions that were executed from this visit of the session on, or under this version.
pub fn executed_since(
    tenant_id: Uuid,
    session_id: Uuid,
    scenario_id: Uuid,
    visit_no: i32,
    version: Option<i32>,
) -> Result<Vec<String>> {
    EXECUTED_SINCE.rows(&args![tenant_id, session_id, scenario_id, visit_no, version], |row| row.get(1))
}

/// Required actions that were done for the session in this scenario.
pub fn completed(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid) -> Result<Vec<CompletedAction>> {
    COMPLETED.rows(&args![tenant_id, session_id, scenario_id], |row| {
        Ok(CompletedAction {
            scenario_version: row.get(1)?,
            step_id: row.get(2)?,
            step_content_hash: row.get(3)?,
            visit_no: row.get(4)?,
        })
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
        done.visit_no,
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
