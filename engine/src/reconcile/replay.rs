//! Replay (SPEC 7.3): walking the customer's own path through the new version, to see what they would have met.

use super::checkpoint::Checkpoints;
use super::decision::{CheckpointBlock, DecisionBranch, DecisionRequest, FollowedDecision, NeededFor};
use super::facts::{Facts, SubmittedDecision};
use super::gap::{Fields, Need};
use super::history::{Done, History, Relation};
use super::path::Path;
use super::settings::{OnUndecided, Settings};
use super::trace::{Event, Trace};
use crate::condition::{ConditionKind, Truth};
use crate::diff::{ForkChange, added_fields, fork_change};
use crate::graph::{Branch, Graph, Node, StepIx};
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
    pub blocks: Vec<CheckpointBlock>,
    pub warnings: Vec<String>,
}

impl Replayed {
    /// The walk has gone by an answer, for or against a branch: named once.
    fn follow(&mut self, fork: &Node, answer: &str, graph: &Graph) {
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
}

/// No honest flow comes near: it keeps a turn from walking for minutes through a maze of cycles.
const EXPANSIONS: usize = 100_000;

/// Where the walk goes from a step.
enum Onward {
    To(StepIx),
    /// Along the path, whatever the conditions say; from here on the walk is unsure.
    Unsure(StepIx),
    Redirect(StepIx),
    /// A fork cannot be decided before something is known; what, is noted already.
    Stop,
}

impl Replay<'_> {
    /// Walks from the start of the path to its landing step.
    pub(super) fn walk<F: Facts>(
        &self,
        fields: &mut Fields<'_>,
        facts: &mut F,
        trace: &mut Trace,
    ) -> Result<Replayed, F::Error> {
        let graph = &*self.relation.new;
        let steps = &self.path.steps;
        let last = steps.len() - 1;
        let mut replayed = Replayed::default();
        let place_on_path: HashMap<StepIx, usize> = steps.iter().enumerate().map(|(place, s)| (s.new, place)).collect();
        let mut at = self.path.start;
        let mut target = 0;
        let mut behind: Option<usize> = None;
        let mut unsure = false;
        let mut expanded = FixedBitSet::with_capacity(graph.len());
        let mut expansions = 0;
        loop {
            // Where there are loops, the way to a step of the path can lead over a later one: who has come that far is not sent
            // round for what lies between, least of all past the landing step.
            if let Some(place) = place_on_path.get(&at).copied().filter(|place| *place >= target) {
                unsure = false;
                behind = Some(place);
                expanded.clear();
                if place == last {
                    trace.step(Event::Landing, graph.node(at), json!({}));
                    return Ok(replayed);
                }
                target = place + 1;
            }
            expansions += 1;
            if expansions > EXPANSIONS {
                replayed.warnings.push(format!("the replay was ended after {EXPANSIONS} steps"));
                trace.step(Event::Jump, graph.node(steps[last].new), json!({"why": "the replay has become too long"}));
                return Ok(replayed);
            }
            if expanded.put(at) {
                at = steps[target].new;
                trace.step(Event::Jump, graph.node(at), json!({"why": "came to a step for the second time"}));
                continue;
            }
            self.duties(at, behind, target, fields, facts, &mut replayed, trace)?;
            let Some((reachable, leads)) = self.next_reachable(at, target) else {
                at = steps[target].new;
                trace.step(Event::Jump, graph.node(at), json!({"why": "no way leads on to the path"}));
                continue;
            };
            target = reachable;
            let walk = Walk { at, behind, leads, unsure };
            match self.onward(walk, &mut target, fields, facts, &mut replayed, trace)? {
                Onward::To(next) => at = next,
                Onward::Unsure(next) => {
                    unsure = true;
                    at = next;
                }
                Onward::Redirect(elsewhere) => {
                    replayed.redirect = Some(elsewhere);
                    return Ok(replayed);
                }
                Onward::Stop => return Ok(replayed),
            }
        }
    }

    /// The first step of the path, from `target` on, that can be reached from `at`, and the branches that lead to it.
    fn next_reachable(&self, at: StepIx, target: usize) -> Option<(usize, Vec<usize>)> {
        (target..self.path.steps.len()).map(|place| (place, self.leads(at, place))).find(|(_, leads)| !leads.is_empty())
    }

    /// The branches of `at` from which a step of the path can be reached without coming back through `at`.
    fn leads(&self, at: StepIx, place: usize) -> Vec<usize> {
        let branches = &self.relation.new.node(at).branches;
        (0..branches.len()).filter(|b| self.leads_to(at, branches[*b].to, place)).collect()
    }

    fn leads_to(&self, at: StepIx, next: StepIx, place: usize) -> bool {
        let step = self.path.steps[place].new;
        next == step || self.relation.new.reaches_avoiding(next, step, at)
    }

