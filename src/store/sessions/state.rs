//! A session as a turn and a batch see it: what a decision needs.

use super::due::{COMPLETED, DueCheck, DueColumns, due_columns, is_active, is_live};
use super::missing;
use crate::args;
use crate::cache::DeploymentKey;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::store::{Row, Statement, engine_id, scenario_key, scenarios, versions};
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::datum::datetime_support::now;
use pgrx::itemptr::item_pointer_get_both;
use pgrx::pg_sys::{self, TransactionId};
use scenario_engine::plan::{PinReason, StoredPin};
use scenario_engine::reconcile;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};

/// A mark whose plan is not deployed is no mark. `m` is the plan of the mark.
macro_rules! is_marked {
    () => {
        "coalesce(m.status = 'deployed', false)"
    };
}

/// NO KEY, since no turn changes a key: messages can be added meanwhile, other turns wait.
static LOCK: Statement = Statement::writing(
    "SELECT s.revision FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.session_id = $2 FOR NO KEY UPDATE",
);

/// The same, with what tells whether the session has changed since somebody looked.
static LOCK_AND_COMPARE: Statement = Statement::writing(
    "SELECT s.xmin, s.ctid FROM scenario.sessions AS s WHERE s.tenant_id = $1 AND s.session_id = $2 FOR NO KEY UPDATE",
);

/// Variables can be large, and most of what a batch does needs none: they are read only when they are asked for.
macro_rules! select_sessions {
    ($marked:expr, $sessions:literal, $plans:literal, $which:literal) => {
        concat!(
            "SELECT ",
            due_columns!(),
            ", ",
            $marked,
            ", s.step_id, s.xmin, s.ctid, s.session_id, s.step_content_hash, s.scenario_checksum, c.created_at, c.xmin,
                    s.channel, s.customer_id, CASE WHEN $3 THEN s.variables END,
                    CASE WHEN $3 THEN s.variables_set_at END, s.revision, s.visit_count, s.turn_count,
                    s.pending_plan_id, s.waiting_for, s.created_at, s.pinned_reason, s.pinned_plan_id,
                    s.pinned_at::pg_catalog.text
               FROM ",
            $sessions,
            " LEFT JOIN scenario.scenarios AS c ON c.tenant_id = s.tenant_id AND c.scenario_id = s.scenario_id ",
            $plans,
            " WHERE s.tenant_id = $1 AND ",
            $which
        )
    };
}

static READ: Statement = Statement::reading(select_sessions!(
    is_marked!(),
    "scenario.sessions AS s",
    "LEFT JOIN scenario.migration_plans AS m ON m.tenant_id = s.tenant_id AND m.plan_id = s.pending_plan_id",
    "s.session_id = $2"
));

/// Each session is looked up by its whole key. For a condition `session_id = ANY …` PostgreSQL may read all sessions of
/// the tenant, where it expects them to be few.
static READ_MANY: Statement = Statement::reading(select_sessions!(
    is_marked!(),
    "pg_catalog.unnest($2) AS wanted (session_id)
               CROSS JOIN LATERAL (
                     SELECT l.*, l.xmin, l.ctid FROM scenario.sessions AS l
                      WHERE l.tenant_id = $1 AND l.session_id = wanted.session_id
                     OFFSET 0) AS s",
    "LEFT JOIN scenario.migration_plans AS m ON m.tenant_id = s.tenant_id AND m.plan_id = s.pending_plan_id",
    "true"
));

static READ_VARIABLES: Statement = Statement::reading(
    "SELECT s.session_id, s.variables, s.variables_set_at
       FROM pg_catalog.unnest($2) AS wanted (session_id)
      CROSS JOIN LATERAL (
            SELECT l.session_id, l.variables, l.variables_set_at FROM scenario.sessions AS l
             WHERE l.tenant_id = $1 AND l.session_id = wanted.session_id
            OFFSET 0) AS s",
);

