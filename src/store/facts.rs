//! The engine's [`Facts`] from the tables: each read when the engine asks, none before.

use super::sources::{self, Source};
use super::{actions, acts, anchors, attempts, audit, fields, messages, plans, profiles, versions, visits};
use crate::error::{Error, Result};
use crate::json::Json;
use crate::settings;
use pgrx::Uuid;
use scenario_engine::acts::{Acts, Ground, LandingActs, PassedAtStart, landing_acts_of};
use scenario_engine::diff::Pairing;
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::{PlanRef, Way, find_way};
use scenario_engine::reconcile::{
    Candidate, CompletedAction, Facts, PlanRow, StepPairs, SubmittedDecision, Visit, same_json,
};
use std::collections::HashMap;
use std::rc::Rc;

/// How sure a match of an `extraction_pattern` is. The words are the customer's own, but whom they speak of is the
/// pattern's guess ("my son is 12"). So it lies between the two thresholds as they are by default: the value is used,
/// and the customer confirms it. Who trusts their patterns sets `scenario.confirmation_threshold` to 0.9 or less; who
/// does not at all, `scenario.extraction_confidence_threshold` to more.
pub const PATTERN_CONFIDENCE: f32 = 0.9;

/// What the tables say of one session, for one decision.
pub struct SessionFacts {
    pub tenant_id: Uuid,
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    pub customer_id: Option<Uuid>,
    definitions: HashMap<String, Option<Rc<FieldDefinition>>>,
    /// The acts up to a version, once they were asked for.
    acts: Option<(i32, Rc<Acts>)>,
    /// The newest version that was asked about: the one that is moved to.
    newest: i32,
    history_was_read: bool,
    /// The customer's messages, once a field has asked for them.
    messages: Option<Vec<String>>,
    /// The application's own sources, once a field has asked for them; `None` inside: the built-in ones.
    profile_source: Option<Option<Rc<Source>>>,
    extraction_source: Option<Option<Rc<Source>>>,
}

impl SessionFacts {
    pub fn new(tenant_id: Uuid, session_id: Uuid, scenario_id: Uuid, customer_id: Option<Uuid>) -> SessionFacts {
        SessionFacts {
            tenant_id,
            session_id,
            scenario_id,
            customer_id,
            definitions: HashMap::new(),
            acts: None,
            newest: 0,
            history_was_read: false,
            messages: None,
            profile_source: None,
            extraction_source: None,
        }
    }

    /// Whether a decision hung on the session's history.
    pub fn has_read_history(&self) -> bool {
        self.history_was_read
    }

    fn acts_up_to(&mut self, version: i32) -> Result<Rc<Acts>> {
        if let Some((up_to, known)) = &self.acts
            && *up_to == version
        {
            return Ok(Rc::clone(known));
        }
        let acts = Rc::new(acts::worked_out(self.tenant_id, self.scenario_id, version)?);
        self.acts = Some((version, Rc::clone(&acts)));
        Ok(acts)
    }

    /// What a landing at an anchor would undo.
    fn undoes(&mut self, plan: &PlanRef, old_step_id: &str, new_step_id: &str) -> Result<LandingActs> {
        let acts = self.acts_up_to(plan.to_version)?;
        let nothing = LandingActs { revision: acts.revision(), ..LandingActs::default() };
        if acts.flagged().next().is_none() {
            return Ok(nothing);
        }
        let old = versions::graph(self.tenant_id, self.scenario_id, plan.from_version)?;
        let new = versions::graph(self.tenant_id, self.scenario_id, plan.to_version)?;
        let pairs = self.plan_pairs(plan)?;
        let pairing = Pairing::from_ids(&old, &new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
        let ground = Ground::new(&old, true, &new, &pairing, &acts);
        let places = old.find(old_step_id).zip(new.find(new_step_id));
        Ok(places.map_or(nothing, |(from, to)| landing_acts_of(&ground, from, to)))
    }

    /// The pairs of the plans that lead from one version to another, composed; `None` if none lead there.
    fn pairs_of_way(&self, from_version: i32, to_version: i32) -> Result<Option<StepPairs>> {
        let plans = plans::refs(self.tenant_id, self.scenario_id)?;
        let Way::Plans(chain) = find_way(&plans, from_version, to_version) else { return Ok(None) };
        self.composed(chain.iter().map(|plan| super::sql_id(plan.plan_id)))
    }

    fn composed(&self, plans: impl IntoIterator<Item = Uuid>) -> Result<Option<StepPairs>> {
        let mut composed: Option<StepPairs> = None;
        for plan_id in plans {
            let link = anchors::pairs(self.tenant_id, plan_id)?;
            composed = Some(match composed {
                None => link,
                Some(so_far) => Rc::new(compose(&so_far, &link)),
            });
        }
        Ok(composed)
    }

    /// What a pattern finds in the conversation: the newest value that the customer has not said is wrong.
    fn matched(&mut self, field: &FieldDefinition) -> Result<Option<Candidate>> {
        if field.extraction_pattern.is_none() {
            return Ok(None);
        }
        let wrong = self.denied(&field.field_name)?;
        let messages = match &mut self.messages {
            Some(messages) => messages,
            none => {
                let most = settings::max_conversation_turns();
                none.insert(messages::last_of_customer(self.tenant_id, self.session_id, most)?)
            }
        };
        let mut older: Vec<&str> = messages.iter().map(String::as_str).collect();
        while let Some(found) = field.extract(&older) {
            if !wrong.iter().any(|value| same_json(value.as_str(), &found.value)) {
                return Ok(Some(Candidate {
                    value: found.value,
                    confidence: Some(PATTERN_CONFIDENCE),
                    needs_confirmation: false,
                    quote: Some(found.quote),
                }));
            }
            older.drain(..=found.message_index.min(older.len() - 1));
        }
        Ok(None)
    }

    /// Values that the customer has said are wrong: no source has them any more.
    fn denied(&self, field: &str) -> Result<Vec<Json>> {
        attempts::denied(self.tenant_id, self.session_id, self.customer_id, field)
    }

    fn unless_denied(&self, field: &str, candidate: Option<Candidate>) -> Result<Option<Candidate>> {
        let Some(candidate) = candidate else { return Ok(None) };
        let denied = self.denied(field)?.iter().any(|value| same_json(value.as_str(), &candidate.value));
        Ok((!denied).then_some(candidate))
    }

    fn own_profile(&mut self) -> Result<Option<Rc<Source>>> {
        if self.profile_source.is_none() {
            self.profile_source = Some(sources::profile()?.map(Rc::new));
        }
        Ok(self.profile_source.clone().flatten())
    }

    fn own_extraction(&mut self) -> Result<Option<Rc<Source>>> {
        if self.extraction_source.is_none() {
            self.extraction_source = Some(sources::extraction()?.map(Rc::new));
        }
        Ok(self.extraction_source.clone().flatten())
    }
}

impl Facts for SessionFacts {
    type Error = Error;

