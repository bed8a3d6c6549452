//! What a field is and which values it takes.

use super::extraction::{Extracted, Matcher, Target, compiled_pattern};
use super::reason::shortened;
use super::schema::compiled_schema;
use serde::Serialize;
use serde_json::Value;

/// What happens when a needed field has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequiredLevel {
    /// Ask the customer, who cannot decline.
    Strict,
    /// Ask the customer, who can decline: the session then goes on without.
    Hard,
    /// Never ask, go on without.
    Soft,
}

impl RequiredLevel {
    /// `"strict"`, `"hard"` or `"soft"`, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            RequiredLevel::Strict => "strict",
            RequiredLevel::Hard => "hard",
            RequiredLevel::Soft => "soft",
        }
    }

    /// The level of that name; None for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "strict" => Some(RequiredLevel::Strict),
            "hard" => Some(RequiredLevel::Hard),
            "soft" => Some(RequiredLevel::Soft),
            _ => None,
        }
    }
}

/// What a tenant says about a field: a row of `field_definitions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    /// The key of the value in profiles and in a session's variables.
    pub field_name: String,
    /// As people call it.
    pub display_name: Option<String>,
    /// JSON Schema of a valid value, as JSON text.
    pub schema: Option<String>,
    /// What the customer is asked.
    pub collection_prompt: Option<String>,
    /// What a language model should look for.
    pub extraction_hint: Option<String>,
    /// Regular expression that finds a value in a customer's message.
    pub extraction_pattern: Option<String>,
    /// What happens when there is no value.
    pub required_level: RequiredLevel,
}

impl FieldDefinition {
    /// The definition of a field that has none: hard, and any value but null is valid.
    pub fn undeclared(field_name: &str) -> Self {
        FieldDefinition {
            field_name: field_name.to_owned(),
            display_name: None,
            schema: None,
            collection_prompt: None,
            extraction_hint: None,
            extraction_pattern: None,
            required_level: RequiredLevel::Hard,
        }
    }

    /// Checks what is stored: that the schema is a JSON Schema that can be used, and the pattern a regular expression
    /// of linear time. Err: every reason.
    ///
    /// A schema (draft 2020-12 unless `$schema` says another) may refer only to its own parts (`#`, `#/…`), and not to
    /// itself in a circle: nothing is fetched, and validation ends.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let schema = self.schema.as_deref().map(compiled_schema).transpose().err();
        let pattern = self.extraction_pattern.as_deref().map(compiled_pattern).transpose().err();
        let reasons: Vec<String> = schema.into_iter().chain(pattern).map(|reason| (*reason).clone()).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Whether a value fills the field.
    ///
    /// Argument: the value as JSON text. Err: every reason (at most ten, of at most 200 characters, in words for an
    /// operator and without the value itself): it is JSON null, or not JSON, or nested too deep, or fails the schema,
    /// or the schema cannot be used. Never panics.
    pub fn validate_value(&self, json_text: &str) -> Result<(), Vec<String>> {
        let value: Value = serde_json::from_str(json_text).map_err(|error| {
            let message = error.to_string();
            vec![if message.starts_with("recursion limit exceeded") {
                "nested too deep".to_owned()
            } else {
                shortened(&format!("not valid JSON: {message}"))
            }]
        })?;
        if value.is_null() {
            return Err(vec!["null is no value".to_owned()]);
        }
        let Some(text) = self.schema.as_deref() else { return Ok(()) };
        let schema = compiled_schema(text).map_err(|reason| vec![(*reason).clone()])?;
        schema.validate(&value)
    }

    /// Looks for values in a customer's messages by `extraction_pattern`: lazily, a message at a time.
    ///
    /// Argument: texts of messages, newest first. The value is what the group named `value` captures, else group 1,
    /// else the whole match: as the schema's type says (integer, number or boolean are converted), else as a string.
    /// Gives every match, at most 64 of one message, whether it is valid or not. Empty: no pattern, or no match. Never
    /// panics.
    pub fn extract<'a>(&'a self, messages_newest_first: &'a [&'a str]) -> impl Iterator<Item = Extracted> + 'a {
        self.matcher().into_iter().flat_map(move |matcher| {
            let search = move |(index, message): (usize, &&str)| matcher.all_in(index, message);
            messages_newest_first.iter().enumerate().flat_map(search)
        })
    }

    /// `None` without a pattern, and with a pattern or a schema that cannot be used.
    fn matcher(&self) -> Option<Matcher> {
        let pattern = compiled_pattern(self.extraction_pattern.as_deref()?).ok()?;
        let target = match self.schema.as_deref() {
            Some(text) => compiled_schema(text).ok()?.target,
            None => Target::Text,
        };
        Some(Matcher { pattern, target })
    }
}
