//! `scenario.passed_at_start`: checkpoints that sessions have passed without a visit, since they began in the middle.

use super::{SessionKeys, Statement, by_session};
use crate::error::Result;
use crate::{args, sessions_and_scenarios};
use pgrx::Uuid;
use scenario_engine::acts::PassedAtStart;

// Twins have one row. What is certain for one of them is certain for the content; who begins again has passed it
// again, at another time.
static KEEP: Statement = Statement::writing(
    "INSERT INTO scenario.passed_at_start AS p (tenant_id, session_id, scenario_id, content_hash, step_id, step_name,
            checkpoint_description, is_certain)
     SELECT DISTINCT ON (c.content_hash) $1, $2, $3, c.*
       FROM ROWS FROM (pg_catalog.unnest($4::text[]), pg_catalog.unnest($5::text[]), pg_catalog.unnest($6::text[]),
                       pg_catalog.unnest($7::text[]), pg_catalog.unnest($8::boolean[]))
         AS c (content_hash, step_id, step_name, checkpoint_description, is_certain)
      ORDER BY c.content_hash, c.is_certain DESC, c.step_id
     ON CONFLICT (tenant_id, session_id, scenario_id, content_hash) DO UPDATE
        SET is_certain = p.is_certain AND excluded.is_certain",
);

static OF_SESSIONS: Statement = Statement::reading(concat!(
    "SELECT a.place, b.content_hash, b.step_id, b.step_name, b.checkpoint_description, b.is_certain
       FROM ",
    sessions_and_scenarios!(),
    " CROSS JOIN LATERAL (
            SELECT p.* FROM scenario.passed_at_start AS p
             WHERE p.tenant_id = $1 AND p.session_id = a.session_id AND p.scenario_id = a.scenario_id
             ORDER BY p.content_hash) AS b"
));

/// Keeps what a session passed before it began.
pub fn keep(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, passed: &[PassedAtStart]) -> Result<()> {
    if passed.is_empty() {
        return Ok(());
    }
    KEEP.execute(&args![
        tenant_id,
        session_id,
        scenario_id,
        passed.iter().map(|p| p.content_hash.as_str()).collect::<Vec<_>>(),
        passed.iter().map(|p| p.step_id.as_str()).collect::<Vec<_>>(),
        passed.iter().map(|p| p.step_name.as_str()).collect::<Vec<_>>(),
        passed.iter().map(|p| p.checkpoint_description.as_deref()).collect::<Vec<_>>(),
        passed.iter().map(|p| p.is_certain).collect::<Vec<_>>(),
    ])
    .map(|_| ())
}

/// What each session passed before it began in its scenario.
pub fn of_sessions(tenant_id: Uuid, sessions: SessionKeys) -> Result<Vec<Vec<PassedAtStart>>> {
    let SessionKeys { session_ids, scenario_ids } = sessions;
    let count = session_ids.len();
    let found = OF_SESSIONS.rows(&args![tenant_id, session_ids, scenario_ids], |row| {
        let passed = PassedAtStart {
            content_hash: row.get(2)?,
            step_id: row.get(3)?,
            step_name: row.get(4)?,
            checkpoint_description: row.opt(5)?,
            is_certain: row.get(6)?,
        };
        Ok((row.get(1)?, passed))
    })?;
    Ok(by_session(count, found))
}