    fn plan_row(&mut self, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlanRow>> {
        self.newest = self.newest.max(plan.to_version);
        let Some(mut row) = anchors::plan_row(self.tenant_id, self.scenario_id, plan, old_step_id)? else {
            return Ok(None);
        };
        if let (false, Some(goal)) = (row.deleted, row.goals.first_mut()) {
            let list = self.undoes(plan, old_step_id, &goal.new_step_id)?;
            row.acts_revision = list.revision;
            goal.undoes = Some(list);
        }
        Ok(Some(row))
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> Result<StepPairs> {
        anchors::pairs(self.tenant_id, super::sql_id(plan.plan_id))
    }

    fn graph(&mut self, version: i32) -> Result<Rc<Graph>> {
        self.newest = self.newest.max(version);
        versions::graph(self.tenant_id, self.scenario_id, version)
    }

    /// Retention keeps the definition of every version that a live session walks.
    fn kept_graph(&mut self, version: i32) -> Result<Option<Rc<Graph>>> {
        self.graph(version).map(Some)
    }

    fn acts(&mut self) -> Result<Rc<Acts>> {
        self.acts_up_to(self.newest)
    }

    /// Not stored yet: no session has begun in the middle as far as is known.
    fn passed_at_start(&mut self) -> Result<Vec<PassedAtStart>> {
        Ok(Vec::new())
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> Result<Option<StepPairs>> {
        self.pairs_of_way(from, to)
    }

    fn visits(&mut self) -> Result<Vec<Visit>> {
        self.history_was_read = true;
        visits::history(self.tenant_id, self.session_id, self.scenario_id)
    }

    /// By the plans that the audit says moved the session; a plan that retention has removed says nothing any more.
    fn walked_pairs(&mut self, from_version: i32, to_version: i32) -> Result<StepPairs> {
        let plans = audit::plans_between(self.tenant_id, self.session_id, self.scenario_id, from_version, to_version)?;
        Ok(self.composed(plans)?.unwrap_or_default())
    }

    fn completed_actions(&mut self) -> Result<Vec<CompletedAction>> {
        actions::completed(self.tenant_id, self.session_id, self.scenario_id)
    }

    fn decisions(&mut self) -> Result<Vec<SubmittedDecision>> {
        actions::decisions(self.tenant_id, self.session_id, self.scenario_id)
    }

    /// Kept for the decision: the prompts of the result ask again for what the engine has asked.
    fn field_definition(&mut self, field: &str) -> Result<Option<Rc<FieldDefinition>>> {
        if let Some(known) = self.definitions.get(field) {
            return Ok(known.clone());
        }
        let definition = fields::definition(self.tenant_id, field)?.map(Rc::new);
        self.definitions.insert(field.to_owned(), definition.clone());
        Ok(definition)
    }

    fn profile(&mut self, field: &str) -> Result<Option<Candidate>> {
        let Some(customer_id) = self.customer_id else { return Ok(None) };
        if let Some(own) = self.own_profile()? {
            let known = own.of_customer(self.tenant_id, customer_id, field)?;
            return self.unless_denied(field, known);
        }
        let known = profiles::active(self.tenant_id, customer_id, field)?;
        Ok(known.map(|known| Candidate {
            value: known.value.0,
            confidence: known.confidence,
            needs_confirmation: known.needs_confirmation,
            quote: known.quote,
        }))
    }

    /// What somebody handed in and the customer is to confirm, else what the application's own source or a pattern
    /// finds.
    fn extraction(&mut self, field: &FieldDefinition) -> Result<Option<Candidate>> {
        if let Some(waiting) = attempts::to_be_confirmed(self.tenant_id, self.session_id, &field.field_name)? {
            return Ok(Some(Candidate {
                value: waiting.value.0,
                confidence: waiting.confidence,
                needs_confirmation: true,
                quote: waiting.quote,
            }));
        }
        if let Some(own) = self.own_extraction()? {
            let found = own.of_session(self.tenant_id, self.session_id, &field.field_name)?;
            return self.unless_denied(&field.field_name, found);
        }
        self.matched(field)
    }
}

/// Pairs of a to c, from pairs of a to b and of b to c.
fn compose(first: &[(String, String)], second: &[(String, String)]) -> Vec<(String, String)> {
    let onward: HashMap<&str, &str> = second.iter().map(|(b, c)| (b.as_str(), c.as_str())).collect();
    first.iter().filter_map(|(a, b)| onward.get(b.as_str()).map(|c| (a.clone(), (*c).to_owned()))).collect()
}
