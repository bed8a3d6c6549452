//! The sessions that a plan concerns, and their marks: the `pending_…` columns of `scenario.sessions`.
//!
//! A plan concerns the sessions that walk its old version as it is stored ([`walks_old_version!`]) and are active or
//! paused. SQL asks `count_sessions_to_mark`, which runs a statement of this file.
//!
//! No statement here joins sessions with a plan, or with the rows of an array: on a table that was never analyzed
//! PostgreSQL expects one row, and would compare every session with every other row, or scan a whole tenant for each
//! page. A page in the order of an index, and one session by its key, find their index whatever PostgreSQL expects.

use super::Statement;
use super::plans::Plan;
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::Uuid;
use std::collections::{BTreeMap, BTreeSet};

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

// With no condition `step_id = …` there is one index alone that gives this order, whatever PostgreSQL expects: that of
// sessions by step.
static AT_STEP: Statement = Statement::reading(concat!(
    "SELECT s.session_id, s.pinned_at IS NOT NULL FROM scenario.sessions AS s WHERE ",
    walks_old_version!(),
    " AND s.step_id <= $5 AND (s.step_id, s.session_id) > ($5, $6)
      AND (s.status = 'completed' OR NOT $7) AND (s.status IN ('active', 'paused') OR $7)
      ORDER BY s.step_id, s.session_id
      LIMIT $8"
))
.in_order()
.stable();

static NEXT_STEP: Statement = Statement::reading(
    "SELECT s.step_id FROM scenario.sessions AS s
      WHERE s.tenant_id = $1 AND s.scenario_id = $2 AND s.scenario_version = $3 AND s.step_id > $4
      ORDER BY s.step_id
      LIMIT 1",
)
.in_order()
.stable();

static COUNT_TO_MARK: Statement =
    Statement::reading(concat!("SELECT count(*) FROM scenario.sessions AS s WHERE ", to_mark!())).in_place();

// Variables can be large: they are read only when a policy has a condition on them.
static PAGE: Statement = Statement::writing(concat!(
    "SELECT s.step_id, s.session_id, s.channel, CASE WHEN $11 THEN s.variables END,
            (extract(epoch FROM pg_catalog.now() - s.created_at) / 86400)::pg_catalog.float8, s.status = 'completed'
       FROM scenario.sessions AS s WHERE ",
    to_mark!(),
    " AND (s.step_id, s.session_id) > ($8, $9)
      ORDER BY s.step_id, s.session_id
      LIMIT $10"
))
.in_order();

