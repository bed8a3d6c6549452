//! "Gap fill".

use crate::common::flow::flow;
use crate::common::world::{World, brief, sure};
use crate::words;
use scenario_engine::field::{FieldDefinition, RequiredLevel};
use scenario_engine::reconcile::{Candidate, Effect, FieldSource, WaitingFor};
use std::rc::Rc;

#[test]
fn the_first_source_that_has_a_valid_value_wins() {
    let schema = r#"{"type": "integer", "minimum": 0}"#;
    let said = |value: &str, confidence: f64| Candidate { confidence: Some(confidence), ..sure(value) };
    // profile, session, extraction (value, confidence) → what happens
    type Row = (Option<&'static str>, Option<&'static str>, Option<(&'static str, f64)>, &'static str);
    let table: [Row; 15] = [
        (Some("30"), Some("31"), Some(("32", 1.0)), "session 31"),
        (Some("30"), None, Some(("32", 1.0)), "profile 30"),
        (Some("-1"), Some("31"), Some(("32", 1.0)), "session 31"),
        (None, Some("31"), Some(("32", 1.0)), "session 31"),
        (Some("-1"), Some("\"x\""), Some(("32", 1.0)), "extraction 32"),
        (None, Some("null"), Some(("32", 0.95)), "extraction 32"),
        (None, None, Some(("32", 0.95)), "extraction 32"),
        (None, None, Some(("32", 0.94)), "confirm"),
        (None, None, Some(("32", 0.90)), "confirm"),
        (None, None, Some(("32", 0.85)), "confirm"),
        (None, None, Some(("32", 0.84)), "ask"),
        (None, None, Some(("32", 0.80)), "ask"),
        (None, None, Some(("-1", 1.0)), "ask"),
        (Some("-1"), Some("-2"), Some(("-3", 1.0)), "ask"),
        (None, None, None, "ask"),
    ];
    for level in [RequiredLevel::Hard, RequiredLevel::Soft] {
        for (profile, session, extraction, expected) in &table {
            let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
            world.walked(&words("a c"));
            let field = FieldDefinition {
                schema: Some(schema.into()),
                required_level: level,
                ..FieldDefinition::undeclared("age")
            };
            world.fields.insert("age".into(), Rc::new(field));
            profile.map(|v| world.profile.insert("age".into(), sure(v)));
            session.iter().for_each(|v| world.knows("age", v));
            extraction.map(|(v, c)| world.extractions.insert("age".into(), said(v, c)));
            let decision = world.reconcile();
            let filled: Vec<String> =
                decision.fields_filled.iter().map(|f| format!("{} {}", f.source.as_str(), f.value)).collect();
            let case = format!("{level:?} {profile:?} {session:?} {extraction:?}: {}", brief(&decision));
            match (*expected, level) {
                ("ask", RequiredLevel::Hard) => assert_eq!(brief(&decision), "collect age", "{case}"),
                ("confirm", RequiredLevel::Hard) => {
                    assert_eq!(brief(&decision), "collect age?", "{case}");
                    assert_eq!(decision.effect, Effect::Wait(WaitingFor::Confirmation), "{case}");
                }
                // A soft field is never asked about: gone without.
                ("ask" | "confirm", RequiredLevel::Soft) => {
                    assert_eq!((brief(&decision).as_str(), filled.len()), ("teleport c", 0), "{case}");
                }
                (value, _) => {
                    assert_eq!(brief(&decision), "teleport c", "{case}");
                    assert_eq!(filled, [value], "{case}");
                }
            }
        }
    }
}

#[test]
fn an_invalid_value_says_why() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
    world.walked(&words("a c"));
    let field = FieldDefinition { schema: Some(r#"{"type": "integer"}"#.into()), ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(field));
    world.knows("age", "\"old\"");
    let decision = world.reconcile();
    let rejected = &decision.collect_fields[0].rejected;
    assert_eq!((rejected.len(), rejected[0].source), (1, FieldSource::Session));
    assert!(!rejected[0].reasons.is_empty());
}

#[test]
fn extraction_can_be_turned_off() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
    world.walked(&words("a c"));
    world.extractions.insert("age".into(), Candidate { confidence: Some(1.0), ..sure("32") });
    world.settings.extraction_enabled = false;
    assert_eq!(brief(&world.reconcile()), "collect age");
}

#[test]
fn nobody_is_redirected_on_a_soft_field_that_is_not_known() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> c if age >= 18; away\n c\n away"));
    world.walked(&words("a c"));
    let field = FieldDefinition { required_level: RequiredLevel::Soft, ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(field));
    assert_eq!(brief(&world.reconcile()), "teleport c");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}
