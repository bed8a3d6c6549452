//! Marks: the `pending_…` columns of `scenario.sessions`, set when a plan is deployed (SPEC 6).
//!
//! A mark is a hint: a session that is locked by its turn is skipped, and handled at its next turn by the same plan.

use super::{Statement, engine_id, sql_id};
use crate::args;
use crate::error::Result;
use crate::json::Json;
use crate::store::plans::Plan;
use pgrx::Uuid;
use scenario_engine::plan::{AnchorCounts, Policy, ScopeSubject};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};

// Whose mark it would be: the sessions that walk the plan's old version as it is stored. `policy_hash` is the anchor whose
// policy counts: a deleted step's sessions follow the one that they go to first.
static MARK_ALL: Statement = Statement::writing(
    "WITH locked AS (
         SELECT s.session_id, a.policy_hash
           FROM scenario.sessions AS s
           JOIN (SELECT a.old_step_id, CASE a.kind WHEN 'anchor' THEN a.anchor_content_hash
                                       ELSE a.candidates -> 0 ->> 'anchor_content_hash' END AS policy_hash
                   FROM scenario.plan_anchors AS a WHERE a.tenant_id = $1 AND a.plan_id = $2) AS a
             ON a.old_step_id = s.step_id
          WHERE s.tenant_id = $1 AND s.scenario_id = $3 AND s.scenario_version = $4 AND s.status = 'active'
            AND s.scenario_checksum = $6
            AND coalesce(a.policy_hash, '') <> ALL ($7)
            FOR NO KEY UPDATE OF s SKIP LOCKED)
     UPDATE scenario.sessions AS s
        SET pending_plan_id = $2, pending_target_version = $5, pending_anchor_hash = l.policy_hash,
            pending_marked_at = pg_catalog.now()
       FROM locked AS l
      WHERE s.tenant_id = $1 AND s.session_id = l.session_id",
);

static STEPS_OF: Statement = Statement::reading(
    "SELECT a.old_step_id, a.name FROM scenario.plan_anchors AS a
      WHERE a.tenant_id = $1 AND a.plan_id = $2
        AND CASE a.kind WHEN 'anchor' THEN a.anchor_content_hash
                        ELSE a.candidates -> 0 ->> 'anchor_content_hash' END = $3
      ORDER BY a.ordinal",
);

static SESSIONS_AT: Statement = Statement::writing(
    "SELECT s.session_id, s.channel, s.variables, (extract(epoch FROM pg_catalog.now() - s.created_at) / 86400)::float8
       FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.step_id = $4
        AND s.status = 'active' AND s.scenario_checksum = $5 AND s.session_id >= $6
      ORDER BY s.session_id
      LIMIT 2000",
);

static MARK_THESE: Statement = Statement::writing(
    "WITH locked AS (
         SELECT s.session_id FROM scenario.sessions AS s
          WHERE s.tenant_id = $1 AND s.session_id = ANY ($6) AND s.scenario_id = $3 AND s.scenario_version = $4
            AND s.step_id = $7 AND s.status = 'active'
            FOR NO KEY UPDATE SKIP LOCKED)
     UPDATE scenario.sessions AS s
        SET pending_plan_id = $2, pending_target_version = $5, pending_anchor_hash = $8,
            pending_marked_at = pg_catalog.now()
       FROM locked AS l
      WHERE s.tenant_id = $1 AND s.session_id = l.session_id",
);

static BY_ANCHOR: Statement = Statement::writing(
    "SELECT coalesce(pg_catalog.jsonb_object_agg(m.anchor, m.sessions), '{}'), coalesce(sum(m.sessions), 0)::bigint
       FROM (SELECT coalesce(s.pending_anchor_hash, 'none') AS anchor, count(*) AS sessions
               FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pending_plan_id = $2
              GROUP BY 1) AS m",
);

static TAKE_OFF: Statement = Statement::writing(
    "UPDATE scenario.sessions AS s
        SET pending_plan_id = NULL, pending_target_version = NULL, pending_anchor_hash = NULL, pending_marked_at = NULL,
            waiting_for = NULL, waiting_since = NULL
      WHERE s.tenant_id = $1 AND s.pending_plan_id = $2",
);

static COUNT_BY_STEP: Statement = Statement::reading(
    "SELECT s.step_id, count(*),
            count(*) FILTER (WHERE EXISTS (SELECT FROM scenario.step_visits AS v
                                            WHERE v.tenant_id = s.tenant_id AND v.session_id = s.session_id
                                              AND v.scenario_id = s.scenario_id AND v.is_checkpoint))
       FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status = 'active'
        AND s.scenario_checksum = $4
      GROUP BY s.step_id",
);

static LIVE: Statement = Statement::writing(
    "SELECT count(*) FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status IN ('active', 'paused')",
);

