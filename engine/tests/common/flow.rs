//! Scenarios written as text, for examples that are read rather than generated.

use super::data::question;
use scenario_engine::definition::{Definition, Step, Transition};

/// A scenario, a line a step, the entry first:
///
/// ```text
/// age_check (age) -> reject if age < 18; checkout
/// payment !checkpoint -> done
/// done !end
/// ```
///
/// A step's name is its id with a capital, its description says what the name says. `!required` is a required action.
pub fn flow(text: &str) -> Definition {
    let mut steps = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (head, onward) = line.split_once("->").unwrap_or((line, ""));
        let (head, collects) = match head.split_once('(') {
            Some((before, rest)) => {
                let (fields, after) = rest.split_once(')').expect("a closing parenthesis");
                (format!("{before} {after}"), fields)
            }
            None => (head.to_owned(), ""),
        };
        let mut words = head.split_whitespace();
        let id = words.next().expect("an id").to_owned();
        let mut step = Step {
            name: capital(&id),
            description: Some(format!("What {id} says")),
            collects_profile_fields: collects
                .split(',')
                .map(str::trim)
                .filter(|f| !f.is_empty())
                .map(Into::into)
                .collect(),
            transitions: onward.split(';').map(str::trim).filter(|w| !w.is_empty()).map(transition).collect(),
            id,
            ..Step::default()
        };
        for flag in words {
            match flag {
                "!checkpoint" => {
                    step.is_checkpoint = true;
                    step.checkpoint_description = Some(format!("{} is done", step.name));
                }
                "!required" => (step.performs_action, step.is_required_action) = (true, true),
                "!end" => step.is_terminal = true,
                other => panic!("unknown flag {other}"),
            }
        }
        steps.push(step);
    }
    let entry_step_id = steps.first().map(|s: &Step| s.id.clone()).unwrap_or_default();
    Definition { name: "Flow".into(), description: None, entry_step_id, steps }
}

fn transition(text: &str) -> Transition {
    let (to, condition) = text.split_once(" if ").unwrap_or((text, ""));
    let reads = question(condition).map(|q| q.reads).unwrap_or_default();
    Transition {
        to_step_id: to.trim().to_owned(),
        condition_text: condition.trim().to_owned(),
        condition_fields: reads.iter().map(|f| (*f).to_owned()).collect(),
        priority: 0,
    }
}

fn capital(id: &str) -> String {
    let mut letters = id.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    first + &letters.as_str().replace('_', " ")
}

/// The step of that id, to be edited.
pub fn step_mut<'a>(definition: &'a mut Definition, id: &str) -> &'a mut Step {
    definition.steps.iter_mut().find(|s| s.id == id).expect("the step")
}
