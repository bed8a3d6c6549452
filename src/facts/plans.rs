//! What the plans of a tenant say, read once for all sessions of a turn or of a batch's page.

use crate::cache::{self, DeploymentKey, Pairs};
use crate::error::Result;
use crate::store::plans::{self, Plan};
use crate::store::sessions::Position;
use crate::store::{acts, anchors, engine_id, sql_id, versions};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, Ground, landing_acts_of};
use scenario_engine::diff::{Pairing, compose_pairs};
use scenario_engine::plan::{PlanRef, Way, chain_through, find_way};
use scenario_engine::reconcile::PlannedStep;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Reads each plan and each of its rows when it is first asked for. A clone shares what the other has read.
#[derive(Clone)]
pub struct PlanFacts {
    tenant_id: Uuid,
    /// A plan that is considered before it is deployed.
    as_if_deployed: Option<Rc<Plan>>,
    /// What is deployed in the scenario that is looked at, where that may be kept in the backend.
    deployment: Option<DeploymentKey>,
    known: Rc<RefCell<KnownFacts>>,
}

#[derive(Default)]
struct KnownFacts {
    /// By scenario: its deployed and cancelled plans.
    refs: HashMap<Uuid, Rc<Vec<PlanRef>>>,
    /// By plan and old step.
    rows: HashMap<(uuid::Uuid, String), Option<PlannedStep>>,
    /// By scenario.
    acts: HashMap<Uuid, Rc<Acts>>,
    /// By plan.
    pairs: HashMap<Uuid, Pairs>,
}

impl PlanFacts {
    pub fn new(tenant_id: Uuid) -> PlanFacts {
        PlanFacts { tenant_id, as_if_deployed: None, deployment: None, known: Rc::default() }
    }

    /// For a session at this position. What the plans of its scenario say is kept in the backend: it cannot change
    /// while the count of deployments is the same.
    pub fn at(tenant_id: Uuid, position: &Position) -> PlanFacts {
        PlanFacts { deployment: position.deployment(), ..PlanFacts::new(tenant_id) }
    }

    fn deployment_of(&self, scenario_id: Uuid) -> Option<DeploymentKey> {
        self.deployment.filter(|deployment| sql_id(deployment.scenario.scenario_id) == scenario_id)
    }

    /// What would be so once a plan was deployed.
    pub fn as_if_deployed(tenant_id: Uuid, plan: &Plan) -> PlanFacts {
        PlanFacts { as_if_deployed: Some(Rc::new(plan.clone())), ..PlanFacts::new(tenant_id) }
    }

    /// The scenario's plans that were ever deployed.
    pub fn refs(&self, scenario_id: Uuid) -> Result<Rc<Vec<PlanRef>>> {
        if let Some(refs) = self.known.borrow().refs.get(&scenario_id) {
            return Ok(Rc::clone(refs));
        }
        let read = || plans::refs(self.tenant_id, scenario_id).map(Rc::new);
        let refs = match self.deployment_of(scenario_id) {
            Some(deployment) => cache::plans(deployment, read)?,
            None => read()?,
        };
        self.known.borrow_mut().refs.insert(scenario_id, Rc::clone(&refs));
        Ok(refs)
    }

