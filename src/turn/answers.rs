//! Answers that come from outside: a customer's, a model's, a person's. None of them moves a session; the next
//! reconcile uses them. See "Gap fill", "Decisions" and "Acts and checkpoints" in docs/behaviour.md.

use super::listed;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::settings;
use crate::store::attempts::{self, Attempt};
use crate::store::profiles::{self, NewValue};
use crate::store::sessions::{self, State};
use crate::store::{actions, fields, versions};
use pgrx::Uuid;
use scenario_engine::graph::{Graph, Node};
use scenario_engine::reconcile::{
    Candidate, CompletedAction, FieldSource, Judgement, Refusal, SubmittedDecision, judge, same_json,
};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What became of one field.
pub struct Verdict {
    pub field: String,
    pub accepted: bool,
    pub errors: Vec<String>,
}

/// What became of an extraction.
pub struct ExtractionVerdict {
    pub used: bool,
    pub needs_confirmation: bool,
    pub errors: Vec<String>,
}

/// A value that a model extracted.
pub struct Extraction {
    pub field: String,
    pub value: Json,
    pub confidence: f64,
    pub quote: Option<String>,
}

const NO_FIELD: &str = "a field has a name";

/// Takes a customer's answers into variables and profile: each by itself, by its definition.
pub fn submit_fields(tenant_id: Uuid, session_id: Uuid, values: &Json) -> Result<Vec<Verdict>> {
    let values: BTreeMap<String, Box<RawValue>> = serde_json::from_str(values.as_str())
        .map_err(|_| Error::bad_argument("values must be a JSON object: field → value"))?;
    let state = locked(tenant_id, session_id)?;
    let mut verdicts = Vec::with_capacity(values.len());
    let mut accepted: BTreeMap<String, Box<RawValue>> = BTreeMap::new();
    for (field, value) in values {
        let errors = reasons_against(tenant_id, &field, value.get())?;
        if errors.is_empty() {
            accepted.insert(field.clone(), value);
        }
        verdicts.push(Verdict { field, accepted: errors.is_empty(), errors });
    }
    if accepted.is_empty() {
        return Ok(verdicts);
    }
    sessions::merge_variables(tenant_id, session_id, Json::of(&accepted))?;
    for (field, value) in &accepted {
        deny_another(tenant_id, session_id, field, value.get())?;
        attempts::forget_to_confirm(tenant_id, session_id, field)?;
        let Some(customer_id) = state.customer_id else { continue };
        profiles::put(
            tenant_id,
            customer_id,
            NewValue {
                field,
                value: Json(value.get().to_owned()),
                source: "customer",
                confidence: Some(1.0),
                needs_confirmation: false,
                quote: None,
                session_id,
            },
        )?;
    }
    Ok(verdicts)
}

/// The customer says whether a value that was found is right. Right: it counts, as if they had said it. Wrong: it is not used,
/// nor found again in the same words. 55000 if nothing is to be confirmed.
pub fn confirm_field(tenant_id: Uuid, session_id: Uuid, field: String, accepted: bool) -> Result<Verdict> {
    let state = locked(tenant_id, session_id)?;
    let (attempt, known_to) = to_confirm(tenant_id, session_id, &state, &field)?;
    if !accepted {
        if let Some(customer_id) = known_to {
            profiles::settle(tenant_id, customer_id, &field, false)?;
        }
        attempts::forget_to_confirm(tenant_id, session_id, &field)?;
        attempts::keep_denied(tenant_id, session_id, &field, &attempt)?;
        return Ok(Verdict { field, accepted: false, errors: Vec::new() });
    }
    let errors = reasons_against(tenant_id, &field, attempt.value.as_str())?;
    if !errors.is_empty() {
        return Ok(Verdict { field, accepted: false, errors });
    }
    if let Some(customer_id) = known_to {
        profiles::settle(tenant_id, customer_id, &field, true)?;
    }
    attempts::forget_to_confirm(tenant_id, session_id, &field)?;
    attempts::keep_confirmed(tenant_id, session_id, &field)?;
    sessions::merge_variables(tenant_id, session_id, one(&field, &attempt.value)?)?;
    Ok(Verdict { field, accepted: true, errors })
}

/// A customer who says something else than the value that they were to confirm has denied that value.
fn deny_another(tenant_id: Uuid, session_id: Uuid, field: &str, value: &str) -> Result<()> {
    match attempts::to_confirm(tenant_id, session_id, field)? {
        Some(waiting) if !same_json(waiting.value.as_str(), value) => {
            attempts::keep_denied(tenant_id, session_id, field, &waiting)
        }
        _ => Ok(()),
    }
}

