//! What decisions change. Every statement takes any number of sessions of one tenant, as one array for each column.

use super::check_all_written;
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::store::Statement;
use pgrx::Uuid;
use pgrx::datum::datetime_support::now;

/// The columns that every change has, `c`: parameters 2 to 21. An audit row's plans and fields are lists of their own;
/// each list lies in one array with those of the other rows, from place `…_from` to place `…_to`.
macro_rules! change_rows {
    ($more_values:literal, $more_names:literal) => {
        concat!(
            "ROWS FROM (
                 pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::uuid[]), pg_catalog.unnest($4::integer[]),
                 pg_catalog.unnest($5::integer[]), pg_catalog.unnest($6::integer[]), pg_catalog.unnest($7::text[]),
                 pg_catalog.unnest($8::text[]), pg_catalog.unnest($9::text[]), pg_catalog.unnest($10::text[]),
                 pg_catalog.unnest($11::text[]), pg_catalog.unnest($12::jsonb[]), pg_catalog.unnest($13::text[]),
                 pg_catalog.unnest($14::text[]), pg_catalog.unnest($15::bigint[]), pg_catalog.unnest($17::integer[]),
                 pg_catalog.unnest($18::integer[]), pg_catalog.unnest($20::integer[]),
                 pg_catalog.unnest($21::integer[]), ",
            $more_values,
            ") AS c (session_id, scenario_id, revision, from_version, to_version, migration_scenario,
                     anchor_content_hash, step_before, step_after, action, record, checkpoint, reason,
                     microseconds, plans_from, plans_to, asked_from, asked_to, ",
            $more_names,
            ")"
        )
    };
}

/// One audit row for each row of `written` for which `$where` holds.
macro_rules! audit_rows {
    ($where:literal) => {
        concat!(
            "INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version,
                    to_version, migration_scenario, anchor_content_hash, step_before, step_after, action, fields_filled,
                    asked, trace, fields_asked, checkpoint, blocked_by_checkpoint, reason, microseconds)
             SELECT $1, w.session_id, w.revision + 1, w.scenario_id, ($16::uuid[])[w.plans_from:w.plans_to],
                    w.from_version, w.to_version, w.migration_scenario, w.anchor_content_hash, w.step_before,
                    w.step_after, w.action, w.record OPERATOR(pg_catalog.->) 'fields_filled',
                    w.record OPERATOR(pg_catalog.->) 'asked', w.record OPERATOR(pg_catalog.->) 'trace',
                    ($19::text[])[w.asked_from:w.asked_to], w.checkpoint,
                    w.checkpoint IS NOT NULL, w.reason, w.microseconds
               FROM written AS w WHERE ",
            $where
        )
    };
}

/// The undo row of each row of `written`: where the session was before.
macro_rules! undo_rows {
    ($visits:literal, $variables_written:literal, $variables_before:literal) => {
        concat!(
            "INSERT INTO scenario.migration_undo AS u
                    (tenant_id, session_id, plan_id, scenario_id, scenario_version, step_id, step_content_hash,
                     scenario_checksum, variables_written, variables_before, revision, visit_count)
             SELECT $1, w.session_id, w.plan_id, w.scenario_id, w.from_version, w.step_before, w.old_content_hash,
                    w.old_checksum, ",
            $variables_written,
            ", ",
            $variables_before,
            ", w.revision + 1, ",
            $visits,
            " FROM written AS w
             ON CONFLICT (tenant_id, session_id) DO UPDATE
                SET plan_id = excluded.plan_id, scenario_id = excluded.scenario_id,
                    scenario_version = excluded.scenario_version, step_id = excluded.step_id,
                    step_content_hash = excluded.step_content_hash, scenario_checksum = excluded.scenario_checksum,
                    variables_written = excluded.variables_written,
                    variables_before = excluded.variables_before, revision = excluded.revision,
                    visit_count = excluded.visit_count, applied_at = excluded.applied_at, reverted_at = NULL"
        )
    };
}

