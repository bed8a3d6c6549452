//! The sessions of a plan's scenario, counted for its summary: where they are, and which checkpoints they have passed.

use super::Statement;
use super::plans::{self, Plan};
use crate::args;
use crate::error::Result;
use pgrx::Uuid;
use scenario_engine::acts::Acts;
use scenario_engine::plan::{AnchorCounts, OtherSessions, PassedGroup, VersionCounts};
use std::collections::{BTreeMap, HashMap};

static CENSUS: Statement = Statement::reading(
    "SELECT s.scenario_version, s.step_id, s.scenario_checksum = $4, s.status, s.pinned_at IS NOT NULL, count(*)
       FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version < greatest($3 + 1, $5)
      GROUP BY s.scenario_version, s.step_id, s.scenario_checksum = $4, s.status, s.pinned_at IS NOT NULL",
)
.in_place();

// Each session is looked up by its key, so that nothing is joined with a whole tenant, whatever PostgreSQL expects.
static PASSED: Statement = Statement::counting(
    "SELECT s.step_id, p.contents, count(*) FILTER (WHERE s.status <> 'completed'),
            count(*) FILTER (WHERE s.status <> 'completed' AND s.is_pinned),
            count(*) FILTER (WHERE s.status = 'completed')
       FROM (SELECT c.session_id, pg_catalog.array_agg(DISTINCT c.content_hash ORDER BY c.content_hash) AS contents
               FROM (SELECT v.session_id, v.step_content_hash AS content_hash FROM scenario.step_visits AS v
                      WHERE v.tenant_id = $1 AND v.scenario_id = $2
                        AND (v.is_checkpoint OR v.step_content_hash = ANY ($5))
                      UNION ALL
                     SELECT b.session_id, b.content_hash FROM scenario.passed_at_start AS b
                      WHERE b.tenant_id = $1 AND b.scenario_id = $2
                      UNION ALL
                     SELECT d.session_id, d.step_content_hash FROM scenario.session_actions AS d
                      WHERE d.tenant_id = $1 AND d.scenario_id = $2 AND d.step_content_hash = ANY ($5)) AS c
              GROUP BY c.session_id) AS p
      CROSS JOIN LATERAL (
            SELECT l.step_id, l.status, l.pinned_at IS NOT NULL AS is_pinned, l.scenario_id, l.scenario_version,
                   l.scenario_checksum
              FROM scenario.sessions AS l
             WHERE l.tenant_id = $1 AND l.session_id = p.session_id
            OFFSET 0) AS s
      WHERE s.scenario_id = $2 AND s.scenario_version = $3 AND s.scenario_checksum = $4
        AND (s.status IN ('active', 'paused') OR $6 AND s.status = 'completed')
      GROUP BY s.step_id, p.contents
      ORDER BY s.step_id, p.contents",
);

/// Sessions at one step that have passed the same checkpoints.
pub struct PassedStepGroup {
    pub step_id: String,
    /// Content hashes of the checkpoints; never empty.
    pub contents: Vec<String>,
    /// Those that are live, and how many of them are pinned.
    pub sessions: u64,
    pub pinned: u64,
    pub finished: u64,
}

/// The sessions that walk a version of the plan's scenario as it is stored and have passed a checkpoint, in groups;
/// finished ones only where they are asked for.
pub fn passed_groups(
    tenant_id: Uuid,
    plan: &Plan,
    (version, checksum): (i32, &str),
    acts: &Acts,
    with_finished: bool,
) -> Result<Vec<PassedStepGroup>> {
    // A checkpoint of a published version is among the acts, so without one nobody has passed any.
    let flagged: Vec<&str> = acts.flagged_contents().collect();
    if flagged.is_empty() {
        return Ok(Vec::new());
    }
    let key = args![tenant_id, plan.scenario_id, version, checksum, flagged, with_finished];
    PASSED.rows(&key, |row| {
        let count = |column| row.get::<i64>(column).map(i64::unsigned_abs);
        Ok(PassedStepGroup {
            step_id: row.get(1)?,
            contents: row.get(2)?,
            sessions: count(3)?,
            pinned: count(4)?,
            finished: count(5)?,
        })
    })
}

