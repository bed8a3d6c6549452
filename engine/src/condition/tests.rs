//! Unit tests of conditions: kinds, limits, and values.

use super::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::convert::Infallible;

fn condition(text: &str, known: &[&str]) -> Condition {
    Condition::classify(text, &[], &known.iter().copied().collect())
}

/// The value of `text` with the fields of `values`, all of its names being known.
fn truth(text: &str, values: Value) -> Truth {
    let condition = Condition::session_condition(text).unwrap();
    let lookup = |field: &str| Ok::<_, Infallible>(values.get(field).cloned());
    let Ok(truth) = condition.evaluate(&mut { lookup });
    truth
}

fn missing(fields: &[&str]) -> Truth {
    Truth::Unknown { missing: fields.iter().map(|&field| field.to_owned()).collect(), error: None }
}

fn error(text: &str, values: Value) -> String {
    match truth(text, values) {
        Truth::Unknown { missing, error: Some(error) } if missing.is_empty() => error,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn kinds() {
    let known = ["age", "plan", "country", "address.city", "is_member"];
    for always in ["", "  ", "\n\t"] {
        assert_eq!(condition(always, &known).kind(), ConditionKind::Always, "{always:?}");
    }
    for expression in [
        "age < 18",
        "country == \"FR\" && age >= 21",
        "plan in [\"gold\", \"silver\"]",
        "is_member",
        "!is_member",
        "true",
        "address.city == 'Paris'",
        "has(plan.level) && plan.level > 3",
        "country.startsWith('F') || country.matches('^[A-Z]{2}$')",
        "size(plan) > 0 ? age > 3 : age < 3",
        "age < 18 // children",
        "plan == \"(((((((((((((((((((((((((((((((((((((((((((((\"",
    ] {
        let condition = condition(expression, &known);
        assert_eq!(condition.kind(), ConditionKind::Expression, "{expression}: {:?}", condition.note());
        assert_eq!(condition.note(), None);
    }
    for natural in [
        "the customer sounds unhappy",
        "anything_else",
        "age",
        "age <",
        "age = 18",
        "l'âge < 18",
        "country is FR",
        "a ? b",
        "@",
        "'",
        "\"",
        "price > $5",
        "age &lt; 18",
        "42",
        "\"unhappy\"",
        "!-country",
        "- ! country",
    ] {
        let condition = condition(natural, &["country"]);
        assert_eq!(condition.kind(), ConditionKind::Natural, "{natural}");
        assert_eq!(condition.note(), None, "{natural}");
    }
}

#[test]
fn what_looks_like_an_expression_and_is_none_says_why() {
    for (text, why) in [
        ("income < 18", "income"),
        ("address.street == 'x'", "address.street"),
        ("plan.all(p, p == 'gold')", "comprehension"),
        ("plan.exists(p, p == 'gold')", "comprehension"),
        ("plan.exists_one(p, p == 'gold')", "comprehension"),
        ("plan.map(p, p) == []", "comprehension"),
        ("plan.filter(p, p == 'gold') == []", "comprehension"),
        ("lower(plan) == 'gold'", "lower"),
        ("plan.lower() == 'gold'", "lower"),
        ("size(plan, plan) == 1", "size"),
        ("plan.matches(plan)", "written out"),
        ("plan.matches('(')", "regular expression"),
        ("plan.matches('\\\\w{999}{99}')", "too large"),
        ("age + 1", "true or false"),
        ("[age]", "true or false"),
        ("age > 1 ? 'a' : 'b'", "true or false"),
        ("Plan{name: 'x'} == plan", "message"),
    ] {
        let condition = condition(text, &["age", "plan"]);
        assert_eq!(condition.kind(), ConditionKind::Natural, "{text}");
        assert!(condition.note().is_some_and(|note| note.contains(why)), "{text}: {:?}", condition.note());
        assert!(condition.reads().is_empty());
    }
    let sum = format!("age{} > 1", " + age".repeat(MAX_DEPTH - 1));
    assert!(condition(&sum, &["age"]).note().is_some_and(|note| note.contains("levels")));
    let deep = format!("{}age{} > 1", "(".repeat(MAX_NESTING + 1), ")".repeat(MAX_NESTING + 1));
    assert!(condition(&deep, &["age"]).note().is_some_and(|note| note.contains("deeper")));
    let long = format!("age > 1{}", " || age > 1".repeat(MAX_OPERATORS / 2));
    assert!(condition(&long, &["age"]).note().is_some_and(|note| note.contains("operators")));
    let huge = format!("age > 1{}", " ".repeat(MAX_CONDITION_BYTES));
    assert!(condition(&huge, &["age"]).note().is_some_and(|note| note.contains("bytes")));
}

#[test]
fn expressions_up_to_the_bounds_are_accepted() {
    let deep = format!("{}age{} > 1", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING));
    let wide = format!("age in [0{}]", ", 1".repeat(1000));
    let long = format!("age > 1{}", " || age > 1".repeat(MAX_OPERATORS / 2 - 1));
    let sum = format!("age{} > 1", " + age".repeat(MAX_DEPTH - 2));
    let choice = format!("{}age > 1", "age > 1 ? age > 2 : ".repeat(MAX_OPERATORS / 4 - 1));
    for text in [deep, wide, long, sum, choice] {
        assert_eq!(condition(&text, &["age"]).kind(), ConditionKind::Expression, "{text}");
    }
}

#[test]
fn fields_are_the_listed_then_the_read_ones() {
    let listed = ["b".to_owned(), "z".to_owned(), "b".to_owned()];
    let condition = Condition::classify("a > 1 && b > a && c.d.e == 1", &listed, &HashSet::from(["a", "c.d"]));
    assert_eq!(condition.kind(), ConditionKind::Expression);
    assert_eq!(condition.reads(), ["a", "b", "c.d"]);
    assert_eq!(condition.fields(), ["b", "z", "a", "c.d"]);
    let natural = Condition::classify("is it so?", &listed, &HashSet::new());
    assert_eq!((natural.fields(), natural.reads()), (&["b".to_owned(), "z".to_owned()][..], &[][..]));
}

#[test]
fn the_longest_known_name_is_read() {
    let dotted = condition("meta.region.code == 'x'", &["meta", "meta.region"]);
    assert_eq!(dotted.reads(), ["meta.region"]);
    let lookup = |field: &str| Ok::<_, Infallible>((field == "meta.region").then(|| json!({"code": "x"})));
    assert_eq!(dotted.evaluate(&mut { lookup }), Ok(Truth::True));
}

#[test]
fn a_field_may_have_the_name_of_a_type_or_a_function() {
    let condition = condition("type == 'x' && size > 3 && string == ''", &["type", "size", "string"]);
    assert_eq!(condition.kind(), ConditionKind::Expression);
    let lookup = |field: &str| {
        Ok::<_, Infallible>(Some(match field {
            "type" => json!("x"),
            "size" => json!(4),
            _ => json!(""),
        }))
    };
    assert_eq!(condition.evaluate(&mut { lookup }), Ok(Truth::True));
}

#[test]
fn numbers_compare_whatever_they_are_written_as() {
    for (value, text, expected) in [
        ("17.5", "age < 18", true),
        ("18.0", "age == 18", true),
        ("18.0", "age != 18", false),
        ("18", "age == 18.0", true),
        ("18", "age >= 17.9", true),
        ("18.0", "age in [18]", true),
        ("18", "age in [18.0, 1]", true),
        ("18", "age == 18u", true),
        ("1e2", "age == 100", true),
        ("9223372036854775808", "age > 9223372036854775807", true),
        ("18446744073709551616", "age > 1", true),
        ("-9223372036854775808", "age == -9223372036854775808", true),
        ("true", "age == 1", false),
        ("\"18\"", "age == 18", false),
        ("\"18\"", "int(age) == 18", true),
    ] {
        let value: Value = serde_json::from_str(value).unwrap();
        let expected = if expected { Truth::True } else { Truth::False };
        assert_eq!(truth(text, json!({"age": value})), expected, "{text} with {value}");
    }
}

#[test]
fn functions_and_structures() {
    let values = json!({"name": "Café", "tags": ["a", "b"], "who": {"first": "Ada", "null": null}, "n": 3});
    for (text, expected) in [
        ("size(name) == 4 && name.size() == 4", Truth::True),
        ("name.contains('af') && name.startsWith('C') && name.endsWith('é')", Truth::True),
        ("name.matches('^C.*$')", Truth::True),
        ("'a' in tags && !('c' in tags) && tags[1] == 'b'", Truth::True),
        ("has(who.first) && !has(who.last) && who.first == 'Ada'", Truth::True),
        ("'first' in who && who['first'] == 'Ada'", Truth::True),
        ("string(n) == '3' && double(n) == 3.0 && n % 2 == 1 && -n < 0", Truth::True),
        ("n > 2 ? name == 'x' : name == 'Café'", Truth::False),
        ("{'a': n}.a == 3 && [n, 1] == [3, 1]", Truth::True),
        ("bool('true') && dyn(n) == 3", Truth::True),
    ] {
        assert_eq!(truth(text, values.clone()), expected, "{text}");
    }
}

#[test]
fn kleene() {
    let values = json!({"t": true, "f": false, "n": null});
    for (text, expected) in [
        ("f && x", Truth::False),
        ("x && f", Truth::False),
        ("t || x", Truth::True),
        ("x || t", Truth::True),
        ("t && x", missing(&["x"])),
        ("x && y && x", missing(&["x", "y"])),
        ("y || !x", missing(&["y", "x"])),
        ("x || y && f", missing(&["x"])),
        ("n", missing(&["n"])),
        ("x == y", missing(&["x", "y"])),
        ("x == x", missing(&["x"])),
        ("x ? y : z", missing(&["x"])),
        ("t ? y : z", missing(&["y"])),
        ("f ? y : t", Truth::True),
        ("!(x && f)", Truth::True),
    ] {
        assert_eq!(truth(text, values.clone()), expected, "{text}");
    }
}

#[test]
fn lookups_are_lazy_in_order_and_once() {
    for (text, asked) in [
        ("a > 1 && b > 1", vec!["a"]),
        ("a > 1 || b > 1 || c > 1", vec!["a", "b", "c"]),
        ("c < b && b < c && a == a", vec!["c", "b"]),
        ("x == 1 && a > 1", vec!["x", "a"]),
        ("x == 1 ? a > 1 : b > 1", vec!["x"]),
        ("a == 0 ? b > 1 : c > 1", vec!["a", "b"]),
    ] {
        let condition = Condition::session_condition(text).unwrap();
        let mut seen = Vec::new();
        let _ = condition.evaluate(&mut |field: &str| {
            seen.push(field.to_owned());
            Ok::<_, Infallible>((field != "x").then(|| json!(0)))
        });
        assert_eq!(seen, asked, "{text}");
    }
}

#[test]
fn failures_are_unknown_and_name_types_only() {
    let values = json!({"name": "secret", "age": 3, "tags": [], "big": i64::MAX, "text": "x", "t": true});
    for (text, expected) in [
        ("name < 18", "string"),
        ("name + age == 3", "string"),
        ("age", "not true or false"),
        ("!age", "int"),
        ("age && t", "int"),
        ("age / 0 == 1", "division"),
        ("age % 0 == 1", "division"),
        ("big + 1 > 0", "overflow"),
        ("tags[0] == 1", "index"),
        ("tags['x'] == 1", ""),
        ("name.first == 1", ""),
        ("int(name) == 1", "int"),
        ("size(age) == 1", "size"),
        ("age in name", ""),
    ] {
        // `!age` and `age && t` are leaves that are no booleans.
        let error = error(text, values.clone());
        assert!(error.contains(expected) && !error.contains("secret"), "{text}: {error}");
    }
    assert!(error("a == 1", json!({"a": nested(70)})).contains("deeper"));
    assert_eq!(truth("a != 1", json!({"a": nested(60)})), Truth::True);
    assert!(error("a == 1", serde_json::from_str(r#"{"a": 1e400}"#).unwrap()).contains("range"));
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |value, _| json!([value]))
}

#[test]
fn a_failure_does_not_hide_what_could_still_decide() {
    let values = json!({"name": "x", "t": true, "f": false});
    assert_eq!(truth("name < 1 || t", values.clone()), Truth::True);
    assert_eq!(truth("name < 1 && f", values.clone()), Truth::False);
    assert_eq!(truth("name < 1 || y", values), missing(&["y"]));
}

#[test]
fn always_natural_and_failing_lookups() {
    let mut never = |_: &str| -> Result<Option<Value>, &str> { Err("asked") };
    assert_eq!(condition("", &[]).evaluate(&mut never), Ok(Truth::True));
    assert_eq!(condition("no idea", &[]).evaluate(&mut never), Ok(missing(&[])));
    assert_eq!(condition("a > 1", &["a"]).evaluate(&mut never), Err("asked"));
}

#[test]
fn session_conditions() {
    assert_eq!(Condition::session_condition("").unwrap().kind(), ConditionKind::Always);
    let condition = Condition::session_condition("vip && meta.region == 'EU'").unwrap();
    assert_eq!(condition.reads(), ["vip", "meta"]);
    assert!(Condition::session_condition("only the good ones").is_err_and(|why| why.contains("CEL")));
    assert!(Condition::session_condition("now() > 3").is_err_and(|why| why.contains("now")));
    assert!(Condition::session_condition("tags.all(t, t > 3)").is_err_and(|why| why.contains("comprehension")));
}

/// At the bounds, everything happens in a debug build on a stack of 1 MB: PostgreSQL gives 8 MB at best, 2 MB by
/// `max_stack_depth`.
#[test]
fn the_worst_that_is_accepted_fits_a_small_stack() {
    for text in worst() {
        let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
            let condition = condition(&text, &["a"]);
            for value in [json!(true), json!(false), json!(nested(60)), json!(1), json!({"a": {}})] {
                let lookup = |_: &str| Ok::<_, Infallible>(Some(value.clone()));
                let _ = condition.evaluate(&mut { lookup });
            }
            format!("{condition:?}").len()
        });
        assert!(thread.unwrap().join().is_ok());
    }
}

#[test]
fn the_worst_that_is_accepted_is_fast() {
    for text in worst() {
        let start = std::time::Instant::now();
        let _ = condition(&text, &["a"]);
        let took = start.elapsed();
        assert!(took.as_millis() < 250, "{took:?} for {text}");
    }
}

/// Texts that are deep, long or both, at the bounds and beyond them.
fn worst() -> Vec<String> {
    let mut texts = Vec::new();
    for count in [MAX_OPERATORS / 2, MAX_OPERATORS, 4 * MAX_OPERATORS] {
        for (before, inner, after) in [
            ("!", "a", ""),
            ("!-", "a", ""),
            ("-", "a", " > 1"),
            ("", "a", " && a"),
            ("", "a", " || !a"),
            ("", "a", " + a"),
            ("", "a", " == a"),
            ("a ? a : ", "a", ""),
            ("a ? ", "a", " : a"),
            ("", "a", ".a"),
            ("", "a", "[0]"),
            ("", "a", ".size()"),
            ("", "a", "\t"),
            ("(", "a", ")"),
            ("(a ? a : ", "a", ")"),
            ("[", "a", "]"),
            ("a[", "a", "]"),
            ("{a: ", "a", "}"),
            ("size(", "a", ")"),
            ("a.contains(", "a", ")"),
            ("has(a.a) && ", "a", ""),
        ] {
            let brackets = if before.contains(['(', '[', '{']) && !before.contains(')') { MAX_NESTING } else { count };
            let times = count.min(brackets);
            let text = format!("{}{inner}{}", before.repeat(times), after.repeat(times));
            // And under operators that use up what is left.
            texts.push(format!("{}{text}", "a ? a : ".repeat((MAX_OPERATORS / 2).saturating_sub(2 * times))));
            texts.push(format!("{text} == [{}]", "1,".repeat((3000_usize.saturating_sub(text.len())) / 2)));
            texts.push(text);
        }
    }
    texts
}
