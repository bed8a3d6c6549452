//! Random pairs of versions with their diff.

use super::dice::Dice;
use super::edit::next_version;
use super::oracle::Pairs;
use super::plain::Plain;
use super::scenario::{Taste, definition, show};
use scenario_engine::definition::Definition;
use scenario_engine::diff::{TransformationMap, diff};
use scenario_engine::graph::Graph;

/// Two versions, mostly one an edit of the other, and their diff.
pub struct Two {
    pub before: Definition,
    pub after: Definition,
    pub story: String,
    pub map: TransformationMap,
}

impl Two {
    pub fn random(dice: &mut Dice<'_>) -> Two {
        let taste = if dice.chance(70) { Taste::ALL } else { Taste { twins: 80, most_steps: 6, ..Taste::ALL } };
        let mut before = definition(dice, &taste);
        if dice.chance(30) {
            make_alike(dice, &mut before);
        }
        // Mostly an edit of it, now and then another scenario altogether.
        let (after, story) = match dice.chance(10) {
            true => (definition(dice, &taste), "another scenario".to_owned()),
            false => next_version(dice, &taste, &before, 1),
        };
        let (after, story) = match dice.chance(20) {
            true => (renumbered(after), format!("{story}, renumber")),
            false => (after, story),
        };
        let (after, story) = match dice.chance(30) {
            true => (reworded(dice, after), format!("{story}, reword")),
            false => (after, story),
        };
        let map = diff(&Graph::compile(&before), &Graph::compile(&after));
        Two { before, after, story, map }
    }

    pub fn explain(&self, why: impl std::fmt::Display) -> String {
        format!("{why}\nold:\n{}new ({}):\n{}", show(&self.before), self.story, show(&self.after))
    }

    /// The pairs as the diff has them, by index.
    pub fn pairs(&self, old: &Plain, new: &Plain) -> Pairs {
        Pairs::from_ids(old, new, self.map.anchors.iter().map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str())))
    }
}

/// Ids as positions: what was inserted takes the id of what stood there, and all that follows has another one than it
/// had.
fn renumbered(mut version: Definition) -> Definition {
    let was: Vec<String> = version.steps.iter().map(|s| s.id.clone()).collect();
    let is = |id: &str| format!("s{}", was.iter().position(|w| w == id).expect("a step"));
    version.entry_step_id = is(&version.entry_step_id);
    for step in &mut version.steps {
        step.id = is(&step.id);
        step.transitions.iter_mut().for_each(|t| t.to_step_id = is(&t.to_step_id));
    }
    version
}

/// Most steps say the same as another.
fn make_alike(dice: &mut Dice<'_>, version: &mut Definition) {
    for step in version.steps.iter_mut() {
        if dice.chance(75) {
            step.name = (*dice.pick(&["Confirm", "Ask"])).to_owned();
            step.description = dice.chance(30).then(|| "1:1".to_owned());
            step.collects_profile_fields = if dice.chance(30) { vec!["age".to_owned()] } else { Vec::new() };
            (step.rule_ids, step.performs_action, step.is_checkpoint) = (Vec::new(), false, dice.chance(20));
        }
    }
}

/// Some steps get other words: a few more, or words that others have.
fn reworded(dice: &mut Dice<'_>, mut version: Definition) -> Definition {
    for step in version.steps.iter_mut() {
        match dice.below(8) {
            0 => step.name += " it",
            1 => step.name = "Xylophone".to_owned(),
            2 => step.description = Some("1:1".to_owned()),
            _ => {}
        }
    }
    version
}
