//! Marks: the `pending_…` columns of `scenario.sessions`, set when a plan is deployed (SPEC 6).
//!
//! A mark is a hint: a session that is locked by its turn is skipped when a version is published, and handled at its
//! next turn by the same plan.

use super::{Row, Statement, engine_id};
use crate::args;
use crate::error::Result;
use crate::json::Json;
use crate::store::plans::Plan;
use pgrx::Uuid;
use scenario_engine::acts::Acts;
use scenario_engine::plan::{AnchorCounts, PassedGroup, Policy, ScopeSubject};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap};

// Statements here do not join sessions with a plan: on a table that was never analyzed PostgreSQL expects one row and
// would compare every session with every anchor. A page of sessions, an array of ids: both find their index whatever it
// expects.

// The anchor whose policy counts at a step: a deleted step's sessions follow the one that they go to first.
static PLACES: Statement = Statement::reading(
    "SELECT a.old_step_id, a.name, CASE a.kind WHEN 'anchor' THEN a.anchor_content_hash
                                   ELSE a.candidates -> 0 ->> 'anchor_content_hash' END
       FROM scenario.plan_anchors AS a WHERE a.tenant_id = $1 AND a.plan_id = $2",
);

// The sessions that walk the plan's old version as it is stored.
static PAGE: Statement = Statement::writing(
    "SELECT s.step_id, s.session_id FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status = 'active'
        AND s.scenario_checksum = $4 AND (s.step_id, s.session_id) > ($5, $6)
      ORDER BY s.step_id, s.session_id
      LIMIT 5000",
);

// The same, with what a policy looks at.
static PAGE_OF_SUBJECTS: Statement = Statement::writing(
    "SELECT s.step_id, s.session_id, s.channel, s.variables,
            (extract(epoch FROM pg_catalog.now() - s.created_at) / 86400)::float8
       FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status = 'active'
        AND s.scenario_checksum = $4 AND (s.step_id, s.session_id) > ($5, $6)
      ORDER BY s.step_id, s.session_id
      LIMIT 5000",
);

macro_rules! mark {
    ($locked:literal) => {
        concat!(
            "UPDATE scenario.sessions AS s
                SET pending_plan_id = $2, pending_target_version = $5, pending_anchor_hash = $6,
                    pending_marked_at = pg_catalog.now()
              WHERE s.tenant_id = $1 AND s.session_id = ANY (ARRAY(
                    SELECT l.session_id FROM scenario.sessions AS l
                     WHERE l.tenant_id = $1 AND l.session_id = ANY ($7) AND l.scenario_id = $3
                       AND l.scenario_version = $4 AND l.step_id = ANY ($8) AND l.status = 'active'
                     ORDER BY l.session_id
                       FOR NO KEY UPDATE ",
            $locked,
            "))"
        )
    };
}

// Meanwhile a turn may have moved a session, or hold it: those are left alone.
static MARK: Statement = Statement::writing(mark!("SKIP LOCKED"));

// Sessions that are pinned to the published version find a plan only by their mark: for these the turn is waited for.
static MARK_EVERY: Statement = Statement::writing(mark!(""));

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
    "SELECT p.step_id, p.contents, count(*)
       FROM (SELECT s.step_id,
                    ARRAY(SELECT DISTINCT v.step_content_hash FROM scenario.step_visits AS v
                           WHERE v.tenant_id = s.tenant_id AND v.session_id = s.session_id
                             AND v.scenario_id = s.scenario_id
                             AND (v.is_checkpoint OR v.step_content_hash = ANY ($5))
                           ORDER BY 1) AS contents
               FROM scenario.sessions AS s
              WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status = 'active'
                AND s.scenario_checksum = $4) AS p
      GROUP BY p.step_id, p.contents
      ORDER BY p.step_id, p.contents",
);

static LIVE: Statement = Statement::writing(
    "SELECT count(*) FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.status IN ('active', 'paused')",
);

/// What becomes of the sessions at a step of the old version.
pub(super) struct Place<'a> {
    pub name: String,
    /// `None`: a deleted step with nowhere to go.
    pub anchor: Option<String>,
    /// `None`: everybody is let in.
    pub policy: Option<&'a Policy>,
}

/// A session of a page.
struct Seen {
    step_id: String,
    session_id: Uuid,
    subject: Option<Subject>,
}

struct Subject {
    channel: Option<String>,
    variables: Variables,
    age_days: f64,
}

/// What to do about a session that a turn holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Its next turn finds the newly published version by itself.
    Skip,
    /// It has been reconciled against the published version already, so that only the mark tells it of the plan.
    WaitFor,
}

