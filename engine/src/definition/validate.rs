//! What is wrong, or doubtful, in a scenario document ("Validation" in docs/behaviour.md).

use super::findings::{Finding, Findings, Severity, join, quoted};
use super::hash::step_content_hash;
use super::model::{Definition, Step};
use super::parse::{Draft, read};
use crate::condition::{Condition, ConditionKind, says_always};
use std::collections::{HashMap, HashSet};

/// Checks a scenario document ("Validation" in docs/behaviour.md).
///
/// Argument: the JSON text. Returns every finding: errors first, then warnings, each in document order; at most 1,000
/// and a last one (`more_findings`) that counts the rest. Empty: nothing to complain about. Warnings are also given for
/// a document with errors, for the steps that have none. Never fails and never panics, whatever the text.
///
/// Errors: `malformed_json`, `nested_too_deep`, `definition_too_large`, `not_an_object`, `no_steps`, `too_many_steps`,
/// `too_many_transitions`, `condition_too_long`, `missing_step_id`, `duplicate_step_id`, `entry_step_missing`,
/// `transition_to_missing_step`, `wrong_type`. Warnings: `missing_name`, `unreachable_step`, `dead_end`,
/// `terminal_with_transitions`, `twin_steps`, `checkpoint_without_description`, `hides_later_transitions`,
/// `condition_reads_uncollected_field`, `condition_not_evaluable`.
pub fn validate(text: &str) -> Vec<Finding> {
    let Draft { definition, errors, steps_with_errors } = read(text);
    let mut warnings = Findings::new(Severity::Warning);
    if let Some(definition) = &definition {
        warn(definition, errors.count() > 0, &steps_with_errors, &mut warnings);
    }
    join(errors, warnings)
}

/// Warnings of a definition. With errors in the document (`broken`), nothing is said about its shape as a whole, nor
/// about the steps of which a part could not be read: that would only repeat the errors in other words.
fn warn(definition: &Definition, broken: bool, skip: &HashSet<usize>, warnings: &mut Findings) {
    let steps = &definition.steps;
    let reachable = if broken { vec![true; steps.len()] } else { reachable(definition) };
    let twins = twins(steps);
    let collected: HashSet<&str> =
        steps.iter().flat_map(|step| &step.collects_profile_fields).map(String::as_str).collect();

    if definition.name.is_empty() && !broken {
        warnings.add("missing_name", None, || "the scenario has no name".to_owned());
    }
    for (position, step) in steps.iter().enumerate() {
        if skip.contains(&position) {
            continue;
        }
        let id = Some(step.id.as_str());
        if step.name.is_empty() {
            warnings.add("missing_name", id, || format!("{} has no name", named(step)));
        }
        if step.is_checkpoint && step.checkpoint_description.as_deref().unwrap_or("").trim().is_empty() {
            warnings.add("checkpoint_without_description", id, || {
                format!(
                    "{} is a checkpoint and has no checkpoint_description: warnings could not say what is irreversible",
                    named(step)
                )
            });
        }
        if !reachable[position] {
            warnings.add("unreachable_step", id, || {
                format!("{} cannot be reached from the entry step {}", named(step), quoted(&definition.entry_step_id))
            });
        }
        if !step.is_terminal && step.transitions.is_empty() {
            warnings.add("dead_end", id, || {
                format!("{} has no transitions and is not terminal: a session that comes here stays", named(step))
            });
        }
        if step.is_terminal && !step.transitions.is_empty() {
            warnings.add("terminal_with_transitions", id, || {
                format!(
                    "{} is terminal and has transitions: a session that comes here is finished, and no transition \
                     leads on",
                    named(step)
                )
            });
        }
        if let Some(group) = twins.get(&position) {
            warnings.add("twin_steps", id, || {
                let ids: Vec<String> = group.iter().take(20).map(|&twin| quoted(&steps[twin].id)).collect();
                let more = group.len().saturating_sub(20);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!(
                    "steps {}{more} have the same content: they can only be told apart by id and neighbours",
                    ids.join(", ")
                )
            });
        }
        warn_transitions(step, &collected, warnings);
    }
}

