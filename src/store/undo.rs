//! `scenario.migration_undo`: where sessions were before their last migration. Its rows are written with the sessions
//! ([`super::session_changes`]).

use super::Statement;
use crate::args;
use crate::error::{Error, Result};
use pgrx::Uuid;

static OF_SESSION: Statement = Statement::reading(
    "SELECT u.scenario_id, u.scenario_version, u.step_id, u.revision, u.visit_count, u.reverted_at IS NOT NULL
       FROM scenario.migration_undo AS u WHERE u.tenant_id = $1 AND u.session_id = $2",
);

static TO_REVERT: Statement = Statement::reading(
    "SELECT u.session_id FROM scenario.migration_undo AS u
      WHERE u.tenant_id = $1 AND u.plan_id = $2 AND u.reverted_at IS NULL
        AND ($3::uuid[] IS NULL OR u.session_id = ANY ($3))
      ORDER BY u.session_id",
);

static TRY_REVERT: Statement =
    Statement::writing("SELECT r.scenario_version, r.step_id, r.problem FROM scenario.try_revert($1, $2, $3, $4) AS r");

/// Where a session was before its last migration.
pub struct Undo {
    pub scenario_id: Uuid,
    pub scenario_version: i32,
    pub step_id: String,
    /// Of the session right after the migration.
    pub revision: i32,
    pub visit_count: i32,
    pub is_reverted: bool,
}

/// What can be taken back of a session; `None` if it was never migrated.
pub fn of_session(tenant_id: Uuid, session_id: Uuid) -> Result<Option<Undo>> {
    OF_SESSION.row(&args![tenant_id, session_id], |row| {
        Ok(Undo {
            scenario_id: row.get(1)?,
            scenario_version: row.get(2)?,
            step_id: row.get(3)?,
            revision: row.get(4)?,
            visit_count: row.get(5)?,
            is_reverted: row.get(6)?,
        })
    })
}

/// The sessions that a plan was the last to migrate and that were not taken back, in order; of those only these, if
/// they are given.
pub fn to_revert(tenant_id: Uuid, plan_id: Uuid, only: Option<Vec<Uuid>>) -> Result<Vec<Uuid>> {
    TO_REVERT.rows(&args![tenant_id, plan_id, only], |row| row.get(1))
}

/// What became of a session that was to be taken back.
pub struct RevertAttempt {
    pub scenario_version: Option<i32>,
    pub step_id: Option<String>,
    /// The message of the error that hindered it.
    pub problem: Option<String>,
}

/// Takes the last migration of a session back, under a savepoint of its own.
pub fn try_revert(tenant_id: Uuid, session_id: Uuid, by: Option<&str>, reason: Option<&str>) -> Result<RevertAttempt> {
    let attempt = TRY_REVERT.row(&args![tenant_id, session_id, by, reason], |row| {
        Ok(RevertAttempt { scenario_version: row.opt(1)?, step_id: row.opt(2)?, problem: row.opt(3)? })
    })?;
    attempt.ok_or_else(|| Error::internal("try_revert returned no row"))
}
