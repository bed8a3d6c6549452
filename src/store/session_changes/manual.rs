//! What an operator changes of one session. The triggers of `sessions` see to visits, hashes and marks.

use crate::args;
use crate::error::Result;
use crate::store::Statement;
use crate::store::audit::Author;
use pgrx::Uuid;

/// The audit row of each row of `written`. Parameters: $1 tenant, $2 session, $3 revision before, $4 what was done, $5
/// by whom, $6 why.
macro_rules! recorded {
    ($action:literal, $from_version:literal, $step_before:literal, $checkpoint:literal) => {
        concat!(
            "INSERT INTO scenario.migration_audit (tenant_id, session_id, revision, scenario_id, from_version,
                    to_version, step_before, step_after, action, checkpoint, reason)
             SELECT w.tenant_id, w.session_id, w.revision, w.scenario_id, ",
            $from_version,
            ", w.scenario_version, ",
            $step_before,
            ", w.step_id, ",
            $action,
            ", ",
            $checkpoint,
            ", $4 || ' by ' || coalesce($5, session_user) || coalesce(': ' || $6, '')
               FROM written AS w"
        )
    };
}

/// The present number of deployments: only what is deployed later ends the pin.
static PIN: Statement = Statement::writing(concat!(
    "WITH written AS (
         UPDATE scenario.sessions AS s
            SET pinned_at = pg_catalog.clock_timestamp(), pinned_reason = 'operator', pinned_plan_id = NULL,
                reconciled_deployments = c.deployments, revision = $3 + 1, ",
    no_mark!(),
    "
           FROM scenario.scenarios AS c
          WHERE s.tenant_id = $1 AND s.session_id = $2 AND c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id
         RETURNING s.*) ",
    recorded!("'pin'", "w.scenario_version", "w.step_id", "NULL")
));

static UNPIN: Statement = Statement::writing(concat!(
    "WITH written AS (
         UPDATE scenario.sessions AS s
            SET reconciled_deployments = NULL, revision = $3 + 1, ",
    no_pin!(),
    "
          WHERE s.tenant_id = $1 AND s.session_id = $2
         RETURNING s.*) ",
    recorded!("'unpin'", "w.scenario_version", "w.step_id", "NULL")
));

static MOVE: Statement = Statement::writing(concat!(
    "WITH before AS MATERIALIZED (
         SELECT s.scenario_version, s.step_id FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.session_id = $2
     ), written AS (
         UPDATE scenario.sessions AS s
            SET scenario_version = $7, step_id = $8, visit_count = s.visit_count + 1, visit_reason = 'move',
                revision = $3 + 1, ",
    no_pin!(),
    ", ",
    no_mark!(),
    "
          WHERE s.tenant_id = $1 AND s.session_id = $2
         RETURNING s.*) ",
    recorded!("'move'", "(SELECT b.scenario_version FROM before AS b)", "(SELECT b.step_id FROM before AS b)", "$9")
));

/// What is done with a session, which is locked.
pub struct ManualChange<'a> {
    pub session_id: Uuid,
    /// The session's revision before.
    pub revision: i32,
    /// The first word of the recorded reason.
    pub what: &'static str,
    pub author: Author<'a>,
}

macro_rules! manual_args {
    ($tenant_id:expr, $change:expr $(, $more:expr)*) => {{
        let ManualChange { session_id, revision, what, author } = *$change;
        args![$tenant_id, session_id, revision, what, author.by, author.reason $(, $more)*]
    }};
}

/// Pins the session to its version, and takes its mark away.
pub fn pin(tenant_id: Uuid, change: &ManualChange<'_>) -> Result<()> {
    PIN.execute(&manual_args!(tenant_id, change)).map(|_| ())
}

/// Ends the pin, and clears the count of deployments that the session has seen, so that its next turn considers all of
/// them.
pub fn unpin(tenant_id: Uuid, change: &ManualChange<'_>) -> Result<()> {
    UNPIN.execute(&manual_args!(tenant_id, change)).map(|_| ())
}

/// Puts the session at a step of a version. `checkpoint`: the passed checkpoint that this undoes.
pub fn move_to(
    tenant_id: Uuid,
    change: &ManualChange<'_>,
    version: i32,
    step_id: &str,
    checkpoint: Option<&str>,
) -> Result<()> {
    MOVE.execute(&manual_args!(tenant_id, change, version, step_id, checkpoint)).map(|_| ())
}