/// Moves sessions to a step. The step is looked up here: no row is written for one that the version does not have. A
/// session that arrives at a terminal step is finished, and a finished one goes on anywhere else. A move by a plan is
/// not the customer's activity; a fallback happens at the customer's own turn.
static MOVE: Statement = Statement::writing(concat!(
    "WITH change AS MATERIALIZED (
         SELECT c.*, st.name AS step_name, st.content_hash, st.is_checkpoint, st.checkpoint_description, st.is_terminal,
                CASE WHEN c.plans_from <= c.plans_to THEN ($16::uuid[])[c.plans_to] END AS plan_id
           FROM ",
    change_rows!(
        "pg_catalog.unnest($22::integer[]), pg_catalog.unnest($23::text[]), pg_catalog.unnest($24::text[]),
         pg_catalog.unnest($25::integer[]), pg_catalog.unnest($26::text[]), pg_catalog.unnest($27::jsonb[]),
         pg_catalog.unnest($28::jsonb[]), pg_catalog.unnest($30::jsonb[]), pg_catalog.unnest($31::boolean[])",
        "visit_count, old_content_hash, old_checksum, deployments, new_checksum, variables_written,
         variables_before, times_written, already_done"
    ),
    "       JOIN scenario.scenario_steps AS st
             ON st.tenant_id = $1 AND st.scenario_id = c.scenario_id AND st.version = c.to_version
                AND st.step_id = c.step_after
     ), written AS (
         UPDATE scenario.sessions AS s
            SET scenario_version = t.to_version, step_id = t.step_after, step_content_hash = t.content_hash,
                scenario_checksum = t.new_checksum, reconciled_deployments = t.deployments,
                ",
    no_pin!(),
    ", visit_count = t.visit_count + 1, revision = t.revision + 1,
                already_done = t.already_done,
                status = CASE WHEN t.is_terminal THEN 'completed' WHEN s.status = 'completed' THEN 'active'
                              ELSE s.status END,
                variables = CASE WHEN t.variables_written = '{}' THEN s.variables
                                 ELSE s.variables || t.variables_written END,
                variables_set_at = CASE WHEN t.variables_written = '{}' THEN s.variables_set_at
                                        ELSE s.variables_set_at || t.times_written END,
                last_activity_at = CASE WHEN t.plan_id IS NULL THEN $29 ELSE s.last_activity_at END,
                ",
    no_mark!(),
    "
           FROM change AS t
          WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.revision = t.revision
            AND s.visit_count = t.visit_count
         RETURNING t.*, s.turn_count,
                   s.scenario_version = t.to_version AND s.step_id = t.step_after
                   AND s.revision = t.revision + 1 AND s.visit_count = t.visit_count + 1 AS as_asked
     ), visited AS (
         INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id,
                step_name, step_content_hash, turn_number, reason, is_checkpoint, checkpoint_description, plan_id,
                already_done)
         SELECT $1, w.session_id, w.visit_count + 1, w.scenario_id, w.to_version, w.step_after, w.step_name,
                w.content_hash, w.turn_count, 'migration', w.is_checkpoint, w.checkpoint_description, w.plan_id,
                w.already_done
           FROM written AS w
     ), undoable AS (",
    undo_rows!("w.visit_count + 1", "w.variables_written", "w.variables_before"),
    "), audited AS (",
    audit_rows!("true"),
    ") SELECT pg_catalog.count(*) FILTER (WHERE w.as_asked) FROM written AS w"
));

/// Takes sessions out of their scenario; the trigger of `sessions` clears place, mark and pin.
static EXIT: Statement = Statement::writing(concat!(
    "WITH change AS MATERIALIZED (
         SELECT c.*, CASE WHEN c.plans_from <= c.plans_to THEN ($16::uuid[])[c.plans_to] END AS plan_id
           FROM ",
    change_rows!(
        "pg_catalog.unnest($22::integer[]), pg_catalog.unnest($23::text[]), pg_catalog.unnest($24::text[])",
        "visit_count, old_content_hash, old_checksum"
    ),
    " ), written AS (
         UPDATE scenario.sessions AS s
            SET scenario_id = NULL, revision = t.revision + 1, waiting_for = NULL, waiting_since = NULL
           FROM change AS t
          WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.revision = t.revision
            AND s.visit_count = t.visit_count
         RETURNING t.*, s.scenario_id IS NULL AND s.revision = t.revision + 1 AS as_asked
     ), undoable AS (",
    undo_rows!("w.visit_count", "'{}'", "'{}'"),
    "), audited AS (",
    audit_rows!("true"),
    ") SELECT pg_catalog.count(*) FILTER (WHERE w.as_asked) FROM written AS w"
));