/// Every mark counts here, too: the caller knows which plans are deployed. A session that somebody else holds is left
/// to [`lock_if_unchanged`], which waits. What is joined to a row that was waited for would be as it was before.
static LOCK_AND_READ: Statement = Statement::writing(select_sessions!(
    "s.pending_plan_id IS NOT NULL",
    "scenario.sessions AS s",
    "",
    "s.session_id = $2 FOR NO KEY UPDATE OF s SKIP LOCKED"
));

/// A session as a turn needs it, with what its scenario has published.
pub struct SessionState {
    pub session_id: Uuid,
    /// It needs nothing: it is not due.
    pub settled: bool,
    /// The same, a paused session taken as active.
    pub settled_if_active: bool,
    /// `None`: in no scenario.
    pub position: Option<Position>,
    pub status: String,
    pub channel: Option<String>,
    pub customer_id: Option<Uuid>,
    /// A JSON object; `None`: not read.
    variables: Option<Json>,
    /// Variable → seconds since 1970, read with the variables.
    variables_set_at: Option<Json>,
    pub revision: i32,
    pub visit_count: i32,
    pub turn_count: i32,
    pub pending_plan_id: Option<Uuid>,
    pub waiting_for: Option<String>,
    pub age_days: f64,
    /// The count of deployments at which it was last reconciled; `None`: its next turn decides anew.
    pub reconciled_deployments: Option<i32>,
    pub pin: Option<SessionPin>,
    row_version: RowVersion,
}

/// The pin of a session, whether or not it has ended.
#[derive(Clone)]
pub struct SessionPin {
    pub reason: PinReason,
    pub plan_id: Option<Uuid>,
    /// Since when, as PostgreSQL writes it.
    pub since: String,
}

/// Which version of its row a session was read from: every UPDATE makes another one, and a lock makes none.
#[derive(PartialEq, Eq)]
struct RowVersion {
    xmin: TransactionId,
    /// Block and offset.
    ctid: (u32, u16),
}

/// Where a session is.
#[derive(Clone)]
pub struct Position {
    pub scenario_id: Uuid,
    pub scenario_version: i32,
    pub step_id: String,
    pub step_content_hash: String,
    /// As the session keeps it.
    pub checksum: String,
    /// The scenario's count of deployments.
    pub deployments: i32,
    /// The session's checksum is that of the version it walks.
    pub matches_version: bool,
    pub published_version: i32,
    pub published_checksum: String,
    deployment: Option<DeploymentKey>,
}

impl Position {
    /// The name of what is deployed; `None` while this transaction changes it.
    pub fn deployment(&self) -> Option<DeploymentKey> {
        self.deployment
    }
}

/// Whether the variables of sessions are read with them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variables {
    Read,
    Omit,
}

/// Locks the session's row until the end of the transaction: turns of one session come one after the other. P0002.
pub fn lock(tenant_id: Uuid, session_id: Uuid) -> Result<()> {
    let found: Option<i32> = LOCK.row(&args![tenant_id, session_id], |row| row.get(1))?;
    found.map(|_| ()).ok_or_else(|| missing(session_id))
}

/// Locks a session that was read before, and says whether it is as it was then: nobody has written it, and nothing
/// was deployed or cancelled in its scenario. P0002.
pub fn lock_if_unchanged(tenant_id: Uuid, seen: &SessionState) -> Result<bool> {
    let found = LOCK_AND_COMPARE.row(&args![tenant_id, seen.session_id], |row| {
        Ok(RowVersion { xmin: row.get(1)?, ctid: item_pointer_get_both(row.get(2)?) })
    })?;
    if found.ok_or_else(|| missing(seen.session_id))? != seen.row_version {
        return Ok(false);
    }
    // Asked after the lock, which may have been waited for: the query that waits sees what was so before.
    let Some(position) = &seen.position else { return Ok(true) };
    Ok(scenarios::deployments(tenant_id, position.scenario_id)? == position.deployments)
}

/// The session as it stands now; after [`lock`], as it stays. P0002.
pub fn read(tenant_id: Uuid, session_id: Uuid) -> Result<SessionState> {
    let found = READ.row(&args![tenant_id, session_id, true], |row| read_session(tenant_id, row))?;
    found.ok_or_else(|| missing(session_id))
}

