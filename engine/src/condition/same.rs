//! Whether two conditions are the same ("Conditions" in docs/behaviour.md): how they are spelled makes no difference.

use super::kind::{Condition, Meaning};
use super::program::Node;
use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};

impl Condition {
    /// Whether both are of the same kind and say the same: expressions that parse to the same expression, or
    /// natural-language texts of the same words. All conditions that always hold are the same.
    pub fn is_same_as(&self, other: &Condition) -> bool {
        match (self.meaning(), other.meaning()) {
            (Meaning::Always, Meaning::Always) => true,
            (Meaning::Expression(one), Meaning::Expression(another)) => same_nodes(&one.root, &another.root),
            (Meaning::Natural { .. }, Meaning::Natural { .. }) => {
                self.text().split_whitespace().eq(other.text().split_whitespace())
            }
            _ => false,
        }
    }
}

/// Recursion here and below is bounded by [`super::MAX_OPERATORS`].
fn same_nodes(a: &Node, b: &Node) -> bool {
    match (a, b) {
        (Node::All(a), Node::All(b)) | (Node::Any(a), Node::Any(b)) => all_same(a, b, same_nodes),
        (Node::Not(a), Node::Not(b)) => same_nodes(a, b),
        (Node::If(a), Node::If(b)) => all_same(a.as_slice(), b.as_slice(), same_nodes),
        (Node::Leaf { expression: a, .. }, Node::Leaf { expression: b, .. }) => same_expressions(a, b),
        _ => false,
    }
}

fn all_same<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
}

/// Compares what the parser made of two texts, without the numbers that it gave to their parts.
fn same_expressions(a: &IdedExpr, b: &IdedExpr) -> bool {
    match (&a.expr, &b.expr) {
        (Expr::Call(a), Expr::Call(b)) => {
            a.func_name == b.func_name
                && all_same(a.target.as_slice(), b.target.as_slice(), |a, b| same_expressions(a, b))
                && all_same(&a.args, &b.args, same_expressions)
        }
        (Expr::List(a), Expr::List(b)) => {
            a.optional_indices == b.optional_indices && all_same(&a.elements, &b.elements, same_expressions)
        }
        (Expr::Map(a), Expr::Map(b)) => all_same(&a.entries, &b.entries, same_entries),
        (Expr::Select(a), Expr::Select(b)) => {
            a.field == b.field && a.test == b.test && same_expressions(&a.operand, &b.operand)
        }
        // Names and literals have no parts. Messages and comprehensions are in no expression that is accepted.
        (a, b) => a == b,
    }
}

fn same_entries(a: &IdedEntryExpr, b: &IdedEntryExpr) -> bool {
    match (&a.expr, &b.expr) {
        (EntryExpr::MapEntry(a), EntryExpr::MapEntry(b)) => {
            a.optional == b.optional && same_expressions(&a.key, &b.key) && same_expressions(&a.value, &b.value)
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Condition, ConditionKind};

    const KNOWN: [&str; 4] = ["age", "vip", "plan", "meta.region"];

    fn condition(text: &str) -> Condition {
        Condition::classify(text, &[], &KNOWN.into_iter().collect())
    }

    #[test]
    fn words_that_say_always() {
        for text in ["", " \n", "else", "otherwise", "default", "always", " else ", "Otherwise", "ELSE"] {
            assert_eq!(condition(text).kind(), ConditionKind::Always, "{text:?}");
        }
        for text in ["else if", "or else", "always ask", "elsewhere", "defaults", "\"else\"", "else.", "(always)"] {
            assert_eq!(condition(text).kind(), ConditionKind::Natural, "{text:?}");
        }
    }

    #[test]
    fn a_word_that_says_always_does_so_whatever_fields_there_are() {
        let listed = ["default".to_owned()];
        let condition = Condition::classify("default", &listed, &["always"].into_iter().collect());
        assert_eq!((condition.kind(), condition.reads().len()), (ConditionKind::Always, 0));
    }

    #[test]
    fn spelling_makes_no_difference() {
        for (one, other) in [
            ("", "else"),
            ("otherwise", "  default"),
            ("age < 18", "age<18"),
            ("age < 18", "((age) < (18))"),
            ("plan == \"gold\"", "plan=='gold'"),
            ("plan in [\"gold\", 'silver']", "plan in ['gold','silver']"),
            ("age < 18 || vip && plan == 'x'", "age < 18\n  || (vip && (plan == 'x'))"),
            ("vip && age < 18 && plan == 'x'", "(vip && age < 18) && plan == 'x'"),
            ("vip ? age < 18 : age < 21", "vip?(age<18):(age<21) // of age"),
            ("!vip", "! ( vip )"),
            ("meta.region.startsWith('E')", "meta . region . startsWith (\"E\")"),
            ("{'a': age}.a == 3", "{\"a\":age}.a==3"),
            ("size(plan) > 3", "size( plan )>3"),
            ("the customer sounds unhappy", "  the customer\tsounds \n unhappy "),
        ] {
            let (one, other) = (condition(one), condition(other));
            assert!(one.is_same_as(&other) && other.is_same_as(&one), "{one:?} {other:?}");
        }
    }

    #[test]
    fn other_conditions_are_others() {
        for (one, other) in [
            ("", "true"),
            ("", "the customer sounds unhappy"),
            ("age < 18", "age <= 18"),
            ("age < 18", "age < 21"),
            ("age < 18", "18 > age"),
            ("age < 18", "age < 18.0"),
            ("vip", "!vip"),
            ("!vip", "!!vip"),
            ("vip && age < 18", "vip || age < 18"),
            ("vip && age < 18", "age < 18 && vip"),
            ("vip || age < 18 && plan == 'x'", "(vip || age < 18) && plan == 'x'"),
            ("vip ? age < 18 : age < 21", "vip ? age < 21 : age < 18"),
            ("plan == 'a b'", "plan == 'a  b'"),
            ("plan in ['a']", "plan in ['a', 'b']"),
            ("plan.size() > 3", "size(plan) > 3"),
            ("plan.startsWith('a')", "plan.endsWith('a')"),
            ("meta.region.a == 1", "meta.region.b == 1"),
            ("has(plan.a)", "plan.a"),
            ("{'a': age} == plan", "{'b': age} == plan"),
            ("{'a': age} == plan", "{'a': vip} == plan"),
            ("the customer sounds unhappy", "the customer sounds happy"),
            ("the customer sounds unhappy", "The customer sounds unhappy"),
        ] {
            let (one, other) = (condition(one), condition(other));
            assert!(!one.is_same_as(&other) && !other.is_same_as(&one), "{one:?} {other:?}");
        }
    }

    /// The same text can be of two kinds, where a version does not know the field.
    #[test]
    fn of_another_kind_is_another() {
        let unknown = Condition::classify("age < 18", &[], &[].into_iter().collect());
        assert_eq!(unknown.kind(), ConditionKind::Natural);
        assert!(!unknown.is_same_as(&condition("age < 18")) && unknown.is_same_as(&unknown));
    }
}
