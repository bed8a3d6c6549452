//! Conditions: always, expression or natural language; three-valued evaluation (SPEC section 2).
//!
//! Expressions are CEL, by the crate `cel`. What is bounded here and why: PostgreSQL runs this on a stack of a few
//! megabytes, and a stack overflow kills the backend instead of failing the statement. So a text is measured by tokens
//! before it is parsed ([`MAX_CONDITION_BYTES`], [`MAX_NESTING`], [`MAX_OPERATORS`]); everything recursive, here and in
//! the crate, is bounded by these. Comprehensions, which have no work limit, are refused, and only functions that are
//! total and linear are allowed.
//!
//! The crate's Pratt parser is used instead of its default (ANTLR) one. In builds without optimisation, at these
//! bounds, it takes 0.1 to 0.5 ms instead of 2 to 8 ms (a plan classifies hundreds of conditions), and for 32 nested
//! brackets 150 kB of stack instead of 6.5 MB. `tests/condition.rs` compares the two on random expressions.

mod literals;
mod same;

pub use literals::FieldUse;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::objects::{Key, Map};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, TokenKind};
use cel::{Context, Env, ExecutionError};
pub(crate) use same::says_always;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Length of a condition (SPEC section 18).
pub const MAX_CONDITION_BYTES: usize = 4096;
/// Brackets inside brackets, those in quotes not counted.
pub const MAX_NESTING: usize = 32;
/// Operators, dots and opening brackets in one expression: the depth of its tree is below their number plus one.
pub const MAX_OPERATORS: usize = 128;
/// Levels of an expression below its `&&`, `||`, `!` and `?:`, which are walked here. The crate's evaluator takes the
/// rest, at 42 kB of stack a level in a build without optimisation.
pub const MAX_DEPTH: usize = 16;
/// Lists and objects inside each other, in a value that an expression reads.
const MAX_VALUE_DEPTH: usize = 64;
/// Compiled size of a pattern of `matches`. The crate compiles it anew at each evaluation, so this bounds that time.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// The three kinds of conditions (SPEC section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConditionKind {
    /// Blank, or a word that says so: holds for everyone.
    Always,
    /// Decided by data.
    Expression,
    /// Decided by somebody (SPEC section 7.5).
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

/// The value of a condition (SPEC section 2).
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

/// A condition with its kind decided. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Condition {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ConditionKind,
    text: String,
    fields: Vec<String>,
    note: Option<String>,
    /// Empty reads and a constant for what is no expression.
    program: Program,
}

/// What an expression compiles to: its logic as a tree of our own, whose leaves the crate evaluates.
#[derive(Debug, Default)]
struct Program {
    root: Option<Node>,
    reads: Vec<String>,
}

#[derive(Debug)]
enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    If(Box<[Node; 3]>),
    /// `reads` are positions in [`Program::reads`].
    Leaf {
        expression: IdedExpr,
        reads: Vec<usize>,
    },
}

/// Why a text is no expression. The note is for an operator; none where the text does not look like an expression.
type Refusal = Option<String>;

impl Condition {
    /// Decides the kind of a condition (SPEC section 2).
    ///
    /// Arguments: the condition's text; the fields that the transition lists; the fields known to the version (those
    /// that any of its steps collects; the listed ones are added here). A field name with dots (`address.city`) can be
    /// read as it is written. Returns *always* for a blank text or one of the words `else`, `otherwise`, `default` and
    /// `always`; *expression* for CEL within the bounds that can be true or false and reads known fields only;
    /// *natural* for anything else, with a [`note`](Self::note) where the text looks like an expression. Never fails
    /// and never panics, whatever the text.
    pub fn classify(text: &str, listed_fields: &[String], known: &HashSet<&str>) -> Condition {
        if says_always(text) {
            return Self::new(ConditionKind::Always, text, listed_fields, None, Program::default());
        }
        let is_known = |field: &str| known.contains(field) || listed_fields.iter().any(|listed| listed == field);
        match compile(text, &Names::Known(&is_known)) {
            Ok(program) => Self::new(ConditionKind::Expression, text, listed_fields, None, program),
            Err(note) => Self::new(ConditionKind::Natural, text, listed_fields, note, Program::default()),
        }
    }

    /// Compiles the `session_condition` of a policy (SPEC section 5), which may read any variable of the session.
    ///
    /// Returns a condition of kind *expression*, or *always* for a blank text. Err: why the text is no acceptable
    /// expression.
    pub fn session_condition(text: &str) -> Result<Condition, String> {
        if text.trim().is_empty() {
            return Ok(Self::new(ConditionKind::Always, text, &[], None, Program::default()));
        }
        match compile(text, &Names::Any) {
            Ok(program) => Ok(Self::new(ConditionKind::Expression, text, &[], None, program)),
            Err(note) => Err(note.unwrap_or_else(|| "not a CEL expression".to_owned())),
        }
    }

