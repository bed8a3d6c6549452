//! Two versions and a customer in the old one, and what holds for every customer.

use super::data::{Data, everything};
use super::dice::Dice;
use super::edit::next_version;
use super::oracle::{Gait, Pairs, walk};
use super::plain::Plain;
use super::property::Tally;
use super::scenario::{Taste, definition, show};
use super::undone::Move;
use super::world::{World, brief};
use crate::ensure;
use scenario_engine::definition::Definition;
use scenario_engine::reconcile::{Action, Decision, Effect, Event};
use std::collections::BTreeSet;

/// Two versions and a customer in the old one.
pub struct Scene {
    pub definitions: [Definition; 2],
    pub story: String,
    pub old: Plain,
    pub new: Plain,
    pub history: Vec<usize>,
    pub all: Data,
    pub known: Data,
}

impl Scene {
    pub fn random(dice: &mut Dice<'_>, taste: &Taste, gait: Gait) -> Scene {
        let before = definition(dice, taste);
        let (after, story) = next_version(dice, taste, &before, 1);
        let (old, new) = (Plain::of(&before), Plain::of(&after));
        let all = everything(dice);
        let history = walk(&old, dice, &all, gait);
        let collected: BTreeSet<&String> =
            history[..history.len() - 1].iter().flat_map(|s| &old.steps[*s].collects).collect();
        let known = all.iter().filter(|(f, _)| collected.contains(f) || dice.chance(45));
        let known = known.map(|(f, v)| (f.clone(), v.clone())).collect();
        Scene { definitions: [before, after], story, old, new, history, all, known }
    }

    pub fn world(&self) -> World {
        let [old, new] = self.definitions.clone();
        let mut world = World::planned(old, new);
        world.came_by(&self.old, &self.history);
        // Whether a walk has come to its end is not what these properties are about.
        world.session.finished = false;
        world.knows_all(&self.known);
        world
    }

    pub fn pairs(&self, world: &World) -> Pairs {
        let map = &world.maps[&world.plans[0].plan_id];
        let ids = map.anchors.iter().map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str()));
        Pairs::from_ids(&self.old, &self.new, ids)
    }

    pub fn current(&self) -> usize {
        self.history[self.history.len() - 1]
    }

    pub fn explain(&self, why: String, decision: Option<&Decision>) -> String {
        let steps: Vec<&str> = self.history.iter().map(|s| self.old.steps[*s].id.as_str()).collect();
        let mut text = format!(
            "{why}\nold:\n{}new ({}):\n{}came by {}\nknown {:?}\ntrue {:?}\n",
            show(&self.definitions[0]),
            self.story,
            show(&self.definitions[1]),
            steps.join(" "),
            self.known,
            self.all
        );
        if let Some(decision) = decision {
            text += &told(decision);
        }
        text
    }
}

pub fn told(decision: &Decision) -> String {
    let mut text =
        format!("{:?} {:?}: {} ({})\n", decision.migration_scenario, decision.effect, brief(decision), decision.reason);
    for event in &decision.trace {
        let step = event.step_id.as_deref().unwrap_or("-");
        text += &format!("  {} {step} {}\n", event.event.as_str(), serde_json::Value::Object(event.detail.clone()));
    }
    text
}

impl Scene {
    /// The acts that the customer has passed and that a move to a place of the new version undoes, by the step where
    /// they passed them.
    fn undone(&self, pairs: &Pairs, world: &World, place: usize) -> Vec<usize> {
        let acts = world.scenario_acts();
        let judged = Move {
            from: Some((&self.old, self.current())),
            to: &self.new,
            place,
            stays_at_its_step: pairs.new_of[self.current()] == Some(place),
            old_of: &|step| pairs.old_of[step],
            acts: &acts,
        };
        let hash = |step: usize| self.old.steps[step].hash.as_str();
        let passed = self.history.iter().copied().filter(|s| acts.is_flagged(hash(*s)));
        passed.filter(|step| judged.undoes(hash(*step))).collect()
    }

