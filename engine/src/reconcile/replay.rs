//! Replay (`docs/behaviour.md`, "Replay"): walking the customer's own path through the new version, to see what they
//! would have met. What happens at a fork is in `fork`.

use super::checkpoint::Checkpoints;
use super::decision::{CheckpointBlock, DecisionRequest, FollowedDecision, NeededFor};
use super::facts::{Facts, SubmittedDecision};
use super::gap::{Fields, Need};
use super::history::{Done, History, Relation};
use super::path::Path;
use super::settings::Settings;
use super::trace::{Event, Trace};
use crate::condition::Truth;
use crate::diff::added_fields;
use crate::graph::{Graph, Node, StepIx};
use fixedbitset::FixedBitSet;
use serde_json::json;
use std::collections::HashMap;

/// How far the replay may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Forks may redirect.
    Full,
    /// Forks keep to the path and are not evaluated: `force_scenario => gap_fill`, or re-routing is off.
    KeepPath,
}

/// What a replay works on.
pub(super) struct Replay<'a> {
    pub relation: &'a Relation,
    pub history: &'a History,
    pub path: &'a Path,
    /// The old step that the session is at.
    pub current_old: Option<StepIx>,
    /// The version of `relation.new`.
    pub new_version: i32,
    pub reach: Reach,
    pub settings: &'a Settings,
    pub checkpoints: &'a Checkpoints<'a>,
    pub completed: &'a Done<'a>,
    pub decisions: &'a [SubmittedDecision],
}

/// How a replay ended. What it needs on the way is in the [`Fields`] that it was given.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// `Some(target)`: the customer belongs elsewhere.
    pub redirect: Option<StepIx>,
    /// Required actions that were not executed.
    pub actions: Vec<StepIx>,
    pub undecided: Option<DecisionRequest>,
    /// Answers that the walk went by.
    pub followed: Vec<FollowedDecision>,
    /// Redirects that a passed checkpoint forbids: of branches that are taken, or that may be and nobody was asked.
    pub blocks: Vec<CheckpointBlock>,
    /// One of `blocks` is of a branch that is known to be taken.
    pub blocked_branch_is_taken: bool,
    pub warnings: Vec<String>,
}

impl Replayed {
    /// The walk has gone by an answer, for or against a branch: named once.
    pub(super) fn follow(&mut self, fork: &Node, answer: &str, graph: &Graph) {
        if self.followed.iter().any(|f| f.fork_step_id == fork.id) {
            return;
        }
        let name = graph.find(answer).map(|step| graph.node(step).name.clone());
        self.followed.push(FollowedDecision {
            fork_step_id: fork.id.clone(),
            fork_step_name: fork.name.clone(),
            target_step_id: answer.to_owned(),
            target_step_name: name.unwrap_or_default(),
        });
    }

    pub(super) fn block(&mut self, block: CheckpointBlock) {
        if !self.blocks.contains(&block) {
            self.blocks.push(block);
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }
}

/// No honest flow comes near: it keeps a turn from walking for minutes through a maze of cycles.
const EXPANSIONS: usize = 100_000;

/// Where the walk goes from a step.
pub(super) enum Onward {
    To(StepIx),
    /// Along the path, whatever the conditions say; from here on the walk is unsure.
    Unsure(StepIx),
    Redirect(StepIx),
    /// A fork cannot be decided before something is known; what, is noted already.
    Stop,
}

impl Replay<'_> {
    /// Walks from the start of the path to its landing step. What it needs is noted in `fields`, what happens in
    /// `trace`.
    pub(super) fn walk<F: Facts>(
        &self,
        fields: &mut Fields<'_>,
        facts: &mut F,
        trace: &mut Trace,
    ) -> Result<Replayed, F::Error> {
        let steps = &self.path.steps;
        let walker = Walker {
            replay: self,
            graph: &self.relation.new,
            fields,
            facts,
            trace,
            replayed: Replayed::default(),
            place_on_path: steps.iter().enumerate().map(|(place, s)| (s.new, place)).collect(),
            arrived: FixedBitSet::with_capacity(steps.len()),
            expanded: FixedBitSet::with_capacity(self.relation.new.len()),
            at: self.path.start,
            target: 0,
            behind: None,
            unsure: false,
        };
        walker.run()
    }
}

