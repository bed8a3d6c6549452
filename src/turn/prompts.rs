//! The result column `prompts`: for each field that is asked for, or to be confirmed, what a person or a model needs to
//! do it well.

use crate::error::Result;
use crate::facts::SessionFacts;
use crate::json::Json;
use scenario_engine::field::FieldDefinition;
use scenario_engine::reconcile::{Decision, Facts, FieldRequest, FilledField, NeededFor, RejectedValue};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use std::rc::Rc;

#[derive(Serialize)]
struct Prompt<'a> {
    field: &'a str,
    /// What to do: `collect` or `confirm`.
    ask: &'static str,
    display_name: Option<&'a str>,
    prompt: Option<&'a str>,
    hint: Option<&'a str>,
    schema: Option<Box<RawValue>>,
    /// From the schema.
    examples: Value,
    needed_for: Option<&'a NeededFor>,
    /// Values that were found and did not do, by source with reasons.
    rejected: &'a [RejectedValue],
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<Found<'a>>,
}

/// What the customer is to confirm.
#[derive(Serialize)]
struct Found<'a> {
    value: Option<Box<RawValue>>,
    source: &'static str,
    confidence: Option<f64>,
    quote: Option<&'a str>,
}

/// One object a field, in the order in which they are asked for.
pub(super) fn of(decision: &Decision, facts: &mut SessionFacts) -> Result<Json> {
    let mut definitions: Vec<Option<Rc<FieldDefinition>>> = Vec::with_capacity(decision.confirm_fields.len());
    for field in &decision.confirm_fields {
        definitions.push(facts.field_definition(&field.field)?);
    }
    let to_collect = decision.collect_fields.iter().map(to_collect);
    let to_confirm = decision.confirm_fields.iter().zip(&definitions).map(|(f, d)| to_confirm(f, d.as_deref()));
    let prompts: Vec<Prompt<'_>> = to_collect.chain(to_confirm).collect();
    Ok(Json::of(&prompts))
}

fn to_collect(request: &FieldRequest) -> Prompt<'_> {
    Prompt {
        field: &request.field,
        ask: "collect",
        display_name: request.display_name.as_deref(),
        prompt: request.prompt.as_deref(),
        hint: request.extraction_hint.as_deref(),
        schema: raw(request.schema.as_deref()),
        examples: examples(request.schema.as_deref()),
        needed_for: Some(&request.needed_for),
        rejected: &request.rejected,
        found: None,
    }
}

fn to_confirm<'a>(filled: &'a FilledField, definition: Option<&'a FieldDefinition>) -> Prompt<'a> {
    let schema = definition.and_then(|d| d.schema.as_deref());
    Prompt {
        field: &filled.field,
        ask: "confirm",
        display_name: definition.and_then(|d| d.display_name.as_deref()),
        prompt: definition.and_then(|d| d.collection_prompt.as_deref()),
        hint: definition.and_then(|d| d.extraction_hint.as_deref()),
        schema: raw(schema),
        examples: examples(schema),
        needed_for: None,
        rejected: &[],
        found: Some(Found {
            value: raw(Some(&filled.value)),
            source: filled.source.as_str(),
            confidence: filled.confidence,
            quote: filled.quote.as_deref(),
        }),
    }
}

fn raw(text: Option<&str>) -> Option<Box<RawValue>> {
    text.and_then(|text| RawValue::from_string(text.to_owned()).ok())
}

fn examples(schema: Option<&str>) -> Value {
    let schema = schema.and_then(|text| serde_json::from_str::<Value>(text).ok());
    schema
        .and_then(|schema| schema.get("examples").filter(|examples| examples.is_array()).cloned())
        .unwrap_or_else(|| Value::Array(Vec::new()))
}
