//! A decision that is the same for every session at a step: nothing that belongs to a session was looked at.

use crate::error::{Error, Result};
use crate::settings;
use crate::store::plan_facts::PlanFacts;
use crate::store::sessions::Place;
use crate::store::{anchors, sql_id, versions};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, PassedAtStart};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::PlanRef;
use scenario_engine::reconcile::{
    self, Candidate, CompletedAction, Decision, Effect, Facts, FieldSource, PlannedStep, Session, SubmittedDecision,
    Visit,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The move that every session at this place makes, whoever it is; `None` where that hangs on the session.
pub fn move_of_everybody(tenant_id: Uuid, place: &Place, plans: &PlanFacts) -> Result<Option<Decision>> {
    if !place.matches_version {
        return Ok(None);
    }
    let way = plans.way(place.scenario_id, place.scenario_version, place.published_version)?;
    let nobody = nobody_at(place.scenario_version, place.step_id.clone(), Some(place.step_content_hash.clone()));
    let mut facts = FactsOfNobody { tenant_id, scenario_id: place.scenario_id, plans: plans.clone() };
    match reconcile::reconcile(&nobody, way, place.published_version, &settings::engine_settings(), &mut facts) {
        Ok(decision) => Ok(Some(decision).filter(|decision| decision.effect == Effect::Move)),
        Err(Unanswered::HangsOnTheSession) => Ok(None),
        Err(Unanswered::Failed(error)) => Err(error),
    }
}

/// A session of which nothing is known but where it is.
pub(super) fn nobody_at(scenario_version: i32, step_id: String, step_content_hash: Option<String>) -> Session {
    Session {
        session_id: uuid::Uuid::nil(),
        scenario_version,
        step_id,
        step_content_hash,
        matches_version: true,
        finished: false,
        channel: None,
        age_days: 0.0,
        variables: BTreeMap::new(),
        variables_set_at: BTreeMap::new(),
    }
}

/// Knows plans and versions, and refuses every question about a session.
struct FactsOfNobody {
    tenant_id: Uuid,
    scenario_id: Uuid,
    plans: PlanFacts,
}

/// Why a question has no answer that holds for several sessions.
pub(super) enum Unanswered {
    HangsOnTheSession,
    Failed(Error),
}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Unanswered {
        Unanswered::Failed(error)
    }
}

pub(super) type Answer<T> = std::result::Result<T, Unanswered>;

impl Facts for FactsOfNobody {
    type Error = Unanswered;

    /// A policy that does not let everybody in looks at the session.
    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> Answer<Option<PlannedStep>> {
        let row = self.plans.row(self.scenario_id, plan, old_step_id)?;
        let lets_everybody_in = |row: &PlannedStep| {
            row.policy.admits_everybody() && row.goals.iter().all(|goal| goal.policy.admits_everybody())
        };
        if row.as_ref().is_some_and(|row| !lets_everybody_in(row)) {
            return Err(Unanswered::HangsOnTheSession);
        }
        Ok(row)
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> Answer<Rc<Vec<(String, String)>>> {
        Ok(anchors::pairs(self.tenant_id, sql_id(plan.plan_id))?)
    }

    fn graph(&mut self, version: i32) -> Answer<Rc<Graph>> {
        Ok(versions::graph(self.tenant_id, self.scenario_id, version)?)
    }

    fn kept_graph(&mut self, version: i32) -> Answer<Option<Rc<Graph>>> {
        Ok(versions::kept_graph(self.tenant_id, self.scenario_id, version)?)
    }

    fn acts(&mut self) -> Answer<Rc<Acts>> {
        Ok(self.plans.acts(self.scenario_id)?)
    }

    fn passed_at_start(&mut self) -> Answer<Vec<PassedAtStart>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> Answer<Option<Rc<Vec<(String, String)>>>> {
        Ok(self.plans.pairs_of_way(self.scenario_id, from, to)?)
    }

    fn visits(&mut self) -> Answer<Vec<Visit>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn walked_pairs(&mut self, _: i32, _: i32) -> Answer<Rc<Vec<(String, String)>>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn completed_actions(&mut self) -> Answer<Vec<CompletedAction>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn decisions(&mut self) -> Answer<Vec<SubmittedDecision>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn field_definition(&mut self, _: &str) -> Answer<Option<Rc<FieldDefinition>>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn profile(&mut self, _: &str) -> Answer<Option<Candidate>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn extraction(&mut self, _: &FieldDefinition) -> Answer<Vec<Candidate>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn denied(&mut self, _: &str, _: FieldSource) -> Answer<Vec<String>> {
        Err(Unanswered::HangsOnTheSession)
    }

    fn declined(&mut self) -> Answer<Vec<String>> {
        Err(Unanswered::HangsOnTheSession)
    }
}
