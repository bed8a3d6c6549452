//! One reconciliation from its beginning to its [`Decision`] ("What is due" to "Chains" in docs/behaviour.md).

use super::checkpoint::{Checkpoints, Passed};
use super::decision::{Action, Decision, Effect, Pin, Target, UndoneLanding};
use super::facts::{Facts, Session};
use super::gap::Fields;
use super::history::{History, Relation};
use super::land::Terms;
use super::settings::Settings;
use super::trace::{Event, Trace};
use super::way::{Landing, Place, Places, follow, relate};
use crate::acts::{Acts, UndoneBy, accepted};
use crate::diff::{MigrationScenario, behind_untaken, untaken};
use crate::graph::{Node, StepIx};
use crate::plan::{Admission, OnCheckpointBlock, PinReason, PlanRef, Way};
use serde_json::json;
use std::rc::Rc;
use uuid::Uuid;

/// Decides what becomes of a session that walks another version than the published one, or is marked.
///
/// * `session`: as it stands; it is in a scenario, active or finished, and no pin holds it
///   ([`crate::plan::pin_has_ended`]).
/// * `way`: how it comes to `published_version`, from [`crate::plan::find_way`]; for a preview of one plan, that plan.
/// * `published_version`: the version to come to.
///
/// Writes nothing; what to write is in [`Decision::effect`]. Fails only with an error of `facts`.
pub fn reconcile<F: Facts>(
    session: &Session,
    way: Way,
    published_version: i32,
    settings: &Settings,
    facts: &mut F,
) -> Result<Decision, F::Error> {
    let mut call = Call {
        session,
        published_version,
        settings,
        fields: Fields::new(session, settings),
        plan_ids: Vec::new(),
        trace: Trace::default(),
        acts: None,
    };
    if session.scenario_version == published_version && session.matches_version {
        return Ok(call.stay(Effect::Settle, "the session walks the published version already".into()));
    }
    if !session.matches_version {
        let why = "the session's checksum is not its version's, so no plan can be gone by";
        return call.fall_back(why, facts);
    }
    match way {
        Way::Plans(chain) => call.by_plans(&chain, facts),
        Way::Cancelled(_) if session.finished => {
            Ok(call.stay(Effect::None, "the session has come to its end, and its way is cancelled".into()))
        }
        Way::Cancelled(plan) => {
            call.plan_ids.push(plan.plan_id);
            call.trace.push(Event::Way, None, json!({"by": "cancelled plan", "plan_id": plan.plan_id}));
            let why = "a plan on the way from this version was cancelled, which pins its sessions";
            Ok(call.pin(PinReason::Cancelled, Some(plan.plan_id), why.into()))
        }
        Way::None => call.fall_back("no deployed plan leads from the session's version to the published one", facts),
    }
}

/// One call of [`reconcile`].
pub(super) struct Call<'a> {
    pub session: &'a Session,
    pub published_version: i32,
    pub settings: &'a Settings,
    /// Each field is looked up at most once, whatever asks for it.
    pub fields: Fields<'a>,
    pub plan_ids: Vec<Uuid>,
    pub trace: Trace,
    /// The acts, once they were asked for.
    acts: Option<Rc<Acts>>,
}

/// What a session has behind it, as a decision looks at it.
pub(super) struct Past {
    pub history: History,
    pub at_start: Vec<crate::acts::PassedAtStart>,
    pub acts: Rc<Acts>,
}

