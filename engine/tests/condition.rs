//! Properties of conditions ("Conditions" in docs/behaviour.md): nothing panics, Kleene logic is that of a brute-force
//! model, and the parser in use agrees with the crate's default one.
//!
//! `PROPTEST_CASES` sets the number of cases of each property, without it 10,000; `PROPTEST_RNG_SEED` another seed.

#[path = "common/draws.rs"]
mod draws;

use cel::parser::{Parser, PrattParser};
use draws::config;
use proptest::prelude::*;
use proptest::sample::select;
use scenario_engine::condition::{Condition, ConditionKind, Truth};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

const NAMES: [&str; 5] = ["a", "b", "c", "size", "meta.region"];

/// Tokens of CEL, and a few that are none.
fn soup() -> impl Strategy<Value = String> {
    let tokens = select(vec![
        "a",
        "b",
        "c",
        "size",
        "meta.region",
        "meta",
        "x",
        "true",
        "false",
        "null",
        "in",
        "1",
        "0",
        "-1",
        "1u",
        "2.5",
        "1e3",
        "0x1F",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999",
        "'s'",
        "\"t\"",
        "r'\\d'",
        "b'x'",
        "'''m'''",
        "'\\u00e9'",
        "'\\q'",
        "'",
        "&&",
        "||",
        "!",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "?",
        ":",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "=",
        "&",
        "|",
        "@",
        "é",
        "😀",
        "// c\n",
        "`q`",
        "as",
        "size(",
        ".size()",
        ".contains(",
        ".startsWith('s')",
        ".matches('^a+$')",
        ".matches(a)",
        "has(a.b)",
        "has(",
        ".all(x, x)",
        ".map(x, x)",
        ".exists(",
        "int(",
        "string(",
        "double(",
        "bool(",
        "dyn(",
        "type(",
        "lower(",
        ".b",
        "[0]",
        ".?b",
        "[?0]",
        "{a: 1}",
        "{'k': b}",
        "M{f: 1}",
        "\t",
        "\n",
        "\0",
    ]);
    prop::collection::vec((tokens, select(vec!["", " "])), 0..40)
        .prop_map(|tokens| tokens.into_iter().flat_map(|(token, space)| [token, space]).collect())
}

