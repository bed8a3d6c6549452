//! The facts that hold for every session at one step.

use super::plans::PlanFacts;
use crate::error::Error;
use crate::store::{sql_id, versions};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, PassedAtStart};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::PlanRef;
use scenario_engine::reconcile::{
    Candidate, CompletedAction, Facts, FieldSource, PlannedStep, Session, SubmittedDecision, Visit,
};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A session of which nothing is known but where it is.
pub fn session_at(scenario_version: i32, step_id: String, step_content_hash: Option<String>) -> Session {
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
pub struct CommonFacts {
    tenant_id: Uuid,
    scenario_id: Uuid,
    plans: PlanFacts,
}

impl CommonFacts {
    pub fn new(tenant_id: Uuid, scenario_id: Uuid, plans: PlanFacts) -> CommonFacts {
        CommonFacts { tenant_id, scenario_id, plans }
    }
}

/// Why a question has no answer that holds for several sessions.
pub enum NoCommonAnswer {
    DependsOnSession,
    Failed(Error),
}

impl From<Error> for NoCommonAnswer {
    fn from(error: Error) -> NoCommonAnswer {
        NoCommonAnswer::Failed(error)
    }
}

/// An answer that holds for several sessions.
pub type CommonAnswer<T> = std::result::Result<T, NoCommonAnswer>;

impl Facts for CommonFacts {
    type Error = NoCommonAnswer;

    /// A policy that does not admit every session depends on the session.
    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> CommonAnswer<Option<PlannedStep>> {
        let row = self.plans.row(self.scenario_id, plan, old_step_id)?;
        let admits_everybody = |row: &PlannedStep| {
            row.policy.admits_everybody() && row.goals.iter().all(|goal| goal.policy.admits_everybody())
        };
        if row.as_ref().is_some_and(|row| !admits_everybody(row)) {
            return Err(NoCommonAnswer::DependsOnSession);
        }
        Ok(row)
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> CommonAnswer<Rc<Vec<(String, String)>>> {
        Ok(self.plans.pairs(sql_id(plan.plan_id))?)
    }

    fn graph(&mut self, version: i32) -> CommonAnswer<Rc<Graph>> {
        Ok(versions::graph(self.tenant_id, self.scenario_id, version)?)
    }

    fn kept_graph(&mut self, version: i32) -> CommonAnswer<Option<Rc<Graph>>> {
        Ok(versions::kept_graph(self.tenant_id, self.scenario_id, version)?)
    }

    fn acts(&mut self) -> CommonAnswer<Rc<Acts>> {
        Ok(self.plans.acts(self.scenario_id)?)
    }

    fn passed_at_start(&mut self) -> CommonAnswer<Vec<PassedAtStart>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> CommonAnswer<Option<Rc<Vec<(String, String)>>>> {
        Ok(self.plans.pairs_of_way(self.scenario_id, from, to)?)
    }

    fn visits(&mut self) -> CommonAnswer<Vec<Visit>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn walked_pairs(&mut self, _: i32, _: i32) -> CommonAnswer<Rc<Vec<(String, String)>>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn completed_actions(&mut self) -> CommonAnswer<Vec<CompletedAction>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn decisions(&mut self) -> CommonAnswer<Vec<SubmittedDecision>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn field_definition(&mut self, _: &str) -> CommonAnswer<Option<Rc<FieldDefinition>>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn profile(&mut self, _: &str) -> CommonAnswer<Option<Candidate>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn extraction(&mut self, _: &FieldDefinition) -> CommonAnswer<Vec<Candidate>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn denied(&mut self, _: &str, _: FieldSource) -> CommonAnswer<Vec<String>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn declined(&mut self) -> CommonAnswer<Vec<String>> {
        Err(NoCommonAnswer::DependsOnSession)
    }
}
