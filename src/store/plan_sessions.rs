//! The sessions that a plan concerns, and their marks: the `pending_…` columns of `scenario.sessions`.
//!
//! Only [`concerned`] says which sessions a plan concerns. SQL calls `plan_session_ids` and `count_sessions_to_mark`,
//! which run the statements of this file.
//!
//! No statement here joins sessions with a plan, or with the rows of an array: on a table that was never analyzed
//! PostgreSQL expects one row, and would compare every session with every other row, or scan a whole tenant for each
//! page. A page in the order of an index, and one session by its key, find their index whatever PostgreSQL expects.

use super::Statement;
use super::plans::{self, Plan};
use super::versions::Version;
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::Uuid;
use scenario_engine::acts::Acts;
use scenario_engine::plan::{AnchorCounts, HeldCounts, OtherSessions, PassedGroup, VersionCounts};
use std::collections::HashMap;

/// The session `s` walks the plan's old version as it is stored. The parameters $1 to $4 are tenant, scenario, old
/// version and its checksum ([`key`]).
macro_rules! walks_old_version {
    () => {
        "s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.scenario_checksum = $4"
    };
}

/// The session `s` goes on, now or once it is woken.
macro_rules! live {
    () => {
        "s.status IN ('active', 'paused')"
    };
}

/// A plan concerns the session `s` if that is live and walks the plan's old version as it is stored.
macro_rules! concerned {
    () => {
        concat!(walks_old_version!(), " AND ", live!())
    };
}

/// The plan $5 may mark the session `s`: it concerns it, or reopens finished sessions ($7), has not marked it yet, and
/// its deployment ($6) came after the one at which the session was pinned, if it is.
macro_rules! to_mark {
    () => {
        concat!(
            walks_old_version!(),
            " AND (",
            live!(),
            " OR $7 AND s.status = 'completed')
              AND s.pending_plan_id IS DISTINCT FROM $5
              AND (s.pinned_at IS NULL OR s.reconciled_deployments < $6)"
        )
    };
}

static IDS: Statement = Statement::reading(concat!(
    "SELECT s.session_id FROM scenario.sessions AS s WHERE ",
    concerned!(),
    " ORDER BY s.step_id, s.session_id"
));

static FINISHED_IDS: Statement = Statement::reading(concat!(
    "SELECT s.session_id FROM scenario.sessions AS s WHERE ",
    walks_old_version!(),
    " AND s.status = 'completed' AND s.step_id = ANY ($5) ORDER BY s.step_id, s.session_id"
));