    fn new(kind: ConditionKind, text: &str, listed: &[String], note: Refusal, program: Program) -> Self {
        let mut fields: Vec<String> = Vec::with_capacity(listed.len() + program.reads.len());
        let mut seen: HashSet<&str> = HashSet::new();
        fields.extend(listed.iter().chain(&program.reads).filter(|field| seen.insert(field)).cloned());
        Condition { inner: Arc::new(Inner { kind, text: text.to_owned(), fields, note, program }) }
    }

    /// Its kind.
    pub fn kind(&self) -> ConditionKind {
        self.inner.kind
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
        &self.inner.program.reads
    }

    /// Why a text that looks like an expression is taken as natural language: over a bound, a comprehension, an unknown
    /// function or field, a value that is never true or false. For the warnings of validation.
    pub fn note(&self) -> Option<&str> {
        self.inner.note.as_deref()
    }

    /// The condition's value, in three-valued (Kleene) logic (SPEC section 2).
    ///
    /// `lookup` gives the value of a field: None or JSON null is no value. It is asked in the order of the text, at
    /// most once a field, and only while the value is not decided: `false && x` never asks for `x`; in `c ? a : b`
    /// nothing but `c` is asked while `c` is unknown.
    ///
    /// Returns True for *always*, Unknown without missing fields or error for *natural*. A failure at run time (types
    /// that do not fit) is Unknown with an error. Err: what `lookup` failed with. Never panics.
    pub fn evaluate<E>(
        &self,
        lookup: &mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>,
    ) -> Result<Truth, E> {
        match (self.inner.kind, &self.inner.program.root) {
            (ConditionKind::Always, _) => Ok(Truth::True),
            (ConditionKind::Expression, Some(root)) => {
                let mut run = Run::new(&self.inner.program.reads, lookup);
                let outcome = run.node(root)?;
                Ok(run.truth(outcome))
            }
            _ => Ok(Truth::Unknown { missing: Vec::new(), error: None }),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// From text to program

/// Which variables an expression may read.
enum Names<'a> {
    Known(&'a dyn Fn(&str) -> bool),
    Any,
}

impl Names<'_> {
    fn has(&self, name: &str) -> bool {
        match self {
            Names::Known(is_known) => is_known(name),
            Names::Any => true,
        }
    }
}

fn compile(text: &str, names: &Names<'_>) -> Result<Program, Refusal> {
    measure(text)?;
    // The crate's parser is meant never to panic; if it does, the text is no expression.
    let parsed = catch_unwind(AssertUnwindSafe(|| PrattParser::new().parse(text)))
        .map_err(|_| Some("the parser failed on it".to_owned()))?;
    let tree = parsed.map_err(|_| None)?;
    let mut compiler = Compiler { names, reads: Vec::new(), seen: HashMap::new() };
    compiler.check(&tree).map_err(|note| match tree.expr {
        Expr::Ident(_) => None, // one word: natural language, however it parses
        _ => Some(note),
    })?;
    if !can_be_boolean(&tree) {
        return Err(match tree.expr {
            Expr::Literal(_) => None, // one number or one quotation, as a customer would say it
            _ => Some("its value is never true or false".to_owned()),
        });
    }
    if leaf_depth(&tree) > MAX_DEPTH {
        return Err(Some(format!("it is nested deeper than {MAX_DEPTH} levels")));
    }
    let root = compiler.node(tree);
    Ok(Program { root: Some(root), reads: compiler.reads })
}

/// Bounds what the parser gets to see. Uses the parser's own lexer, so that both see the same tokens.
fn measure(text: &str) -> Result<(), Refusal> {
    if text.len() > MAX_CONDITION_BYTES {
        return Err(Some(format!("it is longer than {MAX_CONDITION_BYTES} bytes")));
    }
    let mut lexer = Lexer::new(text);
    let (mut nesting, mut deepest, mut operators_seen) = (0_usize, 0_usize, 0_usize);
    let mut last = TokenKind::TokEnd;
    loop {
        let token = lexer.lex().kind;
        if matches!(token, TokenKind::TokWhitespace | TokenKind::TokComment) {
            continue;
        }
        match (std::mem::replace(&mut last, token), token) {
            // The parser takes `!-a`; the grammar of CEL does not, and it could not mean anything.
            (TokenKind::TokExclamation, TokenKind::TokMinus) | (TokenKind::TokMinus, TokenKind::TokExclamation) => {
                return Err(None);
            }
            _ => {}
        }
        match token {
            TokenKind::TokEnd => break,
            TokenKind::TokError => return Err(None),
            TokenKind::TokNull
            | TokenKind::TokFalse
            | TokenKind::TokTrue
            | TokenKind::TokReservedWord
            | TokenKind::TokInt
            | TokenKind::TokUint
            | TokenKind::TokFloat
            | TokenKind::TokString
            | TokenKind::TokBytes
            | TokenKind::TokIdent
            | TokenKind::TokComma => {}
            TokenKind::TokLeftBracket | TokenKind::TokLeftBrace | TokenKind::TokLeftParen => {
                nesting += 1;
                deepest = deepest.max(nesting);
                operators_seen += 1;
            }
            TokenKind::TokRightBracket | TokenKind::TokRightBrace | TokenKind::TokRightParen => {
                nesting = nesting.saturating_sub(1);
            }
            _ => operators_seen += 1,
        }
    }
    if deepest > MAX_NESTING {
        return Err(Some(format!("its brackets are nested deeper than {MAX_NESTING}")));
    }
    if operators_seen > MAX_OPERATORS {
        return Err(Some(format!("it has more than {MAX_OPERATORS} operators")));
    }
    Ok(())
}

/// Function, called on a target or not, number of arguments. Each is total, or fails with an error, in time linear in
/// its arguments. `has` is not here: the parser makes a test of it.
const FUNCTIONS: [(&str, bool, usize); 12] = [
    ("size", false, 1),
    ("size", true, 0),
    ("contains", true, 1),
    ("startsWith", true, 1),
    ("endsWith", true, 1),
    ("matches", true, 1),
    ("int", false, 1),
    ("uint", false, 1),
    ("double", false, 1),
    ("string", false, 1),
    ("bool", false, 1),
    ("dyn", false, 1),
];

/// Operators that the evaluator knows, all others being functions.
const OPERATORS: [&str; 19] = [
    operators::CONDITIONAL,
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::SUBSTRACT,
    operators::ADD,
    operators::MULTIPLY,
    operators::DIVIDE,
    operators::MODULO,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::GREATER_EQUALS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::LESS,
    operators::NEGATE,
    operators::INDEX,
    operators::IN,
    operators::NOT_STRICTLY_FALSE,
];

struct Compiler<'a> {
    names: &'a Names<'a>,
    reads: Vec<String>,
    seen: HashMap<String, usize>,
}

impl Compiler<'_> {
    /// Refuses what must not be evaluated, and collects the fields that are read. Recursion is bounded by
    /// [`MAX_OPERATORS`].
    fn check(&mut self, tree: &IdedExpr) -> Result<(), String> {
        if let Some((name, _)) = self.variable(&tree.expr)? {
            if !self.seen.contains_key(&name) {
                self.seen.insert(name.clone(), self.reads.len());
                self.reads.push(name);
            }
            return Ok(());
        }
        match &tree.expr {
            Expr::Literal(_) => Ok(()),
            Expr::Call(call) => {
                check_call(call)?;
                call.target.iter().map(Box::as_ref).chain(&call.args).try_for_each(|part| self.check(part))
            }
            Expr::List(list) => list.elements.iter().try_for_each(|element| self.check(element)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => self.check(&entry.key).and_then(|()| self.check(&entry.value)),
                EntryExpr::StructField(_) => Err("it builds a message".to_owned()),
            }),
            Expr::Select(select) => self.check(&select.operand),
            Expr::Struct(_) => Err("it builds a message".to_owned()),
            Expr::Comprehension(_) => {
                Err("it uses a comprehension (all, exists, exists_one, map, filter), whose work is not bounded"
                    .to_owned())
            }
            Expr::Ident(_) | Expr::Unspecified => Err("it cannot be read".to_owned()),
        }
    }

    /// The variable that an identifier, or selections on one, read, and how many selections are left: the longest
    /// prefix that is a known field. Ok(None): not a variable. Err: reads something unknown.
    fn variable(&self, expr: &Expr) -> Result<Option<(String, usize)>, String> {
        let Some(segments) = name_segments(expr) else { return Ok(None) };
        if let Names::Any = self.names {
            return Ok(Some((segments[0].to_owned(), segments.len() - 1)));
        }
        (1..=segments.len())
            .rev()
            .map(|length| (segments[..length].join("."), segments.len() - length))
            .find(|(name, _)| self.names.has(name))
            .map(Some)
            .ok_or_else(|| format!("it reads {}, which is not a known field", shortened(&segments.join("."))))
    }

    /// Splits the logic from the leaves. Recursion is bounded by [`MAX_OPERATORS`].
    fn node(&self, tree: IdedExpr) -> Node {
        match tree.expr {
            Expr::Call(call) if is_logic(&call) => {
                let mut parts: Vec<Node> = call.args.into_iter().map(|part| self.node(part)).collect();
                match (call.func_name.as_str(), parts.len()) {
                    (operators::LOGICAL_AND, _) => Node::All(parts),
                    (operators::LOGICAL_OR, _) => Node::Any(parts),
                    (operators::LOGICAL_NOT, _) => Node::Not(Box::new(parts.remove(0))),
                    _ => {
                        let (otherwise, then) = (parts.remove(2), parts.remove(1));
                        Node::If(Box::new([parts.remove(0), then, otherwise]))
                    }
                }
            }
            expr => self.leaf(IdedExpr { id: tree.id, expr }),
        }
    }

    fn leaf(&self, expression: IdedExpr) -> Node {
        let mut within = Compiler { names: self.names, reads: Vec::new(), seen: HashMap::new() };
        // Checked before as part of the whole: cannot fail here.
        let _ = within.check(&expression);
        let reads = within.reads.iter().filter_map(|name| self.seen.get(name).copied()).collect();
        Node::Leaf { expression, reads }
    }
}

