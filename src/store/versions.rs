//! `scenario.scenario_versions`.

use super::{Statement, engine_id, scenarios};
use crate::args;
use crate::cache::{self, DeploymentKey, GraphKey, KeptVersion};
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::Uuid;
use scenario_engine::definition::{self, Definition};
use scenario_engine::graph::Graph;
use std::rc::Rc;

static PUBLISHED_BEFORE: Statement = Statement::writing(
    "SELECT v.version FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.status <> 'draft' AND v.version <> $3
      ORDER BY v.version",
);

static FIND: Statement = Statement::reading(
    "SELECT v.status, v.checksum, v.digest FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = $3",
);

// A draft that somebody is changing is waited for, and cannot be changed until this transaction ends.
static LOCK: Statement = Statement::writing(
    "SELECT v.status, v.checksum, v.digest FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = $3
        FOR SHARE",
);

static DEFINITION: Statement = Statement::reading(
    "SELECT v.digest, v.definition FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = $3",
);

static LOCK_KEPT: Statement = Statement::writing(
    "SELECT v.version FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = $3
        FOR KEY SHARE",
);

static NEXT: Statement = Statement::reading(
    "SELECT coalesce(max(v.version), 0) + 1 FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2",
);

// Checksum and digest are computed by trigger.
static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.scenario_versions (tenant_id, scenario_id, version, definition, checksum, created_by)
     VALUES ($1, $2, $3, $4, '', coalesce($5, session_user))",
);

static PUBLISHED_AFTER: Statement = Statement::reading(
    "SELECT v.published_after FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = $3",
);

/// A version without its definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub version: i32,
    pub status: String,
    pub checksum: String,
    /// Of the whole definition: what a plan is stale by.
    pub digest: String,
}

impl Version {
    pub fn is_draft(&self) -> bool {
        self.status == "draft"
    }
}

/// A version. P0002, naming the scenario or the version, whichever does not exist.
pub fn find(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Version> {
    read(&FIND, tenant_id, scenario_id, version)
}

/// A version that sessions walk, kept in the backend for as long as the same is deployed (`None`: not kept); `None` if
/// there is no such version, or it is a draft.
pub fn walked(
    tenant_id: Uuid,
    scenario_id: Uuid,
    version: i32,
    deployment: Option<DeploymentKey>,
) -> Result<Option<Rc<KeptVersion>>> {
    let read = || {
        let found = FIND.row(&args![tenant_id, scenario_id, version], |row| {
            let is_draft = row.get::<String>(1)? == "draft";
            Ok((!is_draft).then_some(KeptVersion { checksum: row.get(2)?, digest: row.get(3)? }))
        })?;
        Ok(found.flatten())
    };
    match deployment {
        Some(deployment) => cache::version((deployment, version), read),
        None => Ok(read()?.map(Rc::new)),
    }
}

/// A version as it stands now, and its definition stays so until this transaction ends.
pub fn lock(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Version> {
    read(&LOCK, tenant_id, scenario_id, version)
}

fn read(statement: &'static Statement, tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Version> {
    let found = statement.row(&args![tenant_id, scenario_id, version], |row| {
        Ok(Version { version, status: row.get(1)?, checksum: row.get(2)?, digest: row.get(3)? })
    })?;
    match found {
        Some(found) => Ok(found),
        None => {
            scenarios::published_version(tenant_id, scenario_id)?;
            Err(Error::none_such(format!("version {version} of scenario {scenario_id} does not exist"))
                .hint("The versions of a scenario are in scenario.scenario_versions."))
        }
    }
}

/// The compiled graph of a version, kept in the backend. P0002 as for [`find`].
pub fn graph(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Rc<Graph>> {
    let mut key = GraphKey {
        tenant_id: engine_id(tenant_id),
        scenario_id: engine_id(scenario_id),
        version,
        digest: find(tenant_id, scenario_id, version)?.digest,
    };
    if let Some(kept) = cache::graph(&key) {
        return Ok(kept);
    }
    // Between two statements of READ COMMITTED a draft can change.
    let (digest, definition) = definition(tenant_id, scenario_id, version)?;
    key.digest = digest;
    Ok(cache::keep_graph(key, Graph::compile(&definition)))
}

/// The compiled graph of a version; `None` if its definition is not kept any more.
pub fn kept_graph(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Option<Rc<Graph>>> {
    match graph(tenant_id, scenario_id, version) {
        Err(error) if error.is_not_found() => Ok(None),
        found => found.map(Some),
    }
}

/// Whether the definition of a version is kept; if so, it stays until this transaction ends.
pub fn lock_kept(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<bool> {
    let found: Option<i32> = LOCK_KEPT.row(&args![tenant_id, scenario_id, version], |row| row.get(1))?;
    Ok(found.is_some())
}

/// The version that was published before this one; `None` for the first, for a draft and for one that is not kept.
pub fn published_after(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Option<i32>> {
    Ok(PUBLISHED_AFTER.row(&args![tenant_id, scenario_id, version], |row| row.opt(1))?.flatten())
}

/// A definition and its digest.
fn definition(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<(String, Definition)> {
    let found = DEFINITION
        .row(&args![tenant_id, scenario_id, version], |row| Ok((row.get::<String>(1)?, row.get::<Json>(2)?)))?;
    // Between two statements of READ COMMITTED a draft can be deleted.
    let (digest, text) =
        found.ok_or_else(|| Error::none_such(format!("version {version} of scenario {scenario_id} does not exist")))?;
    let definition = definition::parse(text.as_str()).map_err(|findings| {
        Error::refused_definition(&format!("version {version} of scenario {scenario_id}"), &findings)
    })?;
    Ok((digest, definition))
}

/// Adds a draft and gives its number. The caller holds the lock of the scenario.
pub fn insert_draft(tenant_id: Uuid, scenario_id: Uuid, definition: Json, created_by: Option<&str>) -> Result<i32> {
    let next = NEXT.row(&args![tenant_id, scenario_id], |row| row.get::<i32>(1))?;
    let version = next.ok_or_else(|| Error::internal("an aggregate gave no row"))?;
    INSERT.execute(&args![tenant_id, scenario_id, version, definition, created_by])?;
    Ok(version)
}

/// The versions that sessions can walk, this one left out.
pub fn walkable_but(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Vec<i32>> {
    PUBLISHED_BEFORE.rows(&args![tenant_id, scenario_id, version], |row| row.get(1))
}
