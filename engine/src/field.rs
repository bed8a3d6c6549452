//! Field definitions: validation of values and extraction from messages ("Gap fill" in docs/behaviour.md).
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
/// Matches of an extraction pattern that are tried in one message.
const MAX_MATCHES: usize = 64;
/// Characters of a quote that are kept.
const MAX_QUOTE: usize = 500;
/// Digits of a number before the point, and after it: what PostgreSQL's numeric holds, and so jsonb.
const MAX_WHOLE_DIGITS: i64 = 131_072;
const MAX_FRACTION_DIGITS: i64 = 16_383;
/// Reasons given for one value.
const MAX_REASONS: usize = 10;
/// Characters of one reason.
const MAX_REASON: usize = 200;
/// Compiled schemas and patterns that are kept, of each.
const KEPT: usize = 64;

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

/// A value found in a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// As JSON text: of the schema's type, or the words as they are if there is a problem.
    pub value: String,
    /// Why the words are no value of the schema's type, as a sentence for people.
    pub problem: Option<String>,
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

    /// Whether a value fills the field.
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
        let pattern = pattern(self.extraction_pattern.as_deref()?).ok()?;
        let target = match self.schema.as_deref() {
            Some(text) => schema(text).ok()?.target,
            None => Target::Text,
        };
        Some(Matcher { pattern, target })
    }
}

/// How values are found in messages.
struct Matcher {
    pattern: Rc<regex::Regex>,
    target: Target,
}

impl Matcher {
    /// The matches of a message, in their order.
    fn all_in(&self, message_index: usize, message: &str) -> Vec<Extracted> {
        let search = || {
            let matches = self.pattern.captures_iter(message).take(MAX_MATCHES).filter_map(|captures| {
                let whole = captures.get(0)?.as_str();
                let captured = if self.pattern.capture_names().flatten().any(|name| name == "value") {
                    captures.name("value")?
                } else if self.pattern.captures_len() > 1 {
                    captures.get(1)?
                } else {
                    captures.get(0)?
                };
                let quote = whole.chars().take(MAX_QUOTE).collect();
                let (value, problem) = match self.target.json(captured.as_str()) {
                    Ok(value) => (value, None),
                    Err(problem) => (as_said(captured.as_str())?, Some(problem)),
                };
                Some(Extracted { value, problem, quote, message_index })
            });
            matches.collect()
        };
        // The regex engine is known to panic on a few odd pairs of pattern and text (rust-lang/regex#1344).
        catch_unwind(AssertUnwindSafe(search)).unwrap_or_default()
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

    /// JSON text of a captured text. Digits are kept as they are. Err: why it is not what the type wants, or cannot be
    /// held.
    fn json(self, captured: &str) -> Result<String, String> {
        let trimmed = captured.trim();
        let found = match self {
            Target::Text => serde_json::to_string(captured).ok(),
            Target::Integer => number(trimmed).filter(|text| !text.contains(['.', 'e', 'E'])),
            Target::Number => number(trimmed),
            Target::Boolean => match trimmed.to_lowercase().as_str() {
                "true" | "yes" | "y" | "1" => Some("true".to_owned()),
                "false" | "no" | "n" | "0" => Some("false".to_owned()),
                _ => None,
            },
        };
        let is_number = matches!(self, Target::Integer | Target::Number);
        match found {
            Some(text) if is_number && !can_be_held(&text) => {
                Err("the number has more digits than can be held".to_owned())
            }
            Some(text) => Ok(text),
            None => Err(format!("the words are no {}", self.as_str())),
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Target::Text => "text",
            Target::Integer => "integer",
            Target::Number => "number",
            Target::Boolean => "boolean",
        }
    }
}

/// The beginning of the words, as a JSON string.
fn as_said(words: &str) -> Option<String> {
    serde_json::to_string(&words.chars().take(MAX_QUOTE).collect::<String>()).ok()
}

/// Whether jsonb can hold a number, given as JSON text. It does not depend on the digits, but on how many there are.
fn can_be_held(number: &str) -> bool {
    let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let Ok(exponent) = exponent.parse::<i32>().map(i64::from) else { return false };
    let (whole, fraction) = digits.trim_start_matches('-').split_once('.').unwrap_or((digits, ""));
    let count = |digits: &str| i64::try_from(digits.len()).unwrap_or(i64::MAX);
    count(whole).saturating_add(exponent) <= MAX_WHOLE_DIGITS
        && count(fraction).saturating_sub(exponent) <= MAX_FRACTION_DIGITS
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
                // Masked: reasons end up in rows that must not hold values.
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
            return Err(too_deep());
        }
        Ok(())
    }
}

impl<'a> Extent<'a> {
    fn check(root: &'a Value) -> Result<(), String> {
        Extent { root, measured: HashMap::new() }.measure(root, 0).map(|_| ())
    }

    /// `depth` bounds this recursion; the height in the result bounds that of the crate, also through references that
    /// were measured before.
    fn measure(&mut self, part: &'a Value, depth: usize) -> Result<Measure, String> {
        if depth > MAX_SCHEMA_DEPTH {
            return Err(too_deep());
        }
        let mut measure = Measure { parts: 1, height: 0 };
        match part {
            Value::Array(items) => {
                for item in items {
                    let below = self.measure(item, depth + 1)?;
                    measure.add(below)?;
                }
            }
            Value::Object(entries) => {
                if let Some(below) = self.reference(entries, depth)? {
                    measure.add(below)?;
                }
                for value in entries.values() {
                    let below = self.measure(value, depth + 1)?;
                    measure.add(below)?;
                }
            }
            _ => {}
        }
        Ok(measure)
    }

    fn reference(&mut self, entries: &'a Map<String, Value>, depth: usize) -> Result<Option<Measure>, String> {
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if entries.get(keyword).is_some_and(Value::is_string) {
                return Err(format!("the schema uses {keyword}, which is not supported"));
            }
        }
        if depth > 0 && entries.get("$id").is_some_and(Value::is_string) {
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
        let Some(target) = self.root.pointer(&unescaped(pointer)) else {
            return Err(shortened(&format!("the schema refers to {reference}, which it does not have")));
        };
        self.measured.insert(pointer, None);
        let measure = self.measure(target, depth + 1)?;
        self.measured.insert(pointer, Some(measure));
        Ok(Some(measure))
    }
}

fn too_deep() -> String {
    format!("the schema is nested deeper than {MAX_SCHEMA_DEPTH} levels, references followed")
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
    static SCHEMAS: RefCell<Kept<Schema>> = const { RefCell::new(Kept(Vec::new())) };
    static PATTERNS: RefCell<Kept<regex::Regex>> = const { RefCell::new(Kept(Vec::new())) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
        let schema =
            json!({"type": "object", "required": ["b"], "properties": {"a": {"type": "integer", "minimum": 18}}});
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
        let mut kept: Kept<usize> = Kept(Vec::new());
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
        for i in 100..100 + KEPT - 1 {
            let _ = get(&i.to_string());
        }
        let _ = get("x");
        assert_eq!(compiled.get(), 1 + KEPT);
        let _ = get("1");
        assert_eq!(compiled.get(), 2 + KEPT);
    }
}