fn check_call(call: &CallExpr) -> Result<(), String> {
    let name = call.func_name.as_str();
    if call.target.is_none() && OPERATORS.contains(&name) {
        return Ok(());
    }
    if !FUNCTIONS.contains(&(name, call.target.is_some(), call.args.len())) {
        return Err(format!("it calls {}, which is not available in conditions", shortened(name)));
    }
    if name == "matches" {
        let Some(Expr::Literal(LiteralValue::String(pattern))) = call.args.first().map(|arg| &arg.expr) else {
            return Err("the pattern of matches must be written out".to_owned());
        };
        let built = regex::RegexBuilder::new(pattern.inner()).size_limit(MAX_PATTERN_BYTES).build();
        if let Err(error) = built {
            return Err(match error {
                regex::Error::CompiledTooBig(_) => "the pattern of matches is too large".to_owned(),
                _ => "the pattern of matches is not a valid regular expression".to_owned(),
            });
        }
    }
    Ok(())
}

/// `a.b.c` as its segments; None for anything else, a presence test included.
fn name_segments(expr: &Expr) -> Option<Vec<&str>> {
    let mut segments = Vec::new();
    let mut expr = expr;
    loop {
        match expr {
            Expr::Ident(name) => {
                segments.push(name.as_str());
                segments.reverse();
                return Some(segments);
            }
            Expr::Select(select) if !select.test => {
                segments.push(select.field.as_str());
                expr = &select.operand.expr;
            }
            _ => return None,
        }
    }
}

