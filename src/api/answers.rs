//! Answers: fields, extractions, actions and decisions.

use crate::answers::{self, Extraction};
use crate::error::{required, tenant};
use crate::json::Json;
use crate::sessions::advance::check_confidence;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

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