    /// How sessions come from one version of a scenario to another.
    pub fn way(&self, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Way> {
        Ok(find_way(&self.refs(scenario_id)?, from_version, to_version))
    }

    /// The chain that leads from a version through a plan as if that were deployed; `None` if none does.
    pub fn chain_through(&self, plan: &Plan, from_version: i32) -> Result<Option<Vec<PlanRef>>> {
        Ok(chain_through(&self.refs(plan.scenario_id)?, &plan.engine_ref(), from_version))
    }

    /// The row of a plan for the sessions at one old step; `None` if the plan does not know the step.
    pub fn row(&self, scenario_id: Uuid, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlannedStep>> {
        let key = (plan.plan_id, old_step_id.to_owned());
        if let Some(row) = self.known.borrow().rows.get(&key) {
            return Ok(row.clone());
        }
        let deployment = self.deployment_of(scenario_id);
        if let Some(row) = deployment.and_then(|key| cache::plan_row(key, plan.plan_id, old_step_id)) {
            return Ok(Some(row.as_ref().clone()));
        }
        let mut row = anchors::plan_row(self.tenant_id, scenario_id, plan, old_step_id)?;
        if let Some(row) = &mut row {
            self.renew_landing_list(scenario_id, plan, old_step_id, row)?;
            if let Some(key) = deployment {
                cache::keep_plan_row(key, plan.plan_id, old_step_id, Rc::new(row.clone()));
            }
        }
        self.known.borrow_mut().rows.insert(key, row.clone());
        Ok(row)
    }

    /// The acts of a scenario as they count for the moves that are decided: for a plan that is considered before
    /// it is deployed, as if it were.
    pub fn acts(&self, scenario_id: Uuid) -> Result<Rc<Acts>> {
        if let Some(acts) = self.known.borrow().acts.get(&scenario_id) {
            return Ok(Rc::clone(acts));
        }
        let acts = match &self.as_if_deployed {
            Some(plan) => crate::acts::as_if_deployed(self.tenant_id, plan)?,
            None => acts::of_scenario(self.tenant_id, scenario_id)?,
        };
        self.known.borrow_mut().acts.insert(scenario_id, Rc::clone(&acts));
        Ok(acts)
    }

    /// What a landing at an anchor would undo was worked out for the acts of then. Where they are others now, it is
    /// worked out again.
    fn renew_landing_list(
        &self,
        scenario_id: Uuid,
        plan: &PlanRef,
        old_step_id: &str,
        row: &mut PlannedStep,
    ) -> Result<()> {
        let made_for = row.goals.first().and_then(|goal| goal.undoes.as_ref()).map(|list| list.revision);
        match &self.as_if_deployed {
            // Publishing a draft raises the revision by one, and nothing has come between since the plan was built.
            Some(plan) if made_for == Some(row.acts_revision + 1) && self.leads_to_a_draft(plan)? => {
                row.acts_revision += 1;
            }
            Some(_) => row.acts_revision = self.acts(scenario_id)?.revision(),
            None => {}
        }
        let [goal] = row.goals.as_mut_slice() else { return Ok(()) };
        if goal.undoes.as_ref().is_none_or(|list| list.revision == row.acts_revision) {
            return Ok(());
        }
        let acts = self.acts(scenario_id)?;
        let old = versions::graph(self.tenant_id, scenario_id, plan.from_version)?;
        let new = versions::graph(self.tenant_id, scenario_id, plan.to_version)?;
        let pairs = self.pairs(sql_id(plan.plan_id))?;
        let pairing = Pairing::from_ids(&old, &new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
        row.acts_revision = acts.revision();
        goal.undoes = old
            .find(old_step_id)
            .zip(new.find(&goal.new_step_id))
            .map(|(from, to)| landing_acts_of(&Ground::new(&old, true, &new, &pairing, &acts), from, to));
        Ok(())
    }

    fn leads_to_a_draft(&self, plan: &Plan) -> Result<bool> {
        Ok(versions::find(self.tenant_id, plan.scenario_id, plan.to_version)?.is_draft())
    }

    /// The pairs of the plans that lead from one version to another, composed; `None` if none lead there.
    pub fn pairs_of_way(&self, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Option<Pairs>> {
        let Way::Plans(chain) = self.way(scenario_id, from_version, to_version)? else { return Ok(None) };
        self.composed_pairs(chain.iter().map(|plan| sql_id(plan.plan_id)))
    }

    /// The pairs of a plan's steps.
    pub fn pairs(&self, plan_id: Uuid) -> Result<Pairs> {
        if let Some(pairs) = self.known.borrow().pairs.get(&plan_id) {
            return Ok(Rc::clone(pairs));
        }
        let read = || anchors::pairs(self.tenant_id, plan_id);
        let pairs = match self.deployment {
            Some(deployment) => cache::pairs((deployment, engine_id(plan_id)), read)?,
            None => read()?,
        };
        self.known.borrow_mut().pairs.insert(plan_id, Rc::clone(&pairs));
        Ok(pairs)
    }

    /// The pairs of these plans, composed in their order; `None` for no plan.
    pub fn composed_pairs(&self, plan_ids: impl IntoIterator<Item = Uuid>) -> Result<Option<Pairs>> {
        let mut composed: Option<Pairs> = None;
        for plan_id in plan_ids {
            let link = self.pairs(plan_id)?;
            composed = Some(match composed {
                None => link,
                Some(so_far) => Rc::new(compose_pairs(&so_far, &link)),
            });
        }
        Ok(composed)
    }
}