/// Leaves sessions where they are: pinned, settled, or waiting (`waiting_for` is not NULL). A session that waits stays
/// due, so its count of deployments is left; a pin that it had has ended. A mark that the way does not confirm is
/// replaced by the way's own plan; a fallback has no plan, and so leaves no mark. What was recorded before is not
/// recorded again.
static STAY: Statement = Statement::writing(concat!(
    "WITH change AS MATERIALIZED (SELECT c.* FROM ",
    change_rows!(
        "pg_catalog.unnest($22::boolean[]), pg_catalog.unnest($23::text[]), pg_catalog.unnest($24::uuid[]),
         pg_catalog.unnest($25::integer[]), pg_catalog.unnest($26::text[]), pg_catalog.unnest($27::uuid[])",
        "is_recorded, waiting_for, mark_plan_id, deployments, pinned_reason, pinned_plan_id"
    ),
    " ), written AS (
         UPDATE scenario.sessions AS s
            SET reconciled_deployments = CASE WHEN t.waiting_for IS NULL THEN t.deployments
                                              ELSE s.reconciled_deployments END,
                pinned_at = CASE WHEN t.pinned_reason IS NOT NULL THEN $28 END, pinned_reason = t.pinned_reason,
                pinned_plan_id = t.pinned_plan_id,
                revision = CASE WHEN t.is_recorded THEN t.revision + 1 ELSE t.revision END,
                waiting_since = CASE WHEN t.waiting_for IS NULL THEN NULL
                                     WHEN s.waiting_for = t.waiting_for THEN s.waiting_since ELSE $28 END,
                waiting_for = t.waiting_for,
                pending_marked_at = CASE WHEN t.mark_plan_id IS NULL THEN NULL
                                         WHEN s.pending_plan_id = t.mark_plan_id THEN s.pending_marked_at ELSE $28 END,
                pending_target_version = CASE WHEN t.mark_plan_id IS NULL THEN NULL ELSE t.to_version END,
                pending_anchor_hash = CASE WHEN t.mark_plan_id IS NULL THEN NULL ELSE t.anchor_content_hash END,
                pending_plan_id = t.mark_plan_id
           FROM change AS t
          WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.revision = t.revision
         RETURNING t.*, true AS as_asked
     ), audited AS (",
    audit_rows!("w.is_recorded"),
    ") SELECT pg_catalog.count(*) FILTER (WHERE w.as_asked) FROM written AS w"
));

/// A pinned session stays as it is. Only the count of deployments that it has seen is written, and a mark of an earlier
/// plan is removed.
static KEEP_PIN: Statement = Statement::writing(concat!(
    "UPDATE scenario.sessions AS s
        SET reconciled_deployments = t.deployments, ",
    no_mark!(),
    "
       FROM ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::integer[])) AS t (session_id, deployments)
      WHERE s.tenant_id = $1 AND s.session_id = t.session_id"
));

/// What every change of a session is recorded with.
pub struct Change<'a> {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    /// The session's revision before the change.
    pub revision: i32,
    pub from_version: i32,
    pub to_version: i32,
    pub migration_scenario: Option<&'static str>,
    pub anchor_content_hash: Option<&'a str>,
    pub step_before: &'a str,
    /// `None`: it leaves the scenario.
    pub step_after: Option<&'a str>,
    /// The action of the result row, or `pin`.
    pub action: &'static str,
    /// What the audit keeps of the decision: an object of `fields_filled`, `asked` and `trace`.
    pub record: Json,
    pub fields_asked: Vec<&'a str>,
    /// The checkpoints that forbade a redirect, by name.
    pub checkpoint: Option<String>,
    pub reason: String,
    /// `None`: the decision was made for several sessions at once.
    pub microseconds: Option<i64>,
    /// In the order in which they lead to `to_version`; empty for a fallback.
    pub plan_ids: Vec<Uuid>,
}

