//! Field definitions: validation of values and extraction from messages (SPEC section 8).
//!
//! Schemas and patterns are written by operators and run inside a database: nothing here does I/O, backtracks, or grows
//! without a bound. Compiled ones are kept, a few of each, per thread.

use jsonschema::{PatternOptions, Validator};
use serde::Serialize;
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Compiled size of a regular expression, in a schema or for extraction; also of its cache of states.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// Groups inside groups in an extraction pattern.
const MAX_PATTERN_NESTING: u32 = 64;
/// Text of a schema.
const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Lists and objects inside each other, in a schema.
const MAX_SCHEMA_DEPTH: usize = 32;
/// Parts of a schema after its references are followed: what validation may have to visit.
const MAX_SCHEMA_PARTS: usize = 10_000;
/// Different parts that a schema refers to.
const MAX_REFERENCES: usize = 64;
/// Matches of an extraction pattern that are tried in one message.
const MAX_MATCHES: usize = 64;
/// Characters of a quote that are kept.
const MAX_QUOTE: usize = 500;
/// Reasons given for one value.
const MAX_REASONS: usize = 10;
/// Characters of one reason.
const MAX_REASON: usize = 200;
/// Compiled schemas and patterns that are kept, of each.
const KEPT: usize = 64;

/// What happens when a needed field has no value (SPEC section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequiredLevel {
    /// Ask the customer.
    Hard,
    /// Never ask, go on without.
    Soft,
}

impl RequiredLevel {
    /// `"hard"` or `"soft"`, as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            RequiredLevel::Hard => "hard",
            RequiredLevel::Soft => "soft",
        }
    }

    /// The level of that name; None for any other text.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "hard" => Some(RequiredLevel::Hard),
            "soft" => Some(RequiredLevel::Soft),
            _ => None,
        }
    }
}

/// What a tenant says about a field: a row of `field_definitions` (SPEC section 8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    pub field_name: String,
    pub display_name: Option<String>,
    /// JSON Schema of a valid value, as JSON text.
    pub schema: Option<String>,
    pub collection_prompt: Option<String>,
    pub extraction_hint: Option<String>,
    /// Regular expression that finds a value in a customer's message.
    pub extraction_pattern: Option<String>,
    pub required_level: RequiredLevel,
}

/// A value found in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// As JSON text.
    pub value: String,
    /// The words of the customer that matched, at most 500 characters.
    pub quote: String,
    /// Position of the message among those given.
    pub message_index: usize,
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

    /// Checks what is stored: that the schema is a JSON Schema that can be used, and the pattern a regular expression of
    /// linear time. Err: every reason.
    ///
    /// A schema (draft 2020-12 unless `$schema` says another) may refer only to its own parts (`#`, `#/…`), and not to
    /// itself in a circle: nothing is fetched, and validation ends.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let schema = self.schema.as_deref().map(schema).transpose().err();
        let pattern = self.extraction_pattern.as_deref().map(pattern).transpose().err();
        let reasons: Vec<String> = schema.into_iter().chain(pattern).map(|reason| (*reason).clone()).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }

    /// Whether a value fills the field (SPEC section 8).
    ///
    /// Argument: the value as JSON text. Err: every reason (at most ten, of at most 200 characters, in words for an
    /// operator and without the value itself): it is JSON null, or not JSON, or nested too deep, or fails the schema, or
    /// the schema cannot be used. Never panics.
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
        let schema = schema(text).map_err(|reason| vec![(*reason).clone()])?;
        schema.validate(&value)
    }

    /// Looks for a value in a customer's messages by `extraction_pattern` (SPEC section 8).
    ///
    /// Argument: texts of messages, newest first. The value is what the group named `value` captures, else group 1, else
    /// the whole match: as the schema's type says (integer, number or boolean are converted), else as a string. A match
    /// whose value is not valid is passed over and the next one tried: further ones of the message, then older messages.
    /// None: no pattern, or no valid value. Never panics.
    pub fn extract(&self, messages_newest_first: &[&str]) -> Option<Extracted> {
        let pattern = pattern(self.extraction_pattern.as_deref()?).ok()?;
        let schema = match self.schema.as_deref() {
            Some(text) => Some(schema(text).ok()?),
            None => None,
        };
        let target = schema.as_ref().map_or(Target::Text, |schema| schema.target);
        messages_newest_first.iter().enumerate().find_map(|(message_index, message)| {
            pattern.captures_iter(message).take(MAX_MATCHES).find_map(|captures| {
                let whole = captures.get(0)?.as_str();
                let captured = if pattern.capture_names().flatten().any(|name| name == "value") {
                    captures.name("value")?
                } else if pattern.captures_len() > 1 {
                    captures.get(1)?
                } else {
                    captures.get(0)?
                };
                let value = target.json(captured.as_str())?;
                self.validate_value(&value).ok()?;
                Some(Extracted { value, quote: whole.chars().take(MAX_QUOTE).collect(), message_index })
            })
        })
    }
}

