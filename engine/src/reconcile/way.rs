//! Where the session's step leads, by a plan, a chain of plans, or none ("Plans", "Chains" and "Fallback" in
//! docs/behaviour.md).

use super::facts::{Facts, Goal, PlannedStep, Session};
use super::history::Relation;
use crate::acts::{Acts, LandingActs};
use crate::diff::{MigrationScenario, Pairing, compose_pairs};
use crate::graph::{Graph, StepIx};
use crate::plan::{Admission, OnCheckpointBlock, PlanRef, Policy, ScopeSubject};
use std::collections::HashSet;
use std::rc::Rc;
use uuid::Uuid;

/// A step of the newest version that the plans lead to, with what their policies say of a move there.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub step_id: String,
    pub step_name: String,
    pub anchor_content_hash: Option<String>,
    pub migration_scenario: MigrationScenario,
    /// The scenario was forced by a policy.
    pub forced: bool,
    pub on_checkpoint_block: OnCheckpointBlock,
    /// Content hashes of acts that the links' policies accept again.
    pub accept_repeat: Vec<String>,
    /// Finished sessions come along by every link.
    pub reopen: bool,
    /// The current step was deleted on the way: the session is relocated.
    pub relocated: bool,
    /// Whether the policies on the way let the session in, and by which plan not.
    pub admission: Admission,
    pub held_by: Option<Uuid>,
    /// A policy ends the way before the newest version: the step is of a version between.
    pub ends_before: bool,
    /// What a landing undoes, as the only link's row has it, and the revision of the acts of now.
    pub undoes: Option<LandingActs>,
    pub acts_revision: i32,
}

/// More destinations than this are not tried.
const MOST_DESTINATIONS: usize = 32;

/// Follows the chain from the session's step, depth first: each link's candidates in order, each followed to the newest
/// version before the next. Every link's policy counts, for the step to which the links before it lead. The
/// destinations are in the order in which they are to be tried, more than one only after a deleted step. `None`: a plan
/// does not know the session's step.
pub(super) fn follow<F: Facts>(
    chain: &[PlanRef],
    session: &Session,
    facts: &mut F,
) -> Result<Option<Vec<Destination>>, F::Error> {
    let mut found: Vec<Destination> = Vec::new();
    let mut seen: HashSet<(usize, String)> = HashSet::new();
    let mut stack: Vec<(usize, Destination)> = vec![(0, Destination::at_the_start(session))];
    while let Some((link, reached)) = stack.pop() {
        if !reached.ends_before && !seen.insert((link, reached.step_id.clone())) {
            continue;
        }
        let Some(plan) = chain.get(link).filter(|_| !reached.ends_before) else {
            found.push(reached);
            if found.len() == crate::mutant!("chain/at-most-32", MOST_DESTINATIONS, 1) {
                break;
            }
            continue;
        };
        match facts.planned_step(plan, &reached.step_id)? {
            Some(step) => {
                let next = reached.onward(session, &step, plan);
                stack.extend(next.into_iter().rev().map(|destination| (link + 1, destination)));
            }
            None if found.is_empty() && !reached.relocated => return Ok(None),
            None => {}
        }
    }
    Ok(Some(found))
}

impl Destination {
    fn at_the_start(session: &Session) -> Destination {
        Destination {
            step_id: session.step_id.clone(),
            step_name: String::new(),
            anchor_content_hash: None,
            migration_scenario: MigrationScenario::CleanGraft,
            forced: false,
            on_checkpoint_block: OnCheckpointBlock::Graft,
            accept_repeat: Vec::new(),
            reopen: true,
            relocated: false,
            admission: Admission::Admitted,
            held_by: None,
            ends_before: false,
            undoes: None,
            acts_revision: 0,
        }
    }

    /// The destinations to which one more link leads. A deleted step's own policy is asked before any of its
    /// candidates: if it does not let the session in, the way ends there.
    fn onward(&self, session: &Session, planned: &PlannedStep, plan: &PlanRef) -> Vec<Destination> {
        if crate::mutant!("policy/deleted-steps-own", planned.deleted, false) {
            let mut here = self.clone();
            here.ask(&planned.policy, session, planned, plan);
            if !here.admission.is_admitted() {
                here.relocated = true;
                here.ends_before = true;
                return vec![here];
            }
        }
        planned.goals.iter().map(|goal| self.towards(session, planned, goal, plan)).collect()
    }

