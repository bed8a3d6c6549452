//! Values in a customer's messages: finding them by a pattern, and turning words into JSON.

use super::kept::{Compiled, Kept};
use super::reason::shortened;
use serde_json::Value;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Compiled size of an extraction pattern; also of its cache of states.
const MAX_PATTERN_BYTES: usize = 1024 * 1024;
/// Groups inside groups in an extraction pattern.
const MAX_PATTERN_NESTING: u32 = 64;
/// Matches of an extraction pattern that are tried in one message.
const MAX_MATCHES: usize = 64;
/// Characters of a quote that are kept.
pub(super) const MAX_QUOTE: usize = 500;
/// Digits of a number before the point, and after it: what PostgreSQL's numeric holds, and so jsonb.
const MAX_WHOLE_DIGITS: i64 = 131_072;
const MAX_FRACTION_DIGITS: i64 = 16_383;

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

/// How values are found in messages.
pub(super) struct Matcher {
    pub(super) pattern: Rc<regex::Regex>,
    pub(super) target: Target,
}

impl Matcher {
    /// The matches of a message, in their order.
    pub(super) fn all_in(&self, message_index: usize, message: &str) -> Vec<Extracted> {
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
pub(super) enum Target {
    Text,
    Integer,
    Number,
    Boolean,
}

impl Target {
    /// From the schema's `type`, a name or a list of names. A schema that allows strings gets the text as it is.
    pub(super) fn of(schema: &Value) -> Self {
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

thread_local! {
    static PATTERNS: RefCell<Kept<regex::Regex>> = RefCell::new(Kept::new());
}

/// An extraction pattern, compiled once for as long as it is kept. Err: why it cannot be used.
pub(super) fn compiled_pattern(text: &str) -> Compiled<regex::Regex> {
    PATTERNS.with_borrow_mut(|kept| kept.get(text, compile_pattern))
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