/// What an extracted text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Text,
    Integer,
    Number,
    Boolean,
}

impl Target {
    /// From the schema's `type`, a name or a list of names. A schema that allows strings gets the text as it is.
    fn of(schema: &Value) -> Self {
        let names: Vec<&str> = match schema.get("type") {
            Some(Value::String(name)) => vec![name],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if names.contains(&"string") {
            Target::Text
        } else if names.contains(&"number") {
            Target::Number
        } else if names.contains(&"integer") {
            Target::Integer
        } else if names.contains(&"boolean") {
            Target::Boolean
        } else {
            Target::Text
        }
    }

    /// JSON text of a captured text; None where it is not what the type wants. Digits are kept as they are, however many.
    fn json(self, captured: &str) -> Option<String> {
        let trimmed = captured.trim();
        match self {
            Target::Text => serde_json::to_string(captured).ok(),
            Target::Integer => number(trimmed).filter(|text| !text.contains(['.', 'e', 'E'])),
            Target::Number => number(trimmed),
            Target::Boolean => match trimmed.to_lowercase().as_str() {
                "true" | "yes" | "y" | "1" => Some("true".to_owned()),
                "false" | "no" | "n" | "0" => Some("false".to_owned()),
                _ => None,
            },
        }
    }
}

/// A number as people write it (`+7`, `007`, `.5`) as JSON has it.
fn number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let zero = if digits.starts_with(|c: char| c.is_ascii_digit()) { "" } else { "0" };
    let text = format!("{sign}{zero}{digits}");
    serde_json::from_str::<serde_json::Number>(&text).is_ok().then_some(text)
}

// ---------------------------------------------------------------------------------------------------------------------
// Compiled schemas and patterns

/// A schema that is safe to use.
struct Schema {
    validator: Validator,
    target: Target,
}

impl Schema {
    fn compile(text: &str) -> Result<Self, String> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(format!("the schema is longer than {MAX_SCHEMA_BYTES} bytes"));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| shortened(&format!("the schema is not valid JSON: {error}")))?;
        if !value.is_object() && !value.is_boolean() {
            return Err("the schema must be an object".to_owned());
        }
        Extent::check(&value)?;
        let build = || {
            let patterns = PatternOptions::regex().size_limit(MAX_PATTERN_BYTES).dfa_size_limit(MAX_PATTERN_BYTES);
            jsonschema::options().offline().with_pattern_options(patterns).should_validate_formats(true).build(&value)
        };
        match catch_unwind(AssertUnwindSafe(build)) {
            Ok(Ok(validator)) => Ok(Schema { validator, target: Target::of(&value) }),
            Ok(Err(error)) => Err(shortened(&format!("the schema is not a valid JSON Schema: {error}"))),
            Err(_) => Err("the schema cannot be compiled".to_owned()),
        }
    }

    fn validate(&self, value: &Value) -> Result<(), Vec<String>> {
        let run = || {
            if self.validator.is_valid(value) {
                return Ok(());
            }
            let reasons = self.validator.iter_errors(value).take(MAX_REASONS).map(|error| {
                let path = error.instance_path().as_str();
                // Masked: reasons end up in rows that must not hold values (SPEC section 13).
                let place = if path.is_empty() { String::new() } else { format!("at {path}: ") };
                shortened(&format!("{place}{}", error.masked()))
            });
            Err(reasons.collect())
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| Err(vec!["the value cannot be validated".to_owned()]))
    }
}

/// How much a schema is once its references are followed. Refuses those that lead out of it or in a circle, or make it
/// larger or deeper than the bounds: the crate would fetch, or recurse without end, or take for ever.
struct Extent<'a> {
    root: &'a Value,
    /// By target of a reference; None while it is being measured.
    measured: HashMap<&'a str, Option<Measure>>,
}

#[derive(Clone, Copy)]
struct Measure {
    parts: usize,
    height: usize,
}

impl Measure {
    fn add(&mut self, below: Measure) -> Result<(), String> {
        self.parts += below.parts;
        self.height = self.height.max(below.height + 1);
        if self.parts > MAX_SCHEMA_PARTS {
            return Err(format!("the schema has more than {MAX_SCHEMA_PARTS} parts, references followed"));
        }
        if self.height > MAX_SCHEMA_DEPTH {
            return Err(format!("the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels, references followed"));
        }
        Ok(())
    }
}

