//! `scenario.sessions`: what a turn and a batch read of it, and how a session starts and walks on.
//!
//! What a decision writes is in [`super::session_changes`]. For all other statements, visits, hashes and the cleaning
//! of marks are the work of the table's triggers (`sql/install/23_session_triggers.sql`): a statement here says where
//! the session is to be, and why.

mod due;
mod state;

pub use due::{DueCheck, check_due};
pub use state::{
    Position, SessionPin, SessionState, Variables, lock, lock_and_read, lock_if_unchanged, read, read_many,
    read_variables,
};

use super::Statement;
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::row::SessionRow;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::datum::datetime_support::now;

static ROW: Statement =
    Statement::reading("SELECT s FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.session_id = $2");

static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, channel, customer_id, variables, step_id)
     VALUES ($1, $2, $3, $4, $5, coalesce($6, '{}'), $7)
     ON CONFLICT (tenant_id, session_id) DO NOTHING",
);

/// One more visit is counted even at the same step: so a self-loop is an arrival.
static ADVANCE: Statement = Statement::writing(
    "UPDATE scenario.sessions AS s
        SET step_id = $3, turn_count = coalesce($4, s.turn_count), visit_count = s.visit_count + 1,
            visit_reason = $5, visit_confidence = $6
      WHERE s.tenant_id = $1 AND s.session_id = $2",
);

/// A value that is given again in the same words is given now.
static MERGE_VARIABLES: Statement = Statement::writing(
    "UPDATE scenario.sessions AS s
        SET variables = s.variables || $3,
            variables_set_at = s.variables_set_at
                || coalesce((SELECT pg_catalog.jsonb_object_agg(k.name, extract(epoch FROM $4))
                               FROM pg_catalog.jsonb_object_keys($3) AS k(name)), '{}')
      WHERE s.tenant_id = $1 AND s.session_id = $2",
);

/// The next marked sessions of a plan, in order.
macro_rules! lock_marked {
    ($locked:literal) => {
        concat!(
            "SELECT s.session_id FROM scenario.sessions AS s
              WHERE s.tenant_id = $1 AND s.pending_plan_id = $2 AND s.status IN ('active', 'completed')
                AND s.session_id > $3
              ORDER BY s.session_id
              LIMIT $4
                FOR NO KEY UPDATE ",
            $locked
        )
    };
}

static LOCK_MARKED: Statement = Statement::writing(lock_marked!("NOWAIT"));

/// A session that a turn or another worker holds is skipped.
static LOCK_MARKED_BUT_LOCKED: Statement = Statement::writing(lock_marked!("SKIP LOCKED"));

/// Of these sessions, those that are still marked: each is looked up by its whole key, and locked in the order of the
/// list.
static LOCK_MARKED_OF: Statement = Statement::writing(
    "SELECT s.session_id
       FROM pg_catalog.unnest($3) AS wanted (session_id)
      CROSS JOIN LATERAL (
            SELECT l.session_id FROM scenario.sessions AS l
             WHERE l.tenant_id = $1 AND l.session_id = wanted.session_id
               AND l.pending_plan_id = $2 AND l.status IN ('active', 'completed')
            OFFSET 0
               FOR NO KEY UPDATE SKIP LOCKED) AS s",
);

/// A session that may not exist, or is another tenant's: the same to the caller.
fn missing(session_id: Uuid) -> Error {
    Error::not_found("session", session_id).hint("Start it first: start_session(tenant_id, session_id, scenario_id).")
}

/// What becomes of a page of sessions where somebody holds one of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// It is left out.
    Skip,
    /// The whole page is refused (55P03).
    Refuse,
}

/// Locks the next marked sessions of a plan, at most `most`: those after the session `after`.
pub fn lock_marked(tenant_id: Uuid, plan_id: Uuid, after: Uuid, most: i32, locked: Locked) -> Result<Vec<Uuid>> {
    let statement = match locked {
        Locked::Skip => &LOCK_MARKED_BUT_LOCKED,
        Locked::Refuse => &LOCK_MARKED,
    };
    statement.rows(&args![tenant_id, plan_id, after, i64::from(most)], |row| row.get(1))
}