    fn towards(&self, session: &Session, planned: &PlannedStep, goal: &Goal, plan: &PlanRef) -> Destination {
        let policy = &goal.policy;
        let accepted =
            policy.accept_repeat.iter().filter(|_| crate::mutant!("chain/accept-repeat-of-all", true, false));
        let mut next = Destination {
            step_id: goal.new_step_id.clone(),
            step_name: goal.new_step_name.clone(),
            // The anchor is the one of the session's own version: that is the one an operator knows.
            anchor_content_hash: self.anchor_content_hash.clone().or_else(|| Some(goal.anchor_content_hash.clone())),
            migration_scenario: self.migration_scenario.max(policy.force_scenario.unwrap_or(goal.migration_scenario)),
            forced: self.forced || policy.force_scenario.is_some(),
            on_checkpoint_block: match policy.on_checkpoint_block {
                OnCheckpointBlock::Pin => OnCheckpointBlock::Pin,
                OnCheckpointBlock::Graft => self.on_checkpoint_block,
            },
            accept_repeat: self.accept_repeat.iter().chain(accepted).cloned().collect(),
            reopen: self.reopen && policy.reopen,
            relocated: self.relocated || planned.deleted,
            admission: self.admission.clone(),
            held_by: self.held_by,
            ends_before: false,
            undoes: goal.undoes.clone(),
            acts_revision: planned.acts_revision,
        };
        next.ask(policy, session, planned, plan);
        next
    }

    /// What leaves the session out for good outweighs what may still change; of two such, the earlier link counts.
    fn ask(&mut self, policy: &Policy, session: &Session, planned: &PlannedStep, plan: &PlanRef) {
        let subject = ScopeSubject {
            session_id: session.session_id,
            channel: session.channel.as_deref(),
            step_name: &planned.old_step_name,
            age_days: session.age_days,
        };
        let mut variable =
            |name: &str| session.variables.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok());
        let admission = policy.admits(&subject, &mut variable);
        let weight = |admission: &Admission| match admission {
            Admission::Admitted => 0,
            Admission::NotYet(_) => 1,
            Admission::LeftOut(..) => 2,
        };
        let weighs_more = weight(&admission) > weight(&self.admission);
        if weighs_more {
            self.admission = admission;
            self.held_by = Some(plan.plan_id);
        }
    }
}

/// The session's version and the newest one, with the chain's pairs composed. A step that an intermediate version
/// dropped and a later one took up again with the same content is the same step.
pub(super) fn relate<F: Facts>(
    chain: &[PlanRef],
    session: &Session,
    published_version: i32,
    facts: &mut F,
) -> Result<Relation, F::Error> {
    let old = facts.graph(session.scenario_version)?;
    let new = facts.graph(published_version)?;
    let mut composed: Option<Vec<(String, String)>> = None;
    for plan in chain {
        let link: Rc<Vec<(String, String)>> = facts.plan_pairs(plan)?;
        composed = Some(match composed {
            None => link.to_vec(),
            Some(so_far) => compose_pairs(&so_far, &link),
        });
    }
    let pairs = composed.unwrap_or_default();
    let mut pairing = Pairing::from_ids(&old, &new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
    if chain.len() > 1 {
        pairing.add_same_content(&old, &new);
    }
    Ok(Relation { old, new, pairing, old_is_whole: true })
}

/// A stand-in relation, for a session whose own version cannot be gone by: what its history tells of the old steps.
pub(super) fn relate_by_history(old: Graph, new: Rc<Graph>) -> Relation {
    let pairing = Pairing::of(&old, &new);
    Relation { old: Rc::new(old), new, pairing, old_is_whole: false }
}

/// The kept old version and the newest one, paired anew.
pub(super) fn relate_anew(old: Rc<Graph>, new: Rc<Graph>) -> Relation {
    let pairing = Pairing::of(&old, &new);
    Relation { old, new, pairing, old_is_whole: true }
}

impl Relation {
    /// Pairs a step that is left with a step of the same act: one that nothing else is paired with, the first in
    /// document order.
    pub(super) fn pair_by_act(&mut self, step: StepIx, content_hash: &str, acts: &Acts) {
        if self.pairing.new_of(step).is_some() {
            return;
        }
        let same = |n: &StepIx| {
            self.pairing.old_of(*n).is_none() && acts.are_same(&self.new.node(*n).content_hash, content_hash)
        };
        let Some(found) = (0..self.new.len()).find(same) else { return };
        let added = (self.old.node(step).id.clone(), self.new.node(found).id.clone());
        let id = |graph: &Graph, step: StepIx| graph.node(step).id.clone();
        let pairs: Vec<(String, String)> =
            self.pairing.pairs().map(|(o, n, _)| (id(&self.old, o), id(&self.new, n))).chain([added]).collect();
        let pairs = pairs.iter().map(|(was, is)| (was.as_str(), is.as_str()));
        self.pairing = Pairing::from_ids(&self.old, &self.new, pairs);
    }
}

/// The landing step and the old step that it stands for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Landing {
    pub new: StepIx,
    pub old: Option<StepIx>,
}
