//! The facts of one session.

use super::page::PageSession;
use super::{DefinitionFacts, PageFacts, PlanFacts};
use crate::error::{Error, Result};
use crate::settings;
use crate::store::audit::AuditedMove;
use crate::store::sessions::{Position, SessionState};
use crate::store::sql_id;
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
    /// Where the facts are read, for other sessions too.
    page: Rc<PageFacts>,
    place: usize,
    /// Values of the built-in profile that were looked up and that the customer has said are wrong, by field.
    denied_in_profile: HashMap<String, String>,
    /// The session's moves, once somebody has asked how steps of another version are called.
    moves: Option<Vec<AuditedMove>>,
    /// The customer's messages, once a field has asked for them.
    messages: Option<Vec<String>>,
}

impl SessionFacts {
    /// The facts of a session that is decided alone.
    pub fn of(tenant_id: Uuid, state: &SessionState, position: &Position, plans: PlanFacts) -> SessionFacts {
        let session = PageSession::of(state, position);
        let page = PageFacts::of(tenant_id, plans, DefinitionFacts::new(tenant_id), vec![session]);
        SessionFacts::at(page, 0, session)
    }

    /// The facts of a session of a page. XX000 if it is not of the page.
    pub fn on_page(page: &Rc<PageFacts>, session_id: Uuid) -> Result<SessionFacts> {
        let (place, session) = page.find(session_id)?;
        Ok(SessionFacts::at(Rc::clone(page), place, session))
    }

    fn at(page: Rc<PageFacts>, place: usize, session: PageSession) -> SessionFacts {
        let PageSession { session_id, scenario_id, customer_id, .. } = session;
        SessionFacts {
            tenant_id: page.tenant_id,
            session_id,
            scenario_id,
            customer_id,
            page,
            place,
            denied_in_profile: HashMap::new(),
            moves: None,
            messages: None,
        }
    }

    /// What a pattern finds in the conversation, valid or not, the newest first.
    fn pattern_matches(&mut self, field: &FieldDefinition) -> Result<Vec<Candidate>> {
        if field.extraction_pattern.is_none() {
            return Ok(Vec::new());
        }
        let messages = match &mut self.messages {
            Some(messages) => messages,
            none => none.insert(self.page.messages(self.place)?),
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
}

impl Facts for SessionFacts {
    type Error = Error;

    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlannedStep>> {
        self.page.plans.row(self.scenario_id, plan, old_step_id)
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> Result<StepPairs> {
        self.page.plans.pairs(sql_id(plan.plan_id))
    }

    fn graph(&mut self, version: i32) -> Result<Rc<Graph>> {
        self.page.definitions.graph(self.scenario_id, version)
    }

    fn kept_graph(&mut self, version: i32) -> Result<Option<Rc<Graph>>> {
        self.page.definitions.kept_graph(self.scenario_id, version)
    }

    fn acts(&mut self) -> Result<Rc<Acts>> {
        self.page.plans.acts(self.scenario_id)
    }

    fn passed_at_start(&mut self) -> Result<Vec<PassedAtStart>> {
        self.page.passed_at_start(self.place)
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> Result<Option<Rc<Vec<(String, String)>>>> {
        self.page.plans.pairs_of_way(self.scenario_id, from, to)
    }

    fn visits(&mut self) -> Result<Vec<Visit>> {
        self.page.visits(self.place)
    }

    /// By the plans that the audit says moved the session; a plan that retention has removed says nothing any more.
    fn walked_pairs(&mut self, from_version: i32, to_version: i32) -> Result<StepPairs> {
        let moves = match &self.moves {
            Some(moves) => moves,
            None => self.moves.insert(self.page.moves(self.place)?),
        };
        let last = moves.iter().find(|moved| (moved.from_version, moved.to_version) == (from_version, to_version));
        let plan_ids = last.into_iter().flat_map(|moved| &moved.plan_ids).copied();
        Ok(self.page.plans.composed_pairs(plan_ids)?.unwrap_or_default())
    }

    fn completed_actions(&mut self) -> Result<Vec<CompletedAction>> {
        self.page.completed_actions(self.place)
    }

    fn decisions(&mut self) -> Result<Vec<SubmittedDecision>> {
        self.page.decisions(self.place)
    }

    fn field_definition(&mut self, field: &str) -> Result<Option<Rc<FieldDefinition>>> {
        self.page.definitions.field(field)
    }

    fn profile(&mut self, field: &str) -> Result<Option<Candidate>> {
        let Some(customer_id) = self.customer_id else { return Ok(None) };
        if let Some(own) = self.page.own_profile()? {
            return own.of_customer(self.tenant_id, customer_id, field);
        }
        let Some(known) = self.page.profile(self.place, field)? else { return Ok(None) };
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
        if let Some(waiting) = self.page.to_confirm(self.place, &field.field_name)? {
            return Ok(vec![Candidate {
                value: waiting.value.0,
                confidence: waiting.confidence,
                needs_confirmation: true,
                quote: waiting.quote,
                ..Candidate::default()
            }]);
        }
        if let Some(own) = self.page.own_extraction()? {
            let found = own.of_session(self.tenant_id, self.session_id, &field.field_name)?;
            return Ok(found.into_iter().collect());
        }
        self.pattern_matches(field)
    }

    /// The built-in profile says itself that its value was denied.
    fn denied(&mut self, field: &str, source: FieldSource) -> Result<Vec<String>> {
        if source == FieldSource::Profile && self.page.own_profile()?.is_none() {
            return Ok(self.denied_in_profile.get(field).cloned().into_iter().collect());
        }
        self.page.denied(self.place, field)
    }

    fn declined(&mut self) -> Result<Vec<String>> {
        self.page.declined(self.place)
    }
}