/// Marks every session that the plan's policies let in, and says how many. A mark of an older plan is overwritten.
pub fn set(tenant_id: Uuid, plan: &Plan, policies: &HashMap<String, Policy>, held: Held) -> Result<u64> {
    let mark: &'static Statement = match held {
        Held::Skip => &MARK,
        Held::WaitFor => &MARK_EVERY,
    };
    let places = places(tenant_id, plan, policies)?;
    let page: &'static Statement =
        if places.values().any(|place| place.policy.is_some()) { &PAGE_OF_SUBJECTS } else { &PAGE };
    let mut marked = 0;
    let mut after = (String::new(), Uuid::from_bytes([0; 16]));
    loop {
        let (scenario_id, version, checksum) = (plan.scenario_id, plan.from_version, plan.from_checksum.as_str());
        let key = args![tenant_id, scenario_id, version, checksum, after.0.as_str(), after.1];
        let seen = page.rows(&key, |row| read_seen(row, std::ptr::eq(page, &PAGE_OF_SUBJECTS)))?;
        let Some(last) = seen.last() else { return Ok(marked) };
        after = (last.step_id.clone(), last.session_id);
        let mut admitted: BTreeMap<Option<&str>, (BTreeSet<&str>, Vec<Uuid>)> = BTreeMap::new();
        for session in &seen {
            let Some(place) = places.get(&session.step_id) else { continue };
            if admits(place, session) {
                let group = admitted.entry(place.anchor.as_deref()).or_default();
                group.0.insert(&session.step_id);
                group.1.push(session.session_id);
            }
        }
        for (anchor, (steps, sessions)) in admitted {
            let steps: Vec<&str> = steps.into_iter().collect();
            let to_version = plan.to_version;
            marked += mark.execute(&args![
                tenant_id,
                plan.plan_id,
                scenario_id,
                version,
                to_version,
                anchor,
                sessions,
                steps
            ])?;
        }
    }
}

/// By step of the old version.
pub(super) fn places<'a>(
    tenant_id: Uuid,
    plan: &Plan,
    policies: &'a HashMap<String, Policy>,
) -> Result<HashMap<String, Place<'a>>> {
    let rows = PLACES.rows(&args![tenant_id, plan.plan_id], |row| {
        let anchor: Option<String> = row.opt(3)?;
        let policy = anchor.as_ref().and_then(|hash| policies.get(hash)).filter(|policy| !policy.admits_everybody());
        Ok((row.get(1)?, Place { name: row.get(2)?, anchor, policy }))
    })?;
    Ok(rows.into_iter().collect())
}

fn read_seen(row: &Row<'_>, with_subject: bool) -> Result<Seen> {
    let subject = if with_subject {
        Some(Subject { channel: row.opt(3)?, variables: Variables::of(&row.get(4)?), age_days: row.get(5)? })
    } else {
        None
    };
    Ok(Seen { step_id: row.get(1)?, session_id: row.get(2)?, subject })
}

fn admits(place: &Place<'_>, session: &Seen) -> bool {
    let (Some(policy), Some(subject)) = (place.policy, &session.subject) else { return true };
    let scope = ScopeSubject {
        session_id: engine_id(session.session_id),
        channel: subject.channel.as_deref(),
        step_name: &place.name,
        age_days: subject.age_days,
    };
    policy.admits(&scope, &mut |name| subject.variables.get(name)).is_admitted()
}

/// A session's variables, each read only when a condition asks for it.
pub(super) struct Variables(BTreeMap<String, Box<RawValue>>);

impl Variables {
    pub(super) fn of(json: &Json) -> Variables {
        Variables(serde_json::from_str(json.as_str()).unwrap_or_default())
    }

    /// `None` also for a value that is nested deeper than 127 levels, which no condition can look into.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
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

/// The sessions that a plan would touch, counted by the step that they are at and by the checkpoints that they have
/// passed.
pub fn counts_by_step(tenant_id: Uuid, plan: &Plan, acts: &Acts) -> Result<HashMap<String, AnchorCounts>> {
    let flagged: Vec<&str> = acts.flagged_contents().collect();
    let key = args![tenant_id, plan.scenario_id, plan.from_version, plan.from_checksum.as_str(), flagged];
    let mut counts: HashMap<String, AnchorCounts> = HashMap::new();
    COUNT_BY_STEP.rows(&key, |row| {
        let sessions = row.get::<i64>(3)?.unsigned_abs();
        let at = counts.entry(row.get::<String>(1)?).or_default();
        at.sessions += sessions;
        let contents: Vec<String> = row.get(2)?;
        if !contents.is_empty() {
            at.passed.push(PassedGroup { contents, sessions });
        }
        Ok(())
    })?;
    Ok(counts)
}

/// How many live sessions (active or paused) walk a version.
pub fn live_sessions(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<i64> {
    Ok(LIVE.row(&args![tenant_id, scenario_id, version], |row| row.get(1))?.unwrap_or(0))
}
