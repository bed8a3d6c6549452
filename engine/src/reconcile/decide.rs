//! One reconciliation from its beginning to its [`Decision`] (SPEC 7.2, 7.3, 10).

use super::checkpoint::Checkpoints;
use super::decision::{Action, Decision, Effect, FieldRequest, FilledField, Target, WaitingFor};
use super::facts::{Facts, Session, Visit};
use super::gap::Fields;
use super::history::{History, Relation};
use super::path::path;
use super::prompt::collect_message;
use super::replay::{Reach, Replay, Replayed};
use super::settings::Settings;
use super::trace::{Event, Trace};
use super::way::{Landing, Place, Places, follow, relate, relate_anew, relate_by_history};
use crate::diff::{MigrationScenario, behind_untaken, untaken};
use crate::graph::{Graph, StepIx};
use crate::plan::{OnCheckpointBlock, PlanRef, Way};
use serde_json::json;
use uuid::Uuid;

/// Decides what becomes of a session that walks another version than the published one, or is marked.
///
/// * `session`: as it stands; it is in a scenario and active.
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
    };
    if session.scenario_version == published_version && session.matches_version {
        return Ok(call.stay(Effect::Pin, "the session walks the published version already".into()));
    }
    if !session.matches_version {
        let why = "the session's checksum is not its version's, so no plan can be gone by";
        return call.fall_back(why, facts);
    }
    match way {
        Way::Plans(chain) => call.by_plans(&chain, facts),
        Way::Cancelled(plan) => {
            call.plan_ids.push(plan.plan_id);
            call.trace.push(Event::Way, None, json!({"by": "cancelled plan", "plan_id": plan.plan_id}));
            Ok(call.stay(Effect::Pin, "the plan from this version was cancelled, which pins its sessions".into()))
        }
        Way::None => call.fall_back("no deployed plan leads from the session's version to the published one", facts),
    }
}

/// One call of [`reconcile`].
struct Call<'a> {
    session: &'a Session,
    published_version: i32,
    settings: &'a Settings,
    /// Each field is looked up at most once, whatever asks for it.
    fields: Fields<'a>,
    plan_ids: Vec<Uuid>,
    trace: Trace,
}

/// What a landing is decided by.
struct Terms {
    migration_scenario: MigrationScenario,
    anchor_content_hash: Option<String>,
    on_checkpoint_block: OnCheckpointBlock,
    /// `force_scenario => gap_fill` leaves no path.
    keep_path: bool,
    reason: String,
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
        let graft =
            |place: &Place| place.left_out.is_some() || place.migration_scenario == MigrationScenario::CleanGraft;
        let single = match places.as_slice() {
            [place] if !place.relocated && graft(place) => Some(place.clone()),
            _ => None,
        };
        // The common case, and the cheapest: one place, nothing to replay.
        if let Some(place) =
            single.as_ref().filter(|place| chain.len() == 1 || place.left_out.is_some() || place.forced)
        {
            return Ok(self.without_replay(place));
        }
        let relation = relate(chain, self.session, self.published_version, facts)?;
        if let Some(mut place) = single {
            match relation.new.find(&place.step_id) {
                Some(landing) if hides_an_action(&relation, landing) => {
                    place.migration_scenario = MigrationScenario::GapFill;
                    places = vec![place];
                }
                _ => return Ok(self.without_replay(&place)),
            }
        }
        let history = self.history(&relation, facts)?;
        let current = relation.old.find(&self.session.step_id);
        let deleted = places.first().is_none_or(|p| p.relocated);
        if deleted
            && chain.len() > 1
            && let Some(landing) = current.and_then(|o| relation.pairing.new_of(o))
        {
            // Dropped on the way and taken up again: no need to be relocated. Policies of the links still count.
            if let Some(place) = places.iter().find(|p| p.left_out.is_some()) {
                let place = place.clone();
                return Ok(self.left_out(&place));
            }
            let terms = Terms {
                migration_scenario: MigrationScenario::ReRoute,
                anchor_content_hash: self.session.step_content_hash.clone(),
                on_checkpoint_block: OnCheckpointBlock::Graft,
                keep_path: false,
                reason: "the step was dropped by a version between and taken up again".into(),
            };
            return self.land(&relation, &history, current, Landing { new: landing, old: current }, terms, facts);
        }
        if deleted && let Some(step) = current {
            self.put_untaken_last(&mut places, step, &relation, facts)?;
        }
        let Some((place, landing)) = self.first_allowed(&places, &relation, &history) else {
            return Ok(
                self.exit("the session's step was deleted, and no place is left that lies before no passed checkpoint")
            );
        };
        if place.left_out.is_some() {
            return Ok(self.left_out(&place));
        }
        if place.migration_scenario == MigrationScenario::CleanGraft {
            return Ok(self.without_replay(&place));
        }
        let terms = Terms {
            migration_scenario: place.migration_scenario,
            anchor_content_hash: place.anchor_content_hash.clone(),
            on_checkpoint_block: place.on_checkpoint_block,
            keep_path: place.forced && place.migration_scenario == MigrationScenario::GapFill,
            reason: reason_of(&place),
        };
        let old = relation.pairing.old_of(landing);
        self.land(&relation, &history, current, Landing { new: landing, old }, terms, facts)
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

