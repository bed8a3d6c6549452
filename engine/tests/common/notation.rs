//! Scenarios in one line: `a>pay; pay=Payment!>m; m>more:pay|e; act*>e; q?age>e; e`. A step is `id=Name`, `!` a
//! checkpoint, `*` a required action, `?field` what it collects; then its ways on, each with a condition before the
//! colon; without any it is terminal. The name is the id where none is given, and a step has no description.

use super::data::question;
use scenario_engine::definition::{Definition, Step, Transition};

pub fn line(text: &str) -> Definition {
    let steps: Vec<Step> = text.split(';').map(str::trim).filter(|step| !step.is_empty()).map(step).collect();
    let entry_step_id = steps[0].id.clone();
    Definition { name: "Line".into(), description: None, entry_step_id, steps }
}

fn step(text: &str) -> Step {
    let (head, onward) = text.split_once('>').unwrap_or((text, ""));
    let (head, field) = head.split_once('?').unwrap_or((head, ""));
    let is_checkpoint = head.contains('!');
    let is_required_action = head.contains('*');
    let head: String = head.chars().filter(|c| !"!*".contains(*c)).collect();
    let (id, name) = head.split_once('=').unwrap_or((&head, &head));
    let transitions: Vec<Transition> = onward.split('|').map(str::trim).filter(|w| !w.is_empty()).map(way).collect();
    Step {
        id: id.to_owned(),
        name: name.to_owned(),
        collects_profile_fields: if field.is_empty() { Vec::new() } else { vec![field.to_owned()] },
        is_checkpoint,
        is_required_action,
        performs_action: is_required_action,
        is_terminal: transitions.is_empty(),
        transitions,
        ..Step::default()
    }
}

fn way(text: &str) -> Transition {
    let (condition, to) = text.rsplit_once(':').unwrap_or(("", text));
    let reads = match question(condition) {
        Some(question) => question.reads.iter().map(|f| (*f).to_owned()).collect(),
        None if condition.is_empty() => Vec::new(),
        None => vec![condition.to_owned()],
    };
    Transition { to_step_id: to.to_owned(), condition_text: condition.to_owned(), condition_fields: reads, priority: 0 }
}
