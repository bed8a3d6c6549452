//! `scenario.migration_plans`.

use super::{Row, Statement, engine_id, stored_json};
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::jsonb::Jsonb;
use crate::row::PlanRecord;
use pgrx::Uuid;
use pgrx::datum::TimestampWithTimeZone;
use scenario_engine::diff::Catalogue;
use scenario_engine::plan::{PlanRef, PlanStatus};

/// A plan without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub plan_id: Uuid,
    pub scenario_id: Uuid,
    pub from_version: i32,
    pub to_version: i32,
    pub from_checksum: String,
    pub to_checksum: String,
    pub from_digest: String,
    pub to_digest: String,
    pub fields_digest: String,
    pub status: PlanStatus,
    /// The scenario's count of deployments that its deployment got; 0 if it never was deployed.
    pub deployment_no: i32,
}

impl Plan {
    /// As the engine refers to it.
    pub fn engine_ref(&self) -> PlanRef {
        PlanRef {
            plan_id: engine_id(self.plan_id),
            from_version: self.from_version,
            to_version: self.to_version,
            status: self.status,
            deployment_no: self.deployment_no.into(),
        }
    }
}

/// The columns of [`read_plan`].
macro_rules! select_plan {
    () => {
        "SELECT p.plan_id, p.scenario_id, p.from_version, p.to_version, p.from_checksum, p.to_checksum, p.from_digest,
                p.to_digest, p.fields_digest, p.status, coalesce(p.deployment_no, 0)
           FROM scenario.migration_plans AS p "
    };
}

static BY_ID: Statement = Statement::reading(concat!(select_plan!(), "WHERE p.tenant_id = $1 AND p.plan_id = $2"));

static LOCK: Statement =
    Statement::writing(concat!(select_plan!(), "WHERE p.tenant_id = $1 AND p.plan_id = $2 FOR NO KEY UPDATE"));

static LOCK_OPEN: Statement = Statement::writing(concat!(
    select_plan!(),
    "WHERE p.tenant_id = $1 AND p.scenario_id = $2 AND p.from_version = $3 AND p.to_version = $4
        AND p.is_open
        FOR NO KEY UPDATE"
));

static REFS: Statement = Statement::reading(
    "SELECT p.plan_id, p.from_version, p.to_version, p.status, p.deployment_no
       FROM scenario.migration_plans AS p
      WHERE p.tenant_id = $1 AND p.scenario_id = $2 AND p.deployed_at IS NOT NULL
      ORDER BY p.deployment_no DESC, p.plan_id",
);

static ROW: Statement =
    Statement::reading("SELECT p FROM scenario.migration_plans AS p WHERE p.tenant_id = $1 AND p.plan_id = $2");

static NEW_ID: Statement = Statement::reading("SELECT pg_catalog.gen_random_uuid()");

static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.migration_plans
            (tenant_id, plan_id, scenario_id, from_version, to_version, from_checksum, to_checksum, from_digest,
             to_digest, fields_digest, changes, created_by)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, session_user))",
);

static CHANGES: Statement =
    Statement::reading("SELECT p.changes FROM scenario.migration_plans AS p WHERE p.tenant_id = $1 AND p.plan_id = $2");

