//! `scenario.profile_fields`: what is known of a customer, whatever session it came from ("Gap fill" in
//! docs/behaviour.md).

use super::{Statement, by_session};
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;

static LOOK_UP: Statement = Statement::reading(
    "SELECT a.place, k.value, k.confidence, k.needs_confirmation, k.quote, k.status = 'rejected',
            coalesce(k.expires_at <= pg_catalog.now(), false),
            extract(epoch FROM k.updated_at)::pg_catalog.float8
       FROM pg_catalog.unnest($2::uuid[]) WITH ORDINALITY AS a (customer_id, place)
      CROSS JOIN LATERAL (
            SELECT p.* FROM scenario.profile_fields AS p
             WHERE p.tenant_id = $1 AND p.customer_id = a.customer_id AND p.field_name = $3
               AND p.status IN ('active', 'rejected')
            OFFSET 0) AS k",
);

/// A new value starts a life of its own: active, with no end.
static PUT: Statement = Statement::writing(
    "INSERT INTO scenario.profile_fields AS p
            (tenant_id, customer_id, field_name, value, source, confidence, needs_confirmation, quote, session_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
     ON CONFLICT (tenant_id, customer_id, field_name)
     DO UPDATE SET value = EXCLUDED.value, status = EXCLUDED.status, source = EXCLUDED.source,
                   confidence = EXCLUDED.confidence, needs_confirmation = EXCLUDED.needs_confirmation,
                   quote = EXCLUDED.quote, session_id = EXCLUDED.session_id, expires_at = EXCLUDED.expires_at,
                   updated_at = EXCLUDED.updated_at",
);

static SETTLE: Statement = Statement::writing(
    "UPDATE scenario.profile_fields AS p SET status = $4, needs_confirmation = false
      WHERE p.tenant_id = $1 AND p.customer_id = $2 AND p.field_name = $3",
);

/// A value, and whether it still counts.
pub struct ProfileValue {
    pub value: Json,
    pub confidence: Option<f64>,
    pub needs_confirmation: bool,
    pub quote: Option<String>,
    /// When it was written, in seconds since 1970; `None` for a time that is no number (`infinity`).
    pub written_at: Option<f64>,
    /// The customer has said that it is wrong.
    pub is_denied: bool,
    pub is_expired: bool,
}

/// A value to keep, with its source.
pub struct NewProfileValue<'a> {
    pub field: &'a str,
    pub value: Json,
    pub source: &'a str,
    pub confidence: Option<f64>,
    pub needs_confirmation: bool,
    pub quote: Option<&'a str>,
    pub session_id: Uuid,
}

/// The customer's value for a field, if there is one that counts: not denied, not expired.
pub fn active(tenant_id: Uuid, customer_id: Uuid, field: &str) -> Result<Option<ProfileValue>> {
    Ok(look_up(tenant_id, customer_id, field)?.filter(|known| !known.is_denied && !known.is_expired))
}

/// The customer's value for a field, if there is one, also where it does not count any more.
pub fn look_up(tenant_id: Uuid, customer_id: Uuid, field: &str) -> Result<Option<ProfileValue>> {
    Ok(look_up_many(tenant_id, vec![Some(customer_id)], field)?.pop().flatten())
}

/// The same for each of these customers; `None`: nobody is known.
pub fn look_up_many(
    tenant_id: Uuid,
    customer_ids: Vec<Option<Uuid>>,
    field: &str,
) -> Result<Vec<Option<ProfileValue>>> {
    let count = customer_ids.len();
    let found = LOOK_UP.rows(&args![tenant_id, customer_ids, field], |row| {
        let value = ProfileValue {
            value: row.get(2)?,
            confidence: row.opt(3)?,
            needs_confirmation: row.get(4)?,
            quote: row.opt(5)?,
            is_denied: row.get(6)?,
            is_expired: row.get(7)?,
            written_at: Some(row.get(8)?).filter(|at: &f64| at.is_finite()),
        };
        Ok((row.get(1)?, value))
    })?;
    Ok(by_session(count, found).into_iter().map(|mut values| values.pop()).collect())
}

/// Keeps a value in place of what was known.
pub fn put(tenant_id: Uuid, customer_id: Uuid, new: NewProfileValue<'_>) -> Result<()> {
    PUT.execute(&args![
        tenant_id,
        customer_id,
        new.field,
        new.value,
        new.source,
        new.confidence,
        new.needs_confirmation,
        new.quote,
        new.session_id,
    ])?;
    Ok(())
}

/// The customer has said whether the value is right: it counts from now on, or never again.
pub fn settle(tenant_id: Uuid, customer_id: Uuid, field: &str, accepted: bool) -> Result<()> {
    let status = if accepted { "active" } else { "rejected" };
    SETTLE.execute(&args![tenant_id, customer_id, field, status])?;
    Ok(())
}
