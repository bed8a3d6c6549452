//! What the audit keeps of a decision ("Audit" in docs/behaviour.md): for each field that was needed the step or fork
//! that needs it and why what was known did not do, the trace, and never a value.

mod common;

use common::flow::flow;
use common::world::{World, raw};
use scenario_engine::field::{FieldDefinition, RequiredLevel};
use scenario_engine::reconcile::{Action, Candidate};
use serde_json::{Value, json};
use std::rc::Rc;

const SECRET: &str = "s3cr3t";

fn declare(world: &mut World, field: &str, schema: &str, required_level: RequiredLevel) {
    let definition =
        FieldDefinition { schema: Some(schema.into()), required_level, ..FieldDefinition::undeclared(field) };
    world.fields.insert(field.into(), Rc::new(definition));
}

/// A value with the secret in it, and with a quote that has it too.
fn secret(problem: Option<&str>, confidence: Option<f64>) -> Candidate {
    Candidate {
        value: format!("\"{SECRET}\""),
        confidence,
        quote: Some(format!("I say {SECRET}")),
        problem: problem.map(str::to_owned),
        ..Candidate::default()
    }
}

fn record_of(world: &mut World) -> (Action, Value) {
    let decision = world.reconcile();
    let record = serde_json::to_value(decision.record()).expect("JSON");
    assert!(!record.to_string().contains(SECRET), "{record}");
    (decision.action, record)
}

fn why(record: &Value, field: &str) -> Value {
    let asked = record["asked"].as_array().expect("an array");
    asked.iter().find(|needed| needed["field"] == field).unwrap_or_else(|| panic!("{field} in {record}")).clone()
}

/// At `c`, before which version 2 collects `age` and forks by `plan`.
fn world() -> World {
    let mut world = World::planned(
        flow("a -> c\n c"),
        flow("a -> b\n b (age) -> f\n f -> x if plan == \"gold\"; c\n x -> y\n y\n c"),
    );
    world.walked(&["a", "c"]);
    world
}

#[test]
fn each_field_tells_who_needs_it_and_why_what_was_known_did_not_do() {
    let mut world = world();
    declare(&mut world, "age", r#"{"type": "integer"}"#, RequiredLevel::Hard);
    world.profile.insert("age".into(), secret(Some("it has expired"), None));
    world.session.variables.insert("age".into(), raw(&format!("\"{SECRET}\"")));
    let (action, record) = record_of(&mut world);
    assert_eq!(action, Action::Collect);
    let age = why(&record, "age");
    assert_eq!((&age["outcome"], &age["needed_for"]["kind"]), (&json!("collect"), &json!("step")));
    assert_eq!(age["needed_for"]["step_id"], "b");
    assert_eq!(age["did_not_do"][0]["source"], "session");
    assert_eq!(age["did_not_do"][1], json!({"source": "profile", "reasons": ["it has expired"]}));
    let plan = why(&record, "plan");
    assert_eq!(plan["needed_for"]["kind"], "fork");
    assert_eq!(plan["needed_for"]["condition_text"], "plan == \"gold\"");
    assert_eq!(plan["did_not_do"], json!([]));
    let events: Vec<&str> =
        record["trace"].as_array().expect("a trace").iter().filter_map(|e| e["event"].as_str()).collect();
    assert!(events.contains(&"field") && events.last() == Some(&"outcome"), "{events:?}");
}

#[test]
fn too_little_confidence_and_denials_are_told() {
    let mut world = world();
    world.extractions.insert("age".into(), secret(None, Some(0.5)));
    world.profile.insert("plan".into(), secret(None, None));
    let (_, record) = record_of(&mut world);
    assert_eq!(why(&record, "age")["did_not_do"][0]["reasons"], json!(["confidence 0.50 is below 0.85"]));
    world.denied = vec![format!("\"{SECRET}\"")];
    world.extractions.clear();
    let (_, record) = record_of(&mut world);
    let reasons = &why(&record, "plan")["did_not_do"][0]["reasons"];
    assert_eq!(*reasons, json!(["the customer has said that this value is wrong"]));
}

#[test]
fn a_move_that_filled_fields_tells_what_they_were_needed_for() {
    let mut world = world();
    world.profile.insert("age".into(), secret(Some("it has expired"), None));
    world.extractions.insert("age".into(), secret(None, Some(0.99)));
    world.session.variables.insert("plan".into(), raw("\"silver\""));
    let (action, record) = record_of(&mut world);
    assert_eq!(action, Action::Teleport);
    let age = why(&record, "age");
    assert_eq!((&age["outcome"], &age["source"]), (&json!("filled"), &json!("extraction")));
    assert_eq!(age["needed_for"]["step_id"], "b");
    assert_eq!(age["did_not_do"], json!([{"source": "profile", "reasons": ["it has expired"]}]));
    assert!(record["trace"].is_array());
}

#[test]
fn a_value_to_be_confirmed_is_told_once() {
    let mut world = world();
    world.session.variables.insert("plan".into(), raw("\"silver\""));
    world.extractions.insert("age".into(), secret(None, Some(0.9)));
    let (action, record) = record_of(&mut world);
    assert_eq!(action, Action::Collect);
    let age: Vec<&Value> =
        record["asked"].as_array().expect("an array").iter().filter(|f| f["field"] == "age").collect();
    assert_eq!(age.len(), 1);
    assert_eq!((&age[0]["outcome"], &age[0]["source"]), (&json!("confirm"), &json!("extraction")));
}

#[test]
fn a_clean_graft_keeps_nothing() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> c\n c -> d\n d"));
    world.walked(&["a", "c"]);
    let (action, record) = record_of(&mut world);
    assert_eq!((action, record), (Action::Teleport, json!({"fields_filled": {}})));
}