/// Locks those of the sessions that the plan has still marked, and gives them in order.
pub fn lock_marked_of(tenant_id: Uuid, plan_id: Uuid, mut session_ids: Vec<Uuid>) -> Result<Vec<Uuid>> {
    session_ids.sort_unstable_by_key(|id| *id.as_bytes());
    session_ids.dedup();
    LOCK_MARKED_OF.rows(&args![tenant_id, plan_id, session_ids], |row| row.get(1))
}

/// The whole row, for a function that returns it.
pub fn row(tenant_id: Uuid, session_id: Uuid) -> Result<SessionRow> {
    ROW.row(&args![tenant_id, session_id], |row| row.get(1))?.ok_or_else(|| missing(session_id))
}

/// A session that begins; what is `None` takes its default.
pub struct Start<'a> {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    pub channel: Option<&'a str>,
    pub customer_id: Option<Uuid>,
    pub variables: Option<Json>,
    pub step_id: Option<&'a str>,
}

/// Starts a session: the trigger completes and checks it (P0002, 55000). 23505 if the id is taken.
pub fn insert(tenant_id: Uuid, start: Start<'_>) -> Result<()> {
    let id = start.session_id;
    let written = INSERT.execute(&args![
        tenant_id,
        id,
        start.scenario_id,
        start.channel,
        start.customer_id,
        start.variables,
        start.step_id,
    ])?;
    if written == 0 {
        return Err(taken(id));
    }
    Ok(())
}

/// An arrival that a turn makes.
pub struct Advance<'a> {
    pub to_step_id: &'a str,
    /// `None`: as the session counts.
    pub turn_number: Option<i32>,
    pub reason: &'a str,
    pub confidence: Option<f64>,
}

/// Arrives at a step of the version that the session walks.
pub fn advance(tenant_id: Uuid, session_id: Uuid, to: &Advance<'_>) -> Result<()> {
    ADVANCE.execute(&args![tenant_id, session_id, to.to_step_id, to.turn_number, to.reason, to.confidence])?;
    Ok(())
}

/// Writes values into the session's variables, as given now; the others stay. `values` is a JSON object.
pub fn merge_variables(tenant_id: Uuid, session_id: Uuid, values: Json) -> Result<()> {
    MERGE_VARIABLES.execute(&args![tenant_id, session_id, values, now()])?;
    Ok(())
}

static IMPORT: Statement = Statement::writing(
    "INSERT INTO scenario.sessions (tenant_id, session_id, scenario_id, scenario_version, step_id, channel, customer_id,
            variables, status, visit_count, turn_count, created_at, last_activity_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, coalesce($8, '{}'),
             CASE WHEN $9 THEN 'completed' ELSE 'active' END, $10, $11, $12, $13)
     ON CONFLICT (tenant_id, session_id) DO NOTHING",
);

/// A session that began elsewhere.
pub struct Import<'a> {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    pub scenario_version: i32,
    pub step_id: &'a str,
    pub channel: Option<&'a str>,
    pub customer_id: Option<Uuid>,
    pub variables: Option<Json>,
    /// It is at a terminal step.
    pub is_finished: bool,
    /// The caller writes so many visits.
    pub visit_count: i32,
    pub turn_count: i32,
    pub began_at: TimestampWithTimeZone,
    pub last_activity_at: TimestampWithTimeZone,
}

/// Adds a session that has its visits counted: the trigger completes and checks it (P0002, 55000), and appends none.
/// 23505 if the id is taken.
pub fn import(tenant_id: Uuid, import: Import<'_>) -> Result<()> {
    let written = IMPORT.execute(&args![
        tenant_id,
        import.session_id,
        import.scenario_id,
        import.scenario_version,
        import.step_id,
        import.channel,
        import.customer_id,
        import.variables,
        import.is_finished,
        import.visit_count,
        import.turn_count,
        import.began_at,
        import.last_activity_at,
    ])?;
    if written == 0 { Err(taken(import.session_id)) } else { Ok(()) }
}

fn taken(session_id: Uuid) -> Error {
    Error::duplicate(format!("session {session_id} exists already"))
        .hint("Give every conversation a session id of its own.")
}