/// The sessions of these ids that exist, in no order.
pub fn read_many(tenant_id: Uuid, session_ids: &[Uuid], variables: Variables) -> Result<Vec<SessionState>> {
    if session_ids.is_empty() {
        return Ok(Vec::new());
    }
    let args = args![tenant_id, session_ids.to_vec(), variables == Variables::Read];
    READ_MANY.rows(&args, |row| read_session(tenant_id, row))
}

/// Reads the variables of sessions that are locked and were read without them.
pub fn read_variables(tenant_id: Uuid, sessions: Vec<&mut SessionState>) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    let session_ids: Vec<Uuid> = sessions.iter().map(|state| state.session_id).collect();
    let found = READ_VARIABLES.rows(&args![tenant_id, session_ids], |row| {
        Ok((row.get::<Uuid>(1)?, (row.get::<Json>(2)?, row.get::<Json>(3)?)))
    })?;
    let mut found: HashMap<Uuid, (Json, Json)> = found.into_iter().collect();
    for state in sessions {
        (state.variables, state.variables_set_at) = found.remove(&state.session_id).unzip();
    }
    Ok(())
}

/// Locks and reads a session, without its variables, as it was when it was found to be due. `None` where somebody holds
/// it, or has changed it since. A mark of a plan that is not deployed counts as one.
pub fn lock_and_read(tenant_id: Uuid, session_id: Uuid, check: &DueCheck) -> Result<Option<SessionState>> {
    let found = LOCK_AND_READ.row(&args![tenant_id, session_id, false], |row| read_session(tenant_id, row))?;
    Ok(found.filter(|state| state.row_version.xmin == check.row_version))
}

fn read_session(tenant_id: Uuid, row: &Row<'_>) -> Result<SessionState> {
    let due = DueColumns::read(row)?;
    let position = match due.scenario_id {
        None => None,
        Some(scenario_id) => {
            let scenario = scenario_key(tenant_id, scenario_id, row.get(14)?);
            let (scenario_version, published_version) = (row.get(3)?, row.get(5)?);
            let (deployments, written_by) = (row.get(6)?, row.get(15)?);
            let key = DeploymentKey { scenario, deployments, written_by: TransactionId::into_inner(written_by) };
            // What is deployed can still change in the transaction that changes it.
            let deployment = (!is_of_this_transaction(written_by)).then_some(key);
            let walked = versions::walked(tenant_id, scenario_id, scenario_version, deployment)?;
            let published = versions::walked(tenant_id, scenario_id, published_version, deployment)?;
            let checksum: String = row.get(13)?;
            Some(Position {
                scenario_id,
                scenario_version,
                step_id: row.get(8)?,
                step_content_hash: row.get(12)?,
                deployments,
                matches_version: walked.is_some_and(|version| version.checksum == checksum),
                checksum,
                deployment,
                published_version,
                published_checksum: published.map(|version| version.checksum.clone()).unwrap_or_default(),
            })
        }
    };
    Ok(SessionState {
        settled: due.is_settled(is_active),
        settled_if_active: due.is_settled(is_live),
        position,
        session_id: row.get(11)?,
        channel: row.opt(16)?,
        customer_id: row.opt(17)?,
        variables: row.opt(18)?,
        variables_set_at: row.opt(19)?,
        revision: row.get(20)?,
        visit_count: row.get(21)?,
        turn_count: row.get(22)?,
        pending_plan_id: row.opt(23)?,
        waiting_for: row.opt(24)?,
        age_days: days_since(row.get(25)?),
        reconciled_deployments: due.reconciled_deployments,
        pin: read_pin(row)?,
        row_version: RowVersion { xmin: row.get(9)?, ctid: item_pointer_get_both(row.get(10)?) },
        status: due.status,
    })
}

