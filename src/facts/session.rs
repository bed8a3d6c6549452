//! The facts of one session.

use super::plans::PlanFacts;
use crate::error::{Error, Result};
use crate::settings;
use crate::store::sessions::SessionState;
use crate::store::sources::{self, Source};
use crate::store::{
    actions, anchors, attempts, audit, fields, messages, passed_at_start, profiles, sql_id, versions, visits,
};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, PassedAtStart};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::PlanRef;
use scenario_engine::reconcile::{
    Candidate, CompletedAction, Facts, FieldSource, PlannedStep, StepPairs, SubmittedDecision, Visit,
};
use std::collections::HashMap;
use std::rc::Rc;

/// The confidence of a match of an `extraction_pattern`. The words are the customer's own, but the pattern only
/// guesses whom they are about ("my son is 12"). The confidence lies between the defaults of the two thresholds: the
/// value is used, and the customer confirms it. An operator who trusts the patterns sets
/// `scenario.confirmation_threshold` to 0.9 or less; one who does not trust them at all sets
/// `scenario.extraction_confidence_threshold` to more than 0.9.
pub const PATTERN_CONFIDENCE: f64 = 0.9;

/// Why a value of the profile does not do whose time is over.
const EXPIRED: &str = "it has expired";

/// Whether the next turn finds what is written into `profile_fields` for the session: it has a customer, and the
/// application has no profile source of its own.
pub fn has_builtin_profile(state: &SessionState) -> bool {
    state.customer_id.is_some() && settings::profile_source().is_none()
}

/// What the tables say of one session, for one decision.
pub struct SessionFacts {
    pub tenant_id: Uuid,
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    pub customer_id: Option<Uuid>,
    plans: PlanFacts,
    definitions: HashMap<String, Option<Rc<FieldDefinition>>>,
    /// Values of the built-in profile that were looked up and that the customer has said are wrong, by field.
    denied_in_profile: HashMap<String, String>,
    /// The customer's messages, once a field has asked for them.
    messages: Option<Vec<String>>,
    /// The application's own sources, once a field has asked for them; `None` inside: the built-in ones.
    profile_source: Option<Option<Rc<Source>>>,
    extraction_source: Option<Option<Rc<Source>>>,
}

impl SessionFacts {
    pub fn new(
        tenant_id: Uuid,
        session_id: Uuid,
        scenario_id: Uuid,
        customer_id: Option<Uuid>,
        plans: PlanFacts,
    ) -> SessionFacts {
        SessionFacts {
            plans,
            tenant_id,
            session_id,
            scenario_id,
            customer_id,
            definitions: HashMap::new(),
            denied_in_profile: HashMap::new(),
            messages: None,
            profile_source: None,
            extraction_source: None,
        }
    }

    /// What a pattern finds in the conversation, valid or not, the newest first.
    fn pattern_matches(&mut self, field: &FieldDefinition) -> Result<Vec<Candidate>> {
        if field.extraction_pattern.is_none() {
            return Ok(Vec::new());
        }
        let messages = match &mut self.messages {
            Some(messages) => messages,
            none => {
                let most = settings::max_conversation_turns();
                none.insert(messages::last_of_customer(self.tenant_id, self.session_id, most)?)
            }
        };
        let newest_first: Vec<&str> = messages.iter().map(String::as_str).collect();
        let found = field.extract(&newest_first).map(|found| Candidate {
            value: found.value,
            confidence: Some(PATTERN_CONFIDENCE),
            quote: Some(found.quote),
            problem: found.problem,
            ..Candidate::default()
        });
        Ok(found.collect())
    }

    fn own_profile(&mut self) -> Result<Option<Rc<Source>>> {
        if self.profile_source.is_none() {
            self.profile_source =
                Some(settings::profile_source().map(|name| sources::profile(&name)).transpose()?.map(Rc::new));
        }
        Ok(self.profile_source.clone().flatten())
    }

    fn own_extraction(&mut self) -> Result<Option<Rc<Source>>> {
        if self.extraction_source.is_none() {
            self.extraction_source =
                Some(settings::extraction_source().map(|name| sources::extraction(&name)).transpose()?.map(Rc::new));
        }
        Ok(self.extraction_source.clone().flatten())
    }
}

impl Facts for SessionFacts {
    type Error = Error;

    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlannedStep>> {
        self.plans.row(self.scenario_id, plan, old_step_id)
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> Result<StepPairs> {
        anchors::pairs(self.tenant_id, sql_id(plan.plan_id))
    }

    fn graph(&mut self, version: i32) -> Result<Rc<Graph>> {
        versions::graph(self.tenant_id, self.scenario_id, version)
    }

    fn kept_graph(&mut self, version: i32) -> Result<Option<Rc<Graph>>> {
        versions::kept_graph(self.tenant_id, self.scenario_id, version)
    }

    fn acts(&mut self) -> Result<Rc<Acts>> {
        self.plans.acts(self.scenario_id)
    }

    fn passed_at_start(&mut self) -> Result<Vec<PassedAtStart>> {
        passed_at_start::of_session(self.tenant_id, self.session_id, self.scenario_id)
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> Result<Option<Rc<Vec<(String, String)>>>> {
        self.plans.pairs_of_way(self.scenario_id, from, to)
    }

    fn visits(&mut self) -> Result<Vec<Visit>> {
        visits::history(self.tenant_id, self.session_id, self.scenario_id)
    }

    /// By the plans that the audit says moved the session; a plan that retention has removed says nothing any more.
    fn walked_pairs(&mut self, from_version: i32, to_version: i32) -> Result<StepPairs> {
        let plans = audit::plans_between(self.tenant_id, self.session_id, self.scenario_id, from_version, to_version)?;
        Ok(self.plans.composed_pairs(plans)?.unwrap_or_default())
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
            return own.of_customer(self.tenant_id, customer_id, field);
        }
        let Some(known) = profiles::look_up(self.tenant_id, customer_id, field)? else { return Ok(None) };
        if known.is_denied {
            self.denied_in_profile.insert(field.to_owned(), known.value.0.clone());
        }
        Ok(Some(Candidate {
            value: known.value.0,
            confidence: known.confidence,
            needs_confirmation: known.needs_confirmation,
            quote: known.quote,
            given_at: known.written_at,
            problem: known.is_expired.then(|| EXPIRED.to_owned()),
        }))
    }

    /// What somebody handed in and the customer is to confirm, else what the application's own source or a pattern
    /// finds.
    fn extraction(&mut self, field: &FieldDefinition) -> Result<Vec<Candidate>> {
        if let Some(waiting) = attempts::to_confirm(self.tenant_id, self.session_id, &field.field_name)? {
            return Ok(vec![Candidate {
                value: waiting.value.0,
                confidence: waiting.confidence,
                needs_confirmation: true,
                quote: waiting.quote,
                ..Candidate::default()
            }]);
        }
        if let Some(own) = self.own_extraction()? {
            let found = own.of_session(self.tenant_id, self.session_id, &field.field_name)?;
            return Ok(found.into_iter().collect());
        }
        self.pattern_matches(field)
    }

    /// The built-in profile says itself that its value was denied.
    fn denied(&mut self, field: &str, source: FieldSource) -> Result<Vec<String>> {
        if source == FieldSource::Profile && self.own_profile()?.is_none() {
            return Ok(self.denied_in_profile.get(field).cloned().into_iter().collect());
        }
        attempts::denied(self.tenant_id, self.session_id, self.customer_id, field)
    }

    fn declined(&mut self) -> Result<Vec<String>> {
        attempts::declined(self.tenant_id, self.session_id)
    }
}
