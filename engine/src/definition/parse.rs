//! From the text of a scenario document to values, with every error in it ("Definitions" and "Limits" in
//! docs/behaviour.md).
//!
//! Each key is read by hand from a `serde_json::Value`, so that a wrong type is one finding among others instead of the
//! end of reading, and so that nothing in unknown keys (`1e400`, long numerics) can matter.

use super::findings::{Finding, Findings, Severity, quoted};
use super::model::{Definition, Step, Transition};
use crate::condition::MAX_CONDITION_BYTES;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Size of a definition ("Limits" in docs/behaviour.md).
const MAX_DEFINITION_BYTES: usize = 16 * 1024 * 1024;
/// Steps of a version.
const MAX_STEPS: usize = 10_000;
/// Transitions of a version, all steps together.
const MAX_TRANSITIONS: usize = 100_000;

/// Parses a scenario document ("Definitions" in docs/behaviour.md).
///
/// Argument: the JSON text. Returns the definition: absent keys and nulls as false, empty list, none, priority 0; a
/// missing name as `""`; unknown keys left out. Err holds every error finding, in document order, never only the first
/// (codes at [`validate`](super::validate())); warnings are `validate`'s to give. Never panics, whatever the text.
pub fn parse(text: &str) -> Result<Definition, Vec<Finding>> {
    let Draft { definition, errors, .. } = read(text);
    match definition {
        Some(definition) if errors.count() == 0 => Ok(definition),
        _ => Err(errors.finish()),
    }
}

/// Parses one step object by itself, for `step_content_hash(step jsonb)`.
///
/// Argument: the JSON text of the step. Its id and transitions may be absent; where transitions lead is not checked.
/// Err holds every error finding, as for [`parse`].
pub fn parse_step(text: &str) -> Result<Step, Vec<Finding>> {
    let mut reader = Reader::new();
    let mut step = None;
    if let Some(value) = reader.json(text) {
        match &value {
            Value::Object(object) => step = Some(reader.step(object, 0, IdNeed::Optional)),
            other => {
                reader.errors.add("not_an_object", None, || format!("a step must be an object, not {}", kind(other)))
            }
        }
    }
    match step {
        Some(step) if reader.errors.count() == 0 => Ok(step),
        _ => Err(reader.errors.finish()),
    }
}

/// A document as far as it could be read.
pub(super) struct Draft {
    /// None: it is no object, or so large that its steps were not looked at.
    pub(super) definition: Option<Definition>,
    pub(super) errors: Findings,
    /// Positions, in `definition.steps`, of steps of which a part could not be read.
    pub(super) steps_with_errors: HashSet<usize>,
}

/// Reads a scenario document as far as it goes.
pub(super) fn read(text: &str) -> Draft {
    let mut reader = Reader::new();
    let definition = reader.json(text).and_then(|value| match &value {
        Value::Object(object) => reader.definition(object),
        other => {
            reader.errors.add("not_an_object", None, || format!("a scenario must be an object, not {}", kind(other)));
            None
        }
    });
    Draft { definition, errors: reader.errors, steps_with_errors: reader.steps_with_errors }
}

#[derive(Clone, Copy, PartialEq)]
enum IdNeed {
    Required,
    Optional,
}

struct Reader {
    errors: Findings,
    steps_with_errors: HashSet<usize>,
}

/// What a key belongs to, as messages name it.
struct Owner<'a> {
    step_id: Option<&'a str>,
    /// Of the step, counted from 1, or 0 for a step by itself; none for the scenario itself.
    step_number: Option<usize>,
    /// Of the transition, counted from 1.
    transition_number: Option<usize>,
}

