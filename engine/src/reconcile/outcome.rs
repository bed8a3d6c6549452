//! One constructor for each outcome of a reconciliation ("Results" in docs/behaviour.md).

use super::checkpoint::Passed;
use super::decision::{
    Action, Decision, DecisionRequest, Effect, FieldRequest, FilledField, Pin, Target, UndoneLanding, WaitingFor,
};
use super::prompt::collect_message;
use super::reconciliation::Reconciliation;
use super::trace::Event;
use crate::acts::UndoneBy;
use crate::diff::MigrationScenario;
use crate::graph::Node;
use crate::plan::PinReason;
use serde_json::json;
use uuid::Uuid;

impl Reconciliation<'_> {
    /// The session walks the published version already.
    pub(super) fn settles(self) -> Decision {
        self.continues(Effect::Settle, "the session walks the published version already".to_owned())
    }

    /// The session stays where it is, and is as due as it was.
    pub(super) fn stays(self, reason: String) -> Decision {
        self.continues(Effect::None, reason)
    }

    /// The session is pinned to the version that it walks.
    pub(super) fn pins(self, pin: PinReason, plan_id: Option<Uuid>, reason: String) -> Decision {
        let mut decision = self.continues(Effect::Pin, reason);
        decision.pin = Some(Pin { reason: pin, plan_id });
        decision
    }

    /// A passed checkpoint forbids to redirect, and the policy says that such a session stays on its version.
    pub(super) fn pins_for_blocked_redirect(self) -> Decision {
        let plan_id = self.last_plan();
        let reason = "pinned: a passed checkpoint forbids the redirect".to_owned();
        self.pins(PinReason::BlockedRedirect, plan_id, reason)
    }

    /// The landing would undo an act: the session stays on its version.
    pub(super) fn pins_for_undone_landing(mut self, target: &Node, passed: &Passed, by: UndoneBy) -> Decision {
        let what = json!({"forbids": "landing", "checkpoint": passed.step_name, "rule": by});
        self.trace.step(Event::Checkpoint, target, what);
        let plan_id = self.last_plan();
        let reason = format!(
            "pinned: from \"{}\" in the new version the customer would come to \"{}\" again, which they have passed; \
             accept_repeat in the anchor's policy accepts that, move_session moves this session elsewhere",
            target.name, passed.step_name
        );
        let mut decision = self.pins(PinReason::Undone, plan_id, reason);
        decision.undone = Some(UndoneLanding {
            checkpoint_step_id: passed.step_id.clone(),
            checkpoint_name: passed.step_name.clone(),
            checkpoint_description: passed.checkpoint_description.clone(),
            target_step_id: target.id.clone(),
            target_step_name: target.name.clone(),
            by,
        });
        decision
    }

    /// No step is left that the session could come to without undoing a checkpoint that it has passed.
    pub(super) fn pins_for_want_of_a_step(self, why: &str) -> Decision {
        let plan_id = self.last_plan();
        let reason = format!(
            "pinned: {why} without undoing a checkpoint that was passed; move_session moves this session by hand"
        );
        self.pins(PinReason::Undone, plan_id, reason)
    }

    /// The session leaves the scenario.
    pub(super) fn exits(self, reason: String) -> Decision {
        let message = self.message(self.settings.exit_message.clone());
        let mut decision = self.decision(Action::ExitScenario, Effect::Exit, reason);
        decision.user_message = message;
        decision
    }

    /// The session comes to the target in the published version.
    pub(super) fn lands(self, target: Target, reason: String) -> Decision {
        self.moves(Action::Teleport, target, reason)
    }

    /// The session comes to the target in the published version, though a fork would lead elsewhere.
    pub(super) fn keeps_its_path(self, target: Target) -> Decision {
        let reason = "a passed checkpoint forbids the redirect: the path is kept".to_owned();
        self.moves(Action::Continue, target, reason)
    }

    /// A fork leads the session to the target, away from its path.
    pub(super) fn redirects(self, target: Target) -> Decision {
        let message = self.message(self.settings.reroute_message.clone());
        let reason = "a fork on the customer's path leads elsewhere in the new version".to_owned();
        let mut decision = self.moves(Action::Teleport, target, reason);
        decision.user_message = message;
        decision
    }

    /// The customer is asked for the missing fields, and to confirm others, before the session comes to the target.
    pub(super) fn collects(self, missing: Vec<FieldRequest>, to_confirm: Vec<FilledField>, target: Target) -> Decision {
        let message = self.message(collect_message(&self.settings.collect_message, &missing, &to_confirm));
        let waits_for = if missing.is_empty() { WaitingFor::Confirmation } else { WaitingFor::Customer };
        let mut decision = self.waits(Action::Collect, waits_for, target, what_is_asked(&missing, &to_confirm));
        decision.user_message = message;
        decision.collect_fields = missing;
        decision.confirm_fields = to_confirm;
        decision
    }

    /// The backend executes the actions of these steps before the session comes to the target.
    pub(super) fn executes(self, step_ids: Vec<String>, target: Target) -> Decision {
        let reason = "the new version has a required action on the customer's path".to_owned();
        let mut decision = self.waits(Action::ExecuteAction, WaitingFor::Action, target, reason);
        decision.execute_step_ids = step_ids;
        decision
    }

    /// Somebody must decide a fork before it is known where the session comes to.
    pub(super) fn asks_for_a_decision(self, request: DecisionRequest, target: Target) -> Decision {
        let reason = "somebody must decide a fork on the customer's path".to_owned();
        let mut decision = self.waits(Action::Decide, WaitingFor::Decision, target, reason);
        decision.decisions = vec![request];
        decision
    }

    /// The session stays at its step, on the version that it walks.
    fn continues(self, effect: Effect, reason: String) -> Decision {
        let target = Target { step_id: self.session.step_id.clone(), step_name: None };
        let version = self.session.scenario_version;
        let mut decision = self.decision(Action::Continue, effect, reason);
        decision.target = Some(target);
        decision.scenario_version = Some(version);
        decision
    }

    fn moves(self, action: Action, target: Target, reason: String) -> Decision {
        let mut decision = self.decision(action, Effect::Move, reason);
        decision.target = Some(target);
        decision.scenario_version = Some(decision.published_version);
        decision
    }

    fn waits(self, action: Action, waits_for: WaitingFor, target: Target, reason: String) -> Decision {
        let version = self.session.scenario_version;
        let mut decision = self.decision(action, Effect::Wait(waits_for), reason);
        decision.target = Some(target);
        decision.scenario_version = Some(version);
        decision
    }

    fn decision(mut self, action: Action, effect: Effect, reason: String) -> Decision {
        self.trace.push(Event::Outcome, None, json!({"action": action, "reason": reason}));
        Decision {
            action,
            effect,
            target: None,
            scenario_version: None,
            published_version: self.published_version,
            migration_scenario: None,
            anchor_content_hash: None,
            collect_fields: Vec::new(),
            confirm_fields: Vec::new(),
            execute_step_ids: Vec::new(),
            decisions: Vec::new(),
            followed: Vec::new(),
            fields_filled: Vec::new(),
            rejected: Vec::new(),
            checkpoint_blocks: Vec::new(),
            undone: None,
            pin: None,
            user_message: None,
            reason,
            plan_ids: self.plan_ids,
            warnings: Vec::new(),
            trace: self.trace.events,
        }
    }

    /// A message for the customer, if there is one and the settings let it be shown.
    fn message(&self, text: String) -> Option<String> {
        Some(text).filter(|text| self.settings.notify_user && !text.is_empty())
    }

    /// The plan that leads to the published version; `None` for a fallback.
    fn last_plan(&self) -> Option<Uuid> {
        self.plan_ids.last().copied()
    }
}

impl Decision {
    /// The same decision, with the migration scenario and the anchor that led to it.
    pub(super) fn with_anchor(
        mut self,
        migration_scenario: MigrationScenario,
        anchor_content_hash: Option<String>,
    ) -> Decision {
        self.migration_scenario = Some(migration_scenario);
        self.anchor_content_hash = anchor_content_hash;
        self
    }
}

impl Target {
    pub(super) fn at(node: &Node) -> Target {
        Target { step_id: node.id.clone(), step_name: Some(node.name.clone()) }
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
