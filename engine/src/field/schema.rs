//! JSON Schemas that are safe to use: compiling them, and validating values.

use super::extraction::Target;
use super::kept::{Compiled, Kept};
use super::reason::shortened;
use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Compiled size of a regular expression in a schema; also of its cache of states.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// Text of a schema.
pub(super) const MAX_SCHEMA_BYTES: usize = 64 * 1024;
/// Lists and objects inside each other, in a schema.
pub(super) const MAX_SCHEMA_DEPTH: usize = 32;
/// Parts of a schema after its references are followed: what validation may have to visit.
const MAX_SCHEMA_PARTS: usize = 10_000;
/// Reasons given for one value.
pub(super) const MAX_REASONS: usize = 10;

thread_local! {
    static SCHEMAS: RefCell<Kept<Schema>> = RefCell::new(Kept::new());
}

/// A schema, compiled once for as long as it is kept. Err: why it cannot be used.
pub(super) fn compiled_schema(text: &str) -> Compiled<Schema> {
    SCHEMAS.with_borrow_mut(|kept| kept.get(text, Schema::compile))
}

/// A schema that is safe to use.
pub(super) struct Schema {
    validator: Validator,
    /// What a text that is extracted for it becomes.
    pub(super) target: Target,
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

    pub(super) fn validate(&self, value: &Value) -> Result<(), Vec<String>> {
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