impl Owner<'_> {
    const SCENARIO: Owner<'static> = Owner { step_id: None, step_number: None, transition_number: None };

    fn in_words(&self) -> String {
        let step = match (self.step_id, self.step_number) {
            (Some(id), _) => format!("step {}", quoted(id)),
            (None, Some(0)) => "the step".to_owned(),
            (None, Some(number)) => format!("step number {number}"),
            (None, None) => "the scenario".to_owned(),
        };
        match self.transition_number {
            Some(number) => format!("transition number {number} of {step}"),
            None => step,
        }
    }
}

impl Reader {
    fn new() -> Self {
        Reader { errors: Findings::new(Severity::Error), steps_with_errors: HashSet::new() }
    }

    fn json(&mut self, text: &str) -> Option<Value> {
        if text.len() > MAX_DEFINITION_BYTES {
            self.errors.add("definition_too_large", None, || {
                format!("the definition has {} bytes; at most {MAX_DEFINITION_BYTES} are allowed", text.len())
            });
            return None;
        }
        match serde_json::from_str(text) {
            Ok(value) => Some(value),
            Err(error) => {
                // serde_json has no category for its depth limit of 128: its text is the only sign.
                let message = error.to_string();
                if message.starts_with("recursion limit exceeded") {
                    self.errors.add("nested_too_deep", None, || "the JSON is nested deeper than 127 levels".to_owned());
                } else {
                    self.errors.add("malformed_json", None, || format!("not valid JSON: {message}"));
                }
                None
            }
        }
    }

    fn definition(&mut self, object: &Map<String, Value>) -> Option<Definition> {
        let owner = Owner::SCENARIO;
        let name = self.text(object, "name", &owner).unwrap_or_default().to_owned();
        let description = self.text(object, "description", &owner).map(str::to_owned);
        let steps = self.list(object, "steps", &owner);
        if !self.sizes(steps.unwrap_or_default()) {
            return None;
        }
        let ids: HashSet<&str> = steps.unwrap_or_default().iter().filter_map(readable_id).collect();
        let entry_step_id = self.entry(object, steps.map(|_| &ids));
        if steps.is_some_and(<[Value]>::is_empty) {
            self.errors.add("no_steps", None, || "the scenario has no steps".to_owned());
        }
        let mut definition = Definition { name, description, entry_step_id, steps: Vec::new() };
        let mut seen: HashMap<&str, usize> = HashMap::with_capacity(ids.len());
        for (position, value) in steps.unwrap_or_default().iter().enumerate() {
            let number = position + 1;
            let before = self.errors.count();
            let Value::Object(object) = value else {
                let (owner, found) = (Owner { step_number: Some(number), ..Owner::SCENARIO }, kind(value));
                self.errors.add("wrong_type", None, || format!("{} must be an object, not {found}", owner.in_words()));
                continue;
            };
            let step = self.step(object, number, IdNeed::Required);
            if let Some(id) = readable_id(value) {
                if let Some(first) = seen.get(id) {
                    self.errors.add("duplicate_step_id", Some(id), || {
                        format!("step number {number} has the id {}, as step number {first} has", quoted(id))
                    });
                } else {
                    seen.insert(id, number);
                }
            }
            self.targets(&step, number, &ids);
            if self.errors.count() > before {
                self.steps_with_errors.insert(definition.steps.len());
            }
            definition.steps.push(step);
        }
        Some(definition)
    }

    /// The limits that count things. False: over one of them, and nothing more is read.
    fn sizes(&mut self, steps: &[Value]) -> bool {
        let before = self.errors.count();
        if steps.len() > MAX_STEPS {
            self.errors.add("too_many_steps", None, || {
                format!("the scenario has {} steps; at most {MAX_STEPS} are allowed", steps.len())
            });
        }
        let transitions: usize = steps
            .iter()
            .filter_map(|step| step.get("transitions")?.as_array())
            .map(|transitions| transitions.len())
            .sum();
        if transitions > MAX_TRANSITIONS {
            self.errors.add("too_many_transitions", None, || {
                format!("the scenario has {transitions} transitions; at most {MAX_TRANSITIONS} are allowed")
            });
        }
        self.errors.count() == before
    }