/// Whether an operator is logic that is walked here, given its number of arguments.
fn is_logic(call: &CallExpr) -> bool {
    matches!(
        (call.func_name.as_str(), call.args.len(), &call.target),
        (operators::LOGICAL_AND | operators::LOGICAL_OR, 2, None)
            | (operators::LOGICAL_NOT, 1, None)
            | (operators::CONDITIONAL, 3, None)
    )
}

/// The depth of the deepest leaf of the logic. Recursion is bounded by [`MAX_OPERATORS`].
fn leaf_depth(tree: &IdedExpr) -> usize {
    match &tree.expr {
        Expr::Call(call) if is_logic(call) => call.args.iter().map(leaf_depth).max().unwrap_or_default(),
        _ => depth(tree),
    }
}

/// Levels that the crate descends. It resolves names with dots without descending.
fn depth(tree: &IdedExpr) -> usize {
    let deepest = match &tree.expr {
        Expr::Call(call) => call.target.iter().map(Box::as_ref).chain(&call.args).map(depth).max(),
        Expr::List(list) => list.elements.iter().map(depth).max(),
        Expr::Map(map) => map
            .entries
            .iter()
            .map(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => depth(&entry.key).max(depth(&entry.value)),
                EntryExpr::StructField(field) => depth(&field.value),
            })
            .max(),
        Expr::Select(select) if name_segments(&tree.expr).is_none() => Some(depth(&select.operand)),
        _ => None,
    };
    1 + deepest.unwrap_or_default()
}

