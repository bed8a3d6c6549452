//! `scenario.scenario_steps`: a version's steps as rows, so that a turn reads no JSON.

use super::Statement;
use crate::args;
use crate::cache::{self, DeploymentKey, KeptStep};
use crate::error::{Error, Result};
use pgrx::Uuid;
use std::rc::Rc;

static NEXT_STEP_IDS: Statement = Statement::reading(
    "SELECT st.next_step_ids FROM scenario.scenario_steps AS st
      WHERE st.tenant_id = $1 AND st.scenario_id = $2 AND st.version = $3 AND st.step_id = $4",
);

/// The steps that transitions lead to from this one, each once; none if there is no such step.
pub fn next_step_ids(tenant_id: Uuid, scenario_id: Uuid, version: i32, step_id: &str) -> Result<Vec<String>> {
    let found = NEXT_STEP_IDS.row(&args![tenant_id, scenario_id, version, step_id], |row| row.get(1))?;
    Ok(found.unwrap_or_default())
}

static ARRIVAL: Statement = Statement::reading(
    "SELECT st.name, st.content_hash, st.is_checkpoint, st.checkpoint_description, st.is_terminal, st.is_required_action
       FROM scenario.scenario_steps AS st
      WHERE st.tenant_id = $1 AND st.scenario_id = $2 AND st.version = $3 AND st.step_id = $4",
);

/// What an arrival at a step of a published version writes of it, kept in the backend for as long as the same is
/// deployed (`None`: not kept). XX000 if there is no such step.
pub fn arrival(
    tenant_id: Uuid,
    scenario_id: Uuid,
    version: i32,
    step_id: &str,
    deployment: Option<DeploymentKey>,
) -> Result<Rc<KeptStep>> {
    let read = || {
        ARRIVAL.row(&args![tenant_id, scenario_id, version, step_id], |row| {
            Ok(KeptStep {
                name: row.get(1)?,
                content_hash: row.get(2)?,
                is_checkpoint: row.get(3)?,
                checkpoint_description: row.opt(4)?,
                is_terminal: row.get(5)?,
                is_required_action: row.get(6)?,
            })
        })
    };
    let found = match deployment {
        Some(deployment) => cache::step((deployment, version, step_id.to_owned()), read)?,
        None => read()?.map(Rc::new),
    };
    found.ok_or_else(|| Error::internal(format!("version {version} has no step \"{step_id}\"")))
}

static NAMES: Statement = Statement::reading(
    "SELECT st.step_id, st.name FROM scenario.scenario_steps AS st
      WHERE st.tenant_id = $1 AND st.scenario_id = $2 AND st.version = $3
      ORDER BY st.ordinal",
);

/// The steps of a version by id and name, in the order of the document.
pub fn names(tenant_id: Uuid, scenario_id: Uuid, version: i32) -> Result<Vec<(String, String)>> {
    NAMES.rows(&args![tenant_id, scenario_id, version], |row| Ok((row.get(1)?, row.get(2)?)))
}

// Numbers of versions are given in order: one below the newest that is not there was there.
static KNOWN: Statement = Statement::reading(
    "SELECT v.version IS NOT NULL, coalesce(v.status = 'draft', false),
            a.version BETWEEN 1 AND (SELECT pg_catalog.max(n.version) FROM scenario.scenario_versions AS n
                                      WHERE n.tenant_id = $1 AND n.scenario_id = $2),
            st.content_hash, coalesce(st.is_entry, false), coalesce(st.is_terminal, false)
       FROM ROWS FROM (pg_catalog.unnest($3::integer[]), pg_catalog.unnest($4::text[]))
            WITH ORDINALITY AS a (version, step_id, place)
       LEFT JOIN scenario.scenario_versions AS v
              ON v.tenant_id = $1 AND v.scenario_id = $2 AND v.version = a.version
       LEFT JOIN scenario.scenario_steps AS st
              ON st.tenant_id = $1 AND st.scenario_id = $2 AND st.version = a.version AND st.step_id = a.step_id
      ORDER BY a.place",
);

/// What is known of a step that somebody names.
pub struct KnownStep {
    pub is_version: bool,
    pub is_draft: bool,
    /// A version of that number was there, as far as numbers tell.
    pub is_gone: bool,
    /// `None`: the version has no such step.
    pub content_hash: Option<String>,
    pub is_entry: bool,
    pub is_terminal: bool,
}

/// What is known of these steps, each by its version and id, in their order.
pub fn known(tenant_id: Uuid, scenario_id: Uuid, versions: Vec<i32>, step_ids: Vec<&str>) -> Result<Vec<KnownStep>> {
    KNOWN.rows(&args![tenant_id, scenario_id, versions, step_ids], |row| {
        Ok(KnownStep {
            is_version: row.get(1)?,
            is_draft: row.get(2)?,
            is_gone: row.opt(3)?.unwrap_or(false),
            content_hash: row.opt(4)?,
            is_entry: row.get(5)?,
            is_terminal: row.get(6)?,
        })
    })
}