// Each session is locked by its key alone, whatever it has become since the page was read, and looked at again under
// the lock. One that somebody has locked is skipped: its next turn finds by the count of deployments that there is a
// plan. OFFSET 0 keeps the conditions out of the inner query, where they could lead to another index. For the UPDATE a
// session is found by its place in the table: a condition `session_id = ANY …` is no key where PostgreSQL expects one
// session a tenant.
static MARK: Statement = Statement::writing(concat!(
    "UPDATE scenario.sessions AS s
        SET pending_plan_id = $5, pending_target_version = $8, pending_marked_at = pg_catalog.now(),
            pending_anchor_hash = ($11::text[])[pg_catalog.array_position($10::text[], s.step_id)]
      WHERE s.ctid = ANY (ARRAY(
            SELECT s.place
              FROM pg_catalog.unnest($9::uuid[]) AS seen (session_id)
             CROSS JOIN LATERAL (
                   SELECT l.ctid AS place, l.tenant_id, l.session_id, l.scenario_id, l.scenario_version,
                          l.scenario_checksum, l.status, l.step_id, l.pending_plan_id, l.pinned_at,
                          l.reconciled_deployments
                     FROM scenario.sessions AS l
                    WHERE l.tenant_id = $1 AND l.session_id = seen.session_id
                   OFFSET 0
                      FOR NO KEY UPDATE SKIP LOCKED) AS s
             WHERE s.step_id = ANY ($10) AND ",
    to_mark!(),
    "))"
));

// All sessions at once, in the order in which they lie in the table: each is locked, looked at again under the lock,
// and found for the UPDATE by its place. One that somebody has locked is skipped; one that somebody has written since
// the statement began has another place now, and is skipped too.
static MARK_STEPS: Statement = Statement::writing(concat!(
    "UPDATE scenario.sessions AS s
        SET pending_plan_id = $5, pending_target_version = $8, pending_marked_at = pg_catalog.now(),
            pending_anchor_hash = $9::pg_catalog.jsonb ->> s.step_id
       FROM (SELECT s.ctid AS place
               FROM scenario.sessions AS s WHERE ",
    to_mark!(),
    " AND s.step_id <> ALL ($10)
                FOR NO KEY UPDATE SKIP LOCKED) AS l
      WHERE s.ctid = l.place"
))
.in_place();

// The transactions that are under way. Where they are the same as before, nobody has written anything in between.
static UNDER_WAY: Statement = Statement::writing("SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text");

static TRY_MARK_STEPS: Statement = Statement::writing("SELECT scenario.try_mark_steps($1, $2, $3, $4)");

static MARK_PAGE: Statement = Statement::writing(
    "SELECT m.marked, m.failed, m.first_error FROM scenario.mark_page($1, $2, $3, $4, $5, $6, $7) AS m",
);

static MARKS_BY_ANCHOR: Statement = Statement::writing(
    "SELECT coalesce(pg_catalog.jsonb_object_agg(coalesce(m.anchor, 'none'), m.sessions), '{}'),
            coalesce(sum(m.sessions), 0)::bigint
       FROM (SELECT s.pending_anchor_hash AS anchor, count(*) AS sessions
               FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pending_plan_id = $2
              GROUP BY s.pending_anchor_hash) AS m",
)
.in_place();

// Without a lock: whoever cancels waits for no session.
static COUNT_MARKS: Statement =
    Statement::writing("SELECT count(*) FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.pending_plan_id = $2")
        .in_place();

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

/// The parameters of [`walks_old_version`] and [`to_mark`], then others.
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

/// The anchor of each step at which a plan lets everybody in who goes on; the steps that are left out are looked at
/// session by session.
pub struct StepsToMark<'a> {
    /// By step.
    pub anchor_hashes: BTreeMap<&'a str, Option<&'a str>>,
    pub left_out: Vec<&'a str>,
}

/// Marks the sessions at these steps as [`mark_at_steps`] does, and says how many; `None`: one has failed, most likely
/// by a trigger of the application, and none is marked.
pub fn try_mark_at_steps(tenant_id: Uuid, plan_id: Uuid, steps: &StepsToMark<'_>) -> Result<Option<i64>> {
    let own = args![tenant_id, plan_id, Json::of(&steps.anchor_hashes), steps.left_out.clone()];
    Ok(TRY_MARK_STEPS.row(&own, |row| row.opt(1))?.flatten())
}

/// How often the sessions are gone through that others have written meanwhile.
const MOST_SWEEPS: usize = 5;

/// Marks every session that goes on and that the plan concerns, but for those at steps that are left out and those that
/// somebody has locked. The first error ends it.
///
/// * `anchor_hashes`: an object: step → anchor.
pub fn mark_at_steps(tenant_id: Uuid, plan: &Plan, anchor_hashes: Json, left_out: &[String]) -> Result<i64> {
    let mut marked = 0;
    for _ in 0..MOST_SWEEPS {
        let under_way = || UNDER_WAY.row(&[], |row| row.get::<String>(1));
        let before = under_way()?;
        let includes_finished = false;
        let found = MARK_STEPS.execute(&key!(
            tenant_id,
            plan,
            plan.plan_id,
            plan.deployment_no,
            includes_finished,
            plan.to_version,
            anchor_hashes.clone(),
            left_out.to_vec()
        ))?;
        marked += found.cast_signed();
        if found == 0 || under_way()? == before {
            break;
        }
    }
    Ok(marked)
}

/// The sessions that walk a version as it is stored and are at one step: the finished ones, or those that are active or
/// paused.
pub struct SessionsAtStep {
    pub scenario_id: Uuid,
    pub version: i32,
    pub checksum: String,
    pub step_id: String,
    pub finished: bool,
}

/// A session at a step.
pub struct SessionAtStep {
    pub session_id: Uuid,
    pub is_pinned: bool,
}

/// The next sessions at a step in the order of their ids, at most `most`: those after the session `after`.
pub fn at_step(tenant_id: Uuid, at: &SessionsAtStep, after: Option<Uuid>, most: usize) -> Result<Vec<SessionAtStep>> {
    let SessionsAtStep { scenario_id, version, checksum, step_id, finished } = at;
    let after = after.unwrap_or_else(|| PageCursor::start().session_id);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let own = args![tenant_id, *scenario_id, *version, checksum.as_str(), step_id.as_str(), after, *finished, most];
    AT_STEP.rows(&own, |row| Ok(SessionAtStep { session_id: row.get(1)?, is_pinned: row.get(2)? }))
}

/// The steps of a version at which there is a session, of whatever status. Reads a row for each step, not one for each
/// session.
pub fn steps_with_sessions(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<BTreeSet<String>> {
    let mut steps = BTreeSet::new();
    let mut last = String::new();
    while let Some(next) =
        NEXT_STEP.row(&args![tenant_id, scenario_id, version, last.as_str()], |row| row.get::<String>(1))?
    {
        last.clone_from(&next);
        steps.insert(next);
    }
    Ok(steps)
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
