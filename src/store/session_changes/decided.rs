//! What decisions change. Every statement takes any number of sessions of one tenant, as an array of
//! `scenario.session_change` (`sql/install/25_session_change.sql`).

pub use super::change::{Arrival, Before, Change, Exit, KeptPin, NewVariables, OtherArrival, Stay};

use super::change::SessionChange;
use super::check_all_written;
use crate::args;
use crate::error::Result;
use crate::json::JsonValues;
use crate::row::{Column, array_of_rows};
use crate::store::Statement;
use pgrx::Uuid;
use pgrx::datum::datetime_support::now;

/// The changes of any number of sessions, as rows `t`: unpacked once, for all parts of the statement.
macro_rules! many {
    (with) => {
        "WITH change AS MATERIALIZED (
             SELECT c.* FROM pg_catalog.unnest($3::scenario.session_change[]) AS c
         ), "
    };
    () => {
        " FROM change AS t "
    };
}

/// The change of one session, as a row `t` with the columns of `scenario.session_change`: a turn passes each column by
/// itself, since to unpack an array costs as much as to write a row.
macro_rules! one {
    (with) => {
        "WITH "
    };
    () => {
        " FROM (SELECT
              $3::uuid AS session_id, $4::uuid AS scenario_id, $5::integer AS revision,
              $6::integer AS visit_count, $7::integer AS turn_count, $8::integer AS from_version,
              $9::integer AS to_version, $10::text AS migration_scenario, $11::text AS anchor_content_hash,
              $12::text AS step_before, $13::text AS content_hash_before, $14::text AS checksum_before,
              $15::text AS step_after, $16::text AS step_name, $17::text AS content_hash_after,
              $18::text AS checksum_after, $19::boolean AS is_checkpoint, $20::text AS checkpoint_description,
              $21::boolean AS is_terminal, $22::boolean AS already_done, $23::text AS action,
              $24::jsonb AS fields_filled, $25::jsonb AS asked, $26::jsonb AS trace,
              $27::text[] AS fields_asked, $28::text AS checkpoint, $29::text AS reason,
              $30::bigint AS microseconds, $31::uuid[] AS plan_ids, $32::uuid AS plan_id,
              $33::integer AS deployments, $34::jsonb AS variables_written, $35::jsonb AS variables_before,
              $36::jsonb AS times_written, $37::boolean AS is_recorded, $38::text AS waiting_for,
              $39::uuid AS mark_plan_id, $40::text AS pinned_reason, $41::uuid AS pinned_plan_id) AS t "
    };
}

/// An audit row for each change for which `$where` holds.
macro_rules! audit_rows {
    ($changes:ident, $where:literal) => {
        concat!(
            "INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, plan_ids, from_version,
                    to_version, migration_scenario, anchor_content_hash, step_before, step_after, action, fields_filled,
                    asked, trace, fields_asked, checkpoint, blocked_by_checkpoint, reason, microseconds)
             SELECT $1, t.session_id, t.revision + 1, t.scenario_id, t.plan_ids, t.from_version, t.to_version,
                    t.migration_scenario, t.anchor_content_hash, t.step_before, t.step_after, t.action, t.fields_filled,
                    t.asked, t.trace, t.fields_asked, t.checkpoint, t.checkpoint IS NOT NULL, t.reason, t.microseconds",
            $changes!(),
            "WHERE ",
            $where
        )
    };
}

/// The undo row of each change: where the session was before.
macro_rules! undo_rows {
    ($changes:ident, $visits:literal) => {
        concat!(
            "INSERT INTO scenario.migration_undo AS u
                    (tenant_id, session_id, plan_id, scenario_id, scenario_version, step_id, step_content_hash,
                     scenario_checksum, variables_written, variables_before, revision, visit_count)
             SELECT $1, t.session_id, t.plan_id, t.scenario_id, t.from_version, t.step_before, t.content_hash_before,
                    t.checksum_before, coalesce(t.variables_written, '{}'), coalesce(t.variables_before, '{}'),
                    t.revision + 1, ",
            $visits,
            $changes!(),
            "ON CONFLICT (tenant_id, session_id) DO UPDATE
                SET plan_id = excluded.plan_id, scenario_id = excluded.scenario_id,
                    scenario_version = excluded.scenario_version, step_id = excluded.step_id,
                    step_content_hash = excluded.step_content_hash, scenario_checksum = excluded.scenario_checksum,
                    variables_written = excluded.variables_written,
                    variables_before = excluded.variables_before, revision = excluded.revision,
                    visit_count = excluded.visit_count, applied_at = excluded.applied_at, reverted_at = NULL"
        )
    };
}

