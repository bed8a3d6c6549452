//! From the text of a condition to the program that evaluation runs.
//!
//! PostgreSQL runs this on a stack of a few megabytes, and a stack overflow kills the backend instead of failing the
//! statement. So a text is measured by tokens before it is parsed ([`MAX_CONDITION_BYTES`], [`MAX_NESTING`],
//! [`MAX_OPERATORS`]), and these limits bound everything that is recursive, here and in the crate `cel`.
//! Comprehensions, which have no work limit, are refused, and only functions that are total and linear are allowed.
//!
//! The crate's Pratt parser is used instead of its default (ANTLR) one. In builds without optimisation, at these
//! bounds, it takes 0.1 to 0.5 ms instead of 2 to 8 ms (a plan classifies hundreds of conditions), and for 32 nested
//! brackets 150 kB of stack instead of 6.5 MB. `tests/condition.rs` compares the two on random expressions.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use cel::parser::PrattParser;
use cel::parser::pratt_parser::{Lexer, TokenKind};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Length of a condition ("Limits" in docs/behaviour.md).
pub const MAX_CONDITION_BYTES: usize = 4096;
/// Brackets inside brackets, those in quotes not counted.
pub const MAX_NESTING: usize = 32;
/// Operators, dots and opening brackets in one expression: the depth of its tree is below their number plus one.
pub const MAX_OPERATORS: usize = 128;
/// Levels of an expression below its `&&`, `||`, `!` and `?:`, which are walked here. The crate's evaluator takes the
/// rest, at 42 kB of stack a level in a build without optimisation.
pub const MAX_DEPTH: usize = 16;
/// Compiled size of a pattern of `matches`. The crate compiles it anew at each evaluation, so this bounds that time.
const MAX_PATTERN_BYTES: usize = 256 * 1024;

/// What an expression compiles to: its logic as a tree of our own, whose leaves the crate evaluates.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) root: Node,
    /// The fields that it reads, in order of first appearance.
    pub(super) reads: Vec<String>,
}

#[derive(Debug)]
pub(super) enum Node {
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

/// Why a text is no expression. The note is for an operator; there is none where the text does not look like an
/// expression.
pub(super) type Refusal = Option<String>;

/// Which variables an expression may read.
pub(super) enum Names<'a> {
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

pub(super) fn compile(text: &str, names: &Names<'_>) -> Result<Program, Refusal> {
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
    Ok(Program { root, reads: compiler.reads })
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
pub(super) fn name_segments(expr: &Expr) -> Option<Vec<&str>> {
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

/// A name as messages show it.
pub(super) fn shortened(name: &str) -> String {
    const SHOWN: usize = 60;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