    /// What the step at hand asks of a customer who passes it.
    #[allow(clippy::too_many_arguments)] // one call, and each is another thing
    fn duties<F: Facts>(
        &self,
        at: StepIx,
        behind: Option<usize>,
        target: usize,
        fields: &mut Fields<'_>,
        facts: &mut F,
        replayed: &mut Replayed,
        trace: &mut Trace,
    ) -> Result<(), F::Error> {
        let node = self.relation.new.node(at);
        let old = self.relation.pairing.old_of(at);
        if self.history.visited.contains(at) {
            let added = match old {
                Some(old) => added_fields(&self.relation.old, &self.relation.new, old, at),
                None => Vec::new(),
            };
            let event = if added.is_empty() { Event::Visited } else { Event::Edited };
            trace.step(event, node, json!({}));
            return self.need_fields(node, &added, fields, facts, trace);
        }
        if let Some(old) = old
            && self.let_past_before(old, behind, target)
        {
            trace.step(Event::PassedBefore, node, json!({}));
            return Ok(());
        }
        trace.step(Event::Inserted, node, json!({}));
        if node.is_required_action && !replayed.actions.contains(&at) {
            let done = self.completed.is_done(node);
            trace.step(Event::RequiredAction, node, json!({"completed": done}));
            if !done {
                replayed.actions.push(at);
            }
        }
        self.need_fields(node, &node.collects, fields, facts, trace)
    }

    /// Whether the old version had already let the customer past a step that they did not visit: it lies before the step that
    /// they are at, and every old way from the last step of their path to the next leads over it, so they jumped over it.
    fn let_past_before(&self, old_step: StepIx, behind: Option<usize>, target: usize) -> bool {
        let old = &self.relation.old;
        let Some(current) = self.current_old else { return false };
        if !old.is_upstream(old_step, current) {
            return false;
        }
        let from = match behind {
            Some(place) => self.path.steps[place].old,
            None => Some(old.entry()),
        };
        match (from, self.path.steps[target].old) {
            (Some(from), Some(to)) => !old.reaches_avoiding(from, to, old_step),
            _ => false,
        }
    }

    fn need_fields<F: Facts>(
        &self,
        node: &Node,
        needed: &[String],
        fields: &mut Fields<'_>,
        facts: &mut F,
        trace: &mut Trace,
    ) -> Result<(), F::Error> {
        for field in needed {
            let why = NeededFor::Step { step_id: node.id.clone(), step_name: node.name.clone() };
            let need = fields.need(field, why, facts)?;
            trace.field(node, field, need);
        }
        Ok(())
    }

    fn onward<F: Facts>(
        &self,
        walk: Walk,
        target: &mut usize,
        fields: &mut Fields<'_>,
        facts: &mut F,
        replayed: &mut Replayed,
        trace: &mut Trace,
    ) -> Result<Onward, F::Error> {
        let graph = &*self.relation.new;
        let node = graph.node(walk.at);
        if let [only] = node.branches.as_slice() {
            let is_false = matches!(truth(only, fields, facts)?, Truth::False);
            if is_false && !self.history.went(walk.at, only.to) {
                trace.fork(node, only, graph, "its only way on, though the condition is false: unsure from here");
                return Ok(Onward::Unsure(only.to));
            }
            return Ok(Onward::To(only.to));
        }
        let visited = self.history.visited.contains(walk.at);
        let unchanged =
            visited && fork_change(&self.relation.old, graph, &self.relation.pairing, walk.at) == ForkChange::Unchanged;
        let keep = |fields: &mut Fields<'_>, facts: &mut F| self.along_the_path(&walk, *target, fields, facts);
        if unchanged {
            let branch = keep(fields, facts)?;
            trace.fork(node, branch, graph, "visited and not changed: their choice stands");
            return Ok(Onward::To(branch.to));
        }
        if walk.unsure || self.reach == Reach::KeepPath {
            let branch = keep(fields, facts)?;
            let why = if walk.unsure { "the walk is unsure: keeps to the path" } else { "keeps to the path" };
            trace.fork(node, branch, graph, why);
            return Ok(Onward::To(branch.to));
        }
        self.decide_fork(&walk, target, fields, facts, replayed, trace)
    }