    /// The first place that a checkpoint does not forbid. Only relocation asks: the same step is never forbidden.
    fn first_allowed(&mut self, places: &[Place], relation: &Relation, history: &History) -> Option<(Place, StepIx)> {
        let checkpoints = Checkpoints::of(history);
        for place in places {
            let Some(step) = relation.new.find(&place.step_id) else { continue };
            let node = relation.new.node(step);
            if place.relocated && self.settings.block_teleport_past_checkpoint {
                if let Some((stop, rule)) = checkpoints.forbids_place(relation, step) {
                    self.trace.step(
                        Event::Checkpoint,
                        node,
                        json!({"forbids": "relocation", "checkpoint": stop.step_name, "rule": rule}),
                    );
                    continue;
                }
                self.trace.step(Event::Relocation, node, json!({"from_step_id": self.session.step_id}));
            }
            return Some((place.clone(), step));
        }
        None
    }

    fn without_replay(self, place: &Place) -> Decision {
        if place.left_out.is_some() {
            return self.left_out(place);
        }
        let mut call = self;
        call.anchor(place);
        let target = Target { step_id: place.step_id.clone(), step_name: Some(place.step_name.clone()) };
        let mut decision = call.decision(Action::Teleport, Effect::Move, reason_of(place));
        decision.target = Some(target);
        decision.scenario_version = Some(decision.published_version);
        decision.migration_scenario = Some(place.migration_scenario);
        decision.anchor_content_hash = place.anchor_content_hash.clone();
        decision
    }

    fn left_out(mut self, place: &Place) -> Decision {
        let why = place.left_out.clone().unwrap_or_default();
        self.anchor(place);
        self.trace.push(Event::Policy, None, json!({"left_out": why}));
        let mut decision = self.stay(Effect::Pin, format!("pinned: {why}"));
        decision.migration_scenario = Some(place.migration_scenario);
        decision.anchor_content_hash = place.anchor_content_hash.clone();
        decision
    }

    fn anchor(&mut self, place: &Place) {
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
    }

    /// Section 10: no plan to go by.
    fn fall_back<F: Facts>(mut self, why: &str, facts: &mut F) -> Result<Decision, F::Error> {
        self.trace.push(Event::Way, None, json!({"by": "fallback", "why": why}));
        self.plan_ids.clear();
        let visits = facts.visits()?;
        let new = facts.graph(self.published_version)?;
        let relation = if self.session.matches_version {
            relate_anew(facts.graph(self.session.scenario_version)?, new)
        } else {
            relate_by_history(self.remembered(&visits), new)
        };
        let history = History::load(self.session, visits, &relation, facts)?;
        let current = relation.old.find(&self.session.step_id);
        let terms = |reason: String| Terms {
            migration_scenario: MigrationScenario::ReRoute,
            anchor_content_hash: self.session.step_content_hash.clone(),
            on_checkpoint_block: OnCheckpointBlock::Graft,
            keep_path: false,
            reason,
        };
        if let Some(new) = current.and_then(|o| relation.pairing.new_of(o)) {
            let terms = terms(format!("{why}; the step was found again by what it means"));
            return self.land(&relation, &history, current, Landing { new, old: current }, terms, facts);
        }
        let checkpoints = Checkpoints::of(&history);
        let last_existing = history.stops.iter().rev().find(|stop| {
            stop.new.is_some_and(|step| {
                !self.settings.block_teleport_past_checkpoint || checkpoints.forbids_place(&relation, step).is_none()
            })
        });
        match last_existing.and_then(|stop| stop.new.map(|new| (new, stop.old))) {
            Some((new, old)) => {
                let node = relation.new.node(new);
                self.trace.step(Event::Relocation, node, json!({"from_step_id": self.session.step_id}));
                let terms = terms(format!("{why}; back at the last visited step that still exists"));
                self.land(&relation, &history, current, Landing { new, old }, terms, facts)
            }
            None => Ok(self.exit(&format!("{why}, and none of the visited steps is left to go to"))),
        }
    }