    /// `ids`: those of the steps, none where the steps could not be read.
    fn entry(&mut self, object: &Map<String, Value>, ids: Option<&HashSet<&str>>) -> String {
        let before = self.errors.count();
        let entry = self.text(object, "entry_step_id", &Owner::SCENARIO).unwrap_or_default();
        if self.errors.count() > before {
            return String::new(); // of the wrong type, and said so
        }
        if entry.is_empty() {
            self.errors.add("entry_step_missing", None, || "the scenario has no entry_step_id".to_owned());
        } else if ids.is_some_and(|ids| !ids.contains(entry)) {
            self.errors.add("entry_step_missing", None, || {
                format!("entry_step_id is {}, and no step has that id", quoted(entry))
            });
        }
        entry.to_owned()
    }

    fn step(&mut self, object: &Map<String, Value>, number: usize, need: IdNeed) -> Step {
        let known_id = object.get("id").and_then(Value::as_str).filter(|id| !id.is_empty() && !id.contains('\0'));
        let owner = Owner { step_id: known_id, step_number: Some(number), transition_number: None };
        let before = self.errors.count();
        let id = self.text(object, "id", &owner).unwrap_or_default().to_owned();
        if id.is_empty() && need == IdNeed::Required && self.errors.count() == before {
            self.errors.add("missing_step_id", None, || format!("{} has no id", owner.in_words()));
        }
        let name = self.text(object, "name", &owner).unwrap_or_default().to_owned();
        let description = self.text(object, "description", &owner).map(str::to_owned);
        let rule_ids = self.texts(object, "rule_ids", &owner);
        let collects_profile_fields = self.texts(object, "collects_profile_fields", &owner);
        let performs_action = self.boolean(object, "performs_action", &owner);
        let is_required_action = self.boolean(object, "is_required_action", &owner);
        let is_checkpoint = self.boolean(object, "is_checkpoint", &owner);
        let checkpoint_description = self.text(object, "checkpoint_description", &owner).map(str::to_owned);
        let is_terminal = self.boolean(object, "is_terminal", &owner);
        let transitions = self.list(object, "transitions", &owner).unwrap_or_default();
        let transitions = transitions.iter().enumerate().filter_map(|(position, value)| {
            let owner = Owner { transition_number: Some(position + 1), ..owner };
            match value {
                Value::Object(object) => Some(self.transition(object, &owner)),
                other => {
                    self.wrong_type(&owner, || format!("{} must be an object, not {}", owner.in_words(), kind(other)));
                    None
                }
            }
        });
        let transitions = transitions.collect();
        Step {
            id,
            name,
            description,
            rule_ids,
            collects_profile_fields,
            performs_action,
            is_required_action,
            is_checkpoint,
            checkpoint_description,
            is_terminal,
            transitions,
        }
    }

    fn transition(&mut self, object: &Map<String, Value>, owner: &Owner<'_>) -> Transition {
        let before = self.errors.count();
        let to_step_id = self.text(object, "to_step_id", owner).unwrap_or_default().to_owned();
        if to_step_id.is_empty() && self.errors.count() == before {
            self.errors
                .add("transition_to_missing_step", owner.step_id, || format!("{} has no to_step_id", owner.in_words()));
        }
        let condition_text = self.text(object, "condition_text", owner).unwrap_or_default().to_owned();
        if condition_text.len() > MAX_CONDITION_BYTES {
            self.errors.add("condition_too_long", owner.step_id, || {
                format!(
                    "the condition_text of {} has {} bytes; at most {MAX_CONDITION_BYTES} are allowed",
                    owner.in_words(),
                    condition_text.len()
                )
            });
        }
        let condition_fields = self.texts(object, "condition_fields", owner);
        let priority = self.integer(object, "priority", owner);
        Transition { to_step_id, condition_text, condition_fields, priority }
    }

