//! `scenario.field_attempts`: values that were found and that do not count, or not yet ("Gap fill" in
//! docs/behaviour.md).

use super::{Statement, by_session};
use crate::args;
use crate::error::Result;
use crate::json::Json;
use pgrx::Uuid;
use scenario_engine::reconcile::RejectedValue;

/// What becomes of a value that was found: the words of `field_attempts.state`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState {
    /// The value counts once the customer has confirmed it.
    ToConfirm,
    /// The customer has said that the value is wrong.
    Denied,
    /// The value does not do.
    Refused,
    /// The customer cannot or will not give the field: there is no value.
    Declined,
    /// The customer has said that the value is right: it counts elsewhere, and is not kept here.
    Confirmed,
}

impl AttemptState {
    fn as_str(self) -> &'static str {
        match self {
            AttemptState::ToConfirm => "to_confirm",
            AttemptState::Denied => "denied",
            AttemptState::Refused => "refused",
            AttemptState::Declined => "declined",
            AttemptState::Confirmed => "confirmed",
        }
    }
}

const TO_BE_CONFIRMED: &str = "to be confirmed";
const REJECTED_BY_CUSTOMER: &str = "rejected by the customer";
const CONFIRMED_BY_CUSTOMER: &str = "confirmed by the customer";

static INSERT: Statement = Statement::writing(
    "INSERT INTO scenario.field_attempts (tenant_id, session_id, field_name, value, confidence, quote, state, reason)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
);

static CONFIRM: Statement = Statement::writing(
    "INSERT INTO scenario.field_attempts (tenant_id, session_id, field_name, state, reason)
     VALUES ($1, $2, $3, $4, $5)",
);

/// A value that several turns or sources come across is kept once: a customer who does not answer does not add a row
/// at every turn. A value that the customer has denied has its row already.
static KEEP_REJECTED: Statement = Statement::writing(
    "INSERT INTO scenario.field_attempts (tenant_id, session_id, field_name, value, confidence, quote, state, reason)
     SELECT $1, $2, r.field_name, r.value, r.confidence, r.quote, 'refused', r.reason
       FROM (SELECT DISTINCT ON (u.field_name, u.value::pg_catalog.jsonb, u.reason)
                    u.field_name, u.value::pg_catalog.jsonb AS value, u.confidence, u.quote, u.reason, u.place
               FROM ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5),
                               pg_catalog.unnest($6), pg_catalog.unnest($7)) WITH ORDINALITY
                 AS u(field_name, value, confidence, quote, reason, place)
              ORDER BY u.field_name, u.value::pg_catalog.jsonb, u.reason, u.place) AS r
      WHERE NOT EXISTS (SELECT FROM scenario.field_attempts AS a
                         WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.field_name = r.field_name
                           AND a.value = r.value AND (a.reason = r.reason OR a.state = 'denied'))
      ORDER BY r.place",
);

static TO_CONFIRM: Statement = Statement::reading(
    "SELECT s.place, w.value, w.confidence, w.quote
       FROM pg_catalog.unnest($2::uuid[]) WITH ORDINALITY AS s (session_id, place)
      CROSS JOIN LATERAL (
            SELECT a.value, a.confidence, a.quote FROM scenario.field_attempts AS a
             WHERE a.tenant_id = $1 AND a.session_id = s.session_id AND a.field_name = $3 AND a.state = 'to_confirm'
               AND a.value IS NOT NULL
             ORDER BY a.attempt_no DESC LIMIT 1) AS w",
);

/// What the customer has denied in this session, and the value of their profile that they have denied in any.
static DENIED: Statement = Statement::reading(
    "SELECT s.place, d.value
       FROM ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($4::uuid[]))
            WITH ORDINALITY AS s (session_id, customer_id, place)
      CROSS JOIN LATERAL (
            SELECT a.value FROM scenario.field_attempts AS a
             WHERE a.tenant_id = $1 AND a.session_id = s.session_id AND a.field_name = $3 AND a.state = 'denied'
               AND a.value IS NOT NULL
             UNION ALL
            SELECT p.value FROM scenario.profile_fields AS p
             WHERE p.tenant_id = $1 AND p.customer_id = s.customer_id AND p.field_name = $3
               AND p.status = 'rejected'
            OFFSET 0) AS d",
);

/// A field is declined once, whatever reason is given later.
static DECLINE: Statement = Statement::writing(
    "INSERT INTO scenario.field_attempts (tenant_id, session_id, field_name, state, reason)
     SELECT $1, $2, $3, $4, $5
      WHERE NOT EXISTS (SELECT FROM scenario.field_attempts AS a
                         WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.field_name = $3 AND a.state = $4)",
);

static DECLINED: Statement = Statement::reading(
    "SELECT s.place, d.field_name
       FROM pg_catalog.unnest($2::uuid[]) WITH ORDINALITY AS s (session_id, place)
      CROSS JOIN LATERAL (
            SELECT a.field_name FROM scenario.field_attempts AS a
             WHERE a.tenant_id = $1 AND a.session_id = s.session_id AND a.state = $3
            OFFSET 0) AS d",
);

static DELETE_TO_CONFIRM: Statement = Statement::writing(
    "DELETE FROM scenario.field_attempts AS a
      WHERE a.tenant_id = $1 AND a.session_id = $2 AND a.field_name = $3 AND a.state = 'to_confirm'",
);

/// A value that was found.
#[derive(Clone)]
pub struct Attempt {
    pub value: Json,
    pub confidence: Option<f64>,
    pub quote: Option<String>,
}