/// The value that waits for the customer's word, and whose profile it is in, if it is in one.
fn to_confirm(tenant_id: Uuid, session_id: Uuid, state: &State, field: &str) -> Result<(Attempt, Option<Uuid>)> {
    let waiting = attempts::to_confirm(tenant_id, session_id, field)?;
    let known = match state.customer_id {
        Some(customer_id) => profiles::active(tenant_id, customer_id, field)?.filter(|known| known.needs_confirmation),
        None => None,
    };
    match (waiting, known) {
        (Some(waiting), Some(known)) if !state.has_profile() => {
            let same = same_json(waiting.value.as_str(), known.value.as_str());
            Ok((waiting, state.customer_id.filter(|_| same)))
        }
        (_, Some(known)) => {
            let attempt = Attempt { value: known.value, confidence: known.confidence, quote: known.quote };
            Ok((attempt, state.customer_id))
        }
        (Some(waiting), None) => Ok((waiting, None)),
        (None, None) => {
            Err(Error::wrong_state(format!("field \"{field}\" of session {session_id} has no value to confirm"))
                .hint("reconcile_session lists what is to be confirmed in confirm_fields."))
        }
    }
}

/// Takes a value that a model extracted. A value that fills the field goes into the profile, or into the variables of
/// a session without a profile; any other value is kept as an attempt only.
pub fn record_extraction(tenant_id: Uuid, session_id: Uuid, extraction: Extraction) -> Result<ExtractionVerdict> {
    let Extraction { field, value, confidence, quote } = extraction;
    let state = locked(tenant_id, session_id)?;
    let judgement = judge_extraction(tenant_id, session_id, &state, &field, &value, confidence)?;
    let attempt = Attempt { value, confidence: Some(confidence), quote };
    let needs_confirmation = match judgement {
        Judgement::Used => false,
        Judgement::ToConfirm => true,
        Judgement::Refused(refusal) => {
            attempts::keep_refused(tenant_id, session_id, &field, &attempt, &refusal.reasons)?;
            return Ok(ExtractionVerdict { used: false, needs_confirmation: false, errors: refusal.reasons });
        }
    };
    attempts::forget_to_confirm(tenant_id, session_id, &field)?;
    if let Some(customer_id) = state.customer_id {
        profiles::put(
            tenant_id,
            customer_id,
            NewValue {
                field: &field,
                value: attempt.value.clone(),
                source: FieldSource::Extraction.as_str(),
                confidence: Some(confidence),
                needs_confirmation,
                quote: attempt.quote.as_deref(),
                session_id,
            },
        )?;
    }
    // What the next turn does not find in the profile, it finds in the session.
    match state.has_profile() {
        true => {}
        false if needs_confirmation => attempts::keep_to_confirm(tenant_id, session_id, &field, &attempt)?,
        false => sessions::merge_variables(tenant_id, session_id, one(&field, &attempt.value)?)?,
    }
    Ok(ExtractionVerdict { used: true, needs_confirmation, errors: Vec::new() })
}

/// The engine's judgement of an extracted value, and whether a better one is known.
fn judge_extraction(
    tenant_id: Uuid,
    session_id: Uuid,
    state: &State,
    field: &str,
    value: &Json,
    confidence: f64,
) -> Result<Judgement> {
    let refused = |reason: &str| Judgement::Refused(Refusal { is_denied: false, reasons: vec![reason.to_owned()] });
    if field.is_empty() {
        return Ok(refused(NO_FIELD));
    }
    let definition = fields::definition_or_default(tenant_id, field)?;
    let denied = attempts::denied(tenant_id, session_id, state.customer_id, field)?;
    let candidate = Candidate { value: value.0.clone(), confidence: Some(confidence), ..Candidate::default() };
    let in_session = state.variable(field)?;
    let judgement = judge(
        &definition,
        &candidate,
        FieldSource::Extraction,
        in_session.as_ref().map(Json::as_str),
        &denied,
        &settings::engine_settings(),
    );
    if matches!(judgement, Judgement::Refused(_)) {
        return Ok(judgement);
    }
    // What the customer or the application said is not replaced by what a model read: a settled, valid value of the
    // profile of a higher confidence counts as better. Without a profile every valid value of the session does, which
    // comes before extraction.
    let known = match state.customer_id.filter(|_| state.has_profile()) {
        Some(customer_id) => profiles::active(tenant_id, customer_id, field)?
            .filter(|known| !known.needs_confirmation && known.confidence.unwrap_or(1.0) > confidence)
            .map(|known| known.value),
        None => in_session,
    };
    let known_better = known.is_some_and(|known| definition.validate_value(known.as_str()).is_ok());
    Ok(if known_better { refused("a value is known that is more certain") } else { judgement })
}

