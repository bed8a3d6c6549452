//! The value of an expression, in three-valued (Kleene) logic.

use super::program::{Node, Program, shortened};
use cel::common::ast::IdedExpr;
use cel::objects::{Key, Map};
use cel::{Context, Env, ExecutionError};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Lists and objects inside each other, in a value that an expression reads.
const MAX_VALUE_DEPTH: usize = 64;

/// The value of a condition ("Conditions" in docs/behaviour.md).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// Undecided: a field has no value, or it failed at run time, or it is natural language (both empty).
    Unknown {
        /// The fields whose value would have mattered, in order of appearance. Empty where `error` is given.
        missing: Vec<String>,
        /// Why it failed at run time: types that do not fit, a value that is not a boolean. Names types, never values.
        /// Given only where no missing field could still decide.
        error: Option<String>,
    },
}

/// Runs a program; see [`Condition::evaluate`](super::Condition::evaluate).
pub(super) fn evaluate<E>(
    program: &Program,
    lookup: &mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>,
) -> Result<Truth, E> {
    let mut evaluation = Evaluation::new(&program.reads, lookup);
    let outcome = evaluation.node(&program.root)?;
    Ok(evaluation.truth(outcome))
}

thread_local! {
    /// The functions of CEL: a hundred entries that need not be built at each evaluation.
    static ENVIRONMENT: Arc<Env> = Arc::new(Env::default().with_optional_support(false).with_stdlib());
}

/// The value of a node. Positions of fields instead of names until the end.
enum Outcome {
    True,
    False,
    Unknown(Unknown),
}

#[derive(Default)]
struct Unknown {
    missing: Vec<usize>,
    error: Option<String>,
}

impl Unknown {
    fn add(&mut self, other: Unknown) {
        for field in other.missing {
            if !self.missing.contains(&field) {
                self.missing.push(field);
            }
        }
        self.error = self.error.take().or(other.error);
    }
}

/// What is known of a field in this evaluation.
#[derive(Clone)]
enum FieldState {
    Unasked,
    Missing,
    Bound,
    Unusable(String),
}

/// One evaluation.
struct Evaluation<'a, E> {
    names: &'a [String],
    lookup: &'a mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>,
    states: Vec<FieldState>,
    context: Context<'static, 'static>,
}

impl<'a, E> Evaluation<'a, E> {
    fn new(names: &'a [String], lookup: &'a mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>) -> Self {
        let context = Context::with_env(ENVIRONMENT.with(Arc::clone));
        Evaluation { names, lookup, states: vec![FieldState::Unasked; names.len()], context }
    }

    /// Recursion is bounded by [`MAX_OPERATORS`](super::MAX_OPERATORS).
    fn node(&mut self, node: &Node) -> Result<Outcome, E> {
        match node {
            Node::All(parts) => self.chain(parts, false),
            Node::Any(parts) => self.chain(parts, true),
            Node::Not(part) => Ok(match self.node(part)? {
                Outcome::True => Outcome::False,
                Outcome::False => Outcome::True,
                unknown => unknown,
            }),
            Node::If(parts) => {
                let [condition, then, otherwise] = parts.as_ref();
                match self.node(condition)? {
                    Outcome::True => self.node(then),
                    Outcome::False => self.node(otherwise),
                    // Which of the two will matter is not known: only the condition's fields are missing so far.
                    unknown => Ok(unknown),
                }
            }
            Node::Leaf { expression, reads } => self.leaf(expression, reads),
        }
    }

    /// And (`decisive` false) and or (`decisive` true): the first decisive part decides, whatever is unknown.
    fn chain(&mut self, parts: &[Node], decisive: bool) -> Result<Outcome, E> {
        let mut unknown: Option<Unknown> = None;
        for part in parts {
            match (self.node(part)?, decisive) {
                (Outcome::True, true) => return Ok(Outcome::True),
                (Outcome::False, false) => return Ok(Outcome::False),
                (Outcome::True, false) | (Outcome::False, true) => {}
                (Outcome::Unknown(part), _) => unknown.get_or_insert_default().add(part),
            }
        }
        Ok(match (unknown, decisive) {
            (Some(unknown), _) => Outcome::Unknown(unknown),
            (None, true) => Outcome::False,
            (None, false) => Outcome::True,
        })
    }