    /// A fork that the customer has not decided by walking it.
    fn decide_fork<F: Facts>(
        &self,
        walk: &Walk,
        target: &mut usize,
        fields: &mut Fields<'_>,
        facts: &mut F,
        replayed: &mut Replayed,
        trace: &mut Trace,
    ) -> Result<Onward, F::Error> {
        let graph = &*self.relation.new;
        let node = graph.node(walk.at);
        let mut doubtful = false;
        let mut taken = None;
        for (place, branch) in node.branches.iter().enumerate() {
            let truth = match branch.condition.kind() {
                ConditionKind::Natural => match self.decided(node) {
                    Some(answer) => {
                        replayed.follow(node, answer, graph);
                        if answer == graph.node(branch.to).id { Truth::True } else { Truth::False }
                    }
                    None => Truth::Unknown { missing: Vec::new(), error: None },
                },
                _ => self.needed_truth(node, branch, fields, facts, trace)?,
            };
            match truth {
                Truth::True => {
                    taken = Some((place, branch));
                    break;
                }
                Truth::False if branch.condition.kind() == ConditionKind::Natural => {
                    trace.branch(node, branch, graph, "somebody decided against it");
                }
                Truth::False => trace.branch(node, branch, graph, "false"),
                Truth::Unknown { .. } if branch.condition.kind() == ConditionKind::Natural => {
                    if !self.matters(&node.branches[place..]) {
                        taken = Some((place, branch));
                        break;
                    }
                    if self.settings.on_undecided == OnUndecided::Ask {
                        trace.branch(node, branch, graph, "nobody has decided it");
                        replayed.undecided = Some(decision_request(node, graph));
                        return Ok(Onward::Stop);
                    }
                    replayed.warnings.push(format!(
                        "nobody has decided \"{}\" at fork \"{}\"; the session keeps to its path",
                        branch.condition.text(),
                        node.name
                    ));
                    let branch = self.along_the_path(walk, *target, fields, facts)?;
                    trace.fork(node, branch, graph, "nobody has decided it: keeps to the path");
                    return Ok(Onward::Unsure(branch.to));
                }
                Truth::Unknown { missing, error } => {
                    if missing.iter().any(|field| fields.missing.iter().any(|m| m.field == *field)) {
                        trace.branch(node, branch, graph, "unknown: its fields are needed first");
                        return Ok(Onward::Stop);
                    }
                    // Soft fields are gone without, and what fails at run time cannot be asked for: nobody is redirected on it.
                    doubtful = true;
                    let why = match error {
                        Some(error) => format!("unknown: {error}"),
                        None => format!("unknown, gone without {}", missing.join(", ")),
                    };
                    trace.branch(node, branch, graph, &why);
                }
            }
        }
        let Some((place, branch)) = taken else {
            let branch = &node.branches[walk.leads[0]];
            trace.fork(node, branch, graph, "no branch is true: unsure from here");
            return Ok(Onward::Unsure(branch.to));
        };
        if branch.condition.kind() == ConditionKind::Natural && self.decided(node).is_some() {
            trace.branch_taken(node, branch, graph, "somebody decided for it");
        }
        if walk.leads.contains(&place) {
            trace.fork(node, branch, graph, "leads to the path");
            return Ok(Onward::To(branch.to));
        }
        let later = (*target + 1..self.path.steps.len()).find(|p| self.leads_to(walk.at, branch.to, *p));
        if let Some(later) = later {
            *target = later;
            trace.fork(node, branch, graph, "leads to a later step of the path");
            return Ok(Onward::To(branch.to));
        }
        if doubtful {
            let branch = self.along_the_path(walk, *target, fields, facts)?;
            trace.fork(node, branch, graph, "an earlier branch is unknown: keeps to the path, unsure from here");
            return Ok(Onward::Unsure(branch.to));
        }
        if let Some(block) = self.forbidden(walk, node, branch) {
            trace.step(Event::Checkpoint, node, json!({"blocked": block}));
            if !replayed.blocks.contains(&block) {
                replayed.blocks.push(block);
            }
            let branch = self.along_the_path(walk, *target, fields, facts)?;
            trace.fork(node, branch, graph, "a passed checkpoint forbids the redirect: stays on the path");
            return Ok(Onward::To(branch.to));
        }
        trace.fork(node, branch, graph, "leads elsewhere");
        trace.step(Event::Redirect, graph.node(branch.to), json!({"from_step_id": node.id}));
        Ok(Onward::Redirect(branch.to))
    }

    /// The truth of a branch that decides: the fields that it reads become fields that are needed.
    fn needed_truth<F: Facts>(
        &self,
        node: &Node,
        branch: &Branch,
        fields: &mut Fields<'_>,
        facts: &mut F,
        trace: &mut Trace,
    ) -> Result<Truth, F::Error> {
        let mut read: Vec<String> = Vec::new();
        let truth = branch.condition.evaluate(&mut |field| {
            let value = fields.value(field, facts)?;
            if value.is_some() {
                read.push(field.to_owned());
            }
            Ok(value)
        })?;
        if let Truth::Unknown { missing, .. } = &truth {
            read.extend(missing.iter().cloned());
        }
        for field in read {
            let why = NeededFor::Fork {
                step_id: node.id.clone(),
                step_name: node.name.clone(),
                condition_text: branch.condition.text().to_owned(),
            };
            let need = fields.need(&field, why, facts)?;
            fields.decides(&field);
            trace.field(node, &field, need);
        }
        Ok(truth)
    }

