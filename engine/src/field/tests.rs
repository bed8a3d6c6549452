//! Unit tests of field definitions: schemas, values and extraction.

use super::extraction::MAX_QUOTE;
use super::kept::{Kept, MAX_KEPT};
use super::reason::MAX_REASON;
use super::schema::{MAX_REASONS, MAX_SCHEMA_BYTES, MAX_SCHEMA_DEPTH};
use super::*;
use serde_json::{Value, json};
use std::rc::Rc;

fn field(schema: Option<Value>, pattern: Option<&str>) -> FieldDefinition {
    FieldDefinition {
        schema: schema.map(|schema| schema.to_string()),
        extraction_pattern: pattern.map(str::to_owned),
        ..FieldDefinition::undeclared("f")
    }
}

fn reasons(schema: Value, value: &str) -> Vec<String> {
    field(Some(schema), None).validate_value(value).err().unwrap_or_default()
}

fn extracted(schema: Option<Value>, pattern: &str, messages: &[&str]) -> Option<(String, String, usize)> {
    let field = field(schema, Some(pattern));
    let is_valid = |found: &Extracted| found.problem.is_none() && field.validate_value(&found.value).is_ok();
    let found = field.extract(messages).find(is_valid)?;
    Some((found.value, found.quote, found.message_index))
}

#[test]
fn an_undeclared_field_takes_any_value_but_null() {
    let field = FieldDefinition::undeclared("age");
    assert_eq!(field.required_level, RequiredLevel::Hard);
    assert_eq!(field.check(), Ok(()));
    for value in ["1", "\"x\"", "false", "[]", "{}", "1e400", "123456789012345678901234567890.5"] {
        assert_eq!(field.validate_value(value), Ok(()), "{value}");
    }
    assert_eq!(field.validate_value("null"), Err(vec!["null is no value".to_owned()]));
    assert!(field.validate_value("nul").is_err_and(|why| why[0].contains("not valid JSON")));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert_eq!(field.validate_value(&deep), Err(vec!["nested too deep".to_owned()]));
    assert_eq!(field.extract(&["42"]).next(), None);
}

#[test]
fn levels_have_names() {
    for level in [RequiredLevel::Strict, RequiredLevel::Hard, RequiredLevel::Soft] {
        assert_eq!(RequiredLevel::from_name(level.as_str()), Some(level));
    }
    assert_eq!(RequiredLevel::from_name("Hard"), None);
}

#[test]
fn a_value_that_fails_its_schema_says_why_without_the_value() {
    let schema = json!({"type": "object", "required": ["b"], "properties": {"a": {"type": "integer", "minimum": 18}}});
    assert_eq!(reasons(schema.clone(), r#"{"a": 18, "b": 1}"#), [""; 0]);
    let why = reasons(schema, r#"{"a": "secret"}"#);
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why.iter().any(|why| why.starts_with("at /a: ") && why.contains("integer")), "{why:?}");
    assert!(why.iter().all(|why| !why.contains("secret")), "{why:?}");
    assert_eq!(reasons(json!({"items": {"type": "null"}}), &format!("[1{}]", ",1".repeat(50))).len(), MAX_REASONS);
    let long = reasons(json!({"const": "x".repeat(1000)}), "1");
    assert_eq!(long[0].chars().count(), MAX_REASON);
}

#[test]
fn formats_are_checked() {
    assert_eq!(reasons(json!({"format": "date"}), "\"2024-02-29\""), [""; 0]);
    assert_eq!(reasons(json!({"format": "date"}), "\"2023-02-29\"").len(), 1);
    assert_eq!(reasons(json!({"format": "our-own"}), "\"x\""), [""; 0]);
}

#[test]
fn long_numbers_are_compared_as_they_are() {
    let schema = json!({"type": "integer", "maximum": 9_007_199_254_740_992_u64});
    assert_eq!(reasons(schema.clone(), "9007199254740992"), [""; 0]);
    assert_eq!(reasons(schema, "9007199254740993").len(), 1);
    assert_eq!(reasons(json!({"type": "number", "maximum": 10}), "1e400").len(), 1);
}

#[test]
fn schemas_that_cannot_be_used_are_refused() {
    let circle = json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}});
    let mut doubled = serde_json::Map::new();
    let mut chained = serde_json::Map::new();
    for i in 0..40 {
        let (this, next) = (format!("d{:02}", 40 - i), json!({"$ref": format!("#/$defs/d{:02}", 39 - i)}));
        if i < 14 {
            doubled.insert(
                format!("d{:02}", 14 - i),
                json!([{"$ref": format!("#/$defs/d{:02}", 13 - i)}, {"$ref": format!("#/$defs/d{:02}", 13 - i)}]),
            );
        }
        chained.insert(this, next);
    }
    doubled.insert("d00".into(), json!({}));
    chained.insert("d00".into(), json!({}));
    let deep = (0..40).fold(json!({}), |schema, _| json!({"not": schema}));
    for (schema, why) in [
        (json!([]), "object"),
        (json!({"type": "strin"}), "JSON Schema"),
        (json!({"minimum": "x"}), "JSON Schema"),
        (json!({"pattern": "("}), "regex"),
        (json!({"pattern": "(?=a)b"}), "regex"),
        (json!({"pattern": "\\w{1000}{100}"}), "regex"),
        (json!({"$ref": "http://example.com/schema.json"}), "own parts"),
        (json!({"$ref": "file:///etc/passwd"}), "own parts"),
        (json!({"$ref": "other"}), "own parts"),
        (json!({"$ref": "#anchor"}), "own parts"),
        (json!({"$ref": "#/nowhere"}), "does not have"),
        (json!({"$schema": "http://example.com/own"}), "meta-schema"),
        (json!({"$ref": "#"}), "circle"),
        (json!({"properties": {"child": {"$ref": "#"}}}), "circle"),
        (circle, "circle"),
        (json!({"$dynamicRef": "#x"}), "$dynamicRef"),
        (json!({"items": {"$id": "x", "$ref": "#"}}), "$id"),
        (json!({"$defs": doubled}), "parts"),
        (json!({"$defs": chained}), "deeper"),
        (deep, "deeper"),
    ] {
        let reasons = field(Some(schema.clone()), None).check().unwrap_err();
        assert!(reasons.len() == 1 && reasons[0].contains(why), "{schema}: {reasons:?}");
        assert!(reasons[0].chars().count() <= MAX_REASON);
        // What is stored all the same fills nothing.
        assert_eq!(field(Some(schema), None).validate_value("1"), Err(reasons));
    }
    let broken = FieldDefinition { schema: Some("{".to_owned()), ..field(None, Some("(")) };
    assert_eq!(broken.check().unwrap_err().len(), 2);
    let long = FieldDefinition { schema: Some(" ".repeat(MAX_SCHEMA_BYTES + 1)), ..field(None, None) };
    assert!(long.check().is_err());
}

