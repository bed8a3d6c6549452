//! Edits that change nothing, whatever the scenario and the session.

use crate::common::dice::Dice;
use crate::common::oracle::{Gait, walk};
use crate::common::plain::{Kind, Plain};
use crate::common::property::{Tally, property};
use crate::common::scenario::{Taste, definition, show};
use crate::common::world::World;
use crate::common::{data::everything, scene::told};
use crate::ensure;
use scenario_engine::definition::{Definition, parse};
use scenario_engine::reconcile::{Action, Effect};
use serde_json::{Value, json};

/// The definition with tags and layout, under keys that nobody but an editor knows.
pub fn tagged(definition: Definition) -> Definition {
    let mut document = serde_json::to_value(&definition).expect("JSON");
    document["tags"] = json!(["spring", "draft"]);
    for (place, step) in document["steps"].as_array_mut().expect("steps").iter_mut().enumerate() {
        step["layout"] = json!({"x": 40 * place, "y": 7});
        step["color"] = Value::Null;
        for way in step["transitions"].as_array_mut().expect("transitions") {
            way["arrow"] = json!("dashed");
        }
    }
    parse(&document.to_string()).expect("a definition")
}

/// The steps in another order, with every condition spelled in another way.
fn respelled(dice: &mut Dice<'_>, mut version: Definition) -> Definition {
    let plain = Plain::of(&version);
    for place in (1..version.steps.len()).rev() {
        version.steps.swap(place, dice.below(place + 1));
    }
    for step in &mut version.steps {
        let was = &plain.steps[plain.find(&step.id).expect("a step")];
        // In the order in which they are tried.
        let mut order: Vec<usize> = (0..step.transitions.len()).collect();
        order.sort_by_key(|place| std::cmp::Reverse(step.transitions[*place].priority));
        for (place, way) in order.into_iter().zip(&was.ways) {
            step.transitions[place].condition_text = spelled(dice, way.kind, &way.text);
        }
    }
    version
}

/// The condition in another spelling, or in the same.
fn spelled(dice: &mut Dice<'_>, kind: Kind, text: &str) -> String {
    let spellings = match kind {
        Kind::Always => ["", " ", "else", "otherwise", "Default", " always"].map(str::to_owned).to_vec(),
        Kind::Natural => vec![text.to_owned(), format!(" {text}\n"), text.replace(' ', "  ")],
        Kind::Expression => vec![
            text.to_owned(),
            format!("({text})"),
            format!("( ({text}) ) // as before"),
            text.replace('"', "'"),
            text.replace([' '], "\t "),
            text.replace(" < ", "<").replace(" >= ", ">=").replace(" == ", "==").replace(" && ", "&&"),
        ],
    };
    dice.pick(&spellings).clone()
}

#[test]
fn only_metadata_is_silence() {
    let tally = Tally::default();
    property("only_metadata_is_silence", |dice| {
        let taste = if dice.chance(50) { Taste::ALL } else { Taste { twins: 60, natural: 30, ..Taste::ALL } };
        let old = definition(dice, &taste);
        let new = tagged(respelled(dice, old.clone()));
        let all = everything(dice);
        let plain = Plain::of(&old);
        let gait = *dice.pick(&[Gait::ByData, Gait::AnyWay, Gait::Jumping]);
        let history = walk(&plain, dice, &all, gait);
        let explain = |why: String| format!("{why}\nold:\n{}new:\n{}came by {history:?}", show(&old), show(&new));
        let mut world = World::planned(old.clone(), new.clone());
        world.came_by(&plain, &history);
        world.session.finished = false;
        for (field, value) in all.iter().filter(|_| dice.chance(40)) {
            world.knows(field, &value.to_string());
        }
        let here = world.session.step_id.clone();
        let decision = world.reconcile();
        let silent = decision.user_message.is_none() && decision.warnings.is_empty();
        ensure!(
            decision.action == Action::Teleport && decision.effect == Effect::Move && silent,
            "{}",
            explain(told(&decision))
        );
        let target = decision.target.as_ref().map(|target| &target.step_id);
        ensure!(target == Some(&here), "{}", explain(format!("from {here} to {target:?}")));
        ensure!(decision.fields_filled.is_empty(), "{}", explain("it looked for a field".into()));
        let plan = &world.maps[&world.plans[0].plan_id];
        let catalogue = &plan.catalogue;
        ensure!(
            catalogue.new_forks.is_empty() && catalogue.modified_transitions.is_empty(),
            "{}",
            explain("the map tells of a fork or a transition".into())
        );
        if old != new {
            tally.count("changed");
        }
        if plain.steps.iter().any(|step| step.ways.len() > 1) {
            tally.count("with a fork");
        }
        if history.iter().any(|step| plain.steps[*step].checkpoint) {
            tally.count("after a checkpoint");
        }
        Ok(())
    });
    tally.at_least(80.0, "changed");
    tally.at_least(40.0, "with a fork");
    tally.at_least(20.0, "after a checkpoint");
    tally.tell("only metadata");
}