/// Texts that parse more often than soup does.
fn expression() -> impl Strategy<Value = String> {
    let leaf = select(vec![
        "a",
        "b",
        "c",
        "size",
        "meta.region",
        "true",
        "false",
        "null",
        "1",
        "2.5",
        "3u",
        "'s'",
        "\"FR\"",
        "[]",
        "{}",
        "-7",
        "[1, 2.0, 's']",
        "{'k': 1, 2: b}",
        "a.b.c",
        "b[0]",
        "has(a.b)",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(6, 48, 3, |inner| {
        let binary = select(vec!["&&", "||", "==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%"]);
        prop_oneof![
            4 => (inner.clone(), binary, inner.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            2 => inner.clone().prop_map(|a| format!("({a})")),
            1 => inner.clone().prop_map(|a| format!("!{a}")),
            1 => inner.clone().prop_map(|a| format!("-{a}")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("{a} ? {b} : {c}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a}, {b}]")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{{{a}: {b}}}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a})[{b}]")),
            1 => inner.clone().prop_map(|a| format!("size({a})")),
            1 => inner.clone().prop_map(|a| format!("int(string({a}))")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("({a}).contains({b})")),
        ]
    })
}

fn value() -> impl Strategy<Value = Option<Value>> {
    let leaf = select(vec![
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "17.5",
        "18.0",
        "1e2",
        "1e400",
        "9223372036854775807",
        "18446744073709551615",
        "123456789012345678901234567890",
        "\"\"",
        "\"FR\"",
        "\"é😀\"",
        "[]",
        "{}",
    ])
    .prop_map(|text| serde_json::from_str(text).unwrap());
    prop::option::weighted(
        0.8,
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec((select(vec!["b", "c", "k"]), inner), 0..3)
                    .prop_map(|entries| entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        }),
    )
}

/// Classifies and evaluates, and holds what must be true of any condition.
fn holds(text: &str, values: &[Option<Value>]) -> Result<(), TestCaseError> {
    let condition = Condition::classify(text, &["c".to_owned()], &HashSet::from(NAMES));
    prop_assert_eq!(condition.text(), text);
    prop_assert_eq!(&condition.fields()[0], "c");
    prop_assert!(condition.reads().iter().all(|field| condition.fields().contains(field)));
    prop_assert!(condition.kind() == ConditionKind::Natural || condition.note().is_none());
    let mut asked = Vec::new();
    let Ok(truth) = condition.evaluate(&mut |field: &str| {
        asked.push(field.to_owned());
        let position = NAMES.iter().position(|name| *name == field).unwrap_or(0);
        Ok::<_, Infallible>(values[position].clone())
    });
    let distinct: HashSet<&String> = asked.iter().collect();
    prop_assert_eq!(distinct.len(), asked.len(), "asked twice: {:?}", &asked);
    prop_assert!(asked.iter().all(|field| condition.reads().contains(field)));
    match (condition.kind(), truth) {
        (ConditionKind::Always, truth) => prop_assert_eq!(truth, Truth::True),
        (ConditionKind::Natural, truth) => {
            prop_assert_eq!(truth, Truth::Unknown { missing: vec![], error: None });
        }
        (_, Truth::Unknown { missing, error }) => {
            prop_assert_eq!(missing.is_empty(), error.is_some());
            prop_assert!(missing.iter().all(|field| asked.contains(field)));
        }
        _ => {}
    }
    let session = Condition::session_condition(text);
    if condition.kind() == ConditionKind::Expression {
        prop_assert!(session.is_ok());
    }
    Ok(())
}

/// Whether the parser gets to see such a text. What has an unknown character or mixes `!` and `-` does not come so far.
fn is_parsed(text: &str) -> bool {
    let dense: String = text.split_whitespace().collect();
    text.is_ascii() && !dense.contains(['\0', '`']) && !dense.contains("!-") && !dense.contains("-!")
}

/// The tree of a parse without the ids of its nodes.
fn shape(tree: &cel::IdedExpr) -> String {
    let mut shape = format!("{:?}", tree.expr);
    while let Some(start) = shape.find("id: ") {
        let end = shape[start..].find(',').map_or(shape.len(), |comma| start + comma);
        shape.replace_range(start..end, "·");
    }
    shape
}

/// Logic over five fields, for the brute-force model.
#[derive(Debug, Clone)]
enum Logic {
    Field(usize),
    Failing,
    And(Box<Logic>, Box<Logic>),
    Or(Box<Logic>, Box<Logic>),
    Not(Box<Logic>),
    If(Box<Logic>, Box<Logic>, Box<Logic>),
}

const FIELDS: [&str; 5] = ["f0", "f1", "f2", "f3", "f4"];

impl Logic {
    fn text(&self) -> String {
        match self {
            Logic::Field(field) => FIELDS[*field].to_owned(),
            Logic::Failing => "s < 1".to_owned(),
            Logic::And(a, b) => format!("({} && {})", a.text(), b.text()),
            Logic::Or(a, b) => format!("({} || {})", a.text(), b.text()),
            Logic::Not(a) => format!("!({})", a.text()),
            Logic::If(a, b, c) => format!("({} ? {} : {})", a.text(), b.text(), c.text()),
        }
    }

    fn model(&self, values: &[Option<bool>]) -> Option<bool> {
        match self {
            Logic::Field(field) => values[*field],
            Logic::Failing => None,
            Logic::And(a, b) => match (a.model(values), b.model(values)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Logic::Or(a, b) => match (a.model(values), b.model(values)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            Logic::Not(a) => a.model(values).map(|value| !value),
            Logic::If(a, b, c) => if a.model(values)? { b } else { c }.model(values),
        }
    }
}

fn logic() -> impl Strategy<Value = Logic> {
    let leaf = prop_oneof![9 => (0..FIELDS.len()).prop_map(Logic::Field), 1 => Just(Logic::Failing)];
    leaf.prop_recursive(5, 24, 3, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        prop_oneof![
            3 => (boxed(), boxed()).prop_map(|(a, b)| Logic::And(a, b)),
            3 => (boxed(), boxed()).prop_map(|(a, b)| Logic::Or(a, b)),
            2 => boxed().prop_map(Logic::Not),
            1 => (boxed(), boxed(), boxed()).prop_map(|(a, b, c)| Logic::If(a, b, c)),
        ]
    })
}

fn evaluated(condition: &Condition, values: &[Option<bool>]) -> Truth {
    let values: HashMap<&str, Option<Value>> = FIELDS
        .into_iter()
        .zip(values.iter().map(|value| value.map(Value::Bool)))
        .chain([("s", Some(json!("x")))])
        .collect();
    let Ok(truth) = condition.evaluate(&mut |field: &str| Ok::<_, Infallible>(values[field].clone()));
    truth
}

fn truth_of(value: bool) -> Truth {
    if value { Truth::True } else { Truth::False }
}

proptest! {
    #![proptest_config(config(1))]

    #[test]
    fn any_text_is_a_condition(text in "\\PC*", values in prop::collection::vec(value(), 5)) {
        holds(&text, &values)?;
    }

    #[test]
    fn any_bytes_are_a_condition(text in ".{0,60}", values in prop::collection::vec(value(), 5)) {
        holds(&text, &values)?;
    }

    #[test]
    fn any_soup_is_a_condition(text in soup(), values in prop::collection::vec(value(), 5)) {
        holds(&text, &values)?;
    }

    #[test]
    fn any_expression_is_a_condition(text in expression(), values in prop::collection::vec(value(), 5)) {
        holds(&text, &values)?;
    }

    #[test]
    fn kleene_logic_is_that_of_the_model(
        logic in logic(),
        values in prop::collection::vec(prop::option::of(any::<bool>()), 5),
    ) {
        let condition = Condition::classify(&logic.text(), &[], &FIELDS.into_iter().chain(["s"]).collect());
        // Not prop_assume, which gives up after 1,024 of them. A text over a bound is rare here.
        if condition.kind() != ConditionKind::Expression {
            return Ok(());
        }
        match (evaluated(&condition, &values), logic.model(&values)) {
            (truth, Some(value)) => prop_assert_eq!(truth, truth_of(value)),
            (Truth::Unknown { missing, error }, None) => {
                prop_assert_eq!(missing.is_empty(), error.is_some());
                for field in &missing {
                    let position = FIELDS.iter().position(|name| name == field);
                    prop_assert!(position.is_some_and(|position| values[position].is_none()), "{} has a value", field);
                }
            }
            (truth, None) => prop_assert!(false, "{:?} should be unknown", truth),
        }
    }

    #[test]
    fn what_is_decided_stays_decided_when_more_is_known(
        logic in logic(),
        values in prop::collection::vec(prop::option::of(any::<bool>()), 5),
        more in prop::collection::vec(any::<bool>(), 5),
    ) {
        let condition = Condition::classify(&logic.text(), &[], &FIELDS.into_iter().chain(["s"]).collect());
        // Not prop_assume, which gives up after 1,024 of them. A text over a bound is rare here.
        if condition.kind() != ConditionKind::Expression {
            return Ok(());
        }
        let filled: Vec<Option<bool>> =
            values.iter().zip(&more).map(|(value, more)| Some(value.unwrap_or(*more))).collect();
        let truth = evaluated(&condition, &values);
        if !matches!(truth, Truth::Unknown { .. }) {
            prop_assert_eq!(evaluated(&condition, &filled), truth);
        }
    }
}

proptest! {
    // The default parser takes milliseconds.
    #![proptest_config(config(5))]

    #[test]
    fn the_parser_agrees_with_the_default_one(text in prop_oneof![1 => soup(), 3 => expression()]) {
        if !is_parsed(&text) {
            return Ok(());
        }
        if let (Ok(ours), Ok(default)) = (PrattParser::new().parse(&text), Parser::new().parse(&text)) {
            prop_assert_eq!(shape(&ours), shape(&default), "{}", text);
        }
    }

    #[test]
    fn the_parser_accepts_what_the_default_one_accepts(text in expression()) {
        if !is_parsed(&text) {
            return Ok(());
        }
        let (ours, default) = (PrattParser::new().parse(&text), Parser::new().parse(&text));
        prop_assert_eq!(ours.is_ok(), default.is_ok(), "{}", text);
    }
}
