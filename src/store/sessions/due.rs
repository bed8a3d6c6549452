//! Whether a session is due ("What is due" in docs/behaviour.md): the hot path of every turn.

use super::missing;
use crate::args;
use crate::error::Result;
use crate::store::by_key::{KeyedTable, Places};
use crate::store::{Row, Statement};
use pgrx::Uuid;
use pgrx::pg_sys::TransactionId;
use std::cell::RefCell;

/// What tells whether the session `s` of scenario `c` is due ("What is due"): read by [`DueColumns::read`].
macro_rules! due_columns {
    () => {
        "s.status, s.scenario_id, s.scenario_version, s.reconciled_deployments, c.published_version, c.deployments"
    };
}
pub(super) use due_columns;

/// The hot path: two small rows by their primary keys, no JSON. Every mark counts here: to open the table of plans
/// would cost each turn about half as much again, and [`super::read`] finds the few marks that are void.
static CHECK_DUE: Statement = Statement::reading(concat!(
    "SELECT ",
    due_columns!(),
    ", s.pending_plan_id IS NOT NULL, s.step_id, s.xmin
       FROM scenario.sessions AS s
       LEFT JOIN scenario.scenarios AS c ON c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id
      WHERE s.tenant_id = $1 AND s.session_id = $2"
));

/// What the hot path sees of a session.
pub struct DueCheck {
    /// It needs nothing. If not, it may need nothing all the same: its mark may be void.
    pub settled: bool,
    pub step_id: Option<String>,
    pub scenario_version: Option<i32>,
    pub scenario_id: Option<Uuid>,
    pub(super) row_version: TransactionId,
}

thread_local! {
    static PLACES_IN_SESSIONS: RefCell<Places> = RefCell::default();
    static PLACES_IN_SCENARIOS: RefCell<Places> = RefCell::default();
}

static SESSIONS: KeyedTable = KeyedTable {
    name: c"sessions",
    key: [c"tenant_id", c"session_id"],
    columns: &[
        c"status",
        c"scenario_id",
        c"scenario_version",
        c"reconciled_deployments",
        c"pending_plan_id",
        c"step_id",
    ],
    places: &PLACES_IN_SESSIONS,
};

static SCENARIOS: KeyedTable = KeyedTable {
    name: c"scenarios",
    key: [c"tenant_id", c"scenario_id"],
    columns: &[c"published_version", c"deployments"],
    places: &PLACES_IN_SCENARIOS,
};

/// What [`CHECK_DUE`] tells, from the two rows; `None` where that query has to be asked.
fn check_due_by_key(tenant_id: Uuid, session_id: Uuid) -> Result<Option<DueCheck>> {
    let session = SESSIONS.find([tenant_id, session_id], |row| {
        let due = DueColumns {
            status: row.get(0)?,
            scenario_id: row.opt(1)?,
            scenario_version: row.opt(2)?,
            reconciled_deployments: row.opt(3)?,
            published_version: None,
            deployments: None,
            is_marked: row.opt::<Uuid>(4)?.is_some(),
        };
        Ok((due, row.opt(5)?, row.written_by()))
    })?;
    let Some((mut due, step_id, row_version)) = session else { return Ok(None) };
    if let Some(scenario_id) = due.scenario_id {
        let scenario = SCENARIOS.find([tenant_id, scenario_id], |row| Ok((row.opt(0)?, row.opt(1)?)))?;
        let Some((published_version, deployments)) = scenario else { return Ok(None) };
        due = DueColumns { published_version, deployments, ..due };
    }
    Ok(Some(DueCheck {
        settled: due.is_settled(is_active),
        step_id,
        scenario_version: due.scenario_version,
        scenario_id: due.scenario_id,
        row_version,
    }))
}

/// The hot path of `reconcile_session`: one index lookup, no lock, no transaction id. P0002 if there is no such
/// session.
pub fn check_due(tenant_id: Uuid, session_id: Uuid) -> Result<DueCheck> {
    if let Some(check) = check_due_by_key(tenant_id, session_id)? {
        return Ok(check);
    }
    CHECK_DUE
        .row(&args![tenant_id, session_id], |row| {
            let due = DueColumns::read(row)?;
            Ok(DueCheck {
                settled: due.is_settled(is_active),
                step_id: row.opt(8)?,
                scenario_version: due.scenario_version,
                scenario_id: due.scenario_id,
                row_version: row.get(9)?,
            })
        })?
        .ok_or_else(|| missing(session_id))
}

/// What tells whether a session is due.
pub(super) struct DueColumns {
    pub status: String,
    pub scenario_id: Option<Uuid>,
    pub scenario_version: Option<i32>,
    pub reconciled_deployments: Option<i32>,
    pub published_version: Option<i32>,
    pub deployments: Option<i32>,
    pub is_marked: bool,
}

impl DueColumns {
    /// From the first columns of a row: those of `due_columns!`, then whether the session carries a mark.
    pub fn read(row: &Row<'_>) -> Result<DueColumns> {
        Ok(DueColumns {
            status: row.get(1)?,
            scenario_id: row.opt(2)?,
            scenario_version: row.opt(3)?,
            reconciled_deployments: row.opt(4)?,
            published_version: row.opt(5)?,
            deployments: row.opt(6)?,
            is_marked: row.get(7)?,
        })
    }

    /// The session is not due ("What is due"): it carries no mark, was looked at before, and walks the published
    /// version or has seen every deployment. A finished session is due by a mark alone. `takes_turns`: the statuses
    /// that do.
    pub fn is_settled(&self, takes_turns: impl Fn(&str) -> bool) -> bool {
        if self.scenario_id.is_none() {
            return true;
        }
        let takes_turns = takes_turns(&self.status);
        if self.is_marked && (takes_turns || self.status == COMPLETED) {
            return false;
        }
        let is_published = self.published_version.is_none_or(|published| self.scenario_version == Some(published));
        let has_seen_all = self.reconciled_deployments == self.deployments;
        !takes_turns || (self.reconciled_deployments.is_some() && (is_published || has_seen_all))
    }
}

pub(super) const COMPLETED: &str = "completed";

pub(super) fn is_active(status: &str) -> bool {
    status == "active"
}

/// Active or paused: plans concern it.
pub(super) fn is_live(status: &str) -> bool {
    matches!(status, "active" | "paused")
}
