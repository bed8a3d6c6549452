//! Unit tests of reading a scenario document.

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
    assert_eq!(step.transitions[1], Transition { to_step_id: "age_check".into(), priority: -1, ..Default::default() });
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
         "is_terminal": 0, "transitions": [1,
            {"to_step_id": 2, "condition_text": 3, "condition_fields": {}, "priority": "4"}]},
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
            r#"{{"entry_step_id": "a", "steps": [
                {{"id": "a", "transitions": [{{"to_step_id": "a", "priority": {priority}}}]}}]}}"#
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