static COUNT_BY_STEP: Statement = Statement::reading(concat!(
    "SELECT p.step_id, p.contents, count(*) FILTER (WHERE p.status <> 'completed'),
            count(*) FILTER (WHERE p.status = 'paused'),
            count(*) FILTER (WHERE p.status <> 'completed' AND p.is_pinned),
            count(*) FILTER (WHERE p.status = 'completed')
       FROM (SELECT s.step_id, s.status, s.pinned_at IS NOT NULL AS is_pinned,
                    ARRAY(SELECT DISTINCT v.step_content_hash FROM scenario.step_visits AS v
                           WHERE v.tenant_id = s.tenant_id AND v.session_id = s.session_id
                             AND v.scenario_id = s.scenario_id
                             AND (v.is_checkpoint OR v.step_content_hash = ANY ($5))
                          UNION
                          SELECT b.content_hash FROM scenario.passed_at_start AS b
                           WHERE b.tenant_id = s.tenant_id AND b.session_id = s.session_id
                             AND b.scenario_id = s.scenario_id
                          UNION
                          SELECT d.step_content_hash FROM scenario.session_actions AS d
                           WHERE d.tenant_id = s.tenant_id AND d.session_id = s.session_id
                             AND d.scenario_id = s.scenario_id AND d.step_content_hash = ANY ($5)
                           ORDER BY 1) AS contents
               FROM scenario.sessions AS s WHERE ",
    walks_old_version!(),
    " AND (",
    live!(),
    " OR $6 AND s.status = 'completed')) AS p
      GROUP BY p.step_id, p.contents
      ORDER BY p.step_id, p.contents"
));

static COUNT_ELSEWHERE: Statement = Statement::reading(concat!(
    "SELECT s.scenario_version, s.scenario_version = $3,
            count(*) FILTER (WHERE ",
    live!(),
    "), count(*) FILTER (WHERE s.status = 'paused'),
            count(*) FILTER (WHERE ",
    live!(),
    " AND s.pinned_at IS NOT NULL),
            count(*) FILTER (WHERE s.status = 'completed'),
            count(*) FILTER (WHERE ",
    live!(),
    " AND s.scenario_checksum <> $4)
       FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version < greatest($3 + 1, $5)
      GROUP BY s.scenario_version
      ORDER BY s.scenario_version"
));

static COUNT_TO_MARK: Statement =
    Statement::reading(concat!("SELECT count(*) FROM scenario.sessions AS s WHERE ", to_mark!()));

// Variables can be large: they are read only when a policy has a condition on them.
static PAGE: Statement = Statement::writing(concat!(
    "SELECT s.step_id, s.session_id, s.channel, CASE WHEN $11 THEN s.variables END,
            (extract(epoch FROM pg_catalog.now() - s.created_at) / 86400)::pg_catalog.float8, s.status = 'completed'
       FROM scenario.sessions AS s WHERE ",
    to_mark!(),
    " AND (s.step_id, s.session_id) > ($8, $9)
      ORDER BY s.step_id, s.session_id
      LIMIT $10"
));

// Each session is locked by its key alone, whatever it has become since the page was read, and looked at again under
// the lock. One that somebody has locked is skipped: its next turn finds by the count of deployments that there is a
// plan. OFFSET 0 keeps the conditions out of the inner query, where they could lead to another index.
static MARK: Statement = Statement::writing(concat!(
    "UPDATE scenario.sessions AS s
        SET pending_plan_id = $5, pending_target_version = $8, pending_marked_at = pg_catalog.now(),
            pending_anchor_hash = ($11::text[])[pg_catalog.array_position($10::text[], s.step_id)]
      WHERE s.tenant_id = $1 AND s.session_id = ANY (ARRAY(
            SELECT s.session_id
              FROM pg_catalog.unnest($9::uuid[]) AS seen (session_id)
             CROSS JOIN LATERAL (
                   SELECT l.tenant_id, l.session_id, l.scenario_id, l.scenario_version, l.scenario_checksum,
                          l.status, l.step_id, l.pending_plan_id, l.pinned_at, l.reconciled_deployments
                     FROM scenario.sessions AS l
                    WHERE l.tenant_id = $1 AND l.session_id = seen.session_id
                   OFFSET 0
                      FOR NO KEY UPDATE SKIP LOCKED) AS s
             WHERE s.step_id = ANY ($10) AND ",
    to_mark!(),
    "))"
));

static MARK_PAGE: Statement = Statement::writing(
    "SELECT m.marked, m.failed, m.first_error FROM scenario.mark_page($1, $2, $3, $4, $5, $6, $7) AS m",
);

static MARKS_BY_ANCHOR: Statement = Statement::writing(
    "SELECT coalesce(pg_catalog.jsonb_object_agg(m.anchor, m.sessions), '{}'), coalesce(sum(m.sessions), 0)::bigint
       FROM (SELECT coalesce(s.pending_anchor_hash, 'none') AS anchor, count(*) AS sessions
               FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pending_plan_id = $2
              GROUP BY 1) AS m",
);

// Without a lock: whoever cancels waits for no session.
static COUNT_MARKS: Statement =
    Statement::writing("SELECT count(*) FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pending_plan_id = $2");

static VERSIONS_WALKED: Statement = Statement::writing(concat!(
    "SELECT v.version
       FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = ANY ($3)
        AND EXISTS (SELECT FROM scenario.sessions AS s
                     WHERE s.tenant_id = v.tenant_id AND s.scenario_id = v.scenario_id
                       AND s.scenario_version = v.version AND s.scenario_checksum = v.checksum
                       AND ",
    live!(),
    " AND s.pinned_at IS NULL)
      ORDER BY v.version"
));

/// The parameters of [`concerned`] and [`to_mark`], then others.
macro_rules! key {
    ($tenant_id:expr, $plan:expr $(, $more:expr)*) => {
        args![$tenant_id, $plan.scenario_id, $plan.from_version, $plan.from_checksum.as_str() $(, $more)*]
    };
}

/// A position in the order in which sessions are marked: by step, then by id.
#[derive(Debug, Clone)]
pub struct PageCursor {
    pub step_id: String,
    pub session_id: Uuid,
}

impl PageCursor {
    /// Before every session.
    pub fn start() -> PageCursor {
        PageCursor { step_id: String::new(), session_id: Uuid::from_bytes([0; 16]) }
    }
}

/// A session that the plan may mark, with what policies ask for.
pub struct MarkCandidate {
    pub cursor: PageCursor,
    pub channel: Option<String>,
    /// A JSON object; `None` if variables were not asked for.
    pub variables: Option<Json>,
    pub age_days: f64,
    pub is_finished: bool,
}

/// What marking reads beside the sessions that a plan concerns.
#[derive(Debug, Clone, Copy)]
pub struct MarkingScope {
    /// Finished sessions, since a policy of the plan reopens them.
    pub includes_finished: bool,
    /// Variables, since a policy of the plan asks for them.
    pub reads_variables: bool,
}

/// The next sessions after a cursor that the plan may mark, at most `size` of them. Locks nothing.
pub fn page_to_mark(
    tenant_id: Uuid,
    plan: &Plan,
    after: &PageCursor,
    size: i32,
    scope: MarkingScope,
) -> Result<Vec<MarkCandidate>> {
    let (step_id, session_id) = (after.step_id.as_str(), after.session_id);
    let own = key!(
        tenant_id,
        plan,
        plan.plan_id,
        plan.deployment_no,
        scope.includes_finished,
        step_id,
        session_id,
        size,
        scope.reads_variables
    );
    PAGE.rows(&own, |row| {
        Ok(MarkCandidate {
            cursor: PageCursor { step_id: row.get(1)?, session_id: row.get(2)? },
            channel: row.opt(3)?,
            variables: row.opt(4)?,
            age_days: row.get(5)?,
            is_finished: row.get(6)?,
        })
    })
}

/// Sessions to mark: those of these ids that are at one of these steps.
pub struct SessionsToMark<'a> {
    /// In the order in which they are locked.
    pub session_ids: Vec<Uuid>,
    pub step_ids: Vec<&'a str>,
    /// By step: the anchor whose policy let its sessions in.
    pub anchor_hashes: Vec<Option<&'a str>>,
}

/// How many of some sessions have a mark now.
pub struct MarkedCount {
    pub marked: i64,
    /// Sessions for which something raised an error, most likely a trigger of the application.
    pub failed: i64,
    /// The error of the first of them.
    pub first_error: Option<String>,
}

/// Marks these sessions as [`mark_together`] does. A session that fails stops no other one. `run_id`: the run that
/// keeps the errors, and that does not try again whom it could not mark.
pub fn mark(
    tenant_id: Uuid,
    plan_id: Uuid,
    sessions: SessionsToMark<'_>,
    scope: MarkingScope,
    run_id: Option<Uuid>,
) -> Result<MarkedCount> {
    let SessionsToMark { session_ids, step_ids, anchor_hashes } = sessions;
    let own = args![tenant_id, plan_id, session_ids, step_ids, anchor_hashes, scope.includes_finished, run_id];
    let marked = MARK_PAGE
        .row(&own, |row| Ok(MarkedCount { marked: row.get(1)?, failed: row.get(2)?, first_error: row.opt(3)? }))?;
    marked.ok_or_else(|| Error::internal("mark_page returned no row"))
}

/// Marks these sessions, unless they have become others since they were read or somebody has locked them, and says how
/// many. A mark of another plan is overwritten. The first error ends it.
pub fn mark_together(
    tenant_id: Uuid,
    plan: &Plan,
    sessions: SessionsToMark<'_>,
    includes_finished: bool,
) -> Result<u64> {
    let SessionsToMark { session_ids, step_ids, anchor_hashes } = sessions;
    let to_version = plan.to_version;
    MARK.execute(&key!(
        tenant_id,
        plan,
        plan.plan_id,
        plan.deployment_no,
        includes_finished,
        to_version,
        session_ids,
        step_ids,
        anchor_hashes
    ))
}

/// The sessions that a plan concerns.
pub fn ids(tenant_id: Uuid, plan: &Plan) -> Result<Vec<Uuid>> {
    IDS.rows(&key!(tenant_id, plan), |row| row.get(1))
}

/// The finished sessions of the plan's old version that are at one of these steps.
pub fn finished_ids(tenant_id: Uuid, plan: &Plan, step_ids: Vec<&str>) -> Result<Vec<Uuid>> {
    FINISHED_IDS.rows(&key!(tenant_id, plan, step_ids), |row| row.get(1))
}

/// The live sessions that walk another version of the plan's scenario as it is stored.
pub fn ids_on_version(tenant_id: Uuid, plan: &Plan, version: &Version) -> Result<Vec<Uuid>> {
    let key = args![tenant_id, plan.scenario_id, version.version, version.checksum.as_str()];
    IDS.rows(&key, |row| row.get(1))
}

/// Sessions at one step that have passed the same checkpoints.
pub struct StepGroup {
    pub step_id: String,
    /// Content hashes of the checkpoints.
    pub contents: Vec<String>,
    /// Those that are live, and how many of them are paused or pinned.
    pub sessions: u64,
    pub paused: u64,
    pub pinned: u64,
    pub finished: u64,
}

/// The sessions that walk a version of the plan's scenario as it is stored, in groups; finished ones only where they
/// are asked for.
pub fn groups_by_step(
    tenant_id: Uuid,
    plan: &Plan,
    (version, checksum): (i32, &str),
    acts: &Acts,
    with_finished: bool,
) -> Result<Vec<StepGroup>> {
    let flagged: Vec<&str> = acts.flagged_contents().collect();
    let key = args![tenant_id, plan.scenario_id, version, checksum, flagged, with_finished];
    COUNT_BY_STEP.rows(&key, |row| {
        let count = |column| row.get::<i64>(column).map(i64::unsigned_abs);
        Ok(StepGroup {
            step_id: row.get(1)?,
            contents: row.get(2)?,
            sessions: count(3)?,
            paused: count(4)?,
            pinned: count(5)?,
            finished: count(6)?,
        })
    })
}

/// The sessions of the plan's old version, counted by the step that they are at and by the checkpoints that they have
/// passed; finished ones only where they are asked for.
pub fn counts_by_step(
    tenant_id: Uuid,
    plan: &Plan,
    acts: &Acts,
    with_finished: bool,
) -> Result<HashMap<String, AnchorCounts>> {
    let own = (plan.from_version, plan.from_checksum.as_str());
    let mut counts: HashMap<String, AnchorCounts> = HashMap::new();
    for group in groups_by_step(tenant_id, plan, own, acts, with_finished)? {
        let StepGroup { step_id, contents, sessions, paused, finished, .. } = group;
        let at = counts.entry(step_id).or_default();
        at.sessions += sessions;
        at.paused += paused;
        at.finished += finished;
        if contents.is_empty() {
            continue;
        }
        if finished > 0 {
            at.finished_passed.push(PassedGroup { contents: contents.clone(), sessions: finished });
        }
        if sessions > 0 {
            at.passed.push(PassedGroup { contents, sessions });
        }
    }
    Ok(counts)
}

/// The sessions of the plan's scenario that [`counts_by_step`] does not count. Sessions that a landing would hold
/// are not counted here.
pub fn count_elsewhere(tenant_id: Uuid, plan: &Plan) -> Result<OtherSessions> {
    let plans = plans::refs(tenant_id, plan.scenario_id)?;
    let mut elsewhere = OtherSessions { plans, ..OtherSessions::default() };
    COUNT_ELSEWHERE.rows(&key!(tenant_id, plan, plan.to_version), |row| {
        let count = |column| row.get::<i64>(column).map(i64::unsigned_abs);
        if row.get(2)? {
            (elsewhere.finished, elsewhere.foreign_checksum) = (count(6)?, count(7)?);
        } else {
            elsewhere.older.push(VersionCounts {
                version: row.get(1)?,
                sessions: count(3)?,
                paused: count(4)?,
                pinned: count(5)?,
                held: HeldCounts::default(),
            });
        }
        Ok(())
    })?;
    Ok(elsewhere)
}

/// How many sessions the plan may mark: policies are not asked, and finished sessions are left out.
pub fn count_to_mark(tenant_id: Uuid, plan: &Plan) -> Result<i64> {
    let own = key!(tenant_id, plan, plan.plan_id, plan.deployment_no, false);
    Ok(COUNT_TO_MARK.row(&own, |row| row.get(1))?.unwrap_or(0))
}

/// Marks of a plan by anchor hash (`none`: at a deleted step with nowhere to go) as a JSON object, and how many in all.
pub fn marks_by_anchor(tenant_id: Uuid, plan_id: Uuid) -> Result<(Json, i64)> {
    let found = MARKS_BY_ANCHOR.row(&args![tenant_id, plan_id], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(found.unwrap_or_else(|| (Json("{}".to_owned()), 0)))
}

/// How many sessions carry the plan's mark, valid or void.
pub fn count_marks(tenant_id: Uuid, plan_id: Uuid) -> Result<i64> {
    Ok(COUNT_MARKS.row(&args![tenant_id, plan_id], |row| row.get(1))?.unwrap_or(0))
}

/// Those of these versions that a session walks that publishing must not leave without a way: live, not pinned, and at
/// the version as it is stored.
pub fn walked_among(tenant_id: Uuid, scenario_id: Uuid, versions: &[i32]) -> Result<Vec<i32>> {
    VERSIONS_WALKED.rows(&args![tenant_id, scenario_id, versions.to_vec()], |row| row.get(1))
}