/// False: its value is certainly no boolean, like that of `42`, `"unhappy"` or `a + b`.
fn can_be_boolean(tree: &IdedExpr) -> bool {
    match &tree.expr {
        Expr::Literal(literal) => matches!(literal, LiteralValue::Boolean(_)),
        Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => false,
        Expr::Call(call) => match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR | operators::LOGICAL_NOT => {
                call.args.iter().all(can_be_boolean)
            }
            operators::CONDITIONAL => call.args.iter().all(can_be_boolean),
            operators::ADD
            | operators::SUBSTRACT
            | operators::MULTIPLY
            | operators::DIVIDE
            | operators::MODULO
            | operators::NEGATE
            | "size"
            | "int"
            | "uint"
            | "double"
            | "string" => false,
            _ => true,
        },
        _ => true,
    }
}

fn shortened(name: &str) -> String {
    const SHOWN: usize = 60;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Evaluation

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
enum Slot {
    Unasked,
    Missing,
    Bound,
    Unusable(String),
}

struct Run<'a, E> {
    names: &'a [String],
    lookup: &'a mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>,
    slots: Vec<Slot>,
    context: Context<'static, 'static>,
}

impl<'a, E> Run<'a, E> {
    fn new(names: &'a [String], lookup: &'a mut dyn FnMut(&str) -> Result<Option<serde_json::Value>, E>) -> Self {
        let context = Context::with_env(ENVIRONMENT.with(Arc::clone));
        Run { names, lookup, slots: vec![Slot::Unasked; names.len()], context }
    }