/// Days from then until the start of the transaction.
fn days_since(then: TimestampWithTimeZone) -> f64 {
    let (then, now): (pg_sys::TimestampTz, pg_sys::TimestampTz) = (then.into(), now().into());
    (now - then) as f64 / 86_400e6
}

/// Whether this transaction, or a part of it that has not been rolled back, wrote a row.
fn is_of_this_transaction(xmin: TransactionId) -> bool {
    // SAFETY: it compares with the transactions of this backend, and takes any id.
    unsafe { pg_sys::TransactionIdIsCurrentTransactionId(xmin) }
}

fn read_pin(row: &Row<'_>) -> Result<Option<SessionPin>> {
    let Some(reason) = row.opt::<String>(26)? else { return Ok(None) };
    let reason = PinReason::parse(&reason).ok_or_else(|| Error::internal(format!("unknown pinned_reason {reason}")))?;
    Ok(Some(SessionPin { reason, plan_id: row.opt(27)?, since: row.get(28)? }))
}

impl SessionState {
    /// Its pin as the engine asks for it; `None` where it has none.
    pub fn stored_pin(&self) -> Option<StoredPin> {
        let pin = self.pin.as_ref()?;
        Some(StoredPin {
            reason: pin.reason,
            plan_id: pin.plan_id.map(engine_id),
            reconciled_deployments: self.reconciled_deployments?.into(),
        })
    }

    /// The position of a session that must be in a scenario: 55000 if it is in none.
    pub fn require_position(&self, session_id: Uuid) -> Result<&Position> {
        self.position.as_ref().ok_or_else(|| {
            Error::wrong_state(format!("session {session_id} is in no scenario"))
                .hint("Put it into one: UPDATE scenario.sessions SET scenario_id = ….")
        })
    }

    /// The scenario that it walks; `None`: it walks none.
    pub fn scenario_id(&self) -> Option<Uuid> {
        self.position.as_ref().map(|position| position.scenario_id)
    }

    /// The value of a variable, with every digit.
    pub fn variable(&self, name: &str) -> Result<Option<Json>> {
        Ok(self.read_variables()?.remove(name).map(|value| Json(value.get().to_owned())))
    }

    /// All variables by name, each as the JSON text that is stored.
    pub fn read_variables(&self) -> Result<BTreeMap<String, Box<RawValue>>> {
        let variables = self.variables.as_ref();
        let variables = variables.ok_or_else(|| Error::internal("the variables of a session were not read"))?;
        serde_json::from_str(variables.as_str())
            .map_err(|error| Error::internal(format!("variables of a session cannot be read: {error}")))
    }

    /// When each variable was given, in seconds since 1970. Somebody may have written what is no time: it is left out.
    fn read_times(&self) -> Result<BTreeMap<String, f64>> {
        let times = self.variables_set_at.as_ref();
        let times = times.ok_or_else(|| Error::internal("the variables of a session were not read"))?;
        let times: BTreeMap<String, serde_json::Value> = serde_json::from_str(times.as_str())
            .map_err(|error| Error::internal(format!("variables_set_at of a session cannot be read: {error}")))?;
        Ok(times.into_iter().filter_map(|(name, at)| Some((name, at.as_f64()?))).collect())
    }

    /// It has come to its end: it is left in peace, unless a plan that reopens has marked it.
    pub fn is_finished(&self) -> bool {
        self.status == COMPLETED
    }

    /// Active or paused: plans concern it.
    pub fn is_live(&self) -> bool {
        is_live(&self.status)
    }

    /// What the engine is told of the session.
    pub fn for_engine(&self, position: &Position) -> Result<reconcile::Session> {
        Ok(reconcile::Session {
            session_id: engine_id(self.session_id),
            scenario_version: position.scenario_version,
            step_id: position.step_id.clone(),
            step_content_hash: Some(position.step_content_hash.clone()),
            matches_version: position.matches_version,
            finished: self.is_finished(),
            channel: self.channel.clone(),
            age_days: self.age_days,
            variables: self.read_variables()?,
            variables_set_at: self.read_times()?,
        })
    }
}
