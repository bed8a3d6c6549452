//! What customers know, and the conditions that are asked about it, each with its truth written out by hand.

use super::dice::Dice;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Values by field. A field that is not there is not known.
pub type Data = BTreeMap<String, Value>;

pub const FIELDS: [&str; 5] = ["age", "vip", "plan", "country", "visits"];

/// A value for every field.
pub fn everything(dice: &mut Dice<'_>) -> Data {
    let values = [
        json!(*dice.pick(&[15, 19, 30])),
        json!(dice.chance(50)),
        json!(*dice.pick(&["gold", "silver", "free"])),
        json!(*dice.pick(&["FR", "DE"])),
        json!(*dice.pick(&[0, 3])),
    ];
    FIELDS.iter().map(|f| (*f).to_owned()).zip(values).collect()
}

/// A condition of the random scenarios.
pub struct Question {
    pub text: &'static str,
    pub reads: &'static [&'static str],
    pub truth: fn(&Data) -> Option<bool>,
}

pub const QUESTIONS: [Question; 10] = [
    Question { text: "age < 18", reads: &["age"], truth: |d| Some(int(d, "age")? < 18) },
    Question { text: "age >= 18", reads: &["age"], truth: |d| Some(int(d, "age")? >= 18) },
    Question { text: "vip", reads: &["vip"], truth: |d| flag(d, "vip") },
    Question { text: "!vip", reads: &["vip"], truth: |d| Some(!flag(d, "vip")?) },
    Question { text: "plan == \"gold\"", reads: &["plan"], truth: |d| Some(word(d, "plan")? == "gold") },
    Question {
        text: "plan in [\"gold\", \"silver\"]",
        reads: &["plan"],
        truth: |d| Some(["gold", "silver"].contains(&word(d, "plan")?)),
    },
    Question { text: "visits > 2", reads: &["visits"], truth: |d| Some(int(d, "visits")? > 2) },
    Question {
        text: "age >= 21 && vip",
        reads: &["age", "vip"],
        truth: |d| and(int(d, "age").map(|a| a >= 21), flag(d, "vip")),
    },
    Question {
        text: "country == \"FR\" || age < 18",
        reads: &["country", "age"],
        truth: |d| or(word(d, "country").map(|c| c == "FR"), int(d, "age").map(|a| a < 18)),
    },
    Question {
        text: "!(vip || visits > 2)",
        reads: &["vip", "visits"],
        truth: |d| or(flag(d, "vip"), int(d, "visits").map(|v| v > 2)).map(|t| !t),
    },
];

/// Natural language.
pub const TALK: [&str; 2] = ["the customer sounds unhappy", "they ask for a person"];

pub fn question(text: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|q| q.text == text)
}

fn int(data: &Data, field: &str) -> Option<i64> {
    data.get(field)?.as_i64()
}

fn flag(data: &Data, field: &str) -> Option<bool> {
    data.get(field)?.as_bool()
}

fn word<'a>(data: &'a Data, field: &str) -> Option<&'a str> {
    data.get(field)?.as_str()
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    and(a.map(|t| !t), b.map(|t| !t)).map(|t| !t)
}
