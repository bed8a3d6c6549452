//! Conditions that can never be evaluated as they are meant: a literal does not fit the schema of the field that it is
//! compared with.

use crate::condition::FieldUse;
use crate::field::FieldDefinition;
use crate::graph::{Branch, Graph, StepIx};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// A literal of a condition that does not fit its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    pub step: StepIx,
    /// A sentence that names field, literal and condition.
    pub message: String,
}

/// Every misfit of a version, at most `most` of them. `fields`: the declared ones; of others nothing is known.
pub(super) fn misfits(graph: &Graph, fields: &HashMap<String, FieldDefinition>, most: usize) -> Vec<Misfit> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for (step, node) in graph.nodes().iter().enumerate() {
        for branch in &node.branches {
            for message in messages_of(branch, fields) {
                if found.len() == most {
                    return found;
                }
                let message = format!("step \"{}\": {message}", node.name);
                if seen.insert((step, message.clone())) {
                    found.push(Misfit { step, message });
                }
            }
        }
    }
    found
}

fn messages_of(branch: &Branch, fields: &HashMap<String, FieldDefinition>) -> Vec<String> {
    let uses = branch.condition.field_uses();
    let misfits = uses.iter().filter_map(|(field, how)| {
        let why = misfit(fields.get(field)?, how)?;
        Some(format!("the condition {} cannot be decided as it is meant: {why}", branch.condition.text()))
    });
    misfits.collect()
}

/// Why a use of a field does not fit its schema; `None` if it does.
fn misfit(field: &FieldDefinition, how: &FieldUse) -> Option<String> {
    let schema: Value = serde_json::from_str(field.schema.as_deref()?).ok()?;
    let types = types(&schema);
    let name = &field.field_name;
    match how {
        FieldUse::Truth => {
            let fits = types.is_empty() || types.iter().any(|known| known == "boolean");
            (!fits).then(|| format!("values of {name} are of type {}, never true or false", types.join(" or ")))
        }
        FieldUse::Order(literal) => {
            let of = type_of(literal);
            let fits = types.is_empty() || types.iter().any(|known| known == of);
            (!fits).then(|| format!("values of {name} are of type {}, and {literal} is a {of}", types.join(" or ")))
        }
        FieldUse::Equality(literal) => {
            let reasons = field.validate_value(&literal.to_string()).err()?;
            Some(format!("{literal} can never be {name} ({})", reasons.join(", ")))
        }
    }
}

/// The types that a schema allows, numbers of any kind being one; empty where it does not say.
fn types(schema: &Value) -> Vec<String> {
    let named: Vec<&str> = match (&schema["type"], &schema["enum"], schema.get("const")) {
        (Value::String(name), ..) => vec![name],
        (Value::Array(names), ..) => names.iter().filter_map(Value::as_str).collect(),
        (_, Value::Array(values), _) => values.iter().map(type_of).collect(),
        (_, _, Some(value)) => vec![type_of(value)],
        _ => Vec::new(),
    };
    let mut types: Vec<String> = Vec::new();
    for name in named {
        let name = if name == "integer" { "number" } else { name };
        if !types.iter().any(|known| known == name) {
            types.push(name.to_owned());
        }
    }
    types
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn why(schema: Value, how: FieldUse) -> Option<String> {
        misfit(&FieldDefinition { schema: Some(schema.to_string()), ..FieldDefinition::undeclared("amount") }, &how)
    }

    #[test]
    fn what_fits_is_not_told() {
        for (schema, how) in [
            (json!({"type": "integer"}), FieldUse::Order(json!(17.5))),
            (json!({"type": ["string", "null"]}), FieldUse::Order(json!("m"))),
            (json!({"enum": ["FR", 1]}), FieldUse::Equality(json!("FR"))),
            (json!({"enum": ["FR", 1]}), FieldUse::Order(json!(5))),
            (json!({"minimum": 3}), FieldUse::Order(json!(1))),
            (json!({"type": "integer", "minimum": 0}), FieldUse::Order(json!(-1))),
            (json!({"type": "boolean"}), FieldUse::Truth),
            (json!({"description": "anything"}), FieldUse::Truth),
        ] {
            assert_eq!(why(schema.clone(), how.clone()), None, "{schema} {how:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_reason() {
        let amount = "values of amount are of type";
        assert_eq!(
            why(json!({"type": "string"}), FieldUse::Order(json!(100))),
            Some(format!("{amount} string, and 100 is a number"))
        );
        assert_eq!(
            why(json!({"type": "integer"}), FieldUse::Truth),
            Some(format!("{amount} number, never true or false"))
        );
        assert_eq!(
            why(json!({"enum": ["KE", "TZ"]}), FieldUse::Equality(json!("Kenya"))),
            Some("\"Kenya\" can never be amount (value is not one of \"KE\" or \"TZ\")".to_owned())
        );
        assert!(why(json!({"type": "integer", "minimum": 0}), FieldUse::Equality(json!(-1))).is_some());
    }
}
