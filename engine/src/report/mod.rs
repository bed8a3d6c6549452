//! Versions and plans for people to look at ("Plans" in docs/behaviour.md): diagrams in Mermaid and plain text. Only
//! rendering: nothing is decided or counted here.

mod mermaid;
mod text;

pub use mermaid::{plan_diagram, scenario_diagram};
pub use text::{PlanHeader, plan_report};

use crate::diff::TransformationMap;
use crate::graph::Graph;
use crate::plan::{AnchorCounts, Policy};
use std::collections::HashMap;

/// A plan with everything that a picture or a report of it shows.
pub struct PlanView<'a> {
    pub map: &'a TransformationMap,
    pub old: &'a Graph,
    pub new: &'a Graph,
    /// By anchor content hash; anchors without one have the default policy.
    pub policies: &'a HashMap<String, Policy>,
    pub sessions_by_old_step: &'a HashMap<String, AnchorCounts>,
}

impl PlanView<'_> {
    fn sessions_at(&self, old_step_id: &str) -> u64 {
        self.sessions_by_old_step.get(old_step_id).map_or(0, |counts| counts.sessions)
    }
}

/// `12 sessions`, `1 session`, `1,234 sessions`.
fn sessions(count: u64) -> String {
    let noun = if count == 1 { "session" } else { "sessions" };
    format!("{} {noun}", grouped(count))
}

/// A number with a comma between each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A text on one line, cut to so many characters.
fn short(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    let mut words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    if let Some(first) = words.next() {
        out.push_str(first);
        for word in words {
            out.push(' ');
            out.push_str(word);
        }
    }
    if out.chars().count() <= most {
        return out;
    }
    out.retain(|_| {
        count += 1;
        count < most
    });
    out.push('…');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 12, 123, 1234, 1_234_567].map(grouped), ["0", "12", "123", "1,234", "1,234,567"]);
        assert_eq!([0, 1, 2].map(sessions), ["0 sessions", "1 session", "2 sessions"]);
    }

    #[test]
    fn texts_become_one_short_line() {
        assert_eq!(short(" a\n\tb \u{0} c ", 10), "a b c");
        assert_eq!(short("äöüß and more", 6), "äöüß …");
        assert_eq!(short("exact", 5), "exact");
        assert_eq!(short("", 5), "");
    }
}