fn warn_transitions(step: &Step, collected: &HashSet<&str>, warnings: &mut Findings) {
    let id = Some(step.id.as_str());
    let ordered = step.ordered_transitions();
    if let Some(first) = ordered.iter().position(|transition| says_always(&transition.condition_text)) {
        let hidden = ordered.len() - first - 1;
        if hidden > 0 {
            warnings.add("hides_later_transitions", id, || {
                format!(
                    "{}: the unconditional transition to {} hides {hidden} after it (higher priority first, then \
                     document order)",
                    named(step),
                    quoted(&ordered[first].to_step_id)
                )
            });
        }
    }
    for transition in &step.transitions {
        let condition = Condition::classify(&transition.condition_text, &transition.condition_fields, collected);
        if condition.kind() == ConditionKind::Expression {
            for field in condition.reads().iter().filter(|field| !collected.contains(field.as_str())) {
                warnings.add("condition_reads_uncollected_field", id, || {
                    format!(
                        "{}: the condition of the transition to {} reads the field {}, which no step collects",
                        named(step),
                        quoted(&transition.to_step_id),
                        quoted(field)
                    )
                });
            }
        }
        if let Some(note) = condition.note() {
            warnings.add("condition_not_evaluable", id, || {
                format!(
                    "{}: the condition of the transition to {} looks like an expression and is taken as natural \
                     language: {note}",
                    named(step),
                    quoted(&transition.to_step_id)
                )
            });
        }
    }
}

/// Which steps the entry reaches, by position; nothing is reached through a terminal step. Iterative: a line of 10,000
/// steps must not be 10,000 stack frames.
fn reachable(definition: &Definition) -> Vec<bool> {
    let positions: HashMap<&str, usize> =
        definition.steps.iter().enumerate().map(|(position, step)| (step.id.as_str(), position)).collect();
    let mut reached = vec![false; definition.steps.len()];
    let mut open: Vec<usize> = positions.get(definition.entry_step_id.as_str()).copied().into_iter().collect();
    while let Some(position) = open.pop() {
        if !std::mem::replace(&mut reached[position], true) {
            let step = &definition.steps[position];
            let targets = step.transitions.iter().filter(|_| !step.is_terminal);
            open.extend(targets.filter_map(|t| positions.get(t.to_step_id.as_str())).filter(|&&next| !reached[next]));
        }
    }
    reached
}

/// Groups of steps with equal content, under the position of the first one.
fn twins(steps: &[Step]) -> HashMap<usize, Vec<usize>> {
    let mut by_hash: HashMap<String, Vec<usize>> = HashMap::new();
    for (position, step) in steps.iter().enumerate() {
        by_hash.entry(step_content_hash(step)).or_default().push(position);
    }
    by_hash.into_values().filter(|group| group.len() > 1).map(|group| (group[0], group)).collect()
}

