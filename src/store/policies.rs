//! `scenario.anchor_policies`.

use super::Statement;
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::Uuid;
use scenario_engine::plan::Policy;
use std::collections::HashMap;

static OF_PLAN: Statement = Statement::reading(
    "SELECT p.anchor_content_hash, p.policy FROM scenario.anchor_policies AS p
      WHERE p.tenant_id = $1 AND p.plan_id = $2 ORDER BY p.anchor_content_hash",
);

static DOCUMENT: Statement = Statement::reading(
    "SELECT coalesce(pg_catalog.jsonb_object_agg(p.anchor_content_hash, p.policy), '{}')
       FROM scenario.anchor_policies AS p WHERE p.tenant_id = $1 AND p.plan_id = $2",
);

static SET: Statement = Statement::writing(
    "INSERT INTO scenario.anchor_policies AS p (tenant_id, plan_id, anchor_content_hash, policy, set_by, reason)
     SELECT $1, $2, n.anchor_content_hash, n.policy::jsonb, coalesce($5, session_user), $6
       FROM ROWS FROM (pg_catalog.unnest($3::text[]), pg_catalog.unnest($4::text[])) AS n (anchor_content_hash, policy)
         ON CONFLICT (tenant_id, plan_id, anchor_content_hash)
            DO UPDATE SET policy = excluded.policy, set_at = excluded.set_at, set_by = excluded.set_by,
                          reason = excluded.reason",
);

/// The policies that were set for a plan, by anchor hash. An anchor that is not there has the default.
pub fn of_plan(tenant_id: Uuid, plan_id: Uuid) -> Result<HashMap<String, Policy>> {
    let rows = OF_PLAN.rows(&args![tenant_id, plan_id], |row| Ok((row.get(1)?, parse(&row.get(2)?)?)))?;
    Ok(rows.into_iter().collect())
}

/// The same as one JSON object, as stored.
pub fn document(tenant_id: Uuid, plan_id: Uuid) -> Result<Json> {
    let found = DOCUMENT.row(&args![tenant_id, plan_id], |row| row.get(1))?;
    found.ok_or_else(|| Error::internal("an aggregate gave no row"))
}

/// Sets policies by content hash, each hash once. `by`: `None` stands for the login.
pub fn set(
    tenant_id: Uuid,
    plan_id: Uuid,
    policies: &[(&str, Policy)],
    by: Option<&str>,
    reason: Option<&str>,
) -> Result<()> {
    let hashes: Vec<&str> = policies.iter().map(|(hash, _)| *hash).collect();
    let documents: Vec<String> = policies.iter().map(|(_, policy)| policy.to_document()).collect();
    SET.execute(&args![tenant_id, plan_id, hashes, documents, by, reason]).map(|_| ())
}

/// A stored policy. It was checked when it was set; one that somebody wrote past that check is refused here.
pub fn parse(policy: &Json) -> Result<Policy> {
    Policy::parse(policy.as_str())
        .map_err(|error| Error::wrong_state("a stored policy is not valid").detail(error.findings.join("\n")))
}
