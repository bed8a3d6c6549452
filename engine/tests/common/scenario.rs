//! Random scenarios: small, so that a failure can be read, and with everything that is legal in them.

use super::data::{FIELDS, QUESTIONS, TALK};
use super::dice::Dice;
use scenario_engine::definition::{Definition, Step, Transition};

/// How the random scenarios are flavoured, in percent.
#[derive(Debug, Clone, Copy)]
pub struct Taste {
    pub most_steps: usize,
    pub twins: usize,
    pub natural: usize,
    pub checkpoints: usize,
    /// Transitions that lead anywhere, also back.
    pub wild: usize,
    /// Forks whose last branch has a condition.
    pub open_forks: usize,
}

impl Taste {
    /// Everything that is legal.
    pub const ALL: Taste = Taste { most_steps: 8, twins: 25, natural: 12, checkpoints: 20, wild: 25, open_forks: 20 };
    /// Forks decided by data, few loops: where a walk afresh has an end.
    pub const DECIDED: Taste = Taste { most_steps: 8, twins: 8, natural: 2, checkpoints: 4, wild: 12, open_forks: 5 };
}

const NAMES: [&str; 3] = ["Welcome", "Ask", "Pay"];

pub fn definition(dice: &mut Dice<'_>, taste: &Taste) -> Definition {
    let count = 2 + dice.below(taste.most_steps);
    let mut steps: Vec<Step> = (0..count).map(|at| step(dice, taste, at)).collect();
    for (at, step) in steps.iter_mut().enumerate() {
        step.transitions = ways_on(dice, taste, at, count);
        step.is_terminal = step.transitions.is_empty() && !dice.chance(20);
    }
    let entry = if dice.chance(5) { dice.below(count) } else { 0 };
    Definition { name: "Random".into(), description: None, entry_step_id: id_of(entry), steps }
}

fn id_of(at: usize) -> String {
    format!("s{at}")
}

fn step(dice: &mut Dice<'_>, taste: &Taste, at: usize) -> Step {
    let is_checkpoint = dice.chance(taste.checkpoints);
    let mut step = content(dice, &format!("Step {at}"));
    if dice.chance(taste.twins) {
        step.name = (*dice.pick(&NAMES)).to_owned();
        step.description = None;
    }
    Step { id: id_of(at), is_checkpoint, ..step }
}

/// A step without id and transitions.
pub fn content(dice: &mut Dice<'_>, name: &str) -> Step {
    let mut collects: Vec<String> = Vec::new();
    for _ in 0..*dice.pick(&[0, 0, 1, 1, 2]) {
        collects.push((*dice.pick(&FIELDS)).to_owned());
    }
    Step {
        name: name.to_owned(),
        description: (!dice.chance(30)).then(|| format!("About {name}")),
        collects_profile_fields: collects,
        rule_ids: if dice.chance(10) { vec!["r1".into()] } else { Vec::new() },
        performs_action: dice.chance(10),
        is_required_action: dice.chance(10),
        ..Step::default()
    }
}

fn ways_on(dice: &mut Dice<'_>, taste: &Taste, at: usize, count: usize) -> Vec<Transition> {
    if at + 1 == count {
        return if dice.chance(15) { vec![way(&id_of(dice.below(count)))] } else { Vec::new() };
    }
    let mut ways = Vec::new();
    let branches = *dice.pick(&[1, 1, 2, 2, 2, 3, 0]);
    for branch in 0..branches {
        let last = branch + 1 == branches;
        let to = if dice.chance(taste.wild) {
            dice.below(count)
        } else if last {
            at + 1
        } else {
            at + 1 + dice.below(count - at - 1)
        };
        let mut way = way(&id_of(to));
        if !last || dice.chance(if branches == 1 { 8 } else { taste.open_forks }) {
            ask(dice, taste, &mut way);
        }
        if dice.chance(12) {
            way.priority = dice.below(3) as i64;
        }
        ways.push(way);
    }
    ways
}

/// An unconditional transition.
pub fn way(to: &str) -> Transition {
    Transition { to_step_id: to.to_owned(), ..Transition::default() }
}

/// Gives the transition a condition.
pub fn ask(dice: &mut Dice<'_>, taste: &Taste, way: &mut Transition) {
    way.condition_fields.clear();
    if dice.chance(taste.natural) {
        way.condition_text = (*dice.pick(&TALK)).to_owned();
        return;
    }
    let question = dice.pick(&QUESTIONS);
    way.condition_text = question.text.to_owned();
    // Not listed and collected nowhere, it is natural language.
    if !dice.chance(taste.natural) {
        way.condition_fields = question.reads.iter().map(|f| (*f).to_owned()).collect();
    }
}

/// The scenario on a few lines, as [`flow`](super::flow::flow) reads it.
pub fn show(definition: &Definition) -> String {
    let mut text = format!("  entry {}\n", definition.entry_step_id);
    for step in &definition.steps {
        let mut flags = String::new();
        for (flag, on) in [
            (" !checkpoint", step.is_checkpoint),
            (" !required", step.is_required_action),
            (" !action", step.performs_action),
            (" !end", step.is_terminal),
            (" !rules", !step.rule_ids.is_empty()),
        ] {
            if on {
                flags += flag;
            }
        }
        let ways: Vec<String> = step
            .transitions
            .iter()
            .map(|t| {
                let condition =
                    if t.condition_text.is_empty() { String::new() } else { format!(" if {}", t.condition_text) };
                let fields =
                    if t.condition_fields.is_empty() { String::new() } else { format!(" {:?}", t.condition_fields) };
                let priority = if t.priority == 0 { String::new() } else { format!(" at {}", t.priority) };
                format!("{}{condition}{fields}{priority}", t.to_step_id)
            })
            .collect();
        text += &format!(
            "  {} {:?} {:?} ({}){flags} -> {}\n",
            step.id,
            step.name,
            step.description.as_deref().unwrap_or_default(),
            step.collects_profile_fields.join(", "),
            ways.join("; ")
        );
    }
    text
}
