//! From the text of a scenario document to values, with every error in it (SPEC sections 2 and 18).
//!
//! Each key is read by hand from a `serde_json::Value`, so that a wrong type is one finding among others instead of the
//! end of reading, and so that nothing in unknown keys (`1e400`, long numerics) can matter.

use super::model::{Definition, Step, Transition};
use super::validate::{Finding, Findings, Severity, quoted};
use crate::condition::MAX_CONDITION_BYTES;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

/// Size of a definition (SPEC section 18).
const MAX_DEFINITION_BYTES: usize = 16 * 1024 * 1024;
/// Steps of a version (SPEC section 18).
const MAX_STEPS: usize = 10_000;
/// Transitions of a version, all steps together (SPEC section 18).
const MAX_TRANSITIONS: usize = 100_000;

/// Parses a scenario document (SPEC section 2).
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

/// Parses one step object by itself, for `step_content_hash(step jsonb)` (SPEC section 3).
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

/// Where a key is: names the owner in messages.
struct Place<'a> {
    step_id: Option<&'a str>,
    /// Of the step, counted from 1, or 0 for a step by itself; none for the scenario itself.
    step_number: Option<usize>,
    /// Of the transition, counted from 1.
    transition_number: Option<usize>,
}

impl Place<'_> {
    const SCENARIO: Place<'static> = Place { step_id: None, step_number: None, transition_number: None };

    fn owner(&self) -> String {
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
        let place = Place::SCENARIO;
        let name = self.text(object, "name", &place).unwrap_or_default().to_owned();
        let description = self.text(object, "description", &place).map(str::to_owned);
        let steps = self.list(object, "steps", &place);
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
                let (place, found) = (Place { step_number: Some(number), ..Place::SCENARIO }, kind(value));
                self.errors.add("wrong_type", None, || format!("{} must be an object, not {found}", place.owner()));
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

    /// The limits of SPEC section 18 that count things. False: over one of them, and nothing more is read.
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
        let entry = self.text(object, "entry_step_id", &Place::SCENARIO).unwrap_or_default();
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
        let place = Place { step_id: known_id, step_number: Some(number), transition_number: None };
        let before = self.errors.count();
        let id = self.text(object, "id", &place).unwrap_or_default().to_owned();
        if id.is_empty() && need == IdNeed::Required && self.errors.count() == before {
            self.errors.add("missing_step_id", None, || format!("{} has no id", place.owner()));
        }
        let name = self.text(object, "name", &place).unwrap_or_default().to_owned();
        let description = self.text(object, "description", &place).map(str::to_owned);
        let rule_ids = self.texts(object, "rule_ids", &place);
        let collects_profile_fields = self.texts(object, "collects_profile_fields", &place);
        let performs_action = self.boolean(object, "performs_action", &place);
        let is_required_action = self.boolean(object, "is_required_action", &place);
        let is_checkpoint = self.boolean(object, "is_checkpoint", &place);
        let checkpoint_description = self.text(object, "checkpoint_description", &place).map(str::to_owned);
        let is_terminal = self.boolean(object, "is_terminal", &place);
        let transitions = self.list(object, "transitions", &place).unwrap_or_default();
        let transitions = transitions.iter().enumerate().filter_map(|(position, value)| {
            let place = Place { transition_number: Some(position + 1), ..place };
            match value {
                Value::Object(object) => Some(self.transition(object, &place)),
                other => {
                    self.wrong_type(&place, || format!("{} must be an object, not {}", place.owner(), kind(other)));
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

    fn transition(&mut self, object: &Map<String, Value>, place: &Place<'_>) -> Transition {
        let before = self.errors.count();
        let to_step_id = self.text(object, "to_step_id", place).unwrap_or_default().to_owned();
        if to_step_id.is_empty() && self.errors.count() == before {
            self.errors
                .add("transition_to_missing_step", place.step_id, || format!("{} has no to_step_id", place.owner()));
        }
        let condition_text = self.text(object, "condition_text", place).unwrap_or_default().to_owned();
        if condition_text.len() > MAX_CONDITION_BYTES {
            self.errors.add("condition_too_long", place.step_id, || {
                format!(
                    "the condition_text of {} has {} bytes; at most {MAX_CONDITION_BYTES} are allowed",
                    place.owner(),
                    condition_text.len()
                )
            });
        }
        let condition_fields = self.texts(object, "condition_fields", place);
        let priority = self.integer(object, "priority", place);
        Transition { to_step_id, condition_text, condition_fields, priority }
    }

    /// Targets that no step has. An absent target has its own finding already.
    fn targets(&mut self, step: &Step, number: usize, ids: &HashSet<&str>) {
        let id = Some(step.id.as_str()).filter(|id| !id.is_empty());
        for target in step.transitions.iter().map(|transition| transition.to_step_id.as_str()) {
            if !target.is_empty() && !ids.contains(target) {
                self.errors.add("transition_to_missing_step", id, || {
                    let place = Place { step_id: id, step_number: Some(number), transition_number: None };
                    format!("{} has a transition to {}, and no step has that id", place.owner(), quoted(target))
                });
            }
        }
    }

    fn wrong_type(&mut self, place: &Place<'_>, message: impl FnOnce() -> String) {
        self.errors.add("wrong_type", place.step_id, message);
    }

    fn expected(&mut self, place: &Place<'_>, key: &str, expected: &str, found: &Value) {
        self.wrong_type(place, || format!("{key} of {} must be {expected}, not {}", place.owner(), kind(found)));
    }

    /// None: absent, null or of the wrong type.
    fn text<'v>(&mut self, object: &'v Map<String, Value>, key: &str, place: &Place<'_>) -> Option<&'v str> {
        match object.get(key) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => self.without_nul(text, key, place),
            Some(other) => {
                self.expected(place, key, "a string", other);
                None
            }
        }
    }

    /// PostgreSQL's text cannot hold U+0000 (its jsonb refuses it before it comes here).
    fn without_nul<'v>(&mut self, text: &'v str, key: &str, place: &Place<'_>) -> Option<&'v str> {
        if text.contains('\0') {
            self.wrong_type(place, || {
                format!("{key} of {} must be a string without the character U+0000", place.owner())
            });
            return None;
        }
        Some(text)
    }

    fn boolean(&mut self, object: &Map<String, Value>, key: &str, place: &Place<'_>) -> bool {
        match object.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(other) => {
                self.expected(place, key, "true or false", other);
                false
            }
        }
    }

    fn integer(&mut self, object: &Map<String, Value>, key: &str, place: &Place<'_>) -> i64 {
        match object.get(key) {
            None | Some(Value::Null) => 0,
            Some(other) => integral(other).unwrap_or_else(|| {
                self.expected(place, key, "an integer of 64 bits", other);
                0
            }),
        }
    }

    /// Some, perhaps empty: a list, or absent or null. None: of the wrong type.
    fn list<'v>(&mut self, object: &'v Map<String, Value>, key: &str, place: &Place<'_>) -> Option<&'v [Value]> {
        match object.get(key) {
            None | Some(Value::Null) => Some(&[]),
            Some(Value::Array(items)) => Some(items),
            Some(other) => {
                self.expected(place, key, "a list", other);
                None
            }
        }
    }

    fn texts(&mut self, object: &Map<String, Value>, key: &str, place: &Place<'_>) -> Vec<String> {
        let mut texts = Vec::new();
        for (position, item) in self.list(object, key, place).unwrap_or_default().iter().enumerate() {
            match item {
                Value::String(text) => {
                    let key = format!("{key}[{position}]");
                    texts.extend(self.without_nul(text, &key, place).map(str::to_owned));
                }
                other => self.expected(place, &format!("{key}[{position}]"), "a string", other),
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
mod tests {
    use super::*;

    /// Codes and step ids of the errors of a document.
    fn errors(text: &str) -> Vec<(&'static str, Option<String>)> {
        let findings = parse(text).err().unwrap_or_default();
        assert!(findings.iter().all(|finding| finding.severity == Severity::Error));
        findings.into_iter().map(|finding| (finding.code, finding.step_id)).collect()
    }

    fn codes(text: &str) -> Vec<&'static str> {
        errors(text).into_iter().map(|(code, _)| code).collect()
    }

    #[test]
    fn the_document_of_the_specification() {
        let text = r#"{ "name": "Order flow", "description": null, "entry_step_id": "age_check", "extra": 1e400,
            "steps": [
              { "id": "age_check", "name": "Age check", "description": "Ask for the customer's age",
                "rule_ids": [], "collects_profile_fields": ["age"], "performs_action": false, "is_required_action": true,
                "is_checkpoint": false, "checkpoint_description": null, "is_terminal": false, "colour": ["red"],
                "transitions": [
                  { "to_step_id": "reject", "condition_text": "age < 18", "condition_fields": ["age"], "priority": 10 },
                  { "to_step_id": "age_check", "condition_text": null, "priority": -1.0 } ] },
              { "id": "reject", "is_terminal": true } ] }"#;
        let definition = parse(text).unwrap();
        assert_eq!((definition.name.as_str(), definition.description), ("Order flow", None));
        assert_eq!(definition.entry_step_id, "age_check");
        let step = &definition.steps[0];
        assert_eq!(step.collects_profile_fields, ["age"]);
        assert_eq!((step.is_required_action, step.performs_action, step.is_terminal), (true, false, false));
        let expected = Transition {
            to_step_id: "reject".into(),
            condition_text: "age < 18".into(),
            condition_fields: vec!["age".into()],
            priority: 10,
        };
        assert_eq!(step.transitions[0], expected);
        assert_eq!(
            step.transitions[1],
            Transition { to_step_id: "age_check".into(), priority: -1, ..Default::default() }
        );
        assert_eq!(definition.steps[1], Step { id: "reject".into(), is_terminal: true, ..Default::default() });
    }

    #[test]
    fn what_is_no_object() {
        for text in ["", "{", "[1,]", "nul", "{\"a\":1}x", "\"\\ud800\""] {
            assert_eq!(codes(text), ["malformed_json"], "{text}");
        }
        for text in ["null", "[]", "1", "\"x\"", "true", "1e400"] {
            assert_eq!(codes(text), ["not_an_object"], "{text}");
        }
        assert_eq!(codes("{}"), ["entry_step_missing", "no_steps"]);
        assert_eq!(codes(&format!("{}{}", "[".repeat(200), "]".repeat(200))), ["nested_too_deep"]);
        let unknown = format!(r#"{{"x": {}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(codes(&unknown), ["nested_too_deep"]);
    }

    #[test]
    fn every_wrong_type_is_a_finding() {
        let text = r#"{"name": 1, "description": [], "entry_step_id": {}, "steps": [
            7,
            {"id": "a", "name": [], "description": 1, "rule_ids": "x", "collects_profile_fields": ["f", 1, null],
             "performs_action": 1, "is_required_action": "true", "is_checkpoint": [], "checkpoint_description": false,
             "is_terminal": 0, "transitions": [1, {"to_step_id": 2, "condition_text": 3, "condition_fields": {}, "priority": "4"}]},
            {"id": 5, "transitions": {}}]}"#;
        let found = errors(text);
        assert!(found.iter().all(|(code, _)| *code == "wrong_type"), "{found:?}");
        let of = |id: Option<&str>| found.iter().filter(|(_, step)| step.as_deref() == id).count();
        assert_eq!((of(None), of(Some("a"))), (6, 15), "{found:?}");
        let messages: Vec<String> = parse(text).unwrap_err().into_iter().map(|finding| finding.message).collect();
        for message in [
            "name of the scenario must be a string, not a number",
            "step number 1 must be an object, not a number",
            "collects_profile_fields[2] of step \"a\" must be a string, not null",
            "is_required_action of step \"a\" must be true or false, not a string",
            "priority of transition number 2 of step \"a\" must be an integer of 64 bits, not a string",
            "id of step number 3 must be a string, not a number",
        ] {
            assert!(messages.iter().any(|found| found == message), "{message}: {messages:#?}");
        }
        assert_eq!(codes(r#"{"entry_step_id": "a", "steps": {}}"#), ["wrong_type"]);
    }

    #[test]
    fn priorities() {
        for (priority, accepted) in [
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("3.00", Some(3)),
            ("null", Some(0)),
            ("9223372036854775808", None),
            ("3.5", None),
            ("1e400", None),
            ("-1e400", None),
            ("true", None),
        ] {
            let text = format!(
                r#"{{"entry_step_id": "a", "steps": [{{"id": "a", "transitions": [{{"to_step_id": "a", "priority": {priority}}}]}}]}}"#
            );
            assert_eq!(parse(&text).ok().map(|d| d.steps[0].transitions[0].priority), accepted, "{priority}");
        }
    }

    #[test]
    fn ids_and_targets() {
        let text = r#"{"entry_step_id": "x", "steps": [
            {"id": "a", "transitions": [{"to_step_id": "b"}, {"to_step_id": ""}, {}, {"to_step_id": null}]},
            {"id": "a"}, {"id": ""}, {"id": null}, {}, {"id": "c", "transitions": [{"to_step_id": "a"}]}, {"id": "a"}]}"#;
        let a = || Some("a".to_owned());
        assert_eq!(
            errors(text),
            [
                ("entry_step_missing", None),
                ("transition_to_missing_step", a()),
                ("transition_to_missing_step", a()),
                ("transition_to_missing_step", a()),
                ("transition_to_missing_step", a()),
                ("duplicate_step_id", a()),
                ("missing_step_id", None),
                ("missing_step_id", None),
                ("missing_step_id", None),
                ("duplicate_step_id", a()),
            ]
        );
    }

    #[test]
    fn characters_that_text_cannot_hold() {
        let text = r#"{"entry_step_id": "a", "steps": [{"id": "a", "name": "x\u0000", "rule_ids": ["\u0000"]}]}"#;
        assert_eq!(codes(text), ["wrong_type", "wrong_type"]);
        let text = r#"{"entry_step_id": "a\u0000", "steps": [{"id": "a\u0000"}]}"#;
        assert_eq!(codes(text), ["wrong_type", "wrong_type"]);
    }

    #[test]
    fn limits() {
        let step = |i: usize| format!(r#"{{"id": "{i}"}}"#);
        let document = |steps: &[String]| format!(r#"{{"entry_step_id": "0", "steps": [{}]}}"#, steps.join(","));
        let steps: Vec<String> = (0..=MAX_STEPS).map(step).collect();
        assert!(parse(&document(&steps[1..])).is_err_and(|e| e[0].code == "entry_step_missing" && e.len() == 1));
        assert!(parse(&document(&steps[..MAX_STEPS])).is_ok());
        assert_eq!(codes(&document(&steps)), ["too_many_steps"]);

        let transition = r#"{"to_step_id":"0"}"#;
        let many = |count: usize| {
            format!(
                r#"{{"entry_step_id": "0", "steps": [{{"id": "0", "transitions": [{}]}}]}}"#,
                vec![transition; count].join(",")
            )
        };
        assert!(parse(&many(MAX_TRANSITIONS)).is_ok());
        assert_eq!(codes(&many(MAX_TRANSITIONS + 1)), ["too_many_transitions"]);

        let condition = |length: usize| {
            many(1).replace(r#""to_step_id""#, &format!(r#""condition_text": "{}", "to_step_id""#, "x".repeat(length)))
        };
        assert!(parse(&condition(MAX_CONDITION_BYTES)).is_ok());
        assert_eq!(errors(&condition(MAX_CONDITION_BYTES + 1)), [("condition_too_long", Some("0".to_owned()))]);

        let padded = format!("{}{}", many(1), " ".repeat(MAX_DEFINITION_BYTES - many(1).len()));
        assert!(parse(&padded).is_ok());
        assert_eq!(codes(&format!("{padded} ")), ["definition_too_large"]);
    }

    #[test]
    fn findings_are_capped_and_counted() {
        let text = format!(r#"{{"entry_step_id": "a", "steps": [{{"id": "a"}}{}]}}"#, ", 1".repeat(1500));
        let findings = parse(&text).unwrap_err();
        assert_eq!(findings.len(), 1001);
        let last = &findings[1000];
        assert_eq!(
            (last.severity, last.code, last.message.as_str()),
            (Severity::Error, "more_findings", "and 500 more findings")
        );
    }

    #[test]
    fn single_steps() {
        let step = parse_step(r#"{"name": "x", "transitions": [{"to_step_id": "nowhere"}]}"#).unwrap();
        assert_eq!((step.id.as_str(), step.transitions.len()), ("", 1));
        let findings = parse_step(r#"{"id": 1, "name": 2, "is_terminal": "x"}"#).unwrap_err();
        assert_eq!(findings.len(), 3);
        assert_eq!(findings[1].message, "name of the step must be a string, not a number");
        assert_eq!(parse_step("[]").unwrap_err()[0].code, "not_an_object");
        assert_eq!(parse_step("").unwrap_err()[0].code, "malformed_json");
    }
}