/// Moves sessions to a step. A session that arrives at a terminal step is finished, and a finished one goes on anywhere
/// else. A move by a plan is not the customer's activity; a fallback happens at the customer's own turn.
macro_rules! move_sessions {
    ($changes:ident, $variables:expr) => {
        concat!(
            $changes!(with),
            "written AS (
                 UPDATE scenario.sessions AS s
                    SET scenario_version = t.to_version, step_id = t.step_after,
                        step_content_hash = t.content_hash_after, scenario_checksum = t.checksum_after,
                        reconciled_deployments = t.deployments, ",
            no_pin!(),
            ", visit_count = t.visit_count + 1, revision = t.revision + 1, already_done = t.already_done,
                        status = CASE WHEN t.is_terminal THEN 'completed' WHEN s.status = 'completed' THEN 'active'
                                      ELSE s.status END, ",
            $variables,
            "last_activity_at = CASE WHEN t.plan_id IS NULL THEN $2 ELSE s.last_activity_at END, ",
            no_mark!(),
            $changes!(),
            "WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.revision = t.revision
                    AND s.visit_count = t.visit_count
                 RETURNING s.scenario_version = t.to_version AND s.step_id = t.step_after
                           AND s.revision = t.revision + 1 AND s.visit_count = t.visit_count + 1 AS as_asked
             ), visited AS (
                 INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version,
                        step_id, step_name, step_content_hash, turn_number, reason, is_checkpoint,
                        checkpoint_description, plan_id, already_done)
                 SELECT $1, t.session_id, t.visit_count + 1, t.scenario_id, t.to_version, t.step_after, t.step_name,
                        t.content_hash_after, t.turn_count, 'migration', t.is_checkpoint, t.checkpoint_description,
                        t.plan_id, t.already_done",
            $changes!(),
            "), undoable AS (",
            undo_rows!($changes, "t.visit_count + 1"),
            "), audited AS (",
            audit_rows!($changes, "true"),
            ") SELECT w.as_asked FROM written AS w"
        )
    };
}

/// What a move that adds values assigns to the variables.
macro_rules! variables {
    () => {
        "variables = CASE WHEN t.variables_written IS NULL THEN s.variables
                          ELSE s.variables || t.variables_written END,
         variables_set_at = CASE WHEN t.variables_written IS NULL THEN s.variables_set_at
                                 ELSE s.variables_set_at || t.times_written END, "
    };
}

/// Nearly all moves add nothing to the variables, and triggers on variables do not fire for them.
static MOVE: ForOneOrMany = ForOneOrMany {
    one: Statement::writing(move_sessions!(one, "")),
    many: Statement::writing(move_sessions!(many, "")),
};

static MOVE_WITH_VARIABLES: ForOneOrMany = ForOneOrMany {
    one: Statement::writing(move_sessions!(one, variables!())),
    many: Statement::writing(move_sessions!(many, variables!())),
};

/// Takes sessions out of their scenario; the trigger of `sessions` clears place, mark and pin.
macro_rules! exit_sessions {
    ($changes:ident) => {
        concat!(
            $changes!(with),
            "written AS (
         UPDATE scenario.sessions AS s
            SET scenario_id = NULL, revision = t.revision + 1, waiting_for = NULL, waiting_since = NULL",
            $changes!(),
            "WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.revision = t.revision
            AND s.visit_count = t.visit_count
         RETURNING s.scenario_id IS NULL AND s.revision = t.revision + 1 AS as_asked
     ), undoable AS (",
            undo_rows!($changes, "t.visit_count"),
            "), audited AS (",
            audit_rows!($changes, "true"),
            ") SELECT w.as_asked FROM written AS w"
        )
    };
}

static EXIT: ForOneOrMany =
    ForOneOrMany { one: Statement::writing(exit_sessions!(one)), many: Statement::writing(exit_sessions!(many)) };

/// Leaves sessions where they are: pinned, settled, or waiting (`waiting_for` is not NULL). A session that waits stays
/// due, so its count of deployments is left; a pin that it had has ended. A mark that the way does not confirm is
/// replaced by the way's own plan; a fallback has no plan, and so leaves no mark. What was recorded before is not
/// recorded again.
macro_rules! keep_sessions {
    ($changes:ident) => {
        concat!(
    $changes!(with),
            "written AS (
         UPDATE scenario.sessions AS s
            SET reconciled_deployments = CASE WHEN t.waiting_for IS NULL THEN t.deployments
                                              ELSE s.reconciled_deployments END,
                pinned_at = CASE WHEN t.pinned_reason IS NOT NULL THEN $2 END, pinned_reason = t.pinned_reason,
                pinned_plan_id = t.pinned_plan_id,
                revision = CASE WHEN t.is_recorded THEN t.revision + 1 ELSE t.revision END,
                waiting_since = CASE WHEN t.waiting_for IS NULL THEN NULL
                                     WHEN s.waiting_for = t.waiting_for THEN s.waiting_since ELSE $2 END,
                waiting_for = t.waiting_for,
                pending_marked_at = CASE WHEN t.mark_plan_id IS NULL THEN NULL
                                         WHEN s.pending_plan_id = t.mark_plan_id THEN s.pending_marked_at ELSE $2 END,
                pending_target_version = CASE WHEN t.mark_plan_id IS NULL THEN NULL ELSE t.to_version END,
                pending_anchor_hash = CASE WHEN t.mark_plan_id IS NULL THEN NULL ELSE t.anchor_content_hash END,
                pending_plan_id = t.mark_plan_id",
    $changes!(),
    "WHERE s.tenant_id = $1 AND s.session_id = t.session_id AND s.revision = t.revision
         RETURNING true AS as_asked
     ), audited AS (",
    audit_rows!($changes, "t.is_recorded"),
    ") SELECT w.as_asked FROM written AS w"
        )
    };
}