    /// The old steps as the history remembers them, the current one with the hash that the session keeps.
    fn remembered(&self, visits: &[Visit]) -> Graph {
        let name = visits.iter().rev().find(|v| v.step_id == self.session.step_id).map(|v| v.step_name.as_str());
        let current = self
            .session
            .step_content_hash
            .as_deref()
            .map(|hash| (self.session.step_id.as_str(), name.unwrap_or_default(), hash));
        let visited =
            visits.iter().rev().map(|v| (v.step_id.as_str(), v.step_name.as_str(), v.step_content_hash.as_str()));
        Graph::from_history(current.into_iter().chain(visited))
    }

    fn history<F: Facts>(&self, relation: &Relation, facts: &mut F) -> Result<History, F::Error> {
        let visits = facts.visits()?;
        History::load(self.session, visits, relation, facts)
    }

    /// Replays to the landing step, and makes the result in the order of section 7.3.
    fn land<F: Facts>(
        mut self,
        relation: &Relation,
        history: &History,
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
        let own_path = path(relation, history, landing.new, landing.old);
        let completed = facts.completed_actions()?;
        let decisions = facts.decisions()?;
        let keep_path = terms.keep_path || !self.settings.re_routing_enabled;
        let replay = Replay {
            relation,
            history,
            path: &own_path,
            current_old,
            new_version: self.published_version,
            reach: if keep_path { Reach::KeepPath } else { Reach::Full },
            settings: self.settings,
            completed: &completed,
            decisions: &decisions,
        };
        let mut fields = std::mem::replace(&mut self.fields, Fields::new(self.session, self.settings));
        let replayed = replay.walk(&mut fields, facts, &mut self.trace)?;
        Ok(self.result(graph, landing, terms, fields, replayed))
    }

    fn result(self, graph: &Graph, landing: Landing, terms: Terms, fields: Fields<'_>, replayed: Replayed) -> Decision {
        let settings = self.settings;
        let published = self.published_version;
        let place = replayed.redirect.unwrap_or(landing.new);
        // Who belongs to an end is asked for nothing more, but nobody is sent there on a value that may be wrong.
        let asks_nothing_more = replayed.redirect.is_some() && graph.node(place).is_terminal;
        let to_confirm = fields.to_confirm(asks_nothing_more);
        let (filled, missing) = (fields.filled, if asks_nothing_more { Vec::new() } else { fields.missing });
        let blocked = !replayed.blocks.is_empty();
        let pins = terms.on_checkpoint_block == OnCheckpointBlock::Pin && replayed.blocked_branch_is_taken;
        let outcome = if pins {
            (Action::Continue, Effect::Pin, "pinned: a passed checkpoint forbids the redirect".to_owned())
        } else if !(missing.is_empty() && to_confirm.is_empty()) {
            let waits_for = if missing.is_empty() { WaitingFor::Confirmation } else { WaitingFor::Customer };
            (Action::Collect, Effect::Wait(waits_for), what_is_asked(&missing, &to_confirm))
        } else if !asks_nothing_more && !replayed.actions.is_empty() {
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
        let pinned = effect == Effect::Pin;
        let session_version = self.session.scenario_version;
        let session_step = self.session.step_id.clone();
        let mut decision = self.decision(action, effect, reason);
        let target = graph.node(place);
        decision.target = Some(Target { step_id: target.id.clone(), step_name: Some(target.name.clone()) });
        decision.scenario_version = Some(match effect {
            Effect::Move => published,
            _ => session_version,
        });
        if pinned {
            decision.target = Some(Target { step_id: session_step, step_name: None });
        }
        decision.migration_scenario = Some(terms.migration_scenario);
        decision.anchor_content_hash = terms.anchor_content_hash;
        decision.user_message = user_message.filter(|m| settings.notify_user && !m.is_empty());
        decision.fields_filled = filled;
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

    /// The session leaves the scenario.
    fn exit(self, why: &str) -> Decision {
        let message = self.settings.exit_message.clone();
        let notify = self.settings.notify_user;
        let mut decision = self.decision(Action::ExitScenario, Effect::Exit, why.to_owned());
        decision.user_message = Some(message).filter(|m| notify && !m.is_empty());
        decision
    }

    /// The session stays where it is, on the version that it walks.
    fn stay(self, effect: Effect, reason: String) -> Decision {
        let target = Target { step_id: self.session.step_id.clone(), step_name: None };
        let version = self.session.scenario_version;
        let mut decision = self.decision(Action::Continue, effect, reason);
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
            checkpoint_blocks: Vec::new(),
            user_message: None,
            reason,
            plan_ids: self.plan_ids,
            warnings: Vec::new(),
            trace: self.trace.events,
        }
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