    /// Somebody's answer for a fork of this version.
    fn decided(&self, node: &Node) -> Option<&str> {
        self.decisions
            .iter()
            .find(|d| d.scenario_version == self.new_version && d.fork_step_id == node.id)
            .map(|d| d.target_step_id.as_str())
    }

    /// A decision between branches that all lead to one step changes nothing.
    fn matters(&self, branches: &[Branch]) -> bool {
        branches.windows(2).any(|pair| pair[0].to != pair[1].to)
    }

    /// Straight to the target if a branch leads there, else by the first lead whose condition holds, else by the first lead.
    fn along_the_path<F: Facts>(
        &self,
        walk: &Walk,
        target: usize,
        fields: &mut Fields<'_>,
        facts: &mut F,
    ) -> Result<&Branch, F::Error> {
        let branches = &self.relation.new.node(walk.at).branches;
        let step = self.path.steps[target].new;
        if let Some(straight) = branches.iter().find(|b| b.to == step) {
            return Ok(straight);
        }
        for lead in &walk.leads {
            if matches!(truth(&branches[*lead], fields, facts)?, Truth::True) {
                return Ok(&branches[*lead]);
            }
        }
        Ok(&branches[walk.leads[0]])
    }

    fn forbidden(&self, walk: &Walk, node: &Node, branch: &Branch) -> Option<CheckpointBlock> {
        let graph = &*self.relation.new;
        // A walk that comes round to a fork again is behind a later step than the customer was when they stood there: in loops the
        // order cannot be told, so the earlier of both counts.
        let behind = walk.behind.and_then(|place| self.path.steps[place].last_visit);
        let place = behind.map(|behind| self.history.last_visit(walk.at).map_or(behind, |own| own.min(behind)));
        let (stop, rule) = self.checkpoints.forbids_redirect(place, branch.to)?;
        let target = graph.node(branch.to);
        Some(CheckpointBlock {
            checkpoint_step_id: stop.step_id.clone(),
            checkpoint_name: stop.step_name.clone(),
            checkpoint_description: stop.checkpoint_description.clone(),
            fork_step_id: node.id.clone(),
            fork_step_name: node.name.clone(),
            target_step_id: target.id.clone(),
            target_step_name: target.name.clone(),
            condition_text: branch.condition.text().to_owned(),
            rule,
        })
    }
}

/// Where the walk stands.
struct Walk {
    at: StepIx,
    /// The last step of the path that was reached, as its place there.
    behind: Option<usize>,
    /// Branches that lead to the target; never empty.
    leads: Vec<usize>,
    unsure: bool,
}

fn truth<F: Facts>(branch: &Branch, fields: &mut Fields<'_>, facts: &mut F) -> Result<Truth, F::Error> {
    branch.condition.evaluate(&mut |field| fields.value(field, facts))
}

fn decision_request(node: &Node, graph: &Graph) -> DecisionRequest {
    DecisionRequest {
        fork_step_id: node.id.clone(),
        fork_step_name: node.name.clone(),
        branches: node
            .branches
            .iter()
            .map(|b| DecisionBranch {
                target_step_id: graph.node(b.to).id.clone(),
                target_step_name: graph.node(b.to).name.clone(),
                condition_text: b.condition.text().to_owned(),
            })
            .collect(),
    }
}

impl Trace {
    fn field(&mut self, node: &Node, field: &str, need: Need) {
        let how = match need {
            Need::Filled(source) => json!({"field": field, "found_in": source.as_str()}),
            Need::Missing => json!({"field": field, "missing": true}),
            Need::GoneWithout => json!({"field": field, "gone_without": true}),
        };
        self.step(Event::Field, node, how);
    }

    fn fork(&mut self, node: &Node, taken: &Branch, graph: &Graph, why: &str) {
        self.at_fork("taken", node, taken, graph, why);
    }

    fn branch_taken(&mut self, node: &Node, branch: &Branch, graph: &Graph, why: &str) {
        self.at_fork("decided", node, branch, graph, why);
    }

    fn branch(&mut self, node: &Node, branch: &Branch, graph: &Graph, why: &str) {
        self.at_fork("skipped", node, branch, graph, why);
    }

    fn at_fork(&mut self, what: &str, node: &Node, branch: &Branch, graph: &Graph, why: &str) {
        let about = json!({"to_step_id": graph.node(branch.to).id, "condition_text": branch.condition.text()});
        self.step(Event::Fork, node, json!({what: about, "why": why}));
    }
}