static STAY: ForOneOrMany =
    ForOneOrMany { one: Statement::writing(keep_sessions!(one)), many: Statement::writing(keep_sessions!(many)) };

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

/// A statement in its two forms. Its parameters are the tenant, the present time, and the changes.
struct ForOneOrMany {
    one: Statement,
    many: Statement,
}

impl ForOneOrMany {
    /// Fails unless every row was written as it was asked for.
    fn run(&'static self, tenant_id: Uuid, changes: Vec<Vec<Column>>) -> Result<()> {
        let asked = changes.len();
        let mut args = Vec::from(args![tenant_id, now()]);
        let mut rows = changes.into_iter();
        let statement = if asked == 1 {
            args.extend(rows.by_ref().flatten().map(Column::into_parameter));
            &self.one
        } else {
            args.push(array_of_rows("scenario.session_change", rows)?);
            &self.many
        };
        let as_asked: Vec<bool> = statement.rows(&args, |row| row.get(1))?;
        check_all_written(asked, &as_asked)
    }
}

/// The columns of another session's arrival: the values that both have are made once.
fn of_another(columns: &[Column], other: &OtherArrival) -> Vec<Column> {
    let own = SessionChange {
        session_id: Some(other.session_id),
        revision: Some(other.revision),
        visit_count: Some(other.visit_count),
        turn_count: Some(other.turn_count),
        ..SessionChange::default()
    };
    let own = own.into_columns().into_iter();
    own.zip(columns).map(|(own, common)| if own.is_null() { *common } else { own }).collect()
}

/// Moves sessions.
pub fn arrive(tenant_id: Uuid, arrivals: Vec<Arrival<'_>>) -> Result<()> {
    let adds_variables = arrivals.iter().any(|arrival| arrival.variables.is_some());
    let statement = if adds_variables { &MOVE_WITH_VARIABLES } else { &MOVE };
    let mut changes = Vec::with_capacity(arrivals.len());
    let mut values = JsonValues::default();
    for arrival in arrivals {
        let (written, before, times) = match arrival.variables {
            Some(new) => (Some(new.written), Some(new.before), Some(new.times)),
            None => (None, None, None),
        };
        let change = SessionChange {
            turn_count: Some(arrival.turn_count),
            deployments: Some(arrival.deployments),
            checksum_after: Some(arrival.new_checksum),
            step_name: Some(arrival.step.name.clone()),
            content_hash_after: Some(arrival.step.content_hash.clone()),
            is_checkpoint: Some(arrival.step.is_checkpoint),
            checkpoint_description: arrival.step.checkpoint_description.clone(),
            is_terminal: Some(arrival.step.is_terminal),
            already_done: Some(arrival.already_done),
            variables_written: written,
            variables_before: before,
            times_written: times,
            ..SessionChange::of(arrival.change, &mut values).with_before(arrival.before)
        };
        let columns = change.into_columns();
        for other in &arrival.others {
            changes.push(of_another(&columns, other));
        }
        changes.push(columns);
    }
    statement.run(tenant_id, changes)
}

/// Takes sessions out of their scenario.
pub fn exit(tenant_id: Uuid, exits: Vec<Exit<'_>>) -> Result<()> {
    let mut values = JsonValues::default();
    let changes = exits.into_iter().map(|exit| SessionChange::of(exit.change, &mut values).with_before(exit.before));
    EXIT.run(tenant_id, changes.map(SessionChange::into_columns).collect())
}

/// Leaves sessions where they are, pinned, settled or waiting.
pub fn stay(tenant_id: Uuid, stays: Vec<Stay<'_>>) -> Result<()> {
    let mut values = JsonValues::default();
    let changes = stays.into_iter().map(|stay| SessionChange {
        is_recorded: Some(stay.is_recorded),
        waiting_for: stay.waiting_for,
        mark_plan_id: stay.mark_plan_id,
        deployments: Some(stay.deployments),
        pinned_reason: stay.pinned_reason,
        pinned_plan_id: stay.pinned_plan_id,
        ..SessionChange::of(stay.change, &mut values)
    });
    STAY.run(tenant_id, changes.map(SessionChange::into_columns).collect())
}

/// Keeps sessions whose pin holds as they are.
pub fn keep_pins(tenant_id: Uuid, pins: &[KeptPin]) -> Result<()> {
    let (session_ids, deployments): (Vec<Uuid>, Vec<i32>) =
        pins.iter().map(|pin| (pin.session_id, pin.deployments)).unzip();
    KEEP_PIN.execute(&args![tenant_id, session_ids, deployments]).map(|_| ())
}