impl Call<'_> {
    fn by_plans<F: Facts>(mut self, chain: &[PlanRef], facts: &mut F) -> Result<Decision, F::Error> {
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
        let mut places = match follow(chain, self.session, facts)? {
            Places::Some(places) => places,
            Places::Unknown => return self.fall_back("the plan does not know the session's step", facts),
        };
        if self.session.finished
            && crate::mutant!("finished/left-in-peace", !places.first().is_some_and(|place| place.reopen), false)
        {
            return Ok(self.stay(Effect::None, "the session has come to its end, and no policy reopens it".into()));
        }
        if let [place] = places.as_slice()
            && (!place.relocated || place.ends_before)
            && (!place.admission.is_admitted() || self.is_plain(chain, place, facts)?)
        {
            return Ok(self.without_replay(place));
        }
        let relation = relate(chain, self.session, self.published_version, facts)?;
        let past = self.past(&relation, facts)?;
        let current = relation.old.find(&self.session.step_id);
        let mut checkpoints = past.checkpoints(&relation, current, self.settings);
        let deleted = places.first().is_none_or(|place| place.relocated);
        if deleted
            && chain.len() > 1
            && let Some(landing) = current.and_then(|o| relation.pairing.new_of(o))
        {
            // Dropped on the way and taken up again: no need to be relocated. Policies of the links still count.
            if let Some(place) = places.iter().find(|place| !place.admission.is_admitted()) {
                return Ok(self.without_replay(place));
            }
            if let Some(first) = places.first() {
                checkpoints.accept(&first.accept_repeat);
            }
            let terms = Terms {
                on_checkpoint_block: places.first().map_or(OnCheckpointBlock::Graft, |p| p.on_checkpoint_block),
                ..self.terms("the step was dropped by a version between and taken up again".into())
            };
            let landing = Landing { new: landing, old: current };
            return self.land(&relation, &past, &checkpoints, current, landing, terms, facts);
        }
        if deleted && let Some(step) = current {
            self.put_untaken_last(&mut places, step, &relation, facts)?;
        }
        let Some((mut place, landing)) = self.first_allowed(&places, &relation, &mut checkpoints) else {
            return Ok(self.nowhere(&checkpoints, "the session's step was deleted, and no place is left to go to"));
        };
        let Some(landing) = landing else { return Ok(self.without_replay(&place)) };
        if chain.len() > 1
            && !place.relocated
            && place.migration_scenario == MigrationScenario::CleanGraft
            && !place.forced
            && hides_an_action(&relation, landing)
        {
            place.migration_scenario = MigrationScenario::GapFill;
        }
        if place.migration_scenario == MigrationScenario::CleanGraft {
            return Ok(match checkpoints.undone_by(landing) {
                Some((passed, by)) => self.undone(relation.new.node(landing), passed, by, Some(&place)),
                None => self.without_replay(&place),
            });
        }
        let terms = Terms {
            migration_scenario: place.migration_scenario,
            anchor_content_hash: place.anchor_content_hash.clone(),
            on_checkpoint_block: place.on_checkpoint_block,
            keep_path: place.forced && place.migration_scenario == MigrationScenario::GapFill,
            reason: reason_of(&place),
        };
        let landing = Landing { new: landing, old: relation.pairing.old_of(landing) };
        self.land(&relation, &past, &checkpoints, current, landing, terms, facts)
    }

    /// The common case, and the cheapest: a clean graft by one plan whose list says that it undoes nothing for anybody.
    fn is_plain<F: Facts>(&mut self, chain: &[PlanRef], place: &Place, facts: &mut F) -> Result<bool, F::Error> {
        let is_graft = chain.len() == 1 && place.migration_scenario == MigrationScenario::CleanGraft;
        let Some(list) = place.undoes.as_ref().filter(|_| is_graft) else { return Ok(false) };
        let accepted = match place.accept_repeat.as_slice() {
            [] => Default::default(),
            hashes if !list.is_empty() => accepted(&*self.acts(facts)?, hashes),
            _ => Default::default(),
        };
        Ok(crate::mutant!("landing/list-is-read", list.clears(place.acts_revision, &accepted), true))
    }

    /// Places that the deleted step leads to only by transitions that are known not to be taken come after all others.
    fn put_untaken_last<F: Facts>(
        &mut self,
        places: &mut [Place],
        deleted: StepIx,
        relation: &Relation,
        facts: &mut F,
    ) -> Result<(), F::Error> {
        if places.len() < 2 {
            return Ok(());
        }
        let old = &*relation.old;
        let fields = &mut self.fields;
        let known = untaken(&old.node(deleted).branches, |branch| {
            branch.condition.evaluate(&mut |field| fields.value(field, facts))
        })?;
        let behind = behind_untaken(old, deleted, &known);
        let old_step = |place: &Place| relation.new.find(&place.step_id).and_then(|n| relation.pairing.old_of(n));
        places.sort_by_key(|place| old_step(place).is_some_and(|step| behind.contains(step)));
        Ok(())
    }

    /// The first place that undoes nothing, with the terms of its policies; `None` for its step where a policy holds
    /// the session before it matters. A landing on the session's own step is judged by whoever lands.
    fn first_allowed(
        &mut self,
        places: &[Place],
        relation: &Relation,
        checkpoints: &mut Checkpoints<'_>,
    ) -> Option<(Place, Option<StepIx>)> {
        for place in places {
            if place.ends_before {
                return Some((place.clone(), None));
            }
            let Some(step) = relation.new.find(&place.step_id) else { continue };
            let node = relation.new.node(step);
            checkpoints.accept(&place.accept_repeat);
            if place.relocated {
                let undone = crate::mutant!("relocation/undone-is-skipped", checkpoints.undone_by(step), None);
                if let Some((passed, by)) = undone {
                    let what = json!({"forbids": "relocation", "checkpoint": passed.step_name, "rule": by});
                    self.trace.step(Event::Checkpoint, node, what);
                    continue;
                }
                self.trace.step(Event::Relocation, node, json!({"from_step_id": self.session.step_id}));
            }
            return Some((place.clone(), place.admission.is_admitted().then_some(step)));
        }
        None
    }

    fn without_replay(mut self, place: &Place) -> Decision {
        self.trace.push(
            Event::Anchor,
            Some((&place.step_id, &place.step_name)),
            json!({
                "old_step_id": self.session.step_id,
                "anchor_content_hash": place.anchor_content_hash,
                "migration_scenario": place.migration_scenario,
                "forced": place.forced,
            }),
        );
        let mut decision = match &place.admission {
            Admission::LeftOut(reason, why) => {
                self.trace.push(Event::Policy, None, json!({"left_out": why}));
                self.pin(*reason, place.held_by, format!("pinned: {why}"))
            }
            Admission::NotYet(why) => {
                self.trace.push(Event::Policy, None, json!({"not_yet": why}));
                self.stay(Effect::None, format!("not yet: {why}"))
            }
            Admission::Admitted => {
                let mut decision = self.decision(Action::Teleport, Effect::Move, reason_of(place));
                decision.target =
                    Some(Target { step_id: place.step_id.clone(), step_name: Some(place.step_name.clone()) });
                decision.scenario_version = Some(decision.published_version);
                decision
            }
        };
        decision.migration_scenario = Some(place.migration_scenario);
        decision.anchor_content_hash = place.anchor_content_hash.clone();
        decision
    }

    pub(super) fn acts<F: Facts>(&mut self, facts: &mut F) -> Result<Rc<Acts>, F::Error> {
        match &self.acts {
            Some(acts) => Ok(Rc::clone(acts)),
            None => Ok(Rc::clone(self.acts.insert(facts.acts()?))),
        }
    }

    pub(super) fn past<F: Facts>(&mut self, relation: &Relation, facts: &mut F) -> Result<Past, F::Error> {
        let visits = facts.visits()?;
        let acts = self.acts(facts)?;
        let history = History::load(self.session, visits, relation, &acts, facts)?;
        Ok(Past { history, at_start: facts.passed_at_start()?, acts })
    }

    /// What a landing by no policy is decided by.
    pub(super) fn terms(&self, reason: String) -> Terms {
        Terms {
            migration_scenario: MigrationScenario::ReRoute,
            anchor_content_hash: self.session.step_content_hash.clone(),
            on_checkpoint_block: OnCheckpointBlock::Graft,
            keep_path: false,
            reason,
        }
    }

    /// The landing would undo an act: the session stays on its version.
    pub(super) fn undone(mut self, target: &Node, passed: &Passed, by: UndoneBy, place: Option<&Place>) -> Decision {
        let what = json!({"forbids": "landing", "checkpoint": passed.step_name, "rule": by});
        self.trace.step(Event::Checkpoint, target, what);
        let plan_id = self.plan_ids.last().copied();
        let why = format!(
            "pinned: from \"{}\" in the new version the customer would come to \"{}\" again, which they have passed; \
             accept_repeat in the anchor's policy accepts that, move_session moves this session elsewhere",
            target.name, passed.step_name
        );
        let landing = UndoneLanding {
            checkpoint_step_id: passed.step_id.clone(),
            checkpoint_name: passed.step_name.clone(),
            checkpoint_description: passed.checkpoint_description.clone(),
            target_step_id: target.id.clone(),
            target_step_name: target.name.clone(),
            by,
        };
        let mut decision = self.pin(PinReason::Undone, plan_id, why);
        decision.undone = Some(landing);
        if let Some(place) = place {
            decision.migration_scenario = Some(place.migration_scenario);
            decision.anchor_content_hash = place.anchor_content_hash.clone();
        }
        decision
    }

    /// No place is left that undoes nothing: who has passed a checkpoint is not thrown out.
    pub(super) fn nowhere(self, checkpoints: &Checkpoints<'_>, why: &str) -> Decision {
        if crate::mutant!("nowhere/passed-is-pinned", checkpoints.any_passed(), false) {
            let plan_id = self.plan_ids.last().copied();
            let why = format!(
                "pinned: {why} without undoing a checkpoint that was passed; move_session moves this session by hand"
            );
            return self.pin(PinReason::Undone, plan_id, why);
        }
        let message = self.settings.exit_message.clone();
        let notify = self.settings.notify_user;
        let mut decision = self.decision(Action::ExitScenario, Effect::Exit, why.to_owned());
        decision.user_message = Some(message).filter(|m| notify && !m.is_empty());
        decision
    }

    /// The session is pinned to the version that it walks.
    pub(super) fn pin(self, reason: PinReason, plan_id: Option<Uuid>, why: String) -> Decision {
        let mut decision = self.stay(Effect::Pin, why);
        decision.pin = Some(Pin { reason, plan_id });
        decision
    }

    /// The session stays where it is, on the version that it walks.
    pub(super) fn stay(self, effect: Effect, reason: String) -> Decision {
        let target = Target { step_id: self.session.step_id.clone(), step_name: None };
        let version = self.session.scenario_version;
        let mut decision = self.decision(Action::Continue, effect, reason);
        decision.target = Some(target);
        decision.scenario_version = Some(version);
        decision
    }

    pub(super) fn decision(mut self, action: Action, effect: Effect, reason: String) -> Decision {
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
}

impl Past {
    pub(super) fn checkpoints<'a>(
        &'a self,
        relation: &'a Relation,
        current: Option<StepIx>,
        settings: &Settings,
    ) -> Checkpoints<'a> {
        Checkpoints::of(relation, &self.history, &self.at_start, &self.acts, current, settings)
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

fn reason_of(place: &Place) -> String {
    let what = match (place.relocated, place.migration_scenario) {
        (true, _) => "the step was deleted: relocated to the nearest place",
        (false, MigrationScenario::CleanGraft) => "nothing before this step concerns the customer",
        (false, MigrationScenario::GapFill) => "everything that the new version needs before this step is known",
        (false, MigrationScenario::ReRoute) => "the new version's forks lead the customer to the same step",
    };
    if place.forced { format!("{what} (scenario forced by policy)") } else { what.to_owned() }
}
