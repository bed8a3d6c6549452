//! Random edits of a version: what operators do between two releases, and what they do by mistake.

use super::data::FIELDS;
use super::dice::Dice;
use super::scenario::{Taste, ask, content, way};
use scenario_engine::definition::{Definition, Step};

/// The next version: a few edits, of which the last letters tell for the reader of a failure.
pub fn next_version(dice: &mut Dice<'_>, taste: &Taste, old: &Definition, generation: usize) -> (Definition, String) {
    let mut new = old.clone();
    let mut story = Vec::new();
    let edits = *dice.pick(&[1, 1, 2, 2, 3, 4, 6]);
    for number in 0..edits {
        let fresh = format!("n{generation}_{number}");
        story.push(edit(dice, taste, &mut new, &fresh));
    }
    (new, story.join(", "))
}

fn edit(dice: &mut Dice<'_>, taste: &Taste, version: &mut Definition, fresh: &str) -> String {
    let at = dice.below(version.steps.len());
    let id = version.steps[at].id.clone();
    match dice.below(24) {
        0 => {
            version.steps[at].description = Some(format!("About {fresh}"));
            format!("reword {id}")
        }
        1 => {
            version.steps[at].name += " now";
            format!("rename {id}")
        }
        2..=4 => insert_on_edge(dice, version, at, fresh),
        5..=7 => insert_fork(dice, taste, version, at, fresh),
        8 | 9 => split(dice, taste, version, at),
        10 => add_field(dice, version, at),
        11 => {
            version.steps[at].collects_profile_fields.pop();
            format!("collect less at {id}")
        }
        12 => delete(version, at, true),
        13 => delete(version, at, dice.chance(50)),
        14 => {
            let to = dice.below(version.steps.len());
            let mut added = way(&version.steps[to].id.clone());
            ask(dice, taste, &mut added);
            let ways = &mut version.steps[at].transitions;
            ways.insert(dice.below(ways.len() + 1), added);
            format!("add a transition at {id}")
        }
        15 => with_way(version, at, |ways, _| drop(ways.pop()), "drop the last transition"),
        16 => with_way(version, at, |ways, _| ways.reverse(), "reorder"),
        17 => {
            let (first, second) = (dice.below(3) as i64, dice.below(3) as i64);
            let change = |ways: &mut Vec<_>, _: &[String]| {
                for (way, priority) in ways.iter_mut().zip([first, second]) {
                    let way: &mut scenario_engine::definition::Transition = way;
                    way.priority = priority;
                }
            };
            with_way(version, at, change, "change priorities")
        }
        18 => {
            let mut asked = way("");
            ask(dice, taste, &mut asked);
            let which = dice.below(3);
            let change = |ways: &mut Vec<scenario_engine::definition::Transition>, _: &[String]| {
                let last = ways.len() - 1;
                let way = &mut ways[which.min(last)];
                way.condition_text = asked.condition_text.clone();
                way.condition_fields = asked.condition_fields.clone();
            };
            with_way(version, at, change, "change a condition")
        }
        19 => {
            let (which, to) = (dice.below(3), dice.below(version.steps.len()));
            let change = |ways: &mut Vec<scenario_engine::definition::Transition>, ids: &[String]| {
                let last = ways.len() - 1;
                ways[which.min(last)].to_step_id = ids[to].clone();
            };
            with_way(version, at, change, "lead elsewhere")
        }
        20 => {
            let step = &mut version.steps[at];
            let flag = match dice.below(4) {
                0 => &mut step.is_checkpoint,
                1 => &mut step.is_required_action,
                2 => &mut step.performs_action,
                _ => &mut step.is_terminal,
            };
            *flag = !*flag;
            format!("flip a flag of {id}")
        }
        21 => {
            for (number, step) in version.steps.iter_mut().enumerate() {
                step.id = format!("{fresh}_{number}_{}", step.id);
            }
            let renamed: Vec<String> = version.steps.iter().map(|s| s.id.clone()).collect();
            let became =
                |was: &str| renamed.iter().find(|r| r.splitn(4, '_').nth(3) == Some(was)).cloned().unwrap_or_default();
            version.entry_step_id = became(&version.entry_step_id);
            for step in &mut version.steps {
                for way in &mut step.transitions {
                    way.to_step_id = became(&way.to_step_id);
                }
            }
            "regenerate all ids".into()
        }
        22 => {
            version.steps.rotate_left(at);
            "change the document order".into()
        }
        _ => {
            if dice.chance(50) {
                version.entry_step_id = id.clone();
                return format!("enter at {id}");
            }
            // A twin of a step, on one of its ways on.
            let twin = Step { id: fresh.to_owned(), ..version.steps[at].clone() };
            if let Some(way) = version.steps[at].transitions.last_mut() {
                way.to_step_id = fresh.to_owned();
            }
            version.steps.push(twin);
            format!("a twin of {id}")
        }
    }
}