    fn leaf(&mut self, expression: &IdedExpr, reads: &[usize]) -> Result<Outcome, E> {
        let mut unknown = Unknown::default();
        for &field in reads {
            self.ask(field)?;
            match &self.states[field] {
                FieldState::Missing => unknown.missing.push(field),
                FieldState::Unusable(why) => unknown.error = unknown.error.take().or_else(|| Some(why.clone())),
                FieldState::Bound | FieldState::Unasked => {}
            }
        }
        if !unknown.missing.is_empty() || unknown.error.is_some() {
            return Ok(Outcome::Unknown(unknown));
        }
        let error = match catch_unwind(AssertUnwindSafe(|| cel::Value::resolve(expression, &self.context))) {
            Ok(Ok(cel::Value::Bool(true))) => return Ok(Outcome::True),
            Ok(Ok(cel::Value::Bool(false))) => return Ok(Outcome::False),
            Ok(Ok(other)) => format!("its value is not true or false, but of type {}", other.type_of()),
            Ok(Err(error)) => describe(&error),
            Err(_) => "the evaluation failed".to_owned(),
        };
        Ok(Outcome::Unknown(Unknown { missing: Vec::new(), error: Some(error) }))
    }

    fn ask(&mut self, field: usize) -> Result<(), E> {
        if let FieldState::Unasked = self.states[field] {
            let name = &self.names[field];
            self.states[field] = match (self.lookup)(name)? {
                None | Some(serde_json::Value::Null) => FieldState::Missing,
                Some(value) => match to_cel(&value, 0) {
                    Ok(value) => {
                        self.context.add_variable_from_value(name.as_str(), value);
                        FieldState::Bound
                    }
                    Err(why) => FieldState::Unusable(format!("the value of {} {why}", shortened(name))),
                },
            };
        }
        Ok(())
    }

    fn truth(&self, outcome: Outcome) -> Truth {
        match outcome {
            Outcome::True => Truth::True,
            Outcome::False => Truth::False,
            Outcome::Unknown(Unknown { missing, error }) => Truth::Unknown {
                // A value for a missing field may still decide in spite of the error.
                error: error.filter(|_| missing.is_empty()),
                missing: missing.into_iter().map(|field| self.names[field].clone()).collect(),
            },
        }
    }
}

/// A JSON value as CEL sees it: integers as int (uint above its range), other numbers as double.
fn to_cel(value: &serde_json::Value, depth: usize) -> Result<cel::Value, String> {
    if depth > MAX_VALUE_DEPTH {
        return Err(format!("is nested deeper than {MAX_VALUE_DEPTH} levels"));
    }
    Ok(match value {
        serde_json::Value::Null => cel::Value::Null,
        serde_json::Value::Bool(value) => cel::Value::Bool(*value),
        serde_json::Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => cel::Value::Int(integer),
            (_, Some(integer), _) => cel::Value::UInt(integer),
            (_, _, Some(double)) if double.is_finite() => cel::Value::Float(double),
            _ => return Err("is a number out of range".to_owned()),
        },
        serde_json::Value::Array(items) => {
            let items: Result<Vec<cel::Value>, String> = items.iter().map(|item| to_cel(item, depth + 1)).collect();
            cel::Value::List(Arc::new(items?))
        }
        serde_json::Value::Object(entries) => {
            let entries: Result<HashMap<Key, cel::Value>, String> = entries
                .iter()
                .map(|(key, value)| Ok((Key::String(Arc::new(key.clone())), to_cel(value, depth + 1)?)))
                .collect();
            cel::Value::Map(Map { map: Arc::new(entries?) })
        }
    })
}

/// A run-time error in words, with types but without values: it goes into traces and audit rows ("Audit" in
/// docs/behaviour.md).
fn describe(error: &ExecutionError) -> String {
    let operator = |name: &str| name.trim_matches(['_', '@']).to_owned();
    match error {
        ExecutionError::NoSuchOverload(overload) => {
            format!("{} is not defined for ({})", operator(overload.function()), overload.argument_types().join(", "))
        }
        ExecutionError::UnsupportedBinaryOperator(name, left, right) => {
            format!("{name} is not defined for ({}, {})", left.type_of(), right.type_of())
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} and {} cannot be compared", left.type_of(), right.type_of())
        }
        ExecutionError::UnsupportedIndex(index, value) => {
            format!("{} cannot be indexed by {}", value.type_of(), index.type_of())
        }
        ExecutionError::UnexpectedType { got, want } => format!("expected {want}, got {got}"),
        ExecutionError::NoSuchKey(_) => "a key that it reads is not there".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "an index is out of bounds".to_owned(),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "division by zero".to_owned(),
        ExecutionError::Overflow(name, _, _) => format!("overflow in {name}"),
        ExecutionError::FunctionError { function, .. } => format!("{} failed", operator(function)),
        _ => "it cannot be evaluated with these values".to_owned(),
    }
}