/// Where a session was before a change that can be taken back.
pub struct Before<'a> {
    pub visit_count: i32,
    pub step_content_hash: &'a str,
    pub checksum: &'a str,
}

/// An arrival at `step_after` of `to_version`.
pub struct Arrival<'a> {
    pub change: Change<'a>,
    pub before: Before<'a>,
    /// The scenario's count of deployments that the decision has seen.
    pub deployments: i32,
    /// The checksum of `to_version`.
    pub new_checksum: &'a str,
    /// Filled values to add to the variables, a JSON object.
    pub variables_written: Json,
    /// Those of them that the session had before, as they were.
    pub variables_before: Json,
    /// When each of them was given, in seconds since 1970: a JSON object.
    pub times_written: Json,
    /// The step is a required action that was done before.
    pub already_done: bool,
}

/// The end of a session's walk through its scenario.
pub struct Exit<'a> {
    pub change: Change<'a>,
    pub before: Before<'a>,
}

/// A session that stays at its step.
pub struct Stay<'a> {
    pub change: Change<'a>,
    /// Whether it gets an audit row, and so a new revision.
    pub is_recorded: bool,
    /// `None`: it waits for nothing, and no plan that is deployed now moves it.
    pub waiting_for: Option<&'static str>,
    pub mark_plan_id: Option<Uuid>,
    /// The scenario's count of deployments that the decision has seen.
    pub deployments: i32,
    /// `None`: it is not pinned.
    pub pinned_reason: Option<&'static str>,
    pub pinned_plan_id: Option<Uuid>,
}

/// A session for which nothing is decided: its pin holds, whatever was deployed.
pub struct KeptPin {
    pub session_id: Uuid,
    /// The scenario's count of deployments that the decision has seen.
    pub deployments: i32,
}

/// [`Change`] by column.
#[derive(Default)]
struct ChangeColumns<'a> {
    session_id: Vec<Uuid>,
    scenario_id: Vec<Uuid>,
    revision: Vec<i32>,
    from_version: Vec<i32>,
    to_version: Vec<i32>,
    migration_scenario: Vec<Option<&'static str>>,
    anchor_content_hash: Vec<Option<&'a str>>,
    step_before: Vec<&'a str>,
    step_after: Vec<Option<&'a str>>,
    action: Vec<&'static str>,
    record: Vec<Json>,
    checkpoint: Vec<Option<String>>,
    reason: Vec<String>,
    microseconds: Vec<Option<i64>>,
    plans: Vec<Uuid>,
    plans_from: Vec<i32>,
    plans_to: Vec<i32>,
    asked: Vec<&'a str>,
    asked_from: Vec<i32>,
    asked_to: Vec<i32>,
}

/// Appends a row's list and gives the places of its first and last entry, from 1 on; an empty list ends before it
/// begins.
fn append_list<T>(all: &mut Vec<T>, list: Vec<T>) -> Result<(i32, i32)> {
    let place = |n: usize| i32::try_from(n).map_err(|_| Error::internal("more list entries than an array can hold"));
    let first = place(all.len() + 1)?;
    all.extend(list);
    Ok((first, place(all.len())?))
}

impl<'a> ChangeColumns<'a> {
    fn push(&mut self, change: Change<'a>) -> Result<()> {
        self.session_id.push(change.session_id);
        self.scenario_id.push(change.scenario_id);
        self.revision.push(change.revision);
        self.from_version.push(change.from_version);
        self.to_version.push(change.to_version);
        self.migration_scenario.push(change.migration_scenario);
        self.anchor_content_hash.push(change.anchor_content_hash);
        self.step_before.push(change.step_before);
        self.step_after.push(change.step_after);
        self.action.push(change.action);
        self.record.push(change.record);
        self.checkpoint.push(change.checkpoint);
        self.reason.push(change.reason);
        self.microseconds.push(change.microseconds);
        let (from, to) = append_list(&mut self.plans, change.plan_ids)?;
        self.plans_from.push(from);
        self.plans_to.push(to);
        let (from, to) = append_list(&mut self.asked, change.fields_asked)?;
        self.asked_from.push(from);
        self.asked_to.push(to);
        Ok(())
    }
}

/// [`Before`] by column.
#[derive(Default)]
struct BeforeColumns<'a> {
    visit_count: Vec<i32>,
    step_content_hash: Vec<&'a str>,
    checksum: Vec<&'a str>,
}