/// A walk on its way.
pub(super) struct Walker<'a, 'f, F: Facts> {
    pub replay: &'a Replay<'a>,
    pub graph: &'a Graph,
    pub fields: &'a mut Fields<'f>,
    pub facts: &'a mut F,
    pub trace: &'a mut Trace,
    pub replayed: Replayed,
    place_on_path: HashMap<StepIx, usize>,
    /// Places of the path that the walk has been at, or has gone back for.
    pub arrived: FixedBitSet,
    /// Steps that were expanded on the way from the last step of the path.
    expanded: FixedBitSet,
    pub at: StepIx,
    /// The place on the path that the walk is to come to next.
    pub target: usize,
    /// The place on the path that it was at last.
    pub behind: Option<usize>,
    /// It went on by a way that the customer's data do not confirm: it redirects nobody, and asks nothing at forks.
    pub unsure: bool,
}

impl<F: Facts> Walker<'_, '_, F> {
    fn run(mut self) -> Result<Replayed, F::Error> {
        for _ in 0..EXPANSIONS {
            let was_unsure = self.unsure;
            if self.comes_to_the_end() {
                self.trace.step(Event::Landing, self.graph.node(self.at), json!({}));
                return Ok(self.replayed);
            }
            if self.expanded.put(self.at) {
                self.jump("came to a step for the second time");
                continue;
            }
            self.duties(was_unsure && !self.unsure)?;
            let Some(leads) = self.leads_on() else {
                self.jump("no way leads on to the path");
                continue;
            };
            match self.onward(&leads)? {
                Onward::To(next) => self.at = next,
                Onward::Unsure(next) => {
                    self.unsure = true;
                    self.at = next;
                }
                Onward::Redirect(elsewhere) => {
                    self.replayed.redirect = Some(elsewhere);
                    return Ok(self.replayed);
                }
                Onward::Stop => return Ok(self.replayed),
            }
        }
        self.replayed.warn(format!("the replay was ended after {EXPANSIONS} steps"));
        let landing = self.path_step(self.replay.path.steps.len() - 1);
        self.trace.step(Event::Jump, self.graph.node(landing), json!({"why": "the replay has become too long"}));
        Ok(self.replayed)
    }

    pub(super) fn path_step(&self, place: usize) -> StepIx {
        self.replay.path.steps[place].new
    }

    fn jump(&mut self, why: &str) {
        self.at = self.path_step(self.target);
        self.trace.step(Event::Jump, self.graph.node(self.at), json!({"why": why}));
    }

    /// Takes note of where the walk stands on the path; whether that is the landing step. A step of the path makes the
    /// walk sure again. Where there are loops, the walk can come to a later step of the path than the next one: it is
    /// not sent round for what lies between. It can also come to an earlier one that it has not been at, where the new
    /// version is entered in the middle of the path: from there it follows the path on.
    fn comes_to_the_end(&mut self) -> bool {
        let Some(place) = self.place_on_path.get(&self.at).copied() else { return false };
        self.unsure = false;
        if !self.arrived.put(place) || place >= self.target {
            self.behind = Some(place);
            self.target = place + 1;
            self.expanded.clear();
        }
        place + 1 == self.replay.path.steps.len()
    }

    /// The branches of the step at hand that lead to the target; if none does, to the first later step of the path that
    /// can be reached, which becomes the target.
    fn leads_on(&mut self) -> Option<Vec<usize>> {
        let places = self.target..self.replay.path.steps.len();
        let (place, leads) = places.map(|place| (place, self.leads(place))).find(|(_, leads)| !leads.is_empty())?;
        self.target = place;
        Some(leads)
    }