fn named(step: &Step) -> String {
    format!("step {}", quoted(&step.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code and step id of every finding.
    fn found(text: &str) -> Vec<(&'static str, Option<String>)> {
        validate(text).into_iter().map(|finding| (finding.code, finding.step_id)).collect()
    }

    fn at(code: &'static str, step_id: &str) -> (&'static str, Option<String>) {
        (code, Some(step_id.to_owned()))
    }

    #[test]
    fn nothing_to_complain_about() {
        let text = r#"{"name": "x", "entry_step_id": "a", "steps": [
            {"id": "a", "name": "A", "collects_profile_fields": ["age"], "transitions": [
                {"to_step_id": "b", "condition_text": "age < 18"},
                {"to_step_id": "a", "condition_text": "the customer is unsure"},
                {"to_step_id": "b"}]},
            {"id": "b", "name": "B", "is_terminal": true, "is_checkpoint": true, "checkpoint_description": "paid"}]}"#;
        assert_eq!(found(text), []);
    }

    #[test]
    fn each_warning() {
        let text = r#"{"entry_step_id": "a", "steps": [
            {"id": "a", "name": "A", "transitions": [
                {"to_step_id": "b"},
                {"to_step_id": "c", "condition_text": "income > 3", "condition_fields": ["income"], "priority": -1},
                {"to_step_id": "c", "condition_text": "items.all(i, i > 3)", "condition_fields": ["items"],
                 "priority": 1}]},
            {"id": "b", "name": "B", "is_checkpoint": true, "checkpoint_description": " "},
            {"id": "c", "name": "", "is_terminal": true},
            {"id": "d", "name": "D", "transitions": [{"to_step_id": "e"}]},
            {"id": "e", "name": "D", "transitions": [{"to_step_id": "d"}]},
            {"id": "f", "name": "D", "transitions": [{"to_step_id": "f"}]},
            {"id": "g", "name": "G", "is_terminal": true, "transitions": [{"to_step_id": "a"}]}]}"#;
        let expected = [
            ("missing_name", None),
            at("hides_later_transitions", "a"),
            at("condition_reads_uncollected_field", "a"),
            at("condition_not_evaluable", "a"),
            at("checkpoint_without_description", "b"),
            at("dead_end", "b"),
            at("missing_name", "c"),
            at("unreachable_step", "d"),
            at("twin_steps", "d"),
            at("unreachable_step", "e"),
            at("unreachable_step", "f"),
            at("unreachable_step", "g"),
            at("terminal_with_transitions", "g"),
        ];
        assert_eq!(found(text), expected);
        let findings = validate(text);
        assert!(findings.iter().all(|finding| finding.severity == Severity::Warning));
        assert!(findings[1].message.contains("hides 1 after it"), "{}", findings[1].message);
        assert!(findings[8].message.contains(r#""d", "e", "f""#), "{}", findings[8].message);
    }

    #[test]
    fn nothing_is_reached_through_a_terminal_step() {
        let text = |is_terminal: bool| {
            format!(
                r#"{{"name": "x", "entry_step_id": "a", "steps": [
                {{"id": "a", "name": "A", "is_terminal": {is_terminal}, "transitions": [{{"to_step_id": "b"}}]}},
                {{"id": "b", "name": "B", "is_terminal": true}}]}}"#
            )
        };
        assert_eq!(found(&text(false)), []);
        assert_eq!(found(&text(true)), [at("terminal_with_transitions", "a"), at("unreachable_step", "b")]);
    }

    #[test]
    fn a_word_that_says_always_hides_what_comes_after_it() {
        let text = |condition: &str| {
            format!(
                r#"{{"name": "x", "entry_step_id": "a", "steps": [
                {{"id": "a", "name": "A", "collects_profile_fields": ["age"], "transitions": [
                    {{"to_step_id": "b", "condition_text": "{condition}"}},
                    {{"to_step_id": "a", "condition_text": "age < 18"}}]}},
                {{"id": "b", "name": "B", "is_terminal": true}}]}}"#
            )
        };
        assert_eq!(found(&text("Otherwise")), [at("hides_later_transitions", "a")]);
        assert_eq!(found(&text("or else")), []);
    }

    #[test]
    fn errors_come_first_and_warnings_do_not_repeat_them() {
        let text = r#"{"name": "x", "entry_step_id": "a", "steps": [
            {"id": "a", "name": "A", "transitions": [{"to_step_id": "b"}]},
            {"id": "b", "name": "B", "is_terminal": 1},
            {"id": "c", "name": "C"},
            {"id": "c", "name": ""}]}"#;
        assert_eq!(found(text), [at("wrong_type", "b"), at("duplicate_step_id", "c"), at("dead_end", "c")]);
        assert_eq!(found("[]"), [("not_an_object", None)]);
        assert_eq!(found("{"), [("malformed_json", None)]);
    }

    #[test]
    fn a_line_of_ten_thousand_steps() {
        let steps: Vec<String> = (0..10_000)
            .map(|i| {
                format!(r#"{{"id": "{i}", "name": "{i}", "transitions": [{{"to_step_id": "{}"}}]}}"#, (i + 1) % 10_000)
            })
            .collect();
        let text = format!(r#"{{"name": "x", "entry_step_id": "5", "steps": [{}]}}"#, steps.join(","));
        let thread = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || found(&text));
        assert_eq!(thread.unwrap().join().unwrap(), []);
    }

    #[test]
    fn findings_are_capped_and_counted() {
        let steps: Vec<String> = (0..2000).map(|i| format!(r#"{{"id": "{i}", "name": "{i}"}}"#)).collect();
        let text = format!(r#"{{"name": "x", "entry_step_id": "0", "steps": [{}]}}"#, steps.join(","));
        let findings = validate(&text);
        assert_eq!(findings.len(), 1001);
        assert_eq!(findings[1000].message, "and 2999 more findings");
        assert_eq!(findings[1000].severity, Severity::Warning);
    }

    #[test]
    fn texts_of_the_document_are_shown_short_and_in_one_line() {
        assert_eq!(quoted("a\nb\"é"), "\"a\\nb\"é\"");
        assert_eq!(quoted(&"x".repeat(500)).chars().count(), 103);
    }

    #[test]
    fn severities_have_names() {
        assert_eq!((Severity::Error.as_str(), Severity::Warning.as_str()), ("error", "warning"));
        assert!(Severity::Error < Severity::Warning);
    }
}
