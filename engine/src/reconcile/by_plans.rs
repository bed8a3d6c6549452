//! Going by one plan, or by a chain of plans ("Landing", "Deleted steps" and "Chains" in docs/behaviour.md).

use super::checkpoint::Checkpoints;
use super::decision::{Decision, Target};
use super::facts::Facts;
use super::history::Relation;
use super::land::LandingTerms;
use super::reconciliation::{Reconciliation, Situation};
use super::trace::Event;
use super::way::{Destination, Landing, follow, relate};
use crate::acts::accepted;
use crate::diff::{MigrationScenario, behind_untaken, untaken};
use crate::graph::StepIx;
use crate::plan::{Admission, OnCheckpointBlock, PlanRef};
use serde_json::json;

impl Reconciliation<'_> {
    pub(super) fn go_by_plans<F: Facts>(mut self, chain: &[PlanRef], facts: &mut F) -> Result<Decision, F::Error> {
        self.plan_ids = chain.iter().map(|p| p.plan_id).collect();
        self.trace.push(
            Event::Way,
            None,
            json!({
                "by": if chain.len() > 1 { "chain of plans" } else { "plan" },
                "plan_ids": self.plan_ids,
                "from_version": self.session.scenario_version,
                "to_version": self.published_version,
            }),
        );
        let Some(destinations) = follow(chain, self.session, facts)? else {
            return self.fall_back("the plan does not know the session's step", facts);
        };
        if self.session.finished
            && crate::mutant!("finished/left-in-peace", !destinations.first().is_some_and(|d| d.reopen), false)
        {
            return Ok(self.stays("the session has come to its end, and no policy reopens it".to_owned()));
        }
        if let [only] = destinations.as_slice()
            && (!only.relocated || only.ends_before)
            && (!only.admission.is_admitted() || self.is_plain_graft(chain, only, facts)?)
        {
            return Ok(self.without_replay(only));
        }
        self.judge_destinations(chain, destinations, facts)
    }

    /// The common case, and the cheapest: a clean graft by one plan whose list says that it undoes nothing for anybody.
    fn is_plain_graft<F: Facts>(
        &mut self,
        chain: &[PlanRef],
        destination: &Destination,
        facts: &mut F,
    ) -> Result<bool, F::Error> {
        let is_graft = chain.len() == 1 && destination.migration_scenario == MigrationScenario::CleanGraft;
        let Some(list) = destination.undoes.as_ref().filter(|_| is_graft) else { return Ok(false) };
        let accepted = match destination.accept_repeat.as_slice() {
            [] => Default::default(),
            hashes if !list.is_empty() => accepted(&*self.acts(facts)?, hashes),
            _ => Default::default(),
        };
        Ok(crate::mutant!("landing/list-is-read", list.clears(destination.acts_revision, &accepted), true))
    }

    /// With the session's history, which a plain graft does not need.
    fn judge_destinations<F: Facts>(
        mut self,
        chain: &[PlanRef],
        mut destinations: Vec<Destination>,
        facts: &mut F,
    ) -> Result<Decision, F::Error> {
        let relation = relate(chain, self.session, self.published_version, facts)?;
        let past = self.past(&relation, facts)?;
        let current = relation.old.find(&self.session.step_id);
        let mut situation = Situation::of(&relation, &past, self.published_version, current, self.settings);
        let deleted = destinations.first().is_none_or(|first| first.relocated);
        if deleted
            && chain.len() > 1
            && let Some(landing) = current.and_then(|step| relation.pairing.new_of(step))
        {
            let landing = Landing { new: landing, old: current };
            return self.take_up_again(&destinations, situation, landing, facts);
        }
        if deleted && let Some(step) = current {
            self.put_untaken_last(&mut destinations, step, &relation, facts)?;
        }
        let Some((mut destination, step)) = self.first_allowed(&destinations, &relation, &mut situation.checkpoints)
        else {
            let why = "the session's step was deleted, and no place is left to go to";
            return Ok(self.has_nowhere_to_go(&situation.checkpoints, why));
        };
        let Some(step) = step else { return Ok(self.without_replay(&destination)) };
        if chain.len() > 1
            && !destination.relocated
            && destination.migration_scenario == MigrationScenario::CleanGraft
            && !destination.forced
            && hides_an_action(&relation, step)
        {
            destination.migration_scenario = MigrationScenario::GapFill;
        }
        if destination.migration_scenario == MigrationScenario::CleanGraft {
            return Ok(match situation.checkpoints.undone_by(step) {
                Some((passed, by)) => self
                    .pins_for_undone_landing(relation.new.node(step), passed, by)
                    .with_anchor(destination.migration_scenario, destination.anchor_content_hash),
                None => self.without_replay(&destination),
            });
        }
        let terms = LandingTerms {
            migration_scenario: destination.migration_scenario,
            on_checkpoint_block: destination.on_checkpoint_block,
            keep_path: destination.forced && destination.migration_scenario == MigrationScenario::GapFill,
            reason: reason_of(&destination),
            anchor_content_hash: destination.anchor_content_hash,
        };
        let landing = Landing { new: step, old: relation.pairing.old_of(step) };
        self.land(&situation, landing, terms, facts)
    }

    /// A version between dropped the session's step and a later one took it up again, so the session need not be
    /// relocated. The policies of the links still count.
    fn take_up_again<F: Facts>(
        self,
        destinations: &[Destination],
        mut situation: Situation<'_>,
        landing: Landing,
        facts: &mut F,
    ) -> Result<Decision, F::Error> {
        if let Some(holding) = destinations.iter().find(|destination| !destination.admission.is_admitted()) {
            return Ok(self.without_replay(holding));
        }
        let first = destinations.first();
        if let Some(first) = first {
            situation.checkpoints.accept(&first.accept_repeat);
        }
        let terms = LandingTerms {
            on_checkpoint_block: first.map_or(OnCheckpointBlock::Graft, |first| first.on_checkpoint_block),
            ..self.terms_without_a_policy("the step was dropped by a version between and taken up again".to_owned())
        };
        self.land(&situation, landing, terms, facts)
    }

    /// Destinations to which the deleted step leads only by transitions that are known not to be taken come after all
    /// others.
    fn put_untaken_last<F: Facts>(
        &mut self,
        destinations: &mut [Destination],
        deleted: StepIx,
        relation: &Relation,
        facts: &mut F,
    ) -> Result<(), F::Error> {
        if destinations.len() < 2 {
            return Ok(());
        }
        let old = &*relation.old;
        let fields = &mut self.fields;
        let known = untaken(&old.node(deleted).branches, |branch| {
            branch.condition.evaluate(&mut |field| fields.value(field, facts))
        })?;
        let behind = behind_untaken(old, deleted, &known);
        let old_step = |to: &Destination| relation.new.find(&to.step_id).and_then(|n| relation.pairing.old_of(n));
        destinations.sort_by_key(|to| old_step(to).is_some_and(|step| behind.contains(step)));
        Ok(())
    }

    /// The first destination that undoes nothing, judged by the policies that lead to it; `None` for its step where a
    /// policy holds the session before it matters. A landing on the session's own step is judged by whoever lands.
    fn first_allowed(
        &mut self,
        destinations: &[Destination],
        relation: &Relation,
        checkpoints: &mut Checkpoints<'_>,
    ) -> Option<(Destination, Option<StepIx>)> {
        for destination in destinations {
            if destination.ends_before {
                return Some((destination.clone(), None));
            }
            let Some(step) = relation.new.find(&destination.step_id) else { continue };
            let node = relation.new.node(step);
            checkpoints.accept(&destination.accept_repeat);
            if destination.relocated {
                let undone = crate::mutant!("relocation/undone-is-skipped", checkpoints.undone_by(step), None);
                if let Some((passed, by)) = undone {
                    let what = json!({"forbids": "relocation", "checkpoint": passed.step_name, "rule": by});
                    self.trace.step(Event::Checkpoint, node, what);
                    continue;
                }
                self.trace.step(Event::Relocation, node, json!({"from_step_id": self.session.step_id}));
            }
            return Some((destination.clone(), destination.admission.is_admitted().then_some(step)));
        }
        None
    }

    /// To the destination as it is, if the policies on the way let the session in.
    fn without_replay(mut self, destination: &Destination) -> Decision {
        self.trace.push(
            Event::Anchor,
            Some((&destination.step_id, &destination.step_name)),
            json!({
                "old_step_id": self.session.step_id,
                "anchor_content_hash": destination.anchor_content_hash,
                "migration_scenario": destination.migration_scenario,
                "forced": destination.forced,
            }),
        );
        let decision = match &destination.admission {
            Admission::LeftOut(reason, why) => {
                self.trace.push(Event::Policy, None, json!({"left_out": why}));
                self.pins(*reason, destination.held_by, format!("pinned: {why}"))
            }
            Admission::NotYet(why) => {
                self.trace.push(Event::Policy, None, json!({"not_yet": why}));
                self.stays(format!("not yet: {why}"))
            }
            Admission::Admitted => {
                let Destination { step_id, step_name, .. } = destination;
                let target = Target { step_id: step_id.clone(), step_name: Some(step_name.clone()) };
                self.lands(target, reason_of(destination))
            }
        };
        decision.with_anchor(destination.migration_scenario, destination.anchor_content_hash.clone())
    }
}

/// Whether grafts that are clean by themselves are none together: a version between inserted a step that asks for
/// nothing, and a later one made it a required action. Neither is a gap for the customers of the version before it; for
/// those who come from further back it is.
fn hides_an_action(relation: &Relation, landing: StepIx) -> bool {
    let new = &relation.new;
    (0..new.len()).any(|step| {
        new.node(step).is_required_action && relation.pairing.old_of(step).is_none() && new.is_upstream(step, landing)
    })
}

fn reason_of(destination: &Destination) -> String {
    let what = match (destination.relocated, destination.migration_scenario) {
        (true, _) => "the step was deleted: relocated to the nearest place",
        (false, MigrationScenario::CleanGraft) => "nothing before this step concerns the customer",
        (false, MigrationScenario::GapFill) => "everything that the new version needs before this step is known",
        (false, MigrationScenario::ReRoute) => "the new version's forks lead the customer to the same step",
    };
    if destination.forced { format!("{what} (scenario forced by policy)") } else { what.to_owned() }
}
