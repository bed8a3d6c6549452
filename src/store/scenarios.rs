//! `scenario.scenarios`.

use super::Statement;
use crate::args;
use crate::error::{Error, Result};
use pgrx::Uuid;

static PUBLISHED: Statement = Statement::reading(
    "SELECT s.published_version FROM scenario.scenarios AS s WHERE s.tenant_id = $1 AND s.scenario_id = $2",
);

// NO KEY: rows that refer to the scenario can still be added.
static LOCK: Statement = Statement::writing(
    "SELECT s.published_version FROM scenario.scenarios AS s WHERE s.tenant_id = $1 AND s.scenario_id = $2
        FOR NO KEY UPDATE",
);

static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.scenarios (tenant_id, scenario_id, name, description, created_by)
     VALUES ($1, coalesce($2, pg_catalog.gen_random_uuid()), $3, $4, coalesce($5, session_user))
         ON CONFLICT (tenant_id, scenario_id) DO NOTHING
     RETURNING scenario_id",
);

static PUBLISH: Statement = Statement::writing(
    "UPDATE scenario.scenarios AS s SET published_version = $3, publish_by = $4
      WHERE s.tenant_id = $1 AND s.scenario_id = $2",
);

static NAME: Statement =
    Statement::reading("SELECT s.name FROM scenario.scenarios AS s WHERE s.tenant_id = $1 AND s.scenario_id = $2");

static DEPLOYMENTS: Statement = Statement::writing(
    "SELECT s.deployments FROM scenario.scenarios AS s WHERE s.tenant_id = $1 AND s.scenario_id = $2",
);

pub(super) fn missing(scenario_id: Uuid) -> Error {
    Error::not_found("scenario", scenario_id).hint("Create it first: create_scenario(tenant_id, definition).")
}

/// Its name. P0002 if there is no such scenario.
pub fn name(tenant_id: Uuid, scenario_id: Uuid) -> Result<String> {
    NAME.row(&args![tenant_id, scenario_id], |row| row.get(1))?.ok_or_else(|| missing(scenario_id))
}

/// The published version; `None` while there is none. P0002 if there is no such scenario.
pub fn published_version(tenant_id: Uuid, scenario_id: Uuid) -> Result<Option<i32>> {
    let found = PUBLISHED.row(&args![tenant_id, scenario_id], |row| row.opt(1))?;
    found.ok_or_else(|| missing(scenario_id))
}

/// The count of deployments as it stands now. P0002 if there is no such scenario.
pub fn deployments(tenant_id: Uuid, scenario_id: Uuid) -> Result<i32> {
    DEPLOYMENTS.row(&args![tenant_id, scenario_id], |row| row.get(1))?.ok_or_else(|| missing(scenario_id))
}

/// The published version, and whoever builds, deploys or publishes for this scenario waits until this transaction ends.
/// Turns do not.
pub fn lock(tenant_id: Uuid, scenario_id: Uuid) -> Result<Option<i32>> {
    let found = LOCK.row(&args![tenant_id, scenario_id], |row| row.opt(1))?;
    found.ok_or_else(|| missing(scenario_id))
}

/// Adds a scenario without versions; without an id it gets one. 23505 if the id is taken.
pub fn insert(
    tenant_id: Uuid,
    scenario_id: Option<Uuid>,
    name: &str,
    description: Option<&str>,
    created_by: Option<&str>,
) -> Result<Uuid> {
    let added = INSERT.row(&args![tenant_id, scenario_id, name, description, created_by], |row| row.get(1))?;
    added.ok_or_else(|| {
        let id = scenario_id.map(|id| id.to_string()).unwrap_or_default();
        Error::duplicate(format!("scenario {id} exists already"))
            .hint("Add a version to it: create_scenario_version(tenant_id, scenario_id, definition).")
    })
}

/// Publishes a version; the trigger does everything that belongs to it. `by`: who does; `None`: the login.
pub fn publish(tenant_id: Uuid, scenario_id: Uuid, version: i32, by: Option<&str>) -> Result<()> {
    PUBLISH.execute(&args![tenant_id, scenario_id, version, by]).map(|_| ())
}