/// Keeps a value that the customer is to confirm: no profile row can say so.
pub fn keep_to_confirm(tenant_id: Uuid, session_id: Uuid, field: &str, attempt: &Attempt) -> Result<()> {
    insert(tenant_id, session_id, field, attempt, AttemptState::ToConfirm, TO_BE_CONFIRMED)
}

/// Keeps a value that the customer has said is wrong, so that no source fills the field with it again.
pub fn keep_denied(tenant_id: Uuid, session_id: Uuid, field: &str, attempt: &Attempt) -> Result<()> {
    insert(tenant_id, session_id, field, attempt, AttemptState::Denied, REJECTED_BY_CUSTOMER)
}

/// Keeps a value that does not do. `reasons` are sentences for people.
pub fn keep_refused(
    tenant_id: Uuid,
    session_id: Uuid,
    field: &str,
    attempt: &Attempt,
    reasons: &[String],
) -> Result<()> {
    insert(tenant_id, session_id, field, attempt, AttemptState::Refused, &reasons.join("; "))
}

/// Keeps the values that a decision has found and not used.
pub fn keep_rejected(tenant_id: Uuid, session_id: Uuid, rejected: &[RejectedValue]) -> Result<()> {
    if rejected.is_empty() {
        return Ok(());
    }
    let fields: Vec<&str> = rejected.iter().map(|r| r.field.as_str()).collect();
    let values: Vec<&str> = rejected.iter().map(|r| r.candidate.value.as_str()).collect();
    let confidences: Vec<Option<f64>> = rejected.iter().map(|r| r.candidate.confidence).collect();
    let quotes: Vec<Option<&str>> = rejected.iter().map(|r| r.candidate.quote.as_deref()).collect();
    let reasons: Vec<String> = rejected.iter().map(|r| r.reasons.join("; ")).collect();
    KEEP_REJECTED.execute(&args![tenant_id, session_id, fields, values, confidences, quotes, reasons])?;
    Ok(())
}

/// The value of a field that the session's customer is to confirm.
pub fn to_confirm(tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<Option<Attempt>> {
    Ok(to_confirm_many(tenant_id, vec![session_id], field)?.pop().flatten())
}

/// The same for each of these sessions.
pub fn to_confirm_many(tenant_id: Uuid, session_ids: Vec<Uuid>, field: &str) -> Result<Vec<Option<Attempt>>> {
    let count = session_ids.len();
    let found = TO_CONFIRM.rows(&args![tenant_id, session_ids, field], |row| {
        Ok((row.get(1)?, Attempt { value: row.get(2)?, confidence: row.opt(3)?, quote: row.opt(4)? }))
    })?;
    Ok(by_session(count, found).into_iter().map(|mut waiting| waiting.pop()).collect())
}

/// Values of a field, as JSON text, that the session's customer has said are wrong.
pub fn denied(tenant_id: Uuid, session_id: Uuid, customer_id: Option<Uuid>, field: &str) -> Result<Vec<String>> {
    Ok(denied_many(tenant_id, vec![session_id], vec![customer_id], field)?.pop().unwrap_or_default())
}

/// The same for each of these sessions, each with its customer.
pub fn denied_many(
    tenant_id: Uuid,
    session_ids: Vec<Uuid>,
    customer_ids: Vec<Option<Uuid>>,
    field: &str,
) -> Result<Vec<Vec<String>>> {
    let count = session_ids.len();
    let found = DENIED
        .rows(&args![tenant_id, session_ids, field, customer_ids], |row| Ok((row.get(1)?, row.get::<Json>(2)?.0)))?;
    Ok(by_session(count, found))
}

/// Keeps that the customer has declined to give a field in this session. `reason` is a sentence for people.
pub fn keep_declined(tenant_id: Uuid, session_id: Uuid, field: &str, reason: &str) -> Result<()> {
    DECLINE.execute(&args![tenant_id, session_id, field, AttemptState::Declined.as_str(), reason])?;
    Ok(())
}

/// Fields that the customer has declined to give in each of these sessions.
pub fn declined(tenant_id: Uuid, session_ids: Vec<Uuid>) -> Result<Vec<Vec<String>>> {
    let count = session_ids.len();
    let declined = AttemptState::Declined.as_str();
    let found = DECLINED.rows(&args![tenant_id, session_ids, declined], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(by_session(count, found))
}

/// Forgets what was to be confirmed: it is settled, or another value has taken its place.
pub fn forget_to_confirm(tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<()> {
    DELETE_TO_CONFIRM.execute(&args![tenant_id, session_id, field])?;
    Ok(())
}

/// Keeps that the customer has confirmed a value, for the story of the session.
pub fn keep_confirmed(tenant_id: Uuid, session_id: Uuid, field: &str) -> Result<()> {
    CONFIRM.execute(&args![tenant_id, session_id, field, AttemptState::Confirmed.as_str(), CONFIRMED_BY_CUSTOMER])?;
    Ok(())
}

/// The trigger numbers the row.
fn insert(
    tenant_id: Uuid,
    session_id: Uuid,
    field: &str,
    attempt: &Attempt,
    state: AttemptState,
    reason: &str,
) -> Result<()> {
    INSERT.execute(&args![
        tenant_id,
        session_id,
        field,
        attempt.value.clone(),
        attempt.confidence,
        attempt.quote.as_deref(),
        state.as_str(),
        reason,
    ])?;
    Ok(())
}
