//! `scenario.migration_audit`: one row per thing done to a session (SPEC 13). Never a field's value.

use super::Statement;
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;

static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version, to_version,
            migration_scenario, anchor_content_hash, step_before, step_after, action, fields_filled, fields_asked, checkpoint,
            blocked_by_checkpoint, reason, microseconds)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
);

static LAST_REQUEST: Statement = Statement::reading(
    "SELECT a.to_version, a.fields_asked FROM scenario.migration_audit AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.revision = $3",
);

/// Moves only: what was asked, pinned or let go did not walk from one version to the other.
static PLANS_BETWEEN: Statement = Statement::reading(
    "SELECT a.plan_ids FROM scenario.migration_audit AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.scenario_id = $3 AND a.from_version = $4 AND a.to_version = $5
        AND a.applied
      ORDER BY a.revision DESC LIMIT 1",
);

/// One row.
pub struct Entry<'a> {
    pub session_id: Uuid,
    /// The session's revision once this was applied.
    pub revision: i32,
    pub scenario_id: Uuid,
    pub plan_ids: Vec<Uuid>,
    pub from_version: i32,
    pub to_version: i32,
    pub migration_scenario: Option<&'static str>,
    pub anchor_content_hash: Option<&'a str>,
    pub step_before: &'a str,
    pub step_after: Option<&'a str>,
    /// The action of the result row, or `pin`: a `continue` that stays on its version.
    pub action: &'static str,
    /// Field → source.
    pub fields_filled: Json,
    pub fields_asked: Vec<String>,
    /// By name.
    pub checkpoint: Option<String>,
    pub blocked_by_checkpoint: bool,
    pub reason: &'a str,
    pub microseconds: i64,
}

/// What a session was asked for by the row that it is waiting on.
pub struct Request {
    pub to_version: Option<i32>,
    pub fields_asked: Vec<String>,
}

/// Appends a row.
pub fn insert(tenant_id: Uuid, entry: Entry<'_>) -> Result<()> {
    INSERT.execute(&args![
        tenant_id,
        entry.session_id,
        entry.revision,
        entry.scenario_id,
        entry.plan_ids,
        entry.from_version,
        entry.to_version,
        entry.migration_scenario,
        entry.anchor_content_hash,
        entry.step_before,
        entry.step_after,
        entry.action,
        entry.fields_filled,
        entry.fields_asked,
        entry.checkpoint,
        entry.blocked_by_checkpoint,
        entry.reason,
        entry.microseconds,
    ])?;
    Ok(())
}

/// The row of a revision, as a request.
pub fn request(tenant_id: Uuid, session_id: Uuid, revision: i32) -> Result<Option<Request>> {
    LAST_REQUEST.row(&args![tenant_id, session_id, revision], |row| {
        Ok(Request { to_version: row.opt(1)?, fields_asked: row.get(2)? })
    })
}

/// The plans by which the session last moved from one version straight to the other, in order; none if it did not, or fell
/// back.
pub fn plans_between(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, from: i32, to: i32) -> Result<Vec<Uuid>> {
    let found = PLANS_BETWEEN.row(&args![tenant_id, session_id, scenario_id, from, to], |row| row.get(1))?;
    Ok(found.unwrap_or_default())
}