type Ways = Vec<scenario_engine::definition::Transition>;

fn with_way(version: &mut Definition, at: usize, change: impl Fn(&mut Ways, &[String]), what: &str) -> String {
    let ids: Vec<String> = version.steps.iter().map(|s| s.id.clone()).collect();
    let step = &mut version.steps[at];
    if !step.transitions.is_empty() {
        change(&mut step.transitions, &ids);
    }
    format!("{what} at {}", step.id)
}

fn insert_on_edge(dice: &mut Dice<'_>, version: &mut Definition, at: usize, fresh: &str) -> String {
    let place = dice.below(version.steps.len() + 1);
    let mut step = Step { id: fresh.to_owned(), ..content(dice, &format!("New {fresh}")) };
    let before = &mut version.steps[at];
    let from = before.id.clone();
    match before.transitions.last_mut() {
        Some(edge) => {
            step.transitions.push(way(&edge.to_step_id));
            edge.to_step_id = fresh.to_owned();
        }
        None => {
            // Nothing leads on from there: before the entry then.
            step.transitions.push(way(&version.entry_step_id));
            version.entry_step_id = fresh.to_owned();
        }
    }
    version.steps.insert(place, step);
    format!("insert {fresh} after {from}")
}

fn insert_fork(dice: &mut Dice<'_>, taste: &Taste, version: &mut Definition, at: usize, fresh: &str) -> String {
    let elsewhere = if dice.chance(50) {
        let end =
            Step { id: format!("{fresh}x"), is_terminal: dice.chance(70), ..content(dice, &format!("End {fresh}")) };
        version.steps.push(end);
        format!("{fresh}x")
    } else {
        let somewhere = dice.below(version.steps.len());
        version.steps[somewhere].id.clone()
    };
    let from = insert_on_edge(dice, version, at, fresh);
    if let Some(fork) = version.steps.iter_mut().find(|s| s.id == fresh) {
        let mut branch = way(&elsewhere);
        ask(dice, taste, &mut branch);
        fork.transitions.insert(0, branch);
    }
    format!("{from} as a fork to {elsewhere}")
}

fn split(dice: &mut Dice<'_>, taste: &Taste, version: &mut Definition, at: usize) -> String {
    let to = dice.below(version.steps.len());
    let mut branch = way(&version.steps[to].id.clone());
    ask(dice, taste, &mut branch);
    version.steps[at].transitions.insert(0, branch);
    format!("split {} to {}", version.steps[at].id, version.steps[to].id)
}

fn add_field(dice: &mut Dice<'_>, version: &mut Definition, at: usize) -> String {
    let field = *dice.pick(&FIELDS);
    let step = &mut version.steps[at];
    if !step.collects_profile_fields.iter().any(|f| f == field) {
        step.collects_profile_fields.push(field.to_owned());
    }
    format!("collect {field} at {}", step.id)
}

/// Deletes a step; `bypass` leads those who came to it to where it led.
fn delete(version: &mut Definition, at: usize, bypass: bool) -> String {
    if version.steps.len() < 2 {
        return "delete nothing".into();
    }
    let gone = version.steps.remove(at);
    let onward = gone.transitions.iter().map(|t| t.to_step_id.clone()).find(|to| *to != gone.id);
    if version.entry_step_id == gone.id {
        version.entry_step_id = onward.clone().unwrap_or_else(|| version.steps[0].id.clone());
    }
    for step in &mut version.steps {
        if let (true, Some(onward)) = (bypass, &onward) {
            for way in step.transitions.iter_mut().filter(|w| w.to_step_id == gone.id) {
                way.to_step_id = onward.clone();
            }
        }
        step.transitions.retain(|w| w.to_step_id != gone.id);
    }
    format!("delete {}", gone.id)
}