    /// The branches of the step at hand from which a step of the path can be reached without coming back through it.
    fn leads(&self, place: usize) -> Vec<usize> {
        let branches = &self.graph.node(self.at).branches;
        (0..branches.len()).filter(|b| self.leads_to(branches[*b].to, place)).collect()
    }

    pub(super) fn leads_to(&self, next: StepIx, place: usize) -> bool {
        let step = self.path_step(place);
        next == step || self.graph.reaches_avoiding(next, step, self.at)
    }

    /// What the step at hand asks of a customer who passes it.
    fn duties(&mut self, sure_again: bool) -> Result<(), F::Error> {
        let (replay, node) = (self.replay, self.graph.node(self.at));
        let old = replay.relation.pairing.old_of(self.at);
        let detail = if sure_again { json!({"sure_again": true}) } else { json!({}) };
        if replay.history.visited.contains(self.at) {
            let added = match old {
                Some(old) => added_fields(&replay.relation.old, self.graph, old, self.at),
                None => Vec::new(),
            };
            self.trace.step(if added.is_empty() { Event::Visited } else { Event::Edited }, node, detail);
            return self.need_fields(node, &added);
        }
        if old.is_some_and(|old| self.let_past_before(old)) {
            self.trace.step(Event::PassedBefore, node, detail);
            return Ok(());
        }
        self.trace.step(Event::Inserted, node, detail);
        if node.is_required_action && !self.replayed.actions.contains(&self.at) {
            let done = replay.completed.is_done(node);
            self.trace.step(Event::RequiredAction, node, json!({"completed": done}));
            if !done {
                self.replayed.actions.push(self.at);
            }
        }
        self.need_fields(node, &node.collects)
    }

    /// Whether the old version had already let the customer past a step that they did not visit: it lies before the
    /// step that they are at, and every old way from the last step of their path to the next leads over it, so they
    /// jumped over it.
    fn let_past_before(&self, old_step: StepIx) -> bool {
        let old = &self.replay.relation.old;
        let Some(current) = self.replay.current_old else { return false };
        if !old.is_upstream(old_step, current) {
            return false;
        }
        let steps = &self.replay.path.steps;
        let from = match self.behind {
            Some(place) => steps[place].old,
            None => Some(old.entry()),
        };
        match (from, steps[self.target].old) {
            (Some(from), Some(to)) => !old.reaches_avoiding(from, to, old_step),
            _ => false,
        }
    }

    fn need_fields(&mut self, node: &Node, needed: &[String]) -> Result<(), F::Error> {
        for field in needed {
            let why = NeededFor::Step { step_id: node.id.clone(), step_name: node.name.clone() };
            let need = self.fields.need(field, why, self.facts)?;
            self.trace.field(node, field, need);
        }
        Ok(())
    }

    fn onward(&mut self, leads: &[usize]) -> Result<Onward, F::Error> {
        let node = self.graph.node(self.at);
        let [only] = node.branches.as_slice() else { return self.at_fork(leads) };
        let is_false = matches!(self.known_truth(only)?, Truth::False);
        if is_false && !self.replay.history.went(self.at, only.to) {
            self.trace.fork(node, only, self.graph, "its only way on, though the condition is false: unsure from here");
            return Ok(Onward::Unsure(only.to));
        }
        Ok(Onward::To(only.to))
    }
}

impl Trace {
    pub(super) fn field(&mut self, node: &Node, field: &str, need: Need) {
        let how = match need {
            Need::Filled(source) => json!({"field": field, "found_in": source.as_str()}),
            Need::Missing => json!({"field": field, "missing": true}),
            Need::GoneWithout => json!({"field": field, "gone_without": true}),
        };
        self.step(Event::Field, node, how);
    }
}
