//! `scenario.step_visits`: a session's history. The triggers of `sessions` write it, the writer, and an import.

use super::{SessionKeys, Statement, by_session};
use crate::error::Result;
use crate::{args, sessions_and_scenarios};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use scenario_engine::reconcile::Visit;

static HISTORIES: Statement = Statement::reading(concat!(
    "SELECT a.place, h.visit_no, h.step_id, h.step_name, h.step_content_hash, h.scenario_version, h.is_checkpoint,
            h.checkpoint_description
       FROM ",
    sessions_and_scenarios!(),
    " CROSS JOIN LATERAL (
            SELECT v.* FROM scenario.step_visits AS v
             WHERE v.tenant_id = $1 AND v.session_id = a.session_id AND v.scenario_id = a.scenario_id
             ORDER BY v.visit_no) AS h"
));

/// The visits of each session in its scenario, oldest first.
pub fn histories(tenant_id: Uuid, sessions: SessionKeys) -> Result<Vec<Vec<Visit>>> {
    let SessionKeys { session_ids, scenario_ids } = sessions;
    let count = session_ids.len();
    let found = HISTORIES.rows(&args![tenant_id, session_ids, scenario_ids], |row| {
        let visit = Visit {
            visit_no: row.get(2)?,
            step_id: row.get(3)?,
            step_name: row.get(4)?,
            step_content_hash: row.get(5)?,
            scenario_version: row.get(6)?,
            is_checkpoint: row.get(7)?,
            checkpoint_description: row.opt(8)?,
        };
        Ok((row.get(1)?, visit))
    })?;
    Ok(by_session(count, found))
}

// Words that only the extension's own moves use; whoever gives them to a visit of their own says that it was a move.
static ARRIVALS: Statement = Statement::reading(
    "SELECT v.visit_no, v.scenario_version, v.step_id, v.step_content_hash, v.is_checkpoint,
            v.reason IN ('migration', 'revert', 'move'), v.already_done
       FROM scenario.step_visits AS v
      WHERE v.tenant_id = $1 AND v.session_id = $2 AND v.scenario_id = $3
      ORDER BY v.visit_no",
);

/// What moves depend on of a visit.
pub struct ArrivalVisit {
    pub visit_no: i32,
    pub scenario_version: i32,
    pub step_id: String,
    pub step_content_hash: String,
    pub is_checkpoint: bool,
    /// The extension moved the session here.
    pub is_move: bool,
    pub already_done: bool,
}

/// A session's arrivals in one scenario, oldest first.
pub fn arrivals(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid) -> Result<Vec<ArrivalVisit>> {
    ARRIVALS.rows(&args![tenant_id, session_id, scenario_id], |row| {
        Ok(ArrivalVisit {
            visit_no: row.get(1)?,
            scenario_version: row.get(2)?,
            step_id: row.get(3)?,
            step_content_hash: row.get(4)?,
            is_checkpoint: row.get(5)?,
            is_move: row.get(6)?,
            already_done: row.get(7)?,
        })
    })
}

static VERSIONS_WITH_VISIT: Statement = Statement::reading(
    "SELECT v.scenario_id, v.scenario_version
       FROM scenario.step_visits AS v
      WHERE v.tenant_id = $1 AND v.session_id = $2 AND v.step_id = $3
        AND (v.scenario_id, v.scenario_version) IS DISTINCT FROM ($4, $5)
      GROUP BY v.scenario_id, v.scenario_version
      ORDER BY pg_catalog.max(v.visit_no) DESC",
);

/// The scenarios and versions in which a session was at a step of this id, the newest visit first. The place that it
/// has now (scenario and version) is left out.
pub fn versions_with_visit(
    tenant_id: Uuid,
    session_id: Uuid,
    step_id: &str,
    present: Option<(Uuid, i32)>,
) -> Result<Vec<(Uuid, i32)>> {
    let (scenario_id, version) = present.unzip();
    VERSIONS_WITH_VISIT
        .rows(&args![tenant_id, session_id, step_id, scenario_id, version], |row| Ok((row.get(1)?, row.get(2)?)))
}

// The steps are there: the caller has looked them up.
static IMPORT: Statement = Statement::writing(
    "INSERT INTO scenario.step_visits (tenant_id, session_id, visit_no, scenario_id, scenario_version, step_id,
            step_name, step_content_hash, entered_at, turn_number, reason, is_checkpoint, checkpoint_description)
     SELECT $1, $2, a.place, $3, a.version, a.step_id, st.name, st.content_hash, a.entered_at, a.turn_number, 'import',
            st.is_checkpoint, st.checkpoint_description
       FROM ROWS FROM (pg_catalog.unnest($4::integer[]), pg_catalog.unnest($5::text[]),
                       pg_catalog.unnest($6::timestamptz[]), pg_catalog.unnest($7::integer[]))
            WITH ORDINALITY AS a (version, step_id, entered_at, turn_number, place)
       JOIN scenario.scenario_steps AS st
         ON st.tenant_id = $1 AND st.scenario_id = $3 AND st.version = a.version AND st.step_id = a.step_id",
);

/// A visit that is brought along.
pub struct ImportedVisit {
    pub scenario_version: i32,
    pub step_id: String,
    pub entered_at: TimestampWithTimeZone,
    pub turn_number: i32,
}

/// Writes the visits of a session that counts as many, oldest first.
pub fn import(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, visits: &[ImportedVisit]) -> Result<()> {
    IMPORT
        .execute(&args![
            tenant_id,
            session_id,
            scenario_id,
            visits.iter().map(|visit| visit.scenario_version).collect::<Vec<_>>(),
            visits.iter().map(|visit| visit.step_id.as_str()).collect::<Vec<_>>(),
            visits.iter().map(|visit| visit.entered_at).collect::<Vec<_>>(),
            visits.iter().map(|visit| visit.turn_number).collect::<Vec<_>>(),
        ])
        .map(|_| ())
}