#[test]
fn schemas_that_can_be_used() {
    for schema in [
        json!(true),
        json!({}),
        json!({"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}),
        json!({"$id": "https://example.com/age", "type": "integer"}),
        json!({"$defs": {"a": {"type": "integer"}}, "anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}),
        json!({"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}}),
        json!({"$defs": {"a b/c": {"type": "integer"}}, "$ref": "#/$defs/a%20b~1c"}),
    ] {
        assert_eq!(field(Some(schema.clone()), None).check(), Ok(()), "{schema}");
    }
}

#[test]
fn the_deepest_that_is_accepted_fits_a_small_stack() {
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(|| {
        let schema = (0..MAX_SCHEMA_DEPTH / 2 - 1).fold(json!({"type": "integer"}), |s, _| json!({"anyOf": [s]}));
        let field = field(Some(schema), None);
        assert_eq!(field.check(), Ok(()));
        assert!(field.validate_value(&format!("{}{}", "[".repeat(120), "]".repeat(120))).is_err());
        let unique = self::field(Some(json!({"uniqueItems": true, "enum": [[[[1]]]]})), None);
        assert!(unique.validate_value(&format!("{}1,1{}", "[".repeat(120), "]".repeat(120))).is_err());
    });
    assert!(thread.unwrap().join().is_ok());
}

#[test]
fn extraction_takes_the_named_group_then_the_first_then_the_match() {
    assert_eq!(
        extracted(None, r"i am (\w+) or (?<value>\d+)", &["i am x or 42"]),
        Some(("\"42\"".into(), "i am x or 42".into(), 0))
    );
    assert_eq!(extracted(None, r"i am (\d+)", &["well, i am 42."]), Some(("\"42\"".into(), "i am 42".into(), 0)));
    assert_eq!(extracted(None, r"\d+", &["i am 42"]), Some(("\"42\"".into(), "42".into(), 0)));
    assert_eq!(extracted(None, r"(?:a(?<value>x))?b", &["b", "b axb"]), Some(("\"x\"".into(), "axb".into(), 1)));
    assert_eq!(extracted(None, r"I AM", &["i am"]), None);
    assert_eq!(extracted(None, r"(?i)I AM", &["i am"]).unwrap().0, "\"i am\"");
}

#[test]
fn extraction_prefers_newer_messages_and_passes_over_invalid_values() {
    let schema = json!({"type": "integer", "minimum": 18, "maximum": 120});
    let found = extracted(Some(schema.clone()), r"\d+", &["hello", "2 children, i am 30", "i am 40"]);
    assert_eq!(found, Some(("30".into(), "30".into(), 1)));
    assert_eq!(extracted(Some(schema), r"\d+", &["1", "2 3"]), None);
    assert_eq!(extracted(Some(json!({"type": "strin"})), r"\d+", &["1"]), None);
    assert_eq!(extracted(None, "(", &["1"]), None);
}

#[test]
fn extracted_texts_become_what_the_schema_says() {
    for (schema, text, value) in [
        (json!({"type": "integer"}), "007", Some("7")),
        (json!({"type": "integer"}), "+0", Some("0")),
        (json!({"type": "integer"}), "-12345678901234567890123", Some("-12345678901234567890123")),
        (json!({"type": "integer"}), "1.0", None),
        (json!({"type": "integer"}), "one", None),
        (json!({"type": "number"}), ".5", Some("0.5")),
        (json!({"type": "number"}), "00.50", Some("0.50")),
        (json!({"type": "number"}), "1.", None),
        (json!({"type": ["number", "null"]}), "1e3", Some("1e3")),
        (json!({"type": "number"}), "NaN", None),
        (json!({"type": "number"}), "--1", None),
        (json!({"type": "boolean"}), "Yes", Some("true")),
        (json!({"type": "boolean"}), "no", Some("false")),
        (json!({"type": "boolean"}), "maybe", None),
        (json!({"type": ["integer", "string"]}), "7", Some("\"7\"")),
        (json!({"type": "array"}), "7", None),
        (json!({"minLength": 1}), "é\"", Some("\"é\\\"\"")),
    ] {
        let found = extracted(Some(schema.clone()), "^.*$", &[text]).map(|found| found.0);
        assert_eq!(found.as_deref(), value, "{schema} {text}");
    }
}

#[test]
fn a_match_that_is_no_value_is_told_of_as_it_was_said() {
    let told = |schema: Value, text: &str| {
        let field = field(Some(schema), Some("^.*$"));
        let found = field.extract(&[text]).next().expect("a match");
        (found.value, found.problem.unwrap_or_default())
    };
    let no_integer = (r#""one""#.to_owned(), "the words are no integer".to_owned());
    assert_eq!(told(json!({"type": "integer"}), "one"), no_integer);
    assert_eq!(told(json!({"type": "boolean"}), "maybe").1, "the words are no boolean");
    // It is a value of the type, and whether it is one of the field is for the judgement to say.
    assert_eq!(told(json!({"type": "integer", "maximum": 5}), "7"), ("7".to_owned(), String::new()));
    let too_long = "the number has more digits than can be held";
    let digits = "9".repeat(140_000);
    let (value, problem) = told(json!({"type": "number"}), &digits);
    assert_eq!((value.len(), problem.as_str()), (MAX_QUOTE + 2, too_long));
    for (text, held) in [
        ("1e200000", false),
        ("1e131071", true),
        ("1e131072", false),
        ("1e-16383", true),
        ("1e-16384", false),
        ("-0.5e3", true),
        ("1e99999999999", false),
        ("1e400", true),
    ] {
        let expected = if held { "" } else { too_long };
        assert_eq!(told(json!({"type": "number"}), text).1, expected, "{text}");
    }
    assert_eq!(told(json!({"type": "integer"}), &digits[..131_072]).1, "");
}

#[test]
fn quotes_are_short_and_matches_are_counted() {
    let long = "é".repeat(10_000);
    assert_eq!(extracted(None, ".*", &[&long]).unwrap().1.chars().count(), MAX_QUOTE);
    let digits = "1 ".repeat(100) + "20";
    assert_eq!(extracted(Some(json!({"type": "integer", "minimum": 2})), r"\d+", &[&digits]), None);
}

#[test]
fn the_last_few_are_kept() {
    let mut kept: Kept<usize> = Kept::new();
    let compiled = std::cell::Cell::new(0);
    let mut get = |text: &str| {
        kept.get(text, |text| {
            compiled.set(compiled.get() + 1);
            text.parse().map_err(|_| "no number".to_owned())
        })
    };
    assert_eq!(get("1").map(|value| *value), Ok(1));
    assert_eq!(get("x"), Err(Rc::new("no number".to_owned())));
    let _ = (get("1"), get("x"));
    assert_eq!(compiled.get(), 2);
    for i in 100..100 + MAX_KEPT.get() - 1 {
        let _ = get(&i.to_string());
    }
    let _ = get("x");
    assert_eq!(compiled.get(), 1 + MAX_KEPT.get());
    let _ = get("1");
    assert_eq!(compiled.get(), 2 + MAX_KEPT.get());
}
