//! Properties of scenario documents ("Definitions" and "Content hash" in docs/behaviour.md): reading never panics, and
//! a hash covers exactly what it must.
//!
//! `PROPTEST_CASES` sets the number of cases of each property, without it 10,000; `PROPTEST_RNG_SEED` another seed.

#[path = "common/draws.rs"]
mod draws;

use draws::config;
use proptest::prelude::*;
use proptest::sample::select;
use scenario_engine::definition::{Severity, checksum, parse, parse_step, step_content_hash, validate};
use serde_json::{Map, Value, json};

const KEYS: [&str; 19] = [
    "name",
    "description",
    "entry_step_id",
    "steps",
    "id",
    "rule_ids",
    "collects_profile_fields",
    "performs_action",
    "is_required_action",
    "is_checkpoint",
    "checkpoint_description",
    "is_terminal",
    "transitions",
    "to_step_id",
    "condition_text",
    "condition_fields",
    "priority",
    "unknown",
    "",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => select(vec!["a", "b", "c", "", " ", "age < 18", "a.all(x, x)", "true", "é", "😀", "\0", "\u{7f}"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// Any JSON, likely with the keys of a scenario.
fn json() -> impl Strategy<Value = Value> {
    let number = select(vec!["0", "1", "-3", "2.0", "1.5", "1e400", "-1e400", "9223372036854775808", "1e-400"])
        .prop_map(|number| serde_json::from_str(number).unwrap());
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => number,
        4 => text().prop_map(Value::String),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            2 => prop::collection::vec((select(KEYS.to_vec()), inner), 0..8)
                .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

/// A document of the right shape, with a few keys replaced by anything.
fn damaged() -> impl Strategy<Value = Value> {
    (document(), prop::collection::vec((any::<prop::sample::Index>(), select(KEYS.to_vec()), json()), 0..4)).prop_map(
        |(mut document, damages)| {
            for (place, key, value) in damages {
                let mut objects = Vec::new();
                collect(&mut document, &mut Vec::new(), &mut objects);
                let path = &objects[place.index(objects.len())];
                let target = path.iter().fold(&mut document, |value, step| match step {
                    Ok(position) => &mut value[*position],
                    Err(key) => &mut value[key.as_str()],
                });
                target[key] = value;
            }
            document
        },
    )
}

type Path = Vec<Result<usize, String>>;

/// The paths of all objects.
fn collect(value: &mut Value, path: &mut Path, objects: &mut Vec<Path>) {
    match value {
        Value::Object(entries) => {
            objects.push(path.clone());
            for (key, value) in entries {
                path.push(Err(key.clone()));
                collect(value, path, objects);
                path.pop();
            }
        }
        Value::Array(items) => {
            for (position, value) in items.iter_mut().enumerate() {
                path.push(Ok(position));
                collect(value, path, objects);
                path.pop();
            }
        }
        _ => {}
    }
}

fn plain_text() -> impl Strategy<Value = String> {
    prop_oneof![select(vec!["a", "b", "é", "😀", "", "x y"]).prop_map(str::to_owned), "[^\0]{0,12}"]
}

fn step() -> impl Strategy<Value = Value> {
    let texts = || prop::collection::vec(plain_text(), 0..4);
    let flags = any::<(bool, bool, bool, bool)>();
    (plain_text(), prop::option::of(plain_text()), texts(), texts(), flags, prop::option::of(plain_text())).prop_map(
        |(name, description, rules, fields, (action, required, checkpoint, terminal), checkpoint_description)| {
            json!({
                "name": name, "description": description, "rule_ids": rules, "collects_profile_fields": fields,
                "performs_action": action, "is_required_action": required, "is_checkpoint": checkpoint,
                "checkpoint_description": checkpoint_description, "is_terminal": terminal,
            })
        },
    )
}

/// A valid document.
fn document() -> impl Strategy<Value = Value> {
    let transition = (any::<prop::sample::Index>(), plain_text(), -3..3_i64);
    let steps = prop::collection::vec((step(), prop::collection::vec(transition, 0..4)), 1..6);
    (plain_text(), steps, any::<prop::sample::Index>()).prop_map(|(name, steps, entry)| {
        let count = steps.len();
        let id = |position: usize| format!("s{position}");
        let steps: Vec<Value> = steps
            .into_iter()
            .enumerate()
            .map(|(position, (mut step, transitions))| {
                step["id"] = json!(id(position));
                step["transitions"] = transitions
                    .into_iter()
                    .map(|(to, text, priority)| {
                        json!({"to_step_id": id(to.index(count)), "condition_text": text, "priority": priority})
                    })
                    .collect();
                step
            })
            .collect();
        json!({"name": name, "entry_step_id": id(entry.index(count)), "steps": steps})
    })
}

fn hash(step: &Value) -> String {
    step_content_hash(&parse_step(&step.to_string()).unwrap())
}

/// What must hold of the reading of any text.
fn holds(text: &str) -> Result<(), TestCaseError> {
    let findings = validate(text);
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    prop_assert!(findings[..errors].iter().all(|finding| finding.severity == Severity::Error), "errors come first");
    for finding in &findings {
        prop_assert!(!finding.message.is_empty() && finding.message.len() < 5000);
        prop_assert!(!finding.message.contains(['\0', '\n']), "{}", &finding.message);
        prop_assert!(finding.step_id.as_deref().is_none_or(|id| !id.is_empty()));
    }
    match parse(text) {
        Ok(definition) => {
            prop_assert_eq!(errors, 0);
            prop_assert!(definition.steps.iter().any(|step| step.id == definition.entry_step_id));
            prop_assert_eq!(checksum(&definition, 1).len(), 16);
        }
        Err(refused) => {
            prop_assert!(!refused.is_empty());
            prop_assert_eq!(&refused[..], &findings[..errors]);
        }
    }
    let _ = parse_step(text);
    Ok(())
}

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn any_text_is_read(text in any::<String>()) {
        holds(&text)?;
    }

    #[test]
    fn any_json_is_read(value in json()) {
        holds(&value.to_string())?;
    }

    #[test]
    fn any_damaged_document_is_read(value in damaged()) {
        holds(&value.to_string())?;
    }

    #[test]
    fn valid_documents_have_no_errors(value in document()) {
        holds(&value.to_string())?;
        prop_assert!(parse(&value.to_string()).is_ok());
    }

    #[test]
    fn a_hash_covers_the_meaning_alone(
        mut step in step(),
        id in plain_text(),
        unknown in json(),
        required in any::<bool>(),
        terminal in any::<bool>(),
    ) {
        let before = hash(&step);
        prop_assert_eq!(before.len(), 16);
        step["id"] = json!(id);
        step["unknown"] = unknown;
        step["is_required_action"] = json!(required);
        step["is_terminal"] = json!(terminal);
        step["transitions"] = json!([{"to_step_id": "x", "condition_text": "y"}]);
        for list in ["rule_ids", "collects_profile_fields"] {
            if let Some(items) = step[list].as_array_mut() {
                items.reverse();
            }
        }
        for text in ["description", "checkpoint_description"] {
            if step[text] == json!("") {
                step[text] = Value::Null;
            }
        }
        prop_assert_eq!(hash(&step), before);
    }

    #[test]
    fn a_hash_changes_with_everything_that_it_covers(step in step(), more in "[^\0]{1,5}") {
        let before = hash(&step);
        for key in ["name", "description", "checkpoint_description"] {
            let mut changed = step.clone();
            changed[key] = json!(format!("{}{more}", step[key].as_str().unwrap_or_default()));
            prop_assert_ne!(hash(&changed), before.clone(), "{}", key);
        }
        for key in ["rule_ids", "collects_profile_fields"] {
            let mut changed = step.clone();
            changed[key].as_array_mut().unwrap().push(json!(more));
            prop_assert_ne!(hash(&changed), before.clone(), "{}", key);
        }
        for key in ["is_checkpoint", "performs_action"] {
            let mut changed = step.clone();
            changed[key] = json!(!step[key].as_bool().unwrap());
            prop_assert_ne!(hash(&changed), before.clone(), "{}", key);
        }
    }

}

proptest! {
    // Changes each part of each document in turn.
    #![proptest_config(config(10))]

    #[test]
    fn a_checksum_covers_the_walk_and_not_the_order_of_steps(value in document(), version in any::<i32>()) {
        let definition = parse(&value.to_string()).unwrap();
        let before = checksum(&definition, version);
        let mut same = definition.clone();
        same.steps.reverse();
        same.name.push('x');
        prop_assert_eq!(checksum(&same, version), before.clone());
        prop_assert_ne!(checksum(&definition, version.wrapping_add(1)), before.clone());
        let mut changed = definition.clone();
        changed.entry_step_id.push('x');
        prop_assert_ne!(checksum(&changed, version), before.clone());
        for position in 0..definition.steps.len() {
            let mut changed = definition.clone();
            changed.steps[position].name.push('x');
            prop_assert_ne!(checksum(&changed, version), before.clone());
            for transition in 0..definition.steps[position].transitions.len() {
                let mut changed = definition.clone();
                let target = &mut changed.steps[position].transitions[transition];
                target.priority += 1;
                prop_assert_ne!(checksum(&changed, version), before.clone());
                let target = &mut changed.steps[position].transitions[transition];
                target.priority -= 1;
                target.condition_text.push('x');
                prop_assert_ne!(checksum(&changed, version), before.clone());
                let target = &mut changed.steps[position].transitions[transition];
                target.condition_text.pop();
                target.condition_fields.push("x".to_owned());
                prop_assert_ne!(checksum(&changed, version), before.clone());
            }
        }
    }
}

#[test]
fn unknown_keys_with_any_content_are_no_matter() {
    let mut unknown = Map::new();
    unknown.insert("big".to_owned(), serde_json::from_str("1e400").unwrap());
    let text = json!({"entry_step_id": "a", "steps": [{"id": "a", "x": unknown}], "y": [{}, []]}).to_string();
    assert!(parse(&text).is_ok());
}