/// The sessions on the versions that are older than a plan's new one, and on its old one, counted by where they are and
/// how they stand.
pub struct Census(Vec<Counted>);

struct Counted {
    version: i32,
    step_id: String,
    /// They walk the plan's old version as it is stored, if it is that version that they walk.
    has_checksum: bool,
    status: String,
    is_pinned: bool,
    sessions: u64,
}

impl Counted {
    fn is_live(&self) -> bool {
        matches!(self.status.as_str(), "active" | "paused")
    }

    fn is_finished(&self) -> bool {
        self.status == "completed"
    }
}

/// Counts the sessions of the plan's scenario.
pub fn census(tenant_id: Uuid, plan: &Plan) -> Result<Census> {
    let Plan { scenario_id, from_version, to_version, .. } = *plan;
    let key = args![tenant_id, scenario_id, from_version, plan.from_checksum.as_str(), to_version];
    let counted = CENSUS.rows(&key, |row| {
        Ok(Counted {
            version: row.get(1)?,
            step_id: row.get(2)?,
            has_checksum: row.get(3)?,
            status: row.get(4)?,
            is_pinned: row.get(5)?,
            sessions: row.get::<i64>(6)?.unsigned_abs(),
        })
    })?;
    Ok(Census(counted))
}

impl Census {
    /// The sessions of the plan's old version, counted by the step that they are at and by the checkpoints that they
    /// have passed; finished ones only where they are asked for.
    pub fn by_step(
        &self,
        tenant_id: Uuid,
        plan: &Plan,
        acts: &Acts,
        with_finished: bool,
    ) -> Result<HashMap<String, AnchorCounts>> {
        let mut counts: HashMap<String, AnchorCounts> = HashMap::new();
        for counted in self.0.iter().filter(|counted| counted.version == plan.from_version && counted.has_checksum) {
            if counted.is_live() {
                let at = counts.entry(counted.step_id.clone()).or_default();
                at.sessions += counted.sessions;
                at.paused += if counted.status == "paused" { counted.sessions } else { 0 };
            } else if counted.is_finished() && with_finished {
                counts.entry(counted.step_id.clone()).or_default().finished += counted.sessions;
            }
        }
        let own = (plan.from_version, plan.from_checksum.as_str());
        for group in passed_groups(tenant_id, plan, own, acts, with_finished)? {
            let PassedStepGroup { step_id, contents, sessions, finished, .. } = group;
            let at = counts.entry(step_id).or_default();
            if finished > 0 {
                at.finished_passed.push(PassedGroup { contents: contents.clone(), sessions: finished });
            }
            if sessions > 0 {
                at.passed.push(PassedGroup { contents, sessions });
            }
        }
        Ok(counts)
    }

    /// The sessions of the plan's scenario that [`Census::by_step`] does not count. Sessions that a landing would hold
    /// are not counted here.
    pub fn elsewhere(&self, tenant_id: Uuid, plan: &Plan) -> Result<OtherSessions> {
        let plans = plans::refs(tenant_id, plan.scenario_id)?;
        let mut elsewhere = OtherSessions { plans, ..OtherSessions::default() };
        let mut older: BTreeMap<i32, VersionCounts> = BTreeMap::new();
        for counted in &self.0 {
            if counted.version == plan.from_version {
                if counted.is_finished() {
                    elsewhere.finished += counted.sessions;
                } else if counted.is_live() && !counted.has_checksum {
                    elsewhere.foreign_checksum += counted.sessions;
                }
                continue;
            }
            let version = counted.version;
            let at = older.entry(version).or_insert_with(|| VersionCounts { version, ..VersionCounts::default() });
            if counted.is_live() {
                at.sessions += counted.sessions;
                at.paused += if counted.status == "paused" { counted.sessions } else { 0 };
                at.pinned += if counted.is_pinned { counted.sessions } else { 0 };
            }
        }
        elsewhere.older = older.into_values().collect();
        Ok(elsewhere)
    }
}
