//! Any text as a condition, and any JSON as the value of every field: it is decided or unknown, and asks for a field
//! once.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scenario_engine::condition::{Condition, ConditionKind, Truth};
use std::collections::HashSet;

fuzz_target!(|input: (&str, &str)| {
    let (text, value) = input;
    let known: HashSet<&str> = ["age", "vip", "plan", "a", "b", "address.city"].into_iter().collect();
    let condition = Condition::classify(text, &[], &known);
    let _ = Condition::session_condition(text);
    for value in [None, serde_json::from_str::<serde_json::Value>(value).ok()] {
        let mut asked = HashSet::new();
        let truth = condition.evaluate(&mut |field| {
            assert!(asked.insert(field.to_owned()), "asked twice for {field}");
            assert!(known.contains(field), "asked for {field}, which is not known");
            Ok::<_, ()>(value.clone())
        });
        match (condition.kind(), truth.expect("no error was raised")) {
            (ConditionKind::Always, truth) => assert_eq!(truth, Truth::True),
            (ConditionKind::Natural, truth) => assert_eq!(truth, Truth::Unknown { missing: vec![], error: None }),
            (ConditionKind::Expression, Truth::Unknown { missing, error }) => {
                assert!(missing.is_empty() != error.is_none(), "{missing:?} {error:?}");
                assert!(missing.iter().all(|f| condition.reads().contains(f)));
            }
            (ConditionKind::Expression, _) => {}
        }
    }
});