impl<'a> BeforeColumns<'a> {
    fn push(&mut self, before: Before<'a>) {
        self.visit_count.push(before.visit_count);
        self.step_content_hash.push(before.step_content_hash);
        self.checksum.push(before.checksum);
    }
}

/// Runs a statement with the columns of its changes, then its own. Fails unless it wrote every row as it was asked to.
macro_rules! write_changes {
    ($statement:expr, $tenant_id:expr, $changes:expr, [$($own:expr),* $(,)?]) => {{
        let c = $changes;
        let asked = c.session_id.len();
        let args = args![
            $tenant_id, c.session_id, c.scenario_id, c.revision, c.from_version, c.to_version, c.migration_scenario,
            c.anchor_content_hash, c.step_before, c.step_after, c.action, c.record, c.checkpoint, c.reason,
            c.microseconds, c.plans, c.plans_from, c.plans_to, c.asked, c.asked_from, c.asked_to, $($own),*
        ];
        let written: Option<i64> = $statement.row(&args, |row| row.get(1))?;
        check_all_written(asked, written)
    }};
}

/// Moves sessions.
pub fn arrive(tenant_id: Uuid, arrivals: Vec<Arrival<'_>>) -> Result<()> {
    let (mut changes, mut befores) = (ChangeColumns::default(), BeforeColumns::default());
    let (mut new_checksum, mut written, mut before) = (Vec::new(), Vec::new(), Vec::new());
    let (mut times, mut already_done) = (Vec::new(), Vec::new());
    let mut deployments = Vec::new();
    for arrival in arrivals {
        changes.push(arrival.change)?;
        befores.push(arrival.before);
        deployments.push(arrival.deployments);
        new_checksum.push(arrival.new_checksum);
        written.push(arrival.variables_written);
        before.push(arrival.variables_before);
        times.push(arrival.times_written);
        already_done.push(arrival.already_done);
    }
    write_changes!(
        MOVE,
        tenant_id,
        changes,
        [
            befores.visit_count,
            befores.step_content_hash,
            befores.checksum,
            deployments,
            new_checksum,
            written,
            before,
            now(),
            times,
            already_done,
        ]
    )
}

/// Takes sessions out of their scenario.
pub fn exit(tenant_id: Uuid, exits: Vec<Exit<'_>>) -> Result<()> {
    let (mut changes, mut befores) = (ChangeColumns::default(), BeforeColumns::default());
    for exit in exits {
        changes.push(exit.change)?;
        befores.push(exit.before);
    }
    write_changes!(EXIT, tenant_id, changes, [befores.visit_count, befores.step_content_hash, befores.checksum])
}

/// Leaves sessions where they are, pinned, settled or waiting.
pub fn stay(tenant_id: Uuid, stays: Vec<Stay<'_>>) -> Result<()> {
    let mut changes = ChangeColumns::default();
    let (mut is_recorded, mut waiting_for, mut mark_plan_id) = (Vec::new(), Vec::new(), Vec::new());
    let (mut deployments, mut pinned_reason, mut pinned_plan_id) = (Vec::new(), Vec::new(), Vec::new());
    for stay in stays {
        changes.push(stay.change)?;
        is_recorded.push(stay.is_recorded);
        waiting_for.push(stay.waiting_for);
        mark_plan_id.push(stay.mark_plan_id);
        deployments.push(stay.deployments);
        pinned_reason.push(stay.pinned_reason);
        pinned_plan_id.push(stay.pinned_plan_id);
    }
    write_changes!(
        STAY,
        tenant_id,
        changes,
        [is_recorded, waiting_for, mark_plan_id, deployments, pinned_reason, pinned_plan_id, now()]
    )
}

/// Keeps sessions whose pin holds as they are.
pub fn keep_pins(tenant_id: Uuid, pins: &[KeptPin]) -> Result<()> {
    let (session_ids, deployments): (Vec<Uuid>, Vec<i32>) =
        pins.iter().map(|pin| (pin.session_id, pin.deployments)).unzip();
    KEEP_PIN.execute(&args![tenant_id, session_ids, deployments]).map(|_| ())
}
