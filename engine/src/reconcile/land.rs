//! The landing: what a replay comes to, as a decision ("Landing" in docs/behaviour.md).

use super::checkpoint::Checkpoints;
use super::decide::{Call, Past};
use super::decision::{Action, Decision, Effect, FieldRequest, FilledField, Target, WaitingFor};
use super::decisions::holding;
use super::facts::Facts;
use super::gap::Fields;
use super::history::{Done, Relation};
use super::path::path;
use super::prompt::collect_message;
use super::replay::{Reach, Replay, Replayed};
use super::trace::Event;
use super::way::Landing;
use crate::diff::MigrationScenario;
use crate::graph::{Graph, StepIx};
use crate::plan::{OnCheckpointBlock, PinReason};
use serde_json::json;

/// What a landing is decided by.
pub(super) struct Terms {
    pub migration_scenario: MigrationScenario,
    pub anchor_content_hash: Option<String>,
    pub on_checkpoint_block: OnCheckpointBlock,
    /// `force_scenario => gap_fill` leaves no path.
    pub keep_path: bool,
    pub reason: String,
}

impl Call<'_> {
    /// Replays to the landing step, and makes the result. A landing that undoes an act is settled first: nothing is
    /// asked, executed or decided.
    #[allow(clippy::too_many_arguments)] // one call, and each is another thing
    pub(super) fn land<F: Facts>(
        mut self,
        relation: &Relation,
        past: &Past,
        checkpoints: &Checkpoints<'_>,
        current_old: Option<StepIx>,
        landing: Landing,
        terms: Terms,
        facts: &mut F,
    ) -> Result<Decision, F::Error> {
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
            let mut decision = self.undone(graph.node(landing.new), passed, by, None);
            decision.migration_scenario = Some(terms.migration_scenario);
            decision.anchor_content_hash = terms.anchor_content_hash;
            return Ok(decision);
        }
        let history = &past.history;
        let own_path = path(relation, history, landing.new, landing.old);
        let completed = Done::of(&facts.completed_actions()?, history, &past.acts);
        let decisions = holding(facts.decisions()?, relation, self.session, self.published_version, &past.acts, facts)?;
        let keep_path = terms.keep_path || !self.settings.re_routing_enabled;
        let replay = Replay {
            relation,
            history,
            path: &own_path,
            current_old,
            new_version: self.published_version,
            reach: if keep_path { Reach::KeepPath } else { Reach::Full },
            settings: self.settings,
            checkpoints,
            completed: &completed,
            decisions: &decisions,
        };
        let mut fields = std::mem::replace(&mut self.fields, Fields::new(self.session, self.settings));
        let mut replayed = replay.walk(&mut fields, facts, &mut self.trace)?;
        replayed.actions = completed.one_of_each_act(graph, &replayed.actions);
        Ok(self.result(graph, landing, terms, fields, replayed))
    }

    fn result(self, graph: &Graph, landing: Landing, terms: Terms, fields: Fields<'_>, replayed: Replayed) -> Decision {
        let settings = self.settings;
        let published = self.published_version;
        let place = replayed.redirect.unwrap_or(landing.new);
        // Who belongs to an end is asked for nothing more, but nobody is sent there on a value that may be wrong.
        let asks_nothing_more = replayed.redirect.is_some() && graph.node(place).is_terminal;
        let to_confirm = fields.to_confirm(asks_nothing_more);
        let rejected = fields.rejected;
        let (filled, missing) = (fields.filled, if asks_nothing_more { Vec::new() } else { fields.missing });
        let blocked = !replayed.blocks.is_empty();
        let pins = replayed.blocked_branch_is_taken && terms.on_checkpoint_block == OnCheckpointBlock::Pin;
        let outcome = if crate::mutant!("redirect/blocked-pins-first", pins, false) {
            (Action::Continue, Effect::Pin, "pinned: a passed checkpoint forbids the redirect".to_owned())
        } else if !(missing.is_empty() && to_confirm.is_empty()) {
            let waits_for = if missing.is_empty() { WaitingFor::Confirmation } else { WaitingFor::Customer };
            (Action::Collect, Effect::Wait(waits_for), what_is_asked(&missing, &to_confirm))
        } else if !replayed.actions.is_empty() {
            let reason = "the new version has a required action on the customer's path".to_owned();
            (Action::ExecuteAction, Effect::Wait(WaitingFor::Action), reason)
        } else if replayed.redirect.is_some() {
            let reason = "a fork on the customer's path leads elsewhere in the new version".to_owned();
            (Action::Teleport, Effect::Move, reason)
        } else if replayed.undecided.is_some() {
            let reason = "somebody must decide a fork on the customer's path".to_owned();
            (Action::Decide, Effect::Wait(WaitingFor::Decision), reason)
        } else if blocked {
            (Action::Continue, Effect::Move, "a passed checkpoint forbids the redirect: the path is kept".to_owned())
        } else if !replayed.warnings.is_empty() {
            // The warnings say why; that the forks lead there would not be true.
            (Action::Teleport, Effect::Move, "the customer's path in the new version is not certain".to_owned())
        } else {
            (Action::Teleport, Effect::Move, terms.reason.clone())
        };
        let (action, effect, reason) = outcome;
        let redirected = action == Action::Teleport && replayed.redirect.is_some();
        let user_message = match action {
            Action::Collect => Some(collect_message(&settings.collect_message, &missing, &to_confirm)),
            Action::Teleport if redirected => Some(settings.reroute_message.clone()),
            _ => None,
        };
        let session_version = self.session.scenario_version;
        let plan_id = self.plan_ids.last().copied();
        if effect == Effect::Pin {
            let mut decision = self.pin(PinReason::BlockedRedirect, plan_id, reason);
            decision.migration_scenario = Some(terms.migration_scenario);
            decision.anchor_content_hash = terms.anchor_content_hash;
            decision.fields_filled = filled;
            decision.followed = replayed.followed;
            decision.checkpoint_blocks = replayed.blocks;
            decision.warnings = replayed.warnings;
            return decision;
        }
        let mut decision = self.decision(action, effect, reason);
        let target = graph.node(place);
        decision.target = Some(Target { step_id: target.id.clone(), step_name: Some(target.name.clone()) });
        decision.scenario_version = Some(match effect {
            Effect::Move => published,
            _ => session_version,
        });
        decision.migration_scenario = Some(terms.migration_scenario);
        decision.anchor_content_hash = terms.anchor_content_hash;
        decision.user_message = user_message.filter(|m| settings.notify_user && !m.is_empty());
        decision.fields_filled = filled;
        decision.rejected = rejected;
        if action == Action::Collect {
            decision.collect_fields = missing;
            decision.confirm_fields = to_confirm;
        }
        if action == Action::ExecuteAction {
            decision.execute_step_ids = replayed.actions.iter().map(|a| graph.node(*a).id.clone()).collect();
        }
        if action == Action::Decide {
            decision.decisions = replayed.undecided.into_iter().collect();
        }
        decision.followed = replayed.followed;
        decision.checkpoint_blocks = replayed.blocks;
        decision.warnings = replayed.warnings;
        decision
    }
}

fn what_is_asked(missing: &[FieldRequest], to_confirm: &[FilledField]) -> String {
    let names = |list: Vec<&str>| list.join(", ");
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("needs {}", names(missing.iter().map(|f| f.field.as_str()).collect())));
    }
    if !to_confirm.is_empty() {
        parts.push(format!("to be confirmed: {}", names(to_confirm.iter().map(|f| f.field.as_str()).collect())));
    }
    format!("the customer's path in the new version {}", parts.join("; "))
}
