//! `scenario.session_actions` and `scenario.session_decisions`: what was done and decided for a session ("Acts and
//! checkpoints" and "Decisions" in docs/behaviour.md).

use super::{SessionKeys, Statement, by_session};
use crate::error::Result;
use crate::{args, sessions_and_scenarios};
use pgrx::Uuid;
use scenario_engine::reconcile::{CompletedAction, SubmittedDecision};
use std::collections::HashSet;

static COMPLETED: Statement = Statement::reading(concat!(
    "SELECT a.place, d.scenario_version, d.step_id, d.step_content_hash, d.visit_no
       FROM ",
    sessions_and_scenarios!(),
    " CROSS JOIN LATERAL (
            SELECT c.* FROM scenario.session_actions AS c
             WHERE c.tenant_id = $1 AND c.session_id = a.session_id AND c.scenario_id = a.scenario_id
            OFFSET 0) AS d"
));

static COMPLETE: Statement = Statement::writing(
    "INSERT INTO scenario.session_actions
            (tenant_id, session_id, scenario_id, scenario_version, step_id, step_content_hash, visit_no)
     VALUES ($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (tenant_id, session_id, scenario_id, scenario_version, step_id) DO NOTHING",
);

static DECISIONS: Statement = Statement::reading(concat!(
    "SELECT a.place, d.scenario_version, d.fork_step_id, d.target_step_id
       FROM ",
    sessions_and_scenarios!(),
    " CROSS JOIN LATERAL (
            SELECT c.* FROM scenario.session_decisions AS c
             WHERE c.tenant_id = $1 AND c.session_id = a.session_id AND c.scenario_id = a.scenario_id
            OFFSET 0) AS d"
));

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
// them. An EXISTS beside an OR could be planned as a hash of all rows of the tenant; a scalar subquery goes by keys.
static HAVING_ACTIONS: Statement = Statement::reading(
    "SELECT a.session_id
       FROM ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::uuid[]), pg_catalog.unnest($4::text[]),
                       pg_catalog.unnest($5::integer[]))
         AS a (session_id, scenario_id, content_hash, visit_count)
      WHERE (SELECT true FROM scenario.session_actions AS d
              WHERE d.tenant_id = $1 AND d.session_id = a.session_id AND d.scenario_id = a.scenario_id
              LIMIT 1)
         OR (SELECT true FROM scenario.step_visits AS v
              WHERE v.tenant_id = $1 AND v.session_id = a.session_id AND v.scenario_id = a.scenario_id
                AND v.visit_no < a.visit_count
                AND (SELECT c.act FROM scenario.acts AS c
                      WHERE c.tenant_id = $1 AND c.scenario_id = a.scenario_id AND c.content_hash = v.step_content_hash)
                    = (SELECT c.act FROM scenario.acts AS c
                        WHERE c.tenant_id = $1 AND c.scenario_id = a.scenario_id AND c.content_hash = a.content_hash)
              LIMIT 1)",
);

// What was executed while the session waited to land is recorded under the version that it landed in.
static EXECUTED_SINCE: Statement = Statement::reading(
    "SELECT a.step_content_hash FROM scenario.session_actions AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.scenario_id = $3
        AND (a.visit_no >= $4 OR a.scenario_version = $5)",
);

/// A session that is to arrive at a required action.
pub struct ArrivalAtAction<'a> {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    /// Of the step at which it arrives.
    pub content_hash: &'a str,
    /// Its visits until now.
    pub visit_count: i32,
}

/// Of these sessions those that may have had the action done: any was executed for them in the scenario, or they were
/// at a step of the same act before the step where they are.
pub fn having_actions<'a>(
    tenant_id: Uuid,
    arrivals: impl Iterator<Item = ArrivalAtAction<'a>>,
) -> Result<HashSet<Uuid>> {
    let (mut sessions, mut scenarios) = (Vec::new(), Vec::new());
    let (mut contents, mut visit_counts) = (Vec::new(), Vec::new());
    for ArrivalAtAction { session_id, scenario_id, content_hash, visit_count } in arrivals {
        sessions.push(session_id);
        scenarios.push(scenario_id);
        contents.push(content_hash);
        visit_counts.push(visit_count);
    }
    if sessions.is_empty() {
        return Ok(HashSet::new());
    }
    let own = args![tenant_id, sessions, scenarios, contents, visit_counts];
    let found = HAVING_ACTIONS.rows(&own, |row| row.get(1))?;
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

/// Required actions that were done for each session in its scenario.
pub fn completed(tenant_id: Uuid, sessions: SessionKeys) -> Result<Vec<Vec<CompletedAction>>> {
    let SessionKeys { session_ids, scenario_ids } = sessions;
    let count = session_ids.len();
    let found = COMPLETED.rows(&args![tenant_id, session_ids, scenario_ids], |row| {
        let (scenario_version, step_id, step_content_hash) = (row.get(2)?, row.get(3)?, row.get(4)?);
        let visit_no = row.get(5)?;
        Ok((row.get(1)?, CompletedAction { scenario_version, step_id, step_content_hash, visit_no }))
    })?;
    Ok(by_session(count, found))
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

/// Answers to forks that were given for each session in its scenario.
pub fn decisions(tenant_id: Uuid, sessions: SessionKeys) -> Result<Vec<Vec<SubmittedDecision>>> {
    let SessionKeys { session_ids, scenario_ids } = sessions;
    let count = session_ids.len();
    let found = DECISIONS.rows(&args![tenant_id, session_ids, scenario_ids], |row| {
        let (scenario_version, fork_step_id, target_step_id) = (row.get(2)?, row.get(3)?, row.get(4)?);
        Ok((row.get(1)?, SubmittedDecision { scenario_version, fork_step_id, target_step_id }))
    })?;
    Ok(by_session(count, found))
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
