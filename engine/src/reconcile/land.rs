//! The landing: what a replay comes to, as a decision ("Landing" in docs/behaviour.md).

use super::checkpoint::Checkpoints;
use super::decision::{Decision, Effect, Target};
use super::decisions::holding;
use super::facts::Facts;
use super::gap::Fields;
use super::history::DoneActions;
use super::path::path;
use super::reconciliation::{Reconciliation, Situation};
use super::trace::Event;
use super::walker::{Replay, Replayed};
use super::way::Landing;
use crate::diff::MigrationScenario;
use crate::graph::{Graph, StepIx};
use crate::plan::OnCheckpointBlock;
use serde_json::json;

/// What the policies, or the lack of a plan, say of a landing.
pub(super) struct LandingTerms {
    pub migration_scenario: MigrationScenario,
    pub anchor_content_hash: Option<String>,
    pub on_checkpoint_block: OnCheckpointBlock,
    /// The replay may not leave the path, since a policy forces the scenario `gap_fill`.
    pub keep_path: bool,
    /// Why the session lands, if nothing else is to be said.
    pub reason: String,
}

impl Reconciliation<'_> {
    /// The terms of a landing of which no policy says anything.
    pub(super) fn terms_without_a_policy(&self, reason: String) -> LandingTerms {
        LandingTerms {
            migration_scenario: MigrationScenario::ReRoute,
            anchor_content_hash: self.session.step_content_hash.clone(),
            on_checkpoint_block: OnCheckpointBlock::Graft,
            keep_path: false,
            reason,
        }
    }

    /// Replays to the landing step, and makes the decision. A landing that undoes an act is settled first: nothing is
    /// asked, executed or decided.
    pub(super) fn land<F: Facts>(
        mut self,
        situation: &Situation<'_>,
        landing: Landing,
        terms: LandingTerms,
        facts: &mut F,
    ) -> Result<Decision, F::Error> {
        let Situation { relation, past, checkpoints, current } = situation;
        let graph = &*relation.new;
        self.trace.step(
            Event::Anchor,
            graph.node(landing.new),
            json!({
                "old_step_id": self.session.step_id,
                "anchor_content_hash": terms.anchor_content_hash,
                "migration_scenario": terms.migration_scenario,
                "forced": terms.keep_path,
            }),
        );
        if let Some((passed, by)) = crate::mutant!("landing/undone-pins", checkpoints.undone_by(landing.new), None) {
            let decision = self.pins_for_undone_landing(graph.node(landing.new), passed, by);
            return Ok(decision.with_anchor(terms.migration_scenario, terms.anchor_content_hash));
        }
        let history = &past.history;
        let completed = DoneActions::of(&past.completed, history, &past.at_start, &past.acts);
        let decisions = holding(facts.decisions()?, relation, self.session, self.published_version, &past.acts, facts)?;
        let replay = Replay {
            relation,
            history,
            path: &path(relation, history, landing.new, landing.old),
            current_old: *current,
            new_version: self.published_version,
            keep_path: terms.keep_path || !self.settings.re_routing_enabled,
            settings: self.settings,
            checkpoints,
            completed: &completed,
            decisions: &decisions,
        };
        let mut fields = std::mem::replace(&mut self.fields, Fields::new(self.session, self.settings));
        let mut replayed = replay.walk(&mut fields, facts, &mut self.trace)?;
        replayed.actions = completed.one_of_each_act(graph, &replayed.actions);
        Ok(self.after_replay(graph, landing.new, terms, fields, replayed))
    }

    /// The decision that a replay comes to: what the customer must say comes first, then what must be done for them,
    /// then where they belong.
    fn after_replay(
        self,
        graph: &Graph,
        landing: StepIx,
        terms: LandingTerms,
        fields: Fields<'_>,
        replayed: Replayed,
    ) -> Decision {
        let node = graph.node(replayed.redirect.unwrap_or(landing));
        let target = Target::at(node);
        // Who belongs to an end is asked for nothing more, but nobody is sent there on a value that may be wrong.
        let asks_nothing_more = replayed.redirect.is_some() && node.is_terminal;
        let to_confirm = fields.to_confirm(asks_nothing_more);
        let missing = if asks_nothing_more { Vec::new() } else { fields.missing };
        let pins = replayed.blocked_branch_is_taken && terms.on_checkpoint_block == OnCheckpointBlock::Pin;

        let decision = if crate::mutant!("redirect/blocked-pins-first", pins, false) {
            self.pins_for_blocked_redirect()
        } else if !(missing.is_empty() && to_confirm.is_empty()) {
            self.collects(missing, to_confirm, target)
        } else if !replayed.actions.is_empty() {
            let step_ids = replayed.actions.iter().map(|step| graph.node(*step).id.clone()).collect();
            self.executes(step_ids, target)
        } else if replayed.redirect.is_some() {
            self.redirects(target)
        } else if let Some(request) = replayed.undecided {
            self.asks_for_a_decision(request, target)
        } else if !replayed.blocks.is_empty() {
            self.keeps_its_path(target)
        } else if !replayed.warnings.is_empty() {
            // The warnings say why; that the forks lead there would not be true.
            self.lands(target, "the customer's path in the new version is not certain".to_owned())
        } else {
            self.lands(target, terms.reason)
        };

        let mut decision = decision.with_anchor(terms.migration_scenario, terms.anchor_content_hash);
        if decision.effect != Effect::Pin {
            decision.rejected = fields.rejected;
        }
        decision.fields_filled = fields.filled;
        decision.followed = replayed.followed;
        decision.checkpoint_blocks = replayed.blocks;
        decision.warnings = replayed.warnings;
        decision
    }

    /// Whoever has passed a checkpoint is not thrown out of the scenario.
    pub(super) fn has_nowhere_to_go(self, checkpoints: &Checkpoints<'_>, why: &str) -> Decision {
        if crate::mutant!("nowhere/passed-is-pinned", checkpoints.any_passed(), false) {
            self.pins_for_want_of_a_step(why)
        } else {
            self.exits(why.to_owned())
        }
    }
}
