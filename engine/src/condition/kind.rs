//! A condition: its text, with its kind decided.

use super::evaluation::{self, Truth};
use super::program::{Names, Program, compile};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::sync::Arc;

/// The words that say *always*, in any case.
const ALWAYS: [&str; 4] = ["else", "otherwise", "default", "always"];

/// Whether a condition's text says that it always holds: it is blank, or one of the words for that.
pub(crate) fn says_always(text: &str) -> bool {
    let text = text.trim();
    text.is_empty() || ALWAYS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// The three kinds of conditions ("Conditions" in docs/behaviour.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Blank, or a word that says so: holds for everyone.
    Always,
    /// Decided by data.
    Expression,
    /// Decided by somebody ("Decisions" in docs/behaviour.md).
    Natural,
}

impl ConditionKind {
    /// `"always"`, `"expression"` or `"natural"`, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            ConditionKind::Always => "always",
            ConditionKind::Expression => "expression",
            ConditionKind::Natural => "natural",
        }
    }
}

/// A condition with its kind decided. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    text: String,
    fields: Vec<String>,
    meaning: Meaning,
}

/// What the text of a condition says.
#[derive(Debug)]
pub(super) enum Meaning {
    Always,
    Expression(Program),
    /// `note`: why it is no expression, where it looks like one.
    Natural {
        note: Option<String>,
    },
}

impl Condition {
    /// Decides the kind of a condition ("Conditions" in docs/behaviour.md).
    ///
    /// Arguments: the condition's text; the fields that the transition lists; the fields known to the version (those
    /// that any of its steps collects; the listed ones are added here). A field name with dots (`address.city`) can be
    /// read as it is written. Returns *always* for a blank text or one of the words `else`, `otherwise`, `default` and
    /// `always`; *expression* for CEL within the bounds that can be true or false and reads known fields only;
    /// *natural* for anything else, with a [`note`](Self::note) where the text looks like an expression. Never fails
    /// and never panics, whatever the text.
    pub fn classify(text: &str, listed_fields: &[String], known: &HashSet<&str>) -> Condition {
        if says_always(text) {
            return Self::new(text, listed_fields, Meaning::Always);
        }
        let is_known = |field: &str| known.contains(field) || listed_fields.iter().any(|listed| listed == field);
        match compile(text, &Names::Known(&is_known)) {
            Ok(program) => Self::new(text, listed_fields, Meaning::Expression(program)),
            Err(note) => Self::new(text, listed_fields, Meaning::Natural { note }),
        }
    }

    /// Compiles the `session_condition` of a policy ("Policies" in docs/behaviour.md), which may read any variable of
    /// the session.
    ///
    /// Returns a condition of kind *expression*, or *always* for a blank text. Err: why the text is no acceptable
    /// expression.
    pub fn session_condition(text: &str) -> Result<Condition, String> {
        if text.trim().is_empty() {
            return Ok(Self::new(text, &[], Meaning::Always));
        }
        match compile(text, &Names::Any) {
            Ok(program) => Ok(Self::new(text, &[], Meaning::Expression(program))),
            Err(note) => Err(note.unwrap_or_else(|| "not a CEL expression".to_owned())),
        }
    }

    fn new(text: &str, listed: &[String], meaning: Meaning) -> Self {
        let reads = meaning.reads();
        let mut fields: Vec<String> = Vec::with_capacity(listed.len() + reads.len());
        let mut seen: HashSet<&str> = HashSet::new();
        fields.extend(listed.iter().chain(reads).filter(|field| seen.insert(field)).cloned());
        Condition { inner: Arc::new(Inner { text: text.to_owned(), fields, meaning }) }
    }

    /// Its kind.
    pub fn kind(&self) -> ConditionKind {
        match self.meaning() {
            Meaning::Always => ConditionKind::Always,
            Meaning::Expression(_) => ConditionKind::Expression,
            Meaning::Natural { .. } => ConditionKind::Natural,
        }
    }

    pub(super) fn meaning(&self) -> &Meaning {
        &self.inner.meaning
    }

    /// The text as it was written.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// The condition's fields: those listed, in order, then those that the expression reads; each once.
    pub fn fields(&self) -> &[String] {
        &self.inner.fields
    }

    /// The fields that the expression reads, in order of first appearance. Empty for the other kinds.
    pub fn reads(&self) -> &[String] {
        self.meaning().reads()
    }

    /// Why a text that looks like an expression is taken as natural language: over a bound, a comprehension, an unknown
    /// function or field, a value that is never true or false. For the warnings of validation.
    pub fn note(&self) -> Option<&str> {
        match self.meaning() {
            Meaning::Natural { note } => note.as_deref(),
            Meaning::Always | Meaning::Expression(_) => None,
        }
    }

    /// The condition's value, in three-valued (Kleene) logic ("Conditions" in docs/behaviour.md).
    ///
    /// `lookup` gives the value of a field: None or JSON null is no value. It is asked in the order of the text, at
    /// most once for each field, and only while the value is not decided: `false && x` never asks for `x`; in
    /// `c ? a : b` nothing but `c` is asked while `c` is unknown.
    ///
    /// Returns True for *always*, Unknown without missing fields or error for *natural*. A failure at run time (types
    /// that do not fit) is Unknown with an error. Err: what `lookup` failed with. Never panics.
    pub fn evaluate<E>(
        &self,
        lookup: &mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>,
    ) -> Result<Truth, E> {
        match self.meaning() {
            Meaning::Always => Ok(Truth::True),
            Meaning::Expression(program) => evaluation::evaluate(program, lookup),
            Meaning::Natural { .. } => Ok(Truth::Unknown { missing: Vec::new(), error: None }),
        }
    }
}

impl Meaning {
    fn reads(&self) -> &[String] {
        match self {
            Meaning::Expression(program) => &program.reads,
            Meaning::Always | Meaning::Natural { .. } => &[],
        }
    }
}
