//! The walker of a replay: what it walks on, where it stands, and what it has met ("Replay" in docs/behaviour.md).

use super::checkpoint::Checkpoints;
use super::decision::{CheckpointBlock, DecisionRequest, FollowedDecision, NeededFor};
use super::facts::{Facts, SubmittedDecision};
use super::gap::{Fields, Need};
use super::history::{DoneActions, History, Relation};
use super::path::Path;
use super::settings::Settings;
use super::trace::{Event, Trace};
use crate::condition::{ConditionKind, Truth};
use crate::graph::{Branch, Graph, Node, StepIx};
use fixedbitset::FixedBitSet;
use serde_json::json;
use std::collections::{HashMap, HashSet};

/// What a replay works on.
pub(super) struct Replay<'a> {
    pub relation: &'a Relation,
    pub history: &'a History,
    pub path: &'a Path,
    /// The old step that the session is at.
    pub current_old: Option<StepIx>,
    /// The version of `relation.new`.
    pub new_version: i32,
    /// Forks keep to the path and are not evaluated: a policy forces the scenario `gap_fill`, or re-routing is off.
    pub keep_path: bool,
    pub settings: &'a Settings,
    pub checkpoints: &'a Checkpoints<'a>,
    pub completed: &'a DoneActions<'a>,
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

/// Where the walk goes from a step.
pub(super) enum WayOn {
    /// By a way that the customer's data confirm.
    To(StepIx),
    /// Along the path, whatever the conditions say; from here on the walk is unsure.
    Unsure(StepIx),
    /// Off the path: the customer belongs there.
    Redirect(StepIx),
    /// Nowhere: a fork cannot be decided before something is known. What that is has been noted.
    Stop,
}

/// A walk on its way.
pub(super) struct Walker<'a, 'f, F: Facts> {
    pub replay: &'a Replay<'a>,
    pub graph: &'a Graph,
    pub fields: &'a mut Fields<'f>,
    pub facts: &'a mut F,
    pub trace: &'a mut Trace,
    pub replayed: Replayed,
    /// Of each step of the path.
    pub position_on_path: HashMap<StepIx, usize>,
    /// Positions on the path that the walk has been at, or has gone back for.
    pub arrived: FixedBitSet,
    /// Steps that were expanded on the way from the last step of the path.
    pub expanded: FixedBitSet,
    pub at: StepIx,
    /// The position on the path that the walk is to come to next.
    pub target: usize,
    /// The position on the path that it was at last.
    pub last_position: Option<usize>,
    /// Acts of the required actions that it came to and found done, though the customer never visited them.
    pub met: HashSet<String>,
    /// It went on by a way that the customer's data do not confirm: it redirects nobody, and asks nothing at forks.
    pub unsure: bool,
}

impl<'a, 'f, F: Facts> Walker<'a, 'f, F> {
    /// At the start of the path.
    pub(super) fn at_the_start(
        replay: &'a Replay<'a>,
        fields: &'a mut Fields<'f>,
        facts: &'a mut F,
        trace: &'a mut Trace,
    ) -> Self {
        let steps = &replay.path.steps;
        Walker {
            replay,
            graph: &replay.relation.new,
            fields,
            facts,
            trace,
            replayed: Replayed::default(),
            position_on_path: steps.iter().enumerate().map(|(position, step)| (step.new, position)).collect(),
            arrived: FixedBitSet::with_capacity(steps.len()),
            expanded: FixedBitSet::with_capacity(replay.relation.new.len()),
            at: replay.path.start,
            target: 0,
            last_position: None,
            met: HashSet::new(),
            unsure: false,
        }
    }

    /// The step of the new version at a position of the path.
    pub(super) fn path_step(&self, position: usize) -> StepIx {
        self.replay.path.steps[position].new
    }

    /// Whether a step at a position of the path is `next`, or can be reached from there without coming back to the step
    /// at hand.
    pub(super) fn leads_to(&self, next: StepIx, position: usize) -> bool {
        let step = self.path_step(position);
        next == step || self.graph.reaches_avoiding(next, step, self.at)
    }

    /// A field is needed at a step.
    pub(super) fn need_field(&mut self, node: &Node, field: &str, why: NeededFor) -> Result<(), F::Error> {
        let how = match self.fields.need(field, why, self.facts)? {
            Need::Filled(source) => json!({"field": field, "found_in": source.as_str()}),
            Need::Missing => json!({"field": field, "missing": true}),
            Need::GoneWithout => json!({"field": field, "gone_without": true}),
        };
        self.trace.step(Event::Field, node, how);
        Ok(())
    }

    /// What is known of a condition, without asking anybody.
    pub(super) fn known_truth(&mut self, branch: &Branch) -> Result<Truth, F::Error> {
        if branch.condition.kind() == ConditionKind::Natural {
            return Ok(self.decided_truth(branch));
        }
        let (fields, facts) = (&mut *self.fields, &mut *self.facts);
        branch.condition.evaluate(&mut |field| fields.value(field, facts))
    }

    /// By somebody's answer for the fork at hand, if there is one.
    pub(super) fn decided_truth(&self, branch: &Branch) -> Truth {
        match self.answer() {
            Some(answer) if answer == self.graph.node(branch.to).id => Truth::True,
            Some(_) => Truth::False,
            None => Truth::Unknown { missing: Vec::new(), error: None },
        }
    }

    pub(super) fn answer(&self) -> Option<&str> {
        let (version, fork) = (self.replay.new_version, &self.graph.node(self.at).id);
        let own = |d: &&SubmittedDecision| d.scenario_version == version && d.fork_step_id == *fork;
        self.replay.decisions.iter().find(own).map(|d| d.target_step_id.as_str())
    }
}
