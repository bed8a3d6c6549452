//! What an expression compares its fields with, so that a plan can tell of literals that no value of the field can
//! meet.

use super::kind::{Condition, Meaning};
use super::program::{Node, Program, name_segments};
use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};
use serde_json::Value;

/// How an expression uses a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldUse {
    /// The field stands for itself where a truth value is needed: `vip`.
    Truth,
    /// It is compared for equality with a literal, alone or in a list: `country == "FR"`.
    Equality(Value),
    /// It is compared in order with a literal: `age < 18`.
    Order(Value),
}

impl Condition {
    /// Each field with what it is compared with, in the order of the text. Only direct comparisons of a field with
    /// literals are told: of `amount + 1 > 100` nothing is. Empty for what is no expression.
    pub fn field_uses(&self) -> Vec<(String, FieldUse)> {
        let mut uses = Vec::new();
        if let Meaning::Expression(program) = self.meaning() {
            of_node(program, &program.root, &mut uses);
        }
        uses
    }
}

/// Recursion is bounded by [`super::MAX_OPERATORS`], here and below.
fn of_node(program: &Program, node: &Node, uses: &mut Vec<(String, FieldUse)>) {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().for_each(|part| of_node(program, part, uses)),
        Node::Not(part) => of_node(program, part, uses),
        Node::If(parts) => parts.iter().for_each(|part| of_node(program, part, uses)),
        Node::Leaf { expression, .. } => match field(program, &expression.expr) {
            Some(name) => uses.push((name, FieldUse::Truth)),
            None => of_leaf(program, expression, uses),
        },
    }
}

fn of_leaf(program: &Program, tree: &IdedExpr, uses: &mut Vec<(String, FieldUse)>) {
    let Expr::Call(call) = &tree.expr else { return };
    if let ([left, right], None) = (call.args.as_slice(), &call.target) {
        let is_equality = [operators::EQUALS, operators::NOT_EQUALS].contains(&call.func_name.as_str());
        let is_order = [operators::LESS, operators::LESS_EQUALS, operators::GREATER, operators::GREATER_EQUALS]
            .contains(&call.func_name.as_str());
        if is_equality || is_order {
            let one = field(program, &left.expr).zip(literal(&right.expr));
            if let Some((name, value)) = one.or_else(|| field(program, &right.expr).zip(literal(&left.expr))) {
                uses.push((name, if is_order { FieldUse::Order(value) } else { FieldUse::Equality(value) }));
            }
        } else if let (operators::IN, Some(name), Expr::List(list)) =
            (call.func_name.as_str(), field(program, &left.expr), &right.expr)
        {
            let literals = list.elements.iter().filter_map(|element| literal(&element.expr));
            uses.extend(literals.map(|value| (name.clone(), FieldUse::Equality(value))));
        }
    }
    call.target.iter().map(Box::as_ref).chain(&call.args).for_each(|part| of_leaf(program, part, uses));
}

/// The field that an expression is, whole: a part of its value is another matter.
fn field(program: &Program, expr: &Expr) -> Option<String> {
    let name = name_segments(expr)?.join(".");
    program.reads.contains(&name).then_some(name)
}

/// A literal as JSON; `None` for null and bytes, which no field is.
fn literal(expr: &Expr) -> Option<Value> {
    match expr {
        Expr::Literal(LiteralValue::Boolean(value)) => Some((*value.inner()).into()),
        Expr::Literal(LiteralValue::Int(value)) => Some((*value.inner()).into()),
        Expr::Literal(LiteralValue::UInt(value)) => Some((*value.inner()).into()),
        Expr::Literal(LiteralValue::Double(value)) => serde_json::Number::from_f64(*value.inner()).map(Value::Number),
        Expr::Literal(LiteralValue::String(value)) => Some(value.inner().into()),
        Expr::Call(call) if call.func_name == operators::NEGATE => match literal(&call.args.first()?.expr)? {
            Value::Number(number) => match number.as_i64() {
                Some(integer) => integer.checked_neg().map(Into::into),
                None => serde_json::Number::from_f64(-number.as_f64()?).map(Value::Number),
            },
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn uses(text: &str) -> Vec<(String, FieldUse)> {
        let listed: Vec<String> = ["age", "vip", "country", "address.city"].map(str::to_owned).to_vec();
        Condition::classify(text, &listed, &Default::default()).field_uses()
    }

    fn one(field: &str, how: FieldUse) -> Vec<(String, FieldUse)> {
        vec![(field.to_owned(), how)]
    }

    #[test]
    fn comparisons_with_literals_are_told() {
        assert_eq!(uses("age < 18"), one("age", FieldUse::Order(json!(18))));
        assert_eq!(uses("18.5 >= age"), one("age", FieldUse::Order(json!(18.5))));
        assert_eq!(uses("age > -5"), one("age", FieldUse::Order(json!(-5))));
        assert_eq!(uses("country != \"FR\""), one("country", FieldUse::Equality(json!("FR"))));
        assert_eq!(uses("address.city == \"Rome\""), one("address.city", FieldUse::Equality(json!("Rome"))));
        assert_eq!(uses("!vip"), one("vip", FieldUse::Truth));
        let both = uses("country in [\"FR\", 7] && (vip || age == 18)");
        let expected = [
            ("country", FieldUse::Equality(json!("FR"))),
            ("country", FieldUse::Equality(json!(7))),
            ("vip", FieldUse::Truth),
            ("age", FieldUse::Equality(json!(18))),
        ];
        assert_eq!(both, expected.map(|(field, how)| (field.to_owned(), how)));
    }

    #[test]
    fn what_is_no_direct_comparison_is_not_told() {
        for text in [
            "age + 1 > 100",
            "country.startsWith(\"F\")",
            "size(country) > 2",
            "age == null",
            "sounds happy",
            "",
            "country.code == 1",
        ] {
            assert_eq!(uses(text), [], "{text}");
        }
    }
}
