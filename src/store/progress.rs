//! How far a deployment has come: counted from sessions and audit rows ("Publishing and deploying"). The marks that it
//! has set are counted where they are set, since a session that was migrated has none any more.

use super::{Statement, plans};
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;

/// The columns of `deployment_status`.
pub struct Progress {
    pub status: String,
    pub marked: i64,
    pub applied: i64,
    pub pending: i64,
    pub pinned: i64,
    pub collecting: i64,
    pub waiting_action: i64,
    pub waiting_decision: i64,
    pub checkpoint_blocks: i64,
    pub exits: i64,
    pub by_scenario: Json,
    pub by_action: Json,
    pub last_applied_at: Option<TimestampWithTimeZone>,
}

// An audit row's to_version is the version that it was about, whether the session was moved there, pinned or asked.
// What was taken back does not count: a revert is the next thing that is done to the session, and names only the last
// plan of a chain. Sessions are counted, not rows: one that was blocked and then moved is one session applied and one
// blocked.
static PROGRESS: Statement = Statement::reading(
    "WITH plan AS (
         SELECT p.scenario_id, p.from_version, p.status, p.sessions_marked FROM scenario.migration_plans AS p
          WHERE p.tenant_id = $1 AND p.plan_id = $2),
     marks AS (
         SELECT m.session_id, m.waiting_for FROM scenario.valid_marks AS m
          WHERE m.tenant_id = $1 AND m.plan_id = $2),
     pinned AS (
         SELECT s.session_id FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pinned_plan_id = $2
          UNION
         SELECT s.session_id FROM scenario.sessions AS s
           JOIN plan ON s.scenario_id = plan.scenario_id AND s.scenario_version = plan.from_version
          WHERE s.tenant_id = $1 AND s.pinned_at IS NOT NULL),
     audit AS (
         SELECT a.session_id, a.action, a.migration_scenario, a.blocked_by_checkpoint, a.created_at,
                a.applied AND NOT EXISTS (SELECT FROM scenario.migration_audit AS r
                                           WHERE r.tenant_id = $1 AND r.session_id = a.session_id
                                             AND r.revision = a.revision + 1 AND r.action = 'revert') AS applied
           FROM scenario.migration_audit AS a JOIN plan ON a.scenario_id = plan.scenario_id
          WHERE a.tenant_id = $1 AND a.plan_ids @> ARRAY[$2]),
     counts AS (
         SELECT count(DISTINCT a.session_id) FILTER (WHERE a.applied) AS applied,
                count(DISTINCT a.session_id) FILTER (WHERE a.blocked_by_checkpoint) AS blocked,
                count(DISTINCT a.session_id) FILTER (WHERE a.action = 'exit_scenario') AS exits,
                max(a.created_at) FILTER (WHERE a.applied) AS last_applied_at
           FROM audit AS a),
     scenarios AS (
         SELECT pg_catalog.jsonb_object_agg(g.migration_scenario, g.sessions) AS sessions
           FROM (SELECT a.migration_scenario, count(DISTINCT a.session_id) AS sessions
                   FROM audit AS a WHERE a.applied AND a.migration_scenario IS NOT NULL GROUP BY 1) AS g),
     actions AS (
         SELECT pg_catalog.jsonb_object_agg(g.action, g.sessions) AS sessions
           FROM (SELECT a.action, count(DISTINCT a.session_id) AS sessions FROM audit AS a GROUP BY 1) AS g)
     SELECT plan.status,
            plan.sessions_marked::bigint,
            counts.applied,
            (SELECT count(*) FROM marks),
            (SELECT count(*) FROM pinned),
            (SELECT count(*) FROM marks AS m WHERE m.waiting_for IN ('customer', 'confirmation')),
            (SELECT count(*) FROM marks AS m WHERE m.waiting_for = 'action'),
            (SELECT count(*) FROM marks AS m WHERE m.waiting_for = 'decision'),
            counts.blocked,
            counts.exits,
            coalesce(scenarios.sessions, '{}'),
            coalesce(actions.sessions, '{}'),
            counts.last_applied_at
       FROM plan, counts, scenarios, actions",
);

/// How far a plan has come. P0002 if there is no such plan.
pub fn of_plan(tenant_id: Uuid, plan_id: Uuid) -> Result<Progress> {
    let found = PROGRESS.row(&args![tenant_id, plan_id], |row| {
        Ok(Progress {
            status: row.get(1)?,
            marked: row.get(2)?,
            applied: row.get(3)?,
            pending: row.get(4)?,
            pinned: row.get(5)?,
            collecting: row.get(6)?,
            waiting_action: row.get(7)?,
            waiting_decision: row.get(8)?,
            checkpoint_blocks: row.get(9)?,
            exits: row.get(10)?,
            by_scenario: row.get(11)?,
            by_action: row.get(12)?,
            last_applied_at: row.opt(13)?,
        })
    })?;
    found.ok_or_else(|| plans::missing(plan_id))
}