static HEADER: Statement = Statement::reading(
    "SELECT pg_catalog.jsonb_build_object(
                'plan_id', p.plan_id, 'scenario_id', p.scenario_id, 'from_version', p.from_version,
                'to_version', p.to_version, 'from_checksum', p.from_checksum, 'to_checksum', p.to_checksum,
                'status', p.status, 'sessions_marked', p.sessions_marked),
            (SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_strip_nulls(pg_catalog.to_jsonb(h) - 'place')
                                         ORDER BY h.place)
               FROM (VALUES (1, 'pending', p.created_at, p.created_by, NULL::text, NULL::uuid),
                            (2, 'approved', p.approved_at, p.approved_by, NULL, NULL),
                            (3, 'rejected', p.rejected_at, p.rejected_by, p.rejected_reason, NULL),
                            (4, 'deployed', p.deployed_at, p.deployed_by, NULL, NULL),
                            (5, 'superseded', p.superseded_at, NULL, NULL, p.superseded_by),
                            (6, 'cancelled', p.cancelled_at, p.cancelled_by, NULL, NULL))
                 AS h (place, status, at, by, reason, by_plan_id)
              WHERE h.at IS NOT NULL)
       FROM scenario.migration_plans AS p
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static APPROVE: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p SET status = 'approved', approved_by = coalesce($3, session_user)
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static REJECT: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p
        SET status = 'rejected', rejected_by = coalesce($3, session_user), rejected_reason = $4
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static DEPLOY: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p
        SET status = 'deployed', deployed_by = coalesce($3, session_user), deployment_no = $4
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static CANCEL: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p SET status = 'cancelled', cancelled_by = coalesce($3, session_user)
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static SUPERSEDE: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p SET status = 'superseded', superseded_by = $3
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static SUPERSEDE_RIVALS: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p SET status = 'superseded', superseded_by = $3
      WHERE p.tenant_id = $1 AND p.scenario_id = $2 AND p.plan_id <> $3 AND p.is_open
        AND p.from_version = $4 AND p.to_version >= $5",
);

