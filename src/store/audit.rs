//! `scenario.migration_audit`: what was done to sessions before. Its rows are written with the sessions
//! ([`super::session_changes`]).

use super::{SessionKeys, Statement, by_session};
use crate::error::Result;
use crate::{args, sessions_and_scenarios};
use pgrx::Uuid;

static WHY_PINNED: Statement = Statement::reading(
    "SELECT a.reason FROM scenario.migration_audit AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.action IN ('pin', 'revert')
      ORDER BY a.revision DESC LIMIT 1",
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

static MOVES: Statement = Statement::reading(concat!(
    "SELECT a.place, m.from_version, m.to_version, m.plan_ids
       FROM ",
    sessions_and_scenarios!(),
    " CROSS JOIN LATERAL (
            SELECT d.* FROM scenario.migration_audit AS d
             WHERE d.tenant_id = $1 AND d.session_id = a.session_id AND d.scenario_id = a.scenario_id AND d.applied
               AND d.from_version IS NOT NULL AND d.to_version IS NOT NULL
             ORDER BY d.revision DESC) AS m"
));

/// A session has moved from one version straight to the other, by these plans in their order; by none: it fell back.
pub struct AuditedMove {
    pub from_version: i32,
    pub to_version: i32,
    pub plan_ids: Vec<Uuid>,
}

/// The moves of each session in its scenario, the last one first.
pub fn moves(tenant_id: Uuid, sessions: SessionKeys) -> Result<Vec<Vec<AuditedMove>>> {
    let SessionKeys { session_ids, scenario_ids } = sessions;
    let count = session_ids.len();
    let found = MOVES.rows(&args![tenant_id, session_ids, scenario_ids], |row| {
        Ok((row.get(1)?, AuditedMove { from_version: row.get(2)?, to_version: row.get(3)?, plan_ids: row.get(4)? }))
    })?;
    Ok(by_session(count, found))
}

/// Who changes a session by hand, and why, for its audit row.
#[derive(Clone, Copy)]
pub struct Author<'a> {
    /// `None`: the login.
    pub by: Option<&'a str>,
    pub reason: Option<&'a str>,
}

/// What a session was asked for by the row that it is waiting on.
pub struct AuditedRequest {
    pub to_version: Option<i32>,
    pub fields_asked: Vec<String>,
}

/// The row of a revision, as a request.
pub fn request(tenant_id: Uuid, session_id: Uuid, revision: i32) -> Result<Option<AuditedRequest>> {
    LAST_REQUEST.row(&args![tenant_id, session_id, revision], |row| {
        Ok(AuditedRequest { to_version: row.opt(1)?, fields_asked: row.get(2)? })
    })
}

/// The plans by which the session last moved from one version straight to the other, in order; none if it did not, or
/// fell back.
pub fn plans_between(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, from: i32, to: i32) -> Result<Vec<Uuid>> {
    let found = PLANS_BETWEEN.row(&args![tenant_id, session_id, scenario_id, from, to], |row| row.get(1))?;
    Ok(found.unwrap_or_default())
}

/// The sentence with which the session was last pinned; `None` if retention has removed it.
pub fn why_pinned(tenant_id: Uuid, session_id: Uuid) -> Result<Option<String>> {
    Ok(WHY_PINNED.row(&args![tenant_id, session_id], |row| row.opt(1))?.flatten())
}