    pub fn landing_undoes(&self, pairs: &Pairs, world: &World, landing: usize) -> bool {
        !self.undone(pairs, world, landing).is_empty()
    }
}

/// What is promised of every move, checked on both graphs by trying: it undoes no act that the customer has passed, and
/// a redirect does not lie at a fork after whose last visit a checkpoint was visited.
pub fn moved_before_a_checkpoint(scene: &Scene, pairs: &Pairs, world: &World, decision: &Decision) -> Option<String> {
    let target = scene.new.find(&decision.target.as_ref()?.step_id)?;
    if let Some(step) = scene.undone(pairs, world, target).first() {
        return Some(format!("the move undoes checkpoint {}", scene.old.steps[*step].id));
    }
    let fork =
        decision.trace.iter().find(|e| e.event == Event::Redirect).and_then(|e| e.detail["from_step_id"].as_str());
    let fork = scene.new.find(fork?)?;
    let fork_visit = scene.history.iter().rposition(|s| pairs.new_of[*s] == Some(fork))?;
    let acts = world.scenario_acts();
    let passed_since = scene.history[fork_visit + 1..].iter().find(|s| acts.is_flagged(&scene.old.steps[**s].hash))?;
    Some(format!("redirected before checkpoint {}", scene.old.steps[*passed_since].id))
}

/// Also: a decision is the same twice; what is known is not asked for; it ends; then there is nothing left to do.
pub fn keeps_its_promises(scene: &Scene, world: &mut World, tally: &Tally, choose: usize) -> Result<(), String> {
    let pairs = scene.pairs(world);
    for _ in 0..40 {
        let decision = world.reconcile();
        ensure!(decision == world.reconcile(), "{}", scene.explain("not deterministic".into(), Some(&decision)));
        for request in &decision.collect_fields {
            let valid = world.profile.get(&request.field).is_some_and(|c| !c.needs_confirmation)
                || world.session.variables.contains_key(&request.field);
            let why = format!("{} is known and asked for", request.field);
            ensure!(!valid, "{}", scene.explain(why, Some(&decision)));
        }
        tally.count(decision.action.as_str());
        match decision.effect {
            Effect::Wait(_) => world.answer(&decision, &scene.all, choose),
            Effect::Move => {
                if let Some(why) = moved_before_a_checkpoint(scene, &pairs, world, &decision) {
                    return Err(scene.explain(why, Some(&decision)));
                }
                let redirected = decision.trace.iter().any(|e| e.event == Event::Redirect);
                if scene.history.iter().any(|s| scene.old.steps[*s].checkpoint) {
                    tally.count("moved after a checkpoint");
                    if redirected {
                        tally.count("redirected after a checkpoint");
                    }
                }
                if !decision.checkpoint_blocks.is_empty() {
                    tally.count("blocked");
                    // Further on, another fork may still redirect.
                    ensure!(
                        decision.checkpoint_warning().is_some() && (redirected || decision.action == Action::Continue),
                        "{}",
                        scene.explain("a block is a continue with a warning".into(), Some(&decision))
                    );
                }
                if decision.trace.iter().any(|e| e.event == Event::Relocation) {
                    tally.count("relocated");
                }
                world.apply(&decision);
                ensure!(world.session.scenario_version == world.published, "moved to another version");
                let again = world.reconcile();
                ensure!(
                    again.action == Action::Continue && again.effect != Effect::Move,
                    "{}",
                    scene.explain("reconciled twice, moved twice".into(), Some(&again))
                );
                return Ok(());
            }
            Effect::Pin => {
                if decision.undone.is_some()
                    && let Some(landing) = pairs.new_of[scene.current()]
                {
                    let needed = scene.landing_undoes(&pairs, world, landing);
                    ensure!(needed, "{}", scene.explain("held without need".into(), Some(&decision)));
                }
                tally.count("pinned");
                return Ok(());
            }
            Effect::Exit | Effect::Settle | Effect::None => return Ok(()),
        }
    }
    Err(scene.explain("it never ends".into(), None))
}