static DEPLOYED_AT: Statement = Statement::reading(
    "SELECT p.deployed_at FROM scenario.migration_plans AS p WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static ADD_MARKED: Statement = Statement::writing(
    "UPDATE scenario.migration_plans AS p SET sessions_marked = p.sessions_marked + $3
      WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

fn read_plan(row: &Row<'_>) -> Result<Plan> {
    Ok(Plan {
        plan_id: row.get(1)?,
        scenario_id: row.get(2)?,
        from_version: row.get(3)?,
        to_version: row.get(4)?,
        from_checksum: row.get(5)?,
        to_checksum: row.get(6)?,
        from_digest: row.get(7)?,
        to_digest: row.get(8)?,
        fields_digest: row.get(9)?,
        status: read_status(&row.get::<String>(10)?)?,
        deployment_no: row.get(11)?,
    })
}

fn read_status(text: &str) -> Result<PlanStatus> {
    PlanStatus::parse(text).ok_or_else(|| Error::internal(format!("unknown plan status {text}")))
}

/// P0002: there is no such plan.
pub fn missing(plan_id: Uuid) -> Error {
    Error::not_found("plan", plan_id).hint("Build it first: build_migration_plan(tenant_id, scenario_id, to_version).")
}

/// A plan. P0002 if there is no such plan.
pub fn by_id(tenant_id: Uuid, plan_id: Uuid) -> Result<Plan> {
    BY_ID.row(&args![tenant_id, plan_id], read_plan)?.ok_or_else(|| missing(plan_id))
}

/// A plan as it stands now, and it stays so until this transaction ends.
pub fn lock(tenant_id: Uuid, plan_id: Uuid) -> Result<Plan> {
    LOCK.row(&args![tenant_id, plan_id], read_plan)?.ok_or_else(|| missing(plan_id))
}

/// The pending or approved plan between two versions, locked. There is at most one.
pub fn lock_open(tenant_id: Uuid, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Option<Plan>> {
    LOCK_OPEN.row(&args![tenant_id, scenario_id, from_version, to_version], read_plan)
}

/// The deployed and cancelled plans of a scenario, newest first: what a session's way is found among.
pub fn refs(tenant_id: Uuid, scenario_id: Uuid) -> Result<Vec<PlanRef>> {
    REFS.rows(&args![tenant_id, scenario_id], |row| {
        Ok(PlanRef {
            plan_id: engine_id(row.get(1)?),
            from_version: row.get(2)?,
            to_version: row.get(3)?,
            status: read_status(&row.get::<String>(4)?)?,
            deployment_no: row.get::<i32>(5)?.into(),
        })
    })
}

/// The plan's row, for the caller of a function.
pub fn row(tenant_id: Uuid, plan_id: Uuid) -> Result<PlanRecord> {
    ROW.row(&args![tenant_id, plan_id], |row| row.get(1))?.ok_or_else(|| missing(plan_id))
}

/// An id for a plan to be.
pub fn new_id() -> Result<Uuid> {
    NEW_ID.row(&[], |row| row.get(1))?.ok_or_else(|| Error::internal("no id was generated"))
}

/// Stores a plan, pending, without the rows of its anchors and deleted steps.
pub fn insert(tenant_id: Uuid, plan: &Plan, changes: &Catalogue, created_by: Option<&str>) -> Result<()> {
    INSERT
        .execute(&args![
            tenant_id,
            plan.plan_id,
            plan.scenario_id,
            plan.from_version,
            plan.to_version,
            plan.from_checksum.as_str(),
            plan.to_checksum.as_str(),
            plan.from_digest.as_str(),
            plan.to_digest.as_str(),
            plan.fields_digest.as_str(),
            Jsonb::of(changes),
            created_by
        ])
        .map(|_| ())
}

/// The changes that a plan was built from.
pub fn changes(tenant_id: Uuid, plan_id: Uuid) -> Result<Catalogue> {
    let changes = CHANGES.row(&args![tenant_id, plan_id], |row| row.get::<Json>(1))?;
    stored_json(&changes.ok_or_else(|| missing(plan_id))?)
}

/// The plan's header and its history, as JSON: statuses with when, by whom and why.
pub fn header(tenant_id: Uuid, plan_id: Uuid) -> Result<(Json, Json)> {
    HEADER.row(&args![tenant_id, plan_id], |row| Ok((row.get(1)?, row.get(2)?)))?.ok_or_else(|| missing(plan_id))
}

pub fn approve(tenant_id: Uuid, plan_id: Uuid, by: Option<&str>) -> Result<()> {
    APPROVE.execute(&args![tenant_id, plan_id, by]).map(|_| ())
}

pub fn reject(tenant_id: Uuid, plan_id: Uuid, by: Option<&str>, reason: Option<&str>) -> Result<()> {
    REJECT.execute(&args![tenant_id, plan_id, by, reason]).map(|_| ())
}

/// The plan becomes deployed as this number; `None`: the trigger counts one more deployment of the scenario.
pub fn deploy(tenant_id: Uuid, plan_id: Uuid, by: Option<&str>, deployment_no: Option<i32>) -> Result<()> {
    DEPLOY.execute(&args![tenant_id, plan_id, by, deployment_no]).map(|_| ())
}

pub fn cancel(tenant_id: Uuid, plan_id: Uuid, by: Option<&str>) -> Result<()> {
    CANCEL.execute(&args![tenant_id, plan_id, by]).map(|_| ())
}

/// The plan gives way to a newer one.
pub fn supersede(tenant_id: Uuid, plan_id: Uuid, by_plan_id: Uuid) -> Result<()> {
    SUPERSEDE.execute(&args![tenant_id, plan_id, by_plan_id]).map(|_| ())
}

/// The open plans from the same version to the same or a later one give way to this plan.
pub fn supersede_rivals(tenant_id: Uuid, plan: &Plan) -> Result<()> {
    let Plan { plan_id, scenario_id, from_version, to_version, .. } = plan;
    SUPERSEDE_RIVALS.execute(&args![tenant_id, *scenario_id, *plan_id, *from_version, *to_version]).map(|_| ())
}

/// When the plan was deployed.
pub fn deployed_at(tenant_id: Uuid, plan_id: Uuid) -> Result<Option<TimestampWithTimeZone>> {
    DEPLOYED_AT.row(&args![tenant_id, plan_id], |row| row.opt(1))?.ok_or_else(|| missing(plan_id))
}

/// Counts marks that were set.
pub fn add_marked(tenant_id: Uuid, plan_id: Uuid, marks: i64) -> Result<()> {
    if marks == 0 {
        return Ok(());
    }
    let marks = i32::try_from(marks).unwrap_or(i32::MAX);
    ADD_MARKED.execute(&args![tenant_id, plan_id, marks]).map(|_| ())
}
