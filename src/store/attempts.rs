//! `scenario.field_attempts`: values that were found and (as yet) not used, with why (SPEC 8).

use super::Statement;
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;

/// Why a value that is good enough is not used yet: the session has no customer, so no profile row can say so.
pub const TO_BE_CONFIRMED: &str = "to be confirmed";
/// Why a value is not used, nor found again in the same words.
pub const REJECTED_BY_CUSTOMER: &str = "rejected by the customer";

static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.field_attempts (tenant_id, session_id, field_name, value, confidence, quote, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7)",
);

static WITH_REASON: Statement = Statement::reading(
    "SELECT a.value, a.confidence, a.quote FROM scenario.field_attempts AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.field_name = $3 AND a.reason = $4 AND a.value IS NOT NULL
      ORDER BY a.attempt_no DESC",
);

/// What the customer has denied in this session, and the value of their profile that they have denied in any.
static DENIED: Statement = Statement::reading(
    "SELECT a.value FROM scenario.field_attempts AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.field_name = $3 AND a.reason = $4 AND a.value IS NOT NULL
      UNION ALL
     SELECT p.value FROM scenario.profile_fields AS p
      WHERE p.tenant_id = $1 AND p.customer_id = $5 AND p.field_name = $3 AND p.status = 'rejected'",
);

static DELETE_WAITING: Statement = Statement::writing(
    "DELETE FROM scenario.field_attempts AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.field_name = $3 AND a.reason = 'to be confirmed'",
);

/// A value that was found.
pub struct Attempt {
    pub value: Json,
    pub confidence: Option<f32>,
    pub quote: Option<String>,
}

/// Keeps an attempt; the trigger numbers it.
pub fn insert(tenant_id: Uuid, session_id: Uuid, field: &str, attempt: &Attempt, reason: &str) -> Result<()> {
    INSERT.execute(&args![
        tenant_id,
        session_id,
        field,
        attempt.value.clone(),
        attempt.confidence,
        attempt.quote.as_deref(),
        reason,
    ])?;
    Ok(())
}

/// The value of a field that the session's customer is to confirm.
pub fn to_be_confirmed(tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<Option<Attempt>> {
    Ok(with_reason(tenant_id, session_id, field, TO_BE_CONFIRMED)?.into_iter().next())
}

/// Values of a field that the session's customer has said are wrong.
pub fn denied(tenant_id: Uuid, session_id: Uuid, customer_id: Option<Uuid>, field: &str) -> Result<Vec<Json>> {
    DENIED.rows(&args![tenant_id, session_id, field, REJECTED_BY_CUSTOMER, customer_id], |row| row.get(1))
}

/// Forgets what was to be confirmed: it is settled, or another value has taken its place.
pub fn forget_waiting(tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<()> {
    DELETE_WAITING.execute(&args![tenant_id, session_id, field])?;
    Ok(())
}

fn with_reason(tenant_id: Uuid, session_id: Uuid, field: &str, reason: &str) -> Result<Vec<Attempt>> {
    WITH_REASON.rows(&args![tenant_id, session_id, field, reason], |row| {
        Ok(Attempt { value: row.get(1)?, confidence: row.opt(2)?, quote: row.opt(3)? })
    })
}
