//! Answers that come from outside: a customer's, a model's, a person's. None of them moves a session; the next
//! reconcile uses them. See "Gap fill", "Decisions" and "Acts and checkpoints" in docs/behaviour.md.

use crate::error::{Error, Result, listed};
use crate::facts::has_builtin_profile;
use crate::json::Json;
use crate::settings;
use crate::store::attempts::{self, Attempt};
use crate::store::profiles::{self, NewProfileValue};
use crate::store::requests::{self, RequestKind};
use crate::store::sessions::{self, SessionState};
use crate::store::{actions, fields, versions, visits};
use pgrx::Uuid;
use scenario_engine::field::RequiredLevel;
use scenario_engine::graph::{Graph, Node, StepIx};
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
    let state = lock_and_read(tenant_id, session_id)?;
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
        deny_differing_value(tenant_id, session_id, field, value.get())?;
        attempts::forget_to_confirm(tenant_id, session_id, field)?;
        requests::settle_confirmation(tenant_id, session_id, field)?;
        let Some(customer_id) = state.customer_id else { continue };
        profiles::put(
            tenant_id,
            customer_id,
            NewProfileValue {
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

/// The customer says whether the value that they were asked about is right. Right: it counts, as if they had said it.
/// Wrong: it is not used, nor found again in the same words. 55000 if a turn has not asked.
pub fn confirm_field(tenant_id: Uuid, session_id: Uuid, field: String, accepted: bool) -> Result<Verdict> {
    let state = lock_and_read(tenant_id, session_id)?;
    let asked = requests::newest(tenant_id, session_id, RequestKind::Confirm, &field, state.scenario_id())?;
    let Some(value) = asked.and_then(|asked| asked.value) else {
        return Err(Error::wrong_state(format!(
            "session {session_id} was not asked to confirm a value of field \"{field}\""
        ))
        .hint("Only what reconcile_session has returned in confirm_fields was asked, until it is answered."));
    };
    let (attempt, known_to) = known_value(tenant_id, session_id, &state, &field, value)?;
    if !accepted {
        if let Some(customer_id) = known_to {
            profiles::settle(tenant_id, customer_id, &field, false)?;
        }
        attempts::forget_to_confirm(tenant_id, session_id, &field)?;
        attempts::keep_denied(tenant_id, session_id, &field, &attempt)?;
        requests::settle_confirmation(tenant_id, session_id, &field)?;
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
    requests::settle_confirmation(tenant_id, session_id, &field)?;
    attempts::keep_confirmed(tenant_id, session_id, &field)?;
    sessions::merge_variables(tenant_id, session_id, single_field(&field, &attempt.value)?)?;
    Ok(Verdict { field, accepted: true, errors })
}

/// The customer cannot or will not give a field: the session goes on without it, unless it is a strict one. That they
/// were asked in vain is on record for a strict one too.
pub fn decline_field(tenant_id: Uuid, session_id: Uuid, field: String, reason: Option<&str>) -> Result<Verdict> {
    lock_and_read(tenant_id, session_id)?;
    if field.is_empty() {
        return Ok(Verdict { field, accepted: false, errors: vec![NO_FIELD.to_owned()] });
    }
    let reason = reason.filter(|reason| !reason.trim().is_empty()).unwrap_or("declined by the customer");
    attempts::keep_declined(tenant_id, session_id, &field, reason)?;
    let is_strict = fields::definition_or_default(tenant_id, &field)?.required_level == RequiredLevel::Strict;
    let errors = if is_strict { vec!["the field is strict and cannot be declined".to_owned()] } else { Vec::new() };
    Ok(Verdict { field, accepted: !is_strict, errors })
}

/// A customer who says something else than the value that they were to confirm has denied that value.
fn deny_differing_value(tenant_id: Uuid, session_id: Uuid, field: &str, value: &str) -> Result<()> {
    match attempts::to_confirm(tenant_id, session_id, field)? {
        Some(waiting) if !same_json(waiting.value.as_str(), value) => {
            attempts::keep_denied(tenant_id, session_id, field, &waiting)
        }
        _ => Ok(()),
    }
}

/// The value that the customer was asked about, with what is known of it, and whose profile it is in, if it still is.
fn known_value(
    tenant_id: Uuid,
    session_id: Uuid,
    state: &SessionState,
    field: &str,
    value: Json,
) -> Result<(Attempt, Option<Uuid>)> {
    let waiting = attempts::to_confirm(tenant_id, session_id, field)?;
    let profile = match state.customer_id {
        Some(customer_id) => profiles::active(tenant_id, customer_id, field)?,
        None => None,
    };
    let profile = profile.filter(|known| same_json(known.value.as_str(), value.as_str()));
    let known_to = state.customer_id.filter(|_| profile.is_some());
    let in_profile = profile.map(|known| (known.confidence, known.quote));
    let waits = waiting.filter(|waiting| same_json(waiting.value.as_str(), value.as_str()));
    let (confidence, quote) =
        waits.map(|waiting| (waiting.confidence, waiting.quote)).or(in_profile).unwrap_or_default();
    Ok((Attempt { value, confidence, quote }, known_to))
}

/// Takes a value that a model extracted. A value that fills the field goes into the profile, or into the variables of
/// a session without a profile; any other value is kept as an attempt only.
pub fn record_extraction(tenant_id: Uuid, session_id: Uuid, extraction: Extraction) -> Result<ExtractionVerdict> {
    let Extraction { field, value, confidence, quote } = extraction;
    let state = lock_and_read(tenant_id, session_id)?;
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
            NewProfileValue {
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
    match has_builtin_profile(&state) {
        true => {}
        false if needs_confirmation => attempts::keep_to_confirm(tenant_id, session_id, &field, &attempt)?,
        false => sessions::merge_variables(tenant_id, session_id, single_field(&field, &attempt.value)?)?,
    }
    Ok(ExtractionVerdict { used: true, needs_confirmation, errors: Vec::new() })
}

/// The engine's judgement of an extracted value, and whether a better one is known.
fn judge_extraction(
    tenant_id: Uuid,
    session_id: Uuid,
    state: &SessionState,
    field: &str,
    value: &Json,
    confidence: f64,
) -> Result<Judgement> {
    let refused =
        |reason: &str| Judgement::Refused(Refusal { is_passed_over: false, reasons: vec![reason.to_owned()] });
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
    let known = match state.customer_id.filter(|_| has_builtin_profile(state)) {
        Some(customer_id) => profiles::active(tenant_id, customer_id, field)?
            .filter(|known| !known.needs_confirmation && known.confidence.unwrap_or(1.0) > confidence)
            .map(|known| known.value),
        None => in_session,
    };
    let known_better = known.is_some_and(|known| definition.validate_value(known.as_str()).is_ok());
    Ok(if known_better { refused("a value is known that is more certain") } else { judgement })
}

/// Records that a required action was executed: the one that the session was asked for, whatever is published
/// meanwhile, else the one at which it stands in the version that it walks, else the one at which it stood last in
/// another version. P0002 for a step that is none of them, 22023 where it stands at a step that is no required action,
/// 55000 for a session that is in no scenario and neither was asked nor stood there.
pub fn complete_action(tenant_id: Uuid, session_id: Uuid, step_id: String) -> Result<()> {
    let state = lock_and_read(tenant_id, session_id)?;
    let asked = requests::newest(tenant_id, session_id, RequestKind::Action, &step_id, state.scenario_id())?;
    if let Some(asked) = &asked {
        let done = CompletedAction {
            scenario_version: asked.scenario_version,
            step_id: step_id.clone(),
            step_content_hash: asked.step_content_hash.clone().unwrap_or_default(),
            visit_no: state.visit_count,
        };
        if actions::complete(tenant_id, session_id, asked.scenario_id, &done)? {
            return Ok(());
        }
    }
    // What was asked is on record already: the action of the step where the session stands can be another one of the
    // same id.
    let current = current_step(tenant_id, &state, &step_id)?;
    let version_without_action = current.as_ref().filter(|step| !step.node().is_required_action);
    let version_without_action = version_without_action.map(|step| step.scenario_version);
    let found = match current.filter(|step| step.node().is_required_action) {
        None if asked.is_some() => return Ok(()),
        None => left_step(tenant_id, session_id, &state, &step_id, |step| step.is_required_action)?,
        current => current,
    };
    if let Some(step) = found {
        let step_content_hash = step.node().content_hash.clone();
        let scenario_version = step.scenario_version;
        let done = CompletedAction { scenario_version, step_id, step_content_hash, visit_no: state.visit_count };
        return actions::complete(tenant_id, session_id, step.scenario_id, &done).map(|_| ());
    }
    if let Some(version) = version_without_action {
        return Err(Error::bad_argument(format!("step \"{step_id}\" is no required action"))
            .detail(format!("The session stands at it in version {version}.")));
    }
    state.require_position(session_id)?;
    Err(never_asked("for action", session_id, &step_id).hint(
        "It takes what reconcile_session has returned in execute_step_ids, and the step where the session stands.",
    ))
}

/// Records the answer to a fork: the one that the session was asked about, whatever is published meanwhile, else the
/// one at which it stands in the version that it walks, else the one at which it stood last in another version. P0002
/// for a step that is none of them, 22023 for a target that is none of its branches, 55000 for a session that is in no
/// scenario and neither was asked nor stood there.
pub fn submit_decision(tenant_id: Uuid, session_id: Uuid, fork_step_id: String, target_step_id: String) -> Result<()> {
    let state = lock_and_read(tenant_id, session_id)?;
    let mut forks = Vec::new();
    if let Some(asked) = requests::newest(tenant_id, session_id, RequestKind::Fork, &fork_step_id, state.scenario_id())?
    {
        forks.push((asked.scenario_id, asked.scenario_version, asked.target_step_ids));
    }
    if let Some(step) = current_step(tenant_id, &state, &fork_step_id)? {
        forks.push(step.fork());
    }
    if forks.iter().all(|(_, _, targets)| targets.is_empty()) {
        let stood = left_step(tenant_id, session_id, &state, &fork_step_id, Node::is_fork)?;
        forks.extend(stood.map(|step| step.fork()));
    }
    if forks.is_empty() {
        state.require_position(session_id)?;
        return Err(never_asked("about fork", session_id, &fork_step_id).hint(
            "It takes what reconcile_session has returned in decisions, and the step where the session stands.",
        ));
    }
    for (scenario_id, scenario_version, targets) in &forks {
        if targets.contains(&target_step_id) {
            let scenario_version = *scenario_version;
            let decision = SubmittedDecision { scenario_version, fork_step_id, target_step_id };
            return actions::decide(tenant_id, session_id, *scenario_id, &decision);
        }
    }
    if forks.iter().all(|(_, _, targets)| targets.is_empty()) {
        return Err(Error::bad_argument(format!("step \"{fork_step_id}\" is no fork"))
            .detail(format!("The session stands at it in version {}.", forks[0].1)));
    }
    let branches = forks.iter().map(|(_, version, targets)| {
        let targets = listed(targets.iter().map(String::as_str));
        format!("Its branches in version {version} lead to: {targets}.")
    });
    let what = format!("step \"{target_step_id}\" is no branch of fork \"{fork_step_id}\"");
    Err(Error::bad_argument(what).detail(branches.collect::<Vec<_>>().join("\n")))
}

/// A step in the graph of a version.
struct StepInGraph {
    scenario_id: Uuid,
    scenario_version: i32,
    graph: Rc<Graph>,
    step: StepIx,
}

impl StepInGraph {
    fn node(&self) -> &Node {
        self.graph.node(self.step)
    }

    /// Scenario, version, and where the branches lead to; none for a step that is no fork.
    fn fork(&self) -> (Uuid, i32, Vec<String>) {
        let branches = if self.node().is_fork() { self.node().branches.as_slice() } else { &[] };
        let targets = branches.iter().map(|branch| self.graph.node(branch.to).id.clone());
        (self.scenario_id, self.scenario_version, targets.collect())
    }
}

/// The step of that id, if the session stands at it, in the version that it walks.
fn current_step(tenant_id: Uuid, state: &SessionState, step_id: &str) -> Result<Option<StepInGraph>> {
    let Some(position) = state.position.as_ref().filter(|position| position.step_id == step_id) else {
        return Ok(None);
    };
    let (scenario_id, scenario_version) = (position.scenario_id, position.scenario_version);
    let graph = versions::graph(tenant_id, scenario_id, scenario_version)?;
    let step = graph.find(step_id);
    Ok(step.map(|step| StepInGraph { scenario_id, scenario_version, graph, step }))
}

/// The step of that id, of a kind that counts, at which the session stood last in another version than the one that it
/// walks: a migration has taken it away before the backend could report. A version that is not kept tells nothing.
fn left_step(
    tenant_id: Uuid,
    session_id: Uuid,
    state: &SessionState,
    step_id: &str,
    counts: impl Fn(&Node) -> bool,
) -> Result<Option<StepInGraph>> {
    let present = state.position.as_ref().map(|position| (position.scenario_id, position.scenario_version));
    for (scenario_id, scenario_version) in visits::versions_with_visit(tenant_id, session_id, step_id, present)? {
        let Some(graph) = versions::kept_graph(tenant_id, scenario_id, scenario_version)? else { continue };
        if let Some(step) = graph.find(step_id).filter(|step| counts(graph.node(*step))) {
            return Ok(Some(StepInGraph { scenario_id, scenario_version, graph, step }));
        }
    }
    Ok(None)
}

fn never_asked(for_what: &str, session_id: Uuid, step_id: &str) -> Error {
    Error::none_such(format!("session {session_id} was not asked {for_what} \"{step_id}\" and does not stand at it"))
}

/// Locks the session and reads it. So answers for one session come one after the other, and none comes between the
/// moment at which a turn reads the session and its move.
fn lock_and_read(tenant_id: Uuid, session_id: Uuid) -> Result<SessionState> {
    sessions::lock(tenant_id, session_id)?;
    sessions::read(tenant_id, session_id)
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
fn single_field(field: &str, value: &Json) -> Result<Json> {
    Ok(Json::of(&BTreeMap::from([(field, Json::raw_of_field(field, value.as_str())?)])))
}
