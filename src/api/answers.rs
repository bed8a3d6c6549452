//! Answers: fields, extractions, actions and decisions.

use crate::answers::{self, Extraction};
use crate::error::{required, tenant};
use crate::json::Json;
use crate::sessions::advance::check_confidence;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

/// Takes the customer's answers: `submit_fields(tenant_id, session_id, values)`.
///
/// * `values`: a JSON object, field → value. A field that nobody declared takes any value but null.
///
/// Returns a row for each field: whether it was accepted, and why not. Errors: P0002 for a session that does not exist, 22023
/// for NULL or values that are no object. Writes the accepted values into the session's variables and, if it has a customer,
/// into their profile (source `customer`, confidence 1); of a rejected value nothing.
#[pg_extern]
#[allow(clippy::type_complexity)]
fn submit_fields(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    values: Option<Json>,
) -> Result<
    TableIterator<'static, (name!(field, String), name!(accepted, bool), name!(errors, Vec<String>))>,
    ErrorReport,
> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let verdicts = answers::submit_fields(tenant_id, session_id, &required(values, "values")?)?;
    Ok(TableIterator::new(verdicts.into_iter().map(|v| (v.field, v.accepted, v.errors))))
}

/// Takes the customer's word on a value that was found: `confirm_field(tenant_id, session_id, field, accepted)`.
///
/// Returns one row: whether the value counts now, and why not. Errors: P0002 for a session that does not exist, 55000
/// if `reconcile_session` has not asked for it, 22023 for NULL. Accepted: writes the value into the session's
/// variables and settles it in the profile. Not accepted: the value is not used, nor found again in the same words.
#[pg_extern]
#[allow(clippy::type_complexity)]
fn confirm_field(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    field: Option<String>,
    accepted: Option<bool>,
) -> Result<
    TableIterator<'static, (name!(field, String), name!(accepted, bool), name!(errors, Vec<String>))>,
    ErrorReport,
> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let field = required(field, "field")?;
    let verdict = answers::confirm_field(tenant_id, session_id, field, required(accepted, "accepted")?)?;
    Ok(TableIterator::once((verdict.field, verdict.accepted, verdict.errors)))
}

/// Takes that the customer cannot or will not give a field: `decline_field(tenant_id, session_id, field [, reason])`.
///
/// * `reason`: for people; default: declined by the customer.
///
/// Returns one row: whether it was accepted, and why not. The session goes on without the field, like without a soft
/// one, for as long as it lives; a strict field cannot be declined. Errors: P0002 for a session that does not exist,
/// 22023 for NULL. Writes `field_attempts`.
#[pg_extern]
#[allow(clippy::type_complexity)]
fn decline_field(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    field: Option<String>,
    reason: default!(Option<&str>, "NULL"),
) -> Result<
    TableIterator<'static, (name!(field, String), name!(accepted, bool), name!(errors, Vec<String>))>,
    ErrorReport,
> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let verdict = answers::decline_field(tenant_id, session_id, required(field, "field")?, reason)?;
    Ok(TableIterator::once((verdict.field, verdict.accepted, verdict.errors)))
}

/// Takes a value that a model extracted:
/// `record_extraction(tenant_id, session_id, field, value, confidence [, quote])`.
///
/// * `confidence`: 0 to 1. `quote`: the customer's words that it was taken from.
///
/// Returns one row: whether the value is used, whether the customer must confirm it, and why it is not used. Errors: P0002 for
/// a session that does not exist, 22023 for NULL or a confidence outside 0 to 1. Writes the value into the customer's profile
/// (without a customer: into the session's variables); one that is not used, into `field_attempts`.
#[pg_extern]
#[allow(clippy::type_complexity)]
fn record_extraction(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    field: Option<String>,
    value: Option<Json>,
    confidence: Option<f64>,
    quote: default!(Option<String>, "NULL"),
) -> Result<
    TableIterator<'static, (name!(used, bool), name!(needs_confirmation, bool), name!(errors, Vec<String>))>,
    ErrorReport,
> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let field = required(field, "field")?;
    let value = required(value, "value")?;
    let confidence = required(confidence, "confidence")?;
    check_confidence(confidence)?;
    let verdict = answers::record_extraction(tenant_id, session_id, Extraction { field, value, confidence, quote })?;
    Ok(TableIterator::once((verdict.used, verdict.needs_confirmation, verdict.errors)))
}

/// Records that a required action was executed: `complete_action(tenant_id, session_id, step_id)`.
///
/// * `step_id`: a step that `reconcile_session` has returned in `execute_step_ids`, also when a newer version has
///   been published meanwhile, or the step where the session stands in the version that it walks, or else the step
///   where it stood last in another version. A second time changes nothing.
///
/// Errors: P0002 for a session that does not exist or a step that it was not asked for and does not stand at, 22023
/// for a step that is no required action or for NULL, 55000 for a session in no scenario. Writes `session_actions`.
#[pg_extern]
fn complete_action(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    step_id: Option<String>,
) -> Result<(), ErrorReport> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    Ok(answers::complete_action(tenant_id, session_id, required(step_id, "step_id")?)?)
}

/// Records the answer to a natural-language fork:
/// `submit_decision(tenant_id, session_id, fork_step_id, target_step_id)`.
///
/// * `fork_step_id`, `target_step_id`: a fork that `reconcile_session` has returned in `decisions`, also when a newer
///   version has been published meanwhile, or the one where the session stands in the version that it walks, or else
///   where it stood last in another version; and one of its branches. A later answer for the same fork takes the place
///   of the first.
///
/// Errors: P0002 for a session that does not exist or a fork that it was not asked about and does not stand at, 22023
/// for a target that is none of its branches (DETAIL lists them) or for NULL, 55000 for a session in no scenario.
/// Writes `session_decisions`.
#[pg_extern]
fn submit_decision(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    fork_step_id: Option<String>,
    target_step_id: Option<String>,
) -> Result<(), ErrorReport> {
    let tenant_id = tenant(tenant_id)?;
    let session_id = required(session_id, "session_id")?;
    let fork_step_id = required(fork_step_id, "fork_step_id")?;
    let target_step_id = required(target_step_id, "target_step_id")?;
    Ok(answers::submit_decision(tenant_id, session_id, fork_step_id, target_step_id)?)
}