    /// Recursion is bounded by [`MAX_OPERATORS`].
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
            match &self.slots[field] {
                Slot::Missing => unknown.missing.push(field),
                Slot::Unusable(why) => unknown.error = unknown.error.take().or_else(|| Some(why.clone())),
                Slot::Bound | Slot::Unasked => {}
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
        if let Slot::Unasked = self.slots[field] {
            let name = &self.names[field];
            self.slots[field] = match (self.lookup)(name)? {
                None | Some(serde_json::Value::Null) => Slot::Missing,
                Some(value) => match to_cel(&value, 0) {
                    Ok(value) => {
                        self.context.add_variable_from_value(name.as_str(), value);
                        Slot::Bound
                    }
                    Err(why) => Slot::Unusable(format!("the value of {} {why}", shortened(name))),
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

/// A run-time error in words, with types but without values: it goes into traces and audit rows (SPEC section 13).
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::convert::Infallible;

    fn condition(text: &str, known: &[&str]) -> Condition {
        Condition::classify(text, &[], &known.iter().copied().collect())
    }

    /// The value of `text` with the fields of `values`, all of its names being known.
    fn truth(text: &str, values: Value) -> Truth {
        let condition = Condition::session_condition(text).unwrap();
        let lookup = |field: &str| Ok::<_, Infallible>(values.get(field).cloned());
        let Ok(truth) = condition.evaluate(&mut { lookup });
        truth
    }

    fn missing(fields: &[&str]) -> Truth {
        Truth::Unknown { missing: fields.iter().map(|&field| field.to_owned()).collect(), error: None }
    }

    fn error(text: &str, values: Value) -> String {
        match truth(text, values) {
            Truth::Unknown { missing, error: Some(error) } if missing.is_empty() => error,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn kinds() {
        let known = ["age", "plan", "country", "address.city", "is_member"];
        for always in ["", "  ", "\n\t"] {
            assert_eq!(condition(always, &known).kind(), ConditionKind::Always, "{always:?}");
        }
        for expression in [
            "age < 18",
            "country == \"FR\" && age >= 21",
            "plan in [\"gold\", \"silver\"]",
            "is_member",
            "!is_member",
            "true",
            "address.city == 'Paris'",
            "has(plan.level) && plan.level > 3",
            "country.startsWith('F') || country.matches('^[A-Z]{2}$')",
            "size(plan) > 0 ? age > 3 : age < 3",
            "age < 18 // children",
            "plan == \"(((((((((((((((((((((((((((((((((((((((((((((\"",
        ] {
            let condition = condition(expression, &known);
            assert_eq!(condition.kind(), ConditionKind::Expression, "{expression}: {:?}", condition.note());
            assert_eq!(condition.note(), None);
        }
        for natural in [
            "the customer sounds unhappy",
            "anything_else",
            "age",
            "age <",
            "age = 18",
            "l'âge < 18",
            "country is FR",
            "a ? b",
            "@",
            "'",
            "\"",
            "price > $5",
            "age &lt; 18",
            "42",
            "\"unhappy\"",
            "!-country",
            "- ! country",
        ] {
            let condition = condition(natural, &["country"]);
            assert_eq!(condition.kind(), ConditionKind::Natural, "{natural}");
            assert_eq!(condition.note(), None, "{natural}");
        }
    }

    #[test]
    fn what_looks_like_an_expression_and_is_none_says_why() {
        for (text, why) in [
            ("income < 18", "income"),
            ("address.street == 'x'", "address.street"),
            ("plan.all(p, p == 'gold')", "comprehension"),
            ("plan.exists(p, p == 'gold')", "comprehension"),
            ("plan.exists_one(p, p == 'gold')", "comprehension"),
            ("plan.map(p, p) == []", "comprehension"),
            ("plan.filter(p, p == 'gold') == []", "comprehension"),
            ("lower(plan) == 'gold'", "lower"),
            ("plan.lower() == 'gold'", "lower"),
            ("size(plan, plan) == 1", "size"),
            ("plan.matches(plan)", "written out"),
            ("plan.matches('(')", "regular expression"),
            ("plan.matches('\\\\w{999}{99}')", "too large"),
            ("age + 1", "true or false"),
            ("[age]", "true or false"),
            ("age > 1 ? 'a' : 'b'", "true or false"),
            ("Plan{name: 'x'} == plan", "message"),
        ] {
            let condition = condition(text, &["age", "plan"]);
            assert_eq!(condition.kind(), ConditionKind::Natural, "{text}");
            assert!(condition.note().is_some_and(|note| note.contains(why)), "{text}: {:?}", condition.note());
            assert!(condition.reads().is_empty());
        }
        let sum = format!("age{} > 1", " + age".repeat(MAX_DEPTH - 1));
        assert!(condition(&sum, &["age"]).note().is_some_and(|note| note.contains("levels")));
        let deep = format!("{}age{} > 1", "(".repeat(MAX_NESTING + 1), ")".repeat(MAX_NESTING + 1));
        assert!(condition(&deep, &["age"]).note().is_some_and(|note| note.contains("deeper")));
        let long = format!("age > 1{}", " || age > 1".repeat(MAX_OPERATORS / 2));
        assert!(condition(&long, &["age"]).note().is_some_and(|note| note.contains("operators")));
        let huge = format!("age > 1{}", " ".repeat(MAX_CONDITION_BYTES));
        assert!(condition(&huge, &["age"]).note().is_some_and(|note| note.contains("bytes")));
    }

    #[test]
    fn expressions_up_to_the_bounds_are_accepted() {
        let deep = format!("{}age{} > 1", "(".repeat(MAX_NESTING), ")".repeat(MAX_NESTING));
        let wide = format!("age in [0{}]", ", 1".repeat(1000));
        let long = format!("age > 1{}", " || age > 1".repeat(MAX_OPERATORS / 2 - 1));
        let sum = format!("age{} > 1", " + age".repeat(MAX_DEPTH - 2));
        let choice = format!("{}age > 1", "age > 1 ? age > 2 : ".repeat(MAX_OPERATORS / 4 - 1));
        for text in [deep, wide, long, sum, choice] {
            assert_eq!(condition(&text, &["age"]).kind(), ConditionKind::Expression, "{text}");
        }
    }

    #[test]
    fn fields_are_the_listed_then_the_read_ones() {
        let listed = ["b".to_owned(), "z".to_owned(), "b".to_owned()];
        let condition = Condition::classify("a > 1 && b > a && c.d.e == 1", &listed, &HashSet::from(["a", "c.d"]));
        assert_eq!(condition.kind(), ConditionKind::Expression);
        assert_eq!(condition.reads(), ["a", "b", "c.d"]);
        assert_eq!(condition.fields(), ["b", "z", "a", "c.d"]);
        let natural = Condition::classify("is it so?", &listed, &HashSet::new());
        assert_eq!((natural.fields(), natural.reads()), (&["b".to_owned(), "z".to_owned()][..], &[][..]));
    }

    #[test]
    fn the_longest_known_name_is_read() {
        let dotted = condition("meta.region.code == 'x'", &["meta", "meta.region"]);
        assert_eq!(dotted.reads(), ["meta.region"]);
        let lookup = |field: &str| Ok::<_, Infallible>((field == "meta.region").then(|| json!({"code": "x"})));
        assert_eq!(dotted.evaluate(&mut { lookup }), Ok(Truth::True));
    }

    #[test]
    fn a_field_may_have_the_name_of_a_type_or_a_function() {
        let condition = condition("type == 'x' && size > 3 && string == ''", &["type", "size", "string"]);
        assert_eq!(condition.kind(), ConditionKind::Expression);
        let lookup = |field: &str| {
            Ok::<_, Infallible>(Some(match field {
                "type" => json!("x"),
                "size" => json!(4),
                _ => json!(""),
            }))
        };
        assert_eq!(condition.evaluate(&mut { lookup }), Ok(Truth::True));
    }

    #[test]
    fn numbers_compare_whatever_they_are_written_as() {
        for (value, text, expected) in [
            ("17.5", "age < 18", true),
            ("18.0", "age == 18", true),
            ("18.0", "age != 18", false),
            ("18", "age == 18.0", true),
            ("18", "age >= 17.9", true),
            ("18.0", "age in [18]", true),
            ("18", "age in [18.0, 1]", true),
            ("18", "age == 18u", true),
            ("1e2", "age == 100", true),
            ("9223372036854775808", "age > 9223372036854775807", true),
            ("18446744073709551616", "age > 1", true),
            ("-9223372036854775808", "age == -9223372036854775808", true),
            ("true", "age == 1", false),
            ("\"18\"", "age == 18", false),
            ("\"18\"", "int(age) == 18", true),
        ] {
            let value: Value = serde_json::from_str(value).unwrap();
            let expected = if expected { Truth::True } else { Truth::False };
            assert_eq!(truth(text, json!({"age": value})), expected, "{text} with {value}");
        }
    }

    #[test]
    fn functions_and_structures() {
        let values = json!({"name": "Café", "tags": ["a", "b"], "who": {"first": "Ada", "null": null}, "n": 3});
        for (text, expected) in [
            ("size(name) == 4 && name.size() == 4", Truth::True),
            ("name.contains('af') && name.startsWith('C') && name.endsWith('é')", Truth::True),
            ("name.matches('^C.*$')", Truth::True),
            ("'a' in tags && !('c' in tags) && tags[1] == 'b'", Truth::True),
            ("has(who.first) && !has(who.last) && who.first == 'Ada'", Truth::True),
            ("'first' in who && who['first'] == 'Ada'", Truth::True),
            ("string(n) == '3' && double(n) == 3.0 && n % 2 == 1 && -n < 0", Truth::True),
            ("n > 2 ? name == 'x' : name == 'Café'", Truth::False),
            ("{'a': n}.a == 3 && [n, 1] == [3, 1]", Truth::True),
            ("bool('true') && dyn(n) == 3", Truth::True),
        ] {
            assert_eq!(truth(text, values.clone()), expected, "{text}");
        }
    }

    #[test]
    fn kleene() {
        let values = json!({"t": true, "f": false, "n": null});
        for (text, expected) in [
            ("f && x", Truth::False),
            ("x && f", Truth::False),
            ("t || x", Truth::True),
            ("x || t", Truth::True),
            ("t && x", missing(&["x"])),
            ("x && y && x", missing(&["x", "y"])),
            ("y || !x", missing(&["y", "x"])),
            ("x || y && f", missing(&["x"])),
            ("n", missing(&["n"])),
            ("x == y", missing(&["x", "y"])),
            ("x == x", missing(&["x"])),
            ("x ? y : z", missing(&["x"])),
            ("t ? y : z", missing(&["y"])),
            ("f ? y : t", Truth::True),
            ("!(x && f)", Truth::True),
        ] {
            assert_eq!(truth(text, values.clone()), expected, "{text}");
        }
    }

    #[test]
    fn lookups_are_lazy_in_order_and_once() {
        for (text, asked) in [
            ("a > 1 && b > 1", vec!["a"]),
            ("a > 1 || b > 1 || c > 1", vec!["a", "b", "c"]),
            ("c < b && b < c && a == a", vec!["c", "b"]),
            ("x == 1 && a > 1", vec!["x", "a"]),
            ("x == 1 ? a > 1 : b > 1", vec!["x"]),
            ("a == 0 ? b > 1 : c > 1", vec!["a", "b"]),
        ] {
            let condition = Condition::session_condition(text).unwrap();
            let mut seen = Vec::new();
            let _ = condition.evaluate(&mut |field: &str| {
                seen.push(field.to_owned());
                Ok::<_, Infallible>((field != "x").then(|| json!(0)))
            });
            assert_eq!(seen, asked, "{text}");
        }
    }

    #[test]
    fn failures_are_unknown_and_name_types_only() {
        let values = json!({"name": "secret", "age": 3, "tags": [], "big": i64::MAX, "text": "x", "t": true});
        for (text, expected) in [
            ("name < 18", "string"),
            ("name + age == 3", "string"),
            ("age", "not true or false"),
            ("!age", "int"),
            ("age && t", "int"),
            ("age / 0 == 1", "division"),
            ("age % 0 == 1", "division"),
            ("big + 1 > 0", "overflow"),
            ("tags[0] == 1", "index"),
            ("tags['x'] == 1", ""),
            ("name.first == 1", ""),
            ("int(name) == 1", "int"),
            ("size(age) == 1", "size"),
            ("age in name", ""),
        ] {
            // `!age` and `age && t` are leaves that are no booleans.
            let error = error(text, values.clone());
            assert!(error.contains(expected) && !error.contains("secret"), "{text}: {error}");
        }
        assert!(error("a == 1", json!({"a": nested(70)})).contains("deeper"));
        assert_eq!(truth("a != 1", json!({"a": nested(60)})), Truth::True);
        assert!(error("a == 1", serde_json::from_str(r#"{"a": 1e400}"#).unwrap()).contains("range"));
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |value, _| json!([value]))
    }

    #[test]
    fn a_failure_does_not_hide_what_could_still_decide() {
        let values = json!({"name": "x", "t": true, "f": false});
        assert_eq!(truth("name < 1 || t", values.clone()), Truth::True);
        assert_eq!(truth("name < 1 && f", values.clone()), Truth::False);
        assert_eq!(truth("name < 1 || y", values), missing(&["y"]));
    }

    #[test]
    fn always_natural_and_failing_lookups() {
        let mut never = |_: &str| -> Result<Option<Value>, &str> { Err("asked") };
        assert_eq!(condition("", &[]).evaluate(&mut never), Ok(Truth::True));
        assert_eq!(condition("no idea", &[]).evaluate(&mut never), Ok(missing(&[])));
        assert_eq!(condition("a > 1", &["a"]).evaluate(&mut never), Err("asked"));
    }

    #[test]
    fn session_conditions() {
        assert_eq!(Condition::session_condition("").unwrap().kind(), ConditionKind::Always);
        let condition = Condition::session_condition("vip && meta.region == 'EU'").unwrap();
        assert_eq!(condition.reads(), ["vip", "meta"]);
        assert!(Condition::session_condition("only the good ones").is_err_and(|why| why.contains("CEL")));
        assert!(Condition::session_condition("now() > 3").is_err_and(|why| why.contains("now")));
        assert!(Condition::session_condition("tags.all(t, t > 3)").is_err_and(|why| why.contains("comprehension")));
    }

    /// At the bounds, everything happens in a debug build on a stack of 1 MB: PostgreSQL gives 8 MB at best, 2 MB by
    /// `max_stack_depth`.
    #[test]
    fn the_worst_that_is_accepted_fits_a_small_stack() {
        for text in worst() {
            let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
                let condition = condition(&text, &["a"]);
                for value in [json!(true), json!(false), json!(nested(60)), json!(1), json!({"a": {}})] {
                    let lookup = |_: &str| Ok::<_, Infallible>(Some(value.clone()));
                    let _ = condition.evaluate(&mut { lookup });
                }
                format!("{condition:?}").len()
            });
            assert!(thread.unwrap().join().is_ok());
        }
    }

    #[test]
    fn the_worst_that_is_accepted_is_fast() {
        for text in worst() {
            let start = std::time::Instant::now();
            let _ = condition(&text, &["a"]);
            let took = start.elapsed();
            assert!(took.as_millis() < 250, "{took:?} for {text}");
        }
    }

    /// Texts that are deep, long or both, at the bounds and beyond them.
    fn worst() -> Vec<String> {
        let mut texts = Vec::new();
        for count in [MAX_OPERATORS / 2, MAX_OPERATORS, 4 * MAX_OPERATORS] {
            for (before, inner, after) in [
                ("!", "a", ""),
                ("!-", "a", ""),
                ("-", "a", " > 1"),
                ("", "a", " && a"),
                ("", "a", " || !a"),
                ("", "a", " + a"),
                ("", "a", " == a"),
                ("a ? a : ", "a", ""),
                ("a ? ", "a", " : a"),
                ("", "a", ".a"),
                ("", "a", "[0]"),
                ("", "a", ".size()"),
                ("", "a", "\t"),
                ("(", "a", ")"),
                ("(a ? a : ", "a", ")"),
                ("[", "a", "]"),
                ("a[", "a", "]"),
                ("{a: ", "a", "}"),
                ("size(", "a", ")"),
                ("a.contains(", "a", ")"),
                ("has(a.a) && ", "a", ""),
            ] {
                let brackets =
                    if before.contains(['(', '[', '{']) && !before.contains(')') { MAX_NESTING } else { count };
                let times = count.min(brackets);
                let text = format!("{}{inner}{}", before.repeat(times), after.repeat(times));
                // And under operators that use up what is left.
                texts.push(format!("{}{text}", "a ? a : ".repeat((MAX_OPERATORS / 2).saturating_sub(2 * times))));
                texts.push(format!("{text} == [{}]", "1,".repeat((3000_usize.saturating_sub(text.len())) / 2)));
                texts.push(text);
            }
        }
        texts
    }
}