impl<'a> Extent<'a> {
    fn check(root: &'a Value) -> Result<(), String> {
        Extent { root, measured: HashMap::new() }.measure(root, true).map(|_| ())
    }

    /// Recursion is bounded: parsing refuses what is nested deeper than 127 levels, and each reference is followed once.
    fn measure(&mut self, part: &'a Value, is_root: bool) -> Result<Measure, String> {
        let mut measure = Measure { parts: 1, height: 0 };
        match part {
            Value::Array(items) => {
                for item in items {
                    let below = self.measure(item, false)?;
                    measure.add(below)?;
                }
            }
            Value::Object(entries) => {
                if let Some(below) = self.reference(entries, is_root)? {
                    measure.add(below)?;
                }
                for value in entries.values() {
                    let below = self.measure(value, false)?;
                    measure.add(below)?;
                }
            }
            _ => {}
        }
        Ok(measure)
    }

    fn reference(&mut self, entries: &'a Map<String, Value>, is_root: bool) -> Result<Option<Measure>, String> {
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if entries.get(keyword).is_some_and(Value::is_string) {
                return Err(format!("the schema uses {keyword}, which is not supported"));
            }
        }
        if !is_root && entries.get("$id").is_some_and(Value::is_string) {
            return Err("the schema has an $id inside, which is not supported".to_owned());
        }
        let Some(Value::String(reference)) = entries.get("$ref") else { return Ok(None) };
        let pointer = reference.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
        let Some(pointer) = pointer else {
            return Err(shortened(&format!(
                "the schema refers to {reference}: only references to its own parts (#/…) are allowed"
            )));
        };
        match self.measured.get(pointer) {
            Some(Some(measure)) => return Ok(Some(*measure)),
            Some(None) => return Err(shortened(&format!("the schema refers to itself in a circle, at {reference}"))),
            None => {}
        }
        if self.measured.len() >= MAX_REFERENCES {
            return Err(format!("the schema refers to more than {MAX_REFERENCES} of its parts"));
        }
        let Some(target) = self.root.pointer(&unescaped(pointer)) else {
            return Err(shortened(&format!("the schema refers to {reference}, which it does not have")));
        };
        self.measured.insert(pointer, None);
        let measure = self.measure(target, false)?;
        self.measured.insert(pointer, Some(measure));
        Ok(Some(measure))
    }
}

/// A reference is a URI: `%25` in it is `%`.
fn unescaped(pointer: &str) -> String {
    let bytes = pointer.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        match (bytes[at], hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn compile_pattern(text: &str) -> Result<regex::Regex, String> {
    regex::RegexBuilder::new(text)
        .size_limit(MAX_PATTERN_BYTES)
        .dfa_size_limit(MAX_PATTERN_BYTES)
        .nest_limit(MAX_PATTERN_NESTING)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the extraction pattern is too large when compiled".to_owned(),
            error => {
                // The crate's text shows the pattern on lines of its own; its last line says what is wrong.
                let message = error.to_string();
                let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
                shortened(&format!("the extraction pattern is not a valid regular expression: {reason}"))
            }
        })
}

thread_local! {
    static SCHEMAS: RefCell<Kept<Schema>> = RefCell::new(Kept(Vec::new()));
    static PATTERNS: RefCell<Kept<regex::Regex>> = RefCell::new(Kept(Vec::new()));
}

fn schema(text: &str) -> Result<Rc<Schema>, Rc<String>> {
    SCHEMAS.with_borrow_mut(|kept| kept.get(text, Schema::compile))
}

fn pattern(text: &str) -> Result<Rc<regex::Regex>, Rc<String>> {
    PATTERNS.with_borrow_mut(|kept| kept.get(text, compile_pattern))
}

type Compiled<T> = Result<Rc<T>, Rc<String>>;

/// The last few compiled, by their text, the most recently used one last. Failures are kept too.
struct Kept<T>(Vec<(Box<str>, Compiled<T>)>);

impl<T> Kept<T> {
    fn get(&mut self, text: &str, compile: impl FnOnce(&str) -> Result<T, String>) -> Compiled<T> {
        let entry = match self.0.iter().rposition(|(known, _)| **known == *text) {
            Some(position) => self.0.remove(position),
            None => {
                if self.0.len() >= KEPT {
                    drop(self.0.remove(0));
                }
                (Box::from(text), compile(text).map(Rc::new).map_err(Rc::new))
            }
        };
        let compiled = entry.1.clone();
        self.0.push(entry);
        compiled
    }
}

fn shortened(text: &str) -> String {
    if text.chars().nth(MAX_REASON).is_none() {
        return text.to_owned();
    }
    text.chars().take(MAX_REASON - 1).chain(std::iter::once('…')).collect()
}