    /// Targets that no step has. An absent target has its own finding already.
    fn targets(&mut self, step: &Step, number: usize, ids: &HashSet<&str>) {
        let id = Some(step.id.as_str()).filter(|id| !id.is_empty());
        for target in step.transitions.iter().map(|transition| transition.to_step_id.as_str()) {
            if !target.is_empty() && !ids.contains(target) {
                self.errors.add("transition_to_missing_step", id, || {
                    let owner = Owner { step_id: id, step_number: Some(number), transition_number: None };
                    format!("{} has a transition to {}, and no step has that id", owner.in_words(), quoted(target))
                });
            }
        }
    }

    fn wrong_type(&mut self, owner: &Owner<'_>, message: impl FnOnce() -> String) {
        self.errors.add("wrong_type", owner.step_id, message);
    }

    fn expected(&mut self, owner: &Owner<'_>, key: &str, expected: &str, found: &Value) {
        self.wrong_type(owner, || format!("{key} of {} must be {expected}, not {}", owner.in_words(), kind(found)));
    }

    /// None: absent, null or of the wrong type.
    fn text<'v>(&mut self, object: &'v Map<String, Value>, key: &str, owner: &Owner<'_>) -> Option<&'v str> {
        match object.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => self.without_nul(text, key, owner),
            Some(other) => {
                self.expected(owner, key, "a string", other);
                None
            }
        }
    }

    /// PostgreSQL's text cannot hold U+0000 (its jsonb refuses it before it comes here).
    fn without_nul<'v>(&mut self, text: &'v str, key: &str, owner: &Owner<'_>) -> Option<&'v str> {
        if text.contains('\0') {
            self.wrong_type(owner, || {
                format!("{key} of {} must be a string without the character U+0000", owner.in_words())
            });
            return None;
        }
        Some(text)
    }

    fn boolean(&mut self, object: &Map<String, Value>, key: &str, owner: &Owner<'_>) -> bool {
        match object.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(other) => {
                self.expected(owner, key, "true or false", other);
                false
            }
        }
    }

    fn integer(&mut self, object: &Map<String, Value>, key: &str, owner: &Owner<'_>) -> i64 {
        match object.get(key) {
            None | Some(Value::Null) => 0,
            Some(other) => integral(other).unwrap_or_else(|| {
                self.expected(owner, key, "an integer of 64 bits", other);
                0
            }),
        }
    }

    /// Some, perhaps empty: a list, or absent or null. None: of the wrong type.
    fn list<'v>(&mut self, object: &'v Map<String, Value>, key: &str, owner: &Owner<'_>) -> Option<&'v [Value]> {
        match object.get(key) {
            None | Some(Value::Null) => Some(&[]),
            Some(Value::Array(items)) => Some(items),
            Some(other) => {
                self.expected(owner, key, "a list", other);
                None
            }
        }
    }

    fn texts(&mut self, object: &Map<String, Value>, key: &str, owner: &Owner<'_>) -> Vec<String> {
        let mut texts = Vec::new();
        for (position, item) in self.list(object, key, owner).unwrap_or_default().iter().enumerate() {
            match item {
                Value::String(text) => {
                    let key = format!("{key}[{position}]");
                    texts.extend(self.without_nul(text, &key, owner).map(str::to_owned));
                }
                other => self.expected(owner, &format!("{key}[{position}]"), "a string", other),
            }
        }
        texts
    }
}

/// The id of a step, where there is one that can be read.
fn readable_id(step: &Value) -> Option<&str> {
    step.get("id")?.as_str().filter(|id| !id.is_empty() && !id.contains('\0'))
}

/// `10` and, since jsonb keeps it as written, `10.0`.
fn integral(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| {
        let (digits, zeros) = number.as_str().split_once('.')?;
        zeros.bytes().all(|byte| byte == b'0').then(|| digits.parse().ok())?
    })
}

/// What a JSON value is, for messages.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