/// Records that a required action was executed. P0002 for a step that the version to come to does not have, 22023 for one
/// that is no required action, 55000 for a session in no scenario.
pub fn complete_action(tenant_id: Uuid, session_id: Uuid, step_id: String) -> Result<()> {
    let state = sessions::look(tenant_id, session_id)?;
    let place = state.place(session_id)?;
    let graph = versions::graph(tenant_id, place.scenario_id, place.published_version)?;
    let node = step(&graph, place.scenario_id, place.published_version, &step_id)?;
    if !node.is_required_action {
        let required = listed(graph.nodes().iter().filter(|n| n.is_required_action).map(|n| n.id.as_str()));
        return Err(Error::bad_argument(format!("step \"{step_id}\" is no required action"))
            .detail(format!("Required actions of version {}: {required}.", place.published_version)));
    }
    let (scenario_version, step_content_hash) = (place.published_version, node.content_hash.clone());
    let done = CompletedAction { scenario_version, step_id, step_content_hash };
    actions::complete(tenant_id, session_id, place.scenario_id, &done)
}

/// Records the answer to a fork. P0002 for a step that the version to come to does not have, 22023 for a target that is
/// none of its branches, 55000 for a session in no scenario.
pub fn submit_decision(tenant_id: Uuid, session_id: Uuid, fork_step_id: String, target_step_id: String) -> Result<()> {
    let state = sessions::look(tenant_id, session_id)?;
    let place = state.place(session_id)?;
    let scenario_version = place.published_version;
    let graph = versions::graph(tenant_id, place.scenario_id, scenario_version)?;
    let fork = step(&graph, place.scenario_id, scenario_version, &fork_step_id)?;
    let mut targets = fork.branches.iter().map(|b| graph.node(b.to).id.as_str());
    if !fork.is_fork() || !targets.any(|id| id == target_step_id) {
        let what = if fork.is_fork() {
            format!("step \"{target_step_id}\" is no branch of fork \"{fork_step_id}\"")
        } else {
            format!("step \"{fork_step_id}\" is no fork")
        };
        let allowed = listed(fork.branches.iter().map(|b| graph.node(b.to).id.as_str()));
        return Err(
            Error::bad_argument(what).detail(format!("Its branches in version {scenario_version} lead to: {allowed}."))
        );
    }
    let decision = SubmittedDecision { scenario_version, fork_step_id, target_step_id };
    actions::decide(tenant_id, session_id, place.scenario_id, &decision)
}

fn step<'a>(graph: &'a Rc<Graph>, scenario_id: Uuid, version: i32, step_id: &str) -> Result<&'a Node> {
    graph.find(step_id).map(|ix| graph.node(ix)).ok_or_else(|| {
        Error::none_such(format!("step \"{step_id}\" does not exist in version {version} of scenario {scenario_id}"))
    })
}

/// The session, locked: answers of one session come one after the other, and none between a turn's look and its move.
fn locked(tenant_id: Uuid, session_id: Uuid) -> Result<State> {
    sessions::lock(tenant_id, session_id)?;
    sessions::look(tenant_id, session_id)
}

/// Why a value does not fill the field; empty if it does. A field that nobody declared takes any value but null.
fn reasons_against(tenant_id: Uuid, field: &str, value: &str) -> Result<Vec<String>> {
    if field.is_empty() {
        return Ok(vec![NO_FIELD.to_owned()]);
    }
    let definition = fields::definition_or_default(tenant_id, field)?;
    Ok(definition.validate_value(value).err().unwrap_or_default())
}

/// `{field: value}`, with every digit of the value.
fn one(field: &str, value: &Json) -> Result<Json> {
    let value = RawValue::from_string(value.as_str().to_owned())
        .map_err(|error| Error::internal(format!("the value of field {field} is no JSON: {error}")))?;
    Ok(Json::of(&BTreeMap::from([(field, value)])))
}