/// Marks every session that the plan's policies let in, and says how many. A mark of an older plan is overwritten.
pub fn set(tenant_id: Uuid, plan: &Plan, policies: &HashMap<String, Policy>) -> Result<u64> {
    let mut restricted: Vec<(&str, &Policy)> =
        policies.iter().filter(|(_, p)| !p.admits_everybody()).map(|(hash, p)| (hash.as_str(), p)).collect();
    restricted.sort_unstable_by_key(|(hash, _)| *hash);
    let hashes: Vec<&str> = restricted.iter().map(|(hash, _)| *hash).collect();
    let mut marked = MARK_ALL.execute(&args![
        tenant_id,
        plan.plan_id,
        plan.scenario_id,
        plan.from_version,
        plan.to_version,
        plan.from_checksum.as_str(),
        hashes
    ])?;
    for (hash, policy) in restricted {
        let steps = STEPS_OF.rows(&args![tenant_id, plan.plan_id, hash], |row| Ok((row.get(1)?, row.get(2)?)))?;
        for (step_id, name) in steps {
            marked += set_at_step(tenant_id, plan, policy, hash, &Step { step_id, name })?;
        }
    }
    Ok(marked)
}

struct Step {
    step_id: String,
    name: String,
}

/// Marks the sessions at one step that the policy lets in, some thousands at a time. Those that it leaves out are not locked.
fn set_at_step(tenant_id: Uuid, plan: &Plan, policy: &Policy, hash: &str, step: &Step) -> Result<u64> {
    let mut marked = 0;
    let mut from = Some(uuid::Uuid::nil());
    while let Some(first) = from.take() {
        let mut admitted: Vec<Uuid> = Vec::new();
        let (scenario_id, version) = (plan.scenario_id, plan.from_version);
        let (step_id, checksum) = (step.step_id.as_str(), plan.from_checksum.as_str());
        let page = args![tenant_id, scenario_id, version, step_id, checksum, sql_id(first)];
        SESSIONS_AT.rows(&page, |row| {
            let session_id: Uuid = row.get(1)?;
            let channel: Option<String> = row.opt(2)?;
            let variables = Variables::of(&row.get(3)?);
            let subject = ScopeSubject {
                session_id: engine_id(session_id),
                channel: channel.as_deref(),
                step_name: &step.name,
                age_days: row.get(4)?,
            };
            if policy.admits(&subject, &mut |name| variables.get(name)).is_ok() {
                admitted.push(session_id);
            }
            from = engine_id(session_id).as_u128().checked_add(1).map(uuid::Uuid::from_u128);
            Ok(())
        })?;
        if !admitted.is_empty() {
            marked += MARK_THESE.execute(&args![
                tenant_id,
                plan.plan_id,
                scenario_id,
                version,
                plan.to_version,
                admitted,
                step_id,
                hash
            ])?;
        }
    }
    Ok(marked)
}

/// A session's variables, each read only when a condition asks for it.
struct Variables(BTreeMap<String, Box<RawValue>>);

impl Variables {
    fn of(json: &Json) -> Variables {
        Variables(serde_json::from_str(json.as_str()).unwrap_or_default())
    }

    /// `None` also for a value that is nested deeper than 127 levels, which no condition can look into.
    fn get(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }
}

/// Marks of a plan by anchor hash (`none`: at a deleted step with nowhere to go) as a JSON object, and how many in all.
pub fn by_anchor(tenant_id: Uuid, plan_id: Uuid) -> Result<(Json, i64)> {
    let found = BY_ANCHOR.row(&args![tenant_id, plan_id], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(found.unwrap_or_else(|| (Json("{}".to_owned()), 0)))
}

/// Takes the marks of a plan off, waiting for turns that hold one, and says how many.
pub fn take_off(tenant_id: Uuid, plan_id: Uuid) -> Result<u64> {
    TAKE_OFF.execute(&args![tenant_id, plan_id])
}

/// The sessions that a plan would touch, counted by the step that they are at.
pub fn counts_by_step(tenant_id: Uuid, plan: &Plan) -> Result<HashMap<String, AnchorCounts>> {
    let key = args![tenant_id, plan.scenario_id, plan.from_version, plan.from_checksum.as_str()];
    let rows = COUNT_BY_STEP.rows(&key, |row| {
        let (sessions, passed) = (row.get::<i64>(2)?, row.get::<i64>(3)?);
        let counts = AnchorCounts { sessions: sessions.unsigned_abs(), passed_checkpoint: passed.unsigned_abs() };
        Ok((row.get::<String>(1)?, counts))
    })?;
    Ok(rows.into_iter().collect())
}

/// How many live sessions (active or paused) walk a version.
pub fn live_sessions(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<i64> {
    Ok(LIVE.row(&args![tenant_id, scenario_id, version], |row| row.get(1))?.unwrap_or(0))
}
