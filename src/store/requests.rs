//! `scenario.session_requests`: what a session was asked for by a turn.

use super::Statement;
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;
use serde::Serialize;
use serde_json::value::RawValue;

/// What is asked for: the words of `session_requests.kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequestKind {
    Collect,
    Confirm,
    Action,
    Fork,
}

impl RequestKind {
    fn as_str(self) -> &'static str {
        match self {
            RequestKind::Collect => "collect",
            RequestKind::Confirm => "confirm",
            RequestKind::Action => "action",
            RequestKind::Fork => "fork",
        }
    }
}

/// One thing that a session is asked for.
#[derive(Debug, Serialize)]
pub struct Request<'a> {
    pub kind: RequestKind,
    /// The field, or the id of the step in the version that asks.
    pub name: &'a str,
    /// The value to confirm.
    pub value: Option<Box<RawValue>>,
    /// The name of the step.
    pub step_name: Option<&'a str>,
    /// Of the action.
    pub step_content_hash: Option<&'a str>,
    /// Where the branches of the fork lead to.
    pub target_step_ids: Option<Vec<&'a str>>,
}

/// What was asked before in the same words is not written again: a customer who does not answer adds no row at each
/// turn.
static KEEP: Statement = Statement::writing(
    "INSERT INTO scenario.session_requests AS q
            (tenant_id, session_id, scenario_id, scenario_version, kind, name, value, step_name, step_content_hash,
             target_step_ids)
     SELECT $1, $2, $3, $4, r.kind, r.name, r.value, r.step_name, r.step_content_hash, r.target_step_ids
       FROM pg_catalog.jsonb_to_recordset($5)
         AS r (kind pg_catalog.text, name pg_catalog.text, value pg_catalog.jsonb, step_name pg_catalog.text,
               step_content_hash pg_catalog.text, target_step_ids pg_catalog.text[])
      WHERE NOT EXISTS (SELECT FROM scenario.session_requests AS k
                         WHERE k.tenant_id = $1 AND k.session_id = $2 AND k.kind = r.kind AND k.name = r.name
                           AND k.scenario_id = $3 AND k.scenario_version = $4 AND k.value IS NOT DISTINCT FROM r.value)
     ON CONFLICT (tenant_id, session_id, kind, name, scenario_id, scenario_version)
     DO UPDATE SET value = EXCLUDED.value, asked_at = EXCLUDED.asked_at",
);

/// The newest version of the scenario that asked comes first, then what another scenario asked last.
static NEWEST: Statement = Statement::reading(
    "SELECT q.scenario_id, q.scenario_version, q.value, q.step_content_hash, q.target_step_ids
       FROM scenario.session_requests AS q
      WHERE q.tenant_id = $1 AND q.session_id = $2 AND q.kind = $3 AND q.name = $4
      ORDER BY (q.scenario_id = $5) IS TRUE DESC,
               CASE WHEN q.scenario_id = $5 THEN q.scenario_version END DESC NULLS LAST,
               q.asked_at DESC, q.scenario_version DESC
      LIMIT 1",
);

static SETTLE: Statement = Statement::writing(
    "DELETE FROM scenario.session_requests AS q
      WHERE q.tenant_id = $1 AND q.session_id = $2 AND q.kind = 'confirm' AND q.name = $3",
);

/// What was asked, with what is needed to take the answer when the version is gone.
pub struct StoredRequest {
    pub scenario_id: Uuid,
    /// The version that asked.
    pub scenario_version: i32,
    /// The value to confirm.
    pub value: Option<Json>,
    /// Of the action.
    pub step_content_hash: Option<String>,
    /// Where the branches of the fork lead to.
    pub target_step_ids: Vec<String>,
}

/// Keeps what a turn asks for.
pub fn keep(
    tenant_id: Uuid,
    session_id: Uuid,
    scenario_id: Uuid,
    version: i32,
    requests: &[Request<'_>],
) -> Result<()> {
    if requests.is_empty() {
        return Ok(());
    }
    KEEP.execute(&args![tenant_id, session_id, scenario_id, version, Json::of(&requests)])?;
    Ok(())
}

/// What the session was asked last under this name, by the scenario that it walks (`None`: it walks none) if that
/// asked.
pub fn newest(
    tenant_id: Uuid,
    session_id: Uuid,
    kind: RequestKind,
    name: &str,
    scenario_id: Option<Uuid>,
) -> Result<Option<StoredRequest>> {
    NEWEST.row(&args![tenant_id, session_id, kind.as_str(), name, scenario_id], |row| {
        Ok(StoredRequest {
            scenario_id: row.get(1)?,
            scenario_version: row.get(2)?,
            value: row.opt(3)?,
            step_content_hash: row.opt(4)?,
            target_step_ids: row.opt(5)?.unwrap_or_default(),
        })
    })
}

/// The customer's word on the values of a field has been taken: there is nothing to confirm any more.
pub fn settle_confirmation(tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<()> {
    SETTLE.execute(&args![tenant_id, session_id, field])?;
    Ok(())
}
