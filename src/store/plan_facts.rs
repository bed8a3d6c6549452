//! What the plans of a tenant say, read once for all sessions of a turn or of a batch's page.

use super::{acts, anchors, plans, versions};
use crate::cache::Pairs;
use crate::error::Result;
use pgrx::Uuid;
use scenario_engine::acts::{Acts, Ground, LandingActs, landing_acts_of};
use scenario_engine::diff::{Pairing, compose_pairs};
use scenario_engine::plan::{PlanRef, Way, find_way};
use scenario_engine::reconcile::PlanRow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Reads each plan and each of its rows when it is first asked for. A clone shares what the other has read.
#[derive(Clone)]
pub struct PlanFacts {
    tenant_id: Uuid,
    read: Rc<RefCell<Read>>,
}

#[derive(Default)]
struct Read {
    /// By scenario: its deployed and cancelled plans.
    refs: HashMap<Uuid, Rc<Vec<PlanRef>>>,
    /// By plan and old step.
    rows: HashMap<(uuid::Uuid, String), Option<PlanRow>>,
    /// By scenario and the newest version that they take into account.
    acts: HashMap<(Uuid, i32), Rc<Acts>>,
}

impl PlanFacts {
    pub fn new(tenant_id: Uuid) -> PlanFacts {
        PlanFacts { tenant_id, read: Rc::default() }
    }

    /// The scenario's plans that were ever deployed.
    pub fn refs(&self, scenario_id: Uuid) -> Result<Rc<Vec<PlanRef>>> {
        if let Some(refs) = self.read.borrow().refs.get(&scenario_id) {
            return Ok(Rc::clone(refs));
        }
        let refs = Rc::new(plans::refs(self.tenant_id, scenario_id)?);
        self.read.borrow_mut().refs.insert(scenario_id, Rc::clone(&refs));
        Ok(refs)
    }

    /// How sessions come from one version of a scenario to another.
    pub fn way(&self, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Way> {
        Ok(find_way(&self.refs(scenario_id)?, from_version, to_version))
    }

    /// The row of a plan for the sessions at one old step; `None` if the plan does not know the step.
    pub fn row(&self, scenario_id: Uuid, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlanRow>> {
        let key = (plan.plan_id, old_step_id.to_owned());
        if let Some(row) = self.read.borrow().rows.get(&key) {
            return Ok(row.clone());
        }
        let mut row = anchors::plan_row(self.tenant_id, scenario_id, plan, old_step_id)?;
        if let Some(row) = &mut row
            && let (false, Some(goal)) = (row.deleted, row.goals.first_mut())
        {
            let undoes = self.undone_at(scenario_id, plan, old_step_id, &goal.new_step_id)?;
            row.acts_revision = undoes.revision;
            goal.undoes = Some(undoes);
        }
        self.read.borrow_mut().rows.insert(key, row.clone());
        Ok(row)
    }

    /// The acts of a scenario once this version is published.
    pub fn acts(&self, scenario_id: Uuid, version: i32) -> Result<Rc<Acts>> {
        if let Some(acts) = self.read.borrow().acts.get(&(scenario_id, version)) {
            return Ok(Rc::clone(acts));
        }
        let acts = Rc::new(acts::worked_out(self.tenant_id, scenario_id, version)?);
        self.read.borrow_mut().acts.insert((scenario_id, version), Rc::clone(&acts));
        Ok(acts)
    }

    /// What a landing at an anchor would undo.
    fn undone_at(
        &self,
        scenario_id: Uuid,
        plan: &PlanRef,
        old_step_id: &str,
        new_step_id: &str,
    ) -> Result<LandingActs> {
        let acts = self.acts(scenario_id, plan.to_version)?;
        let nothing = LandingActs { revision: acts.revision(), ..LandingActs::default() };
        if acts.flagged().next().is_none() {
            return Ok(nothing);
        }
        let old = versions::graph(self.tenant_id, scenario_id, plan.from_version)?;
        let new = versions::graph(self.tenant_id, scenario_id, plan.to_version)?;
        let pairs = anchors::pairs(self.tenant_id, super::sql_id(plan.plan_id))?;
        let pairing = Pairing::from_ids(&old, &new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
        let ground = Ground::new(&old, true, &new, &pairing, &acts);
        let places = old.find(old_step_id).zip(new.find(new_step_id));
        Ok(places.map_or(nothing, |(from, to)| landing_acts_of(&ground, from, to)))
    }

    /// The pairs of the plans that lead from one version to another, composed; `None` if none lead there.
    pub fn pairs_of_way(&self, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Option<Pairs>> {
        let Way::Plans(chain) = self.way(scenario_id, from_version, to_version)? else { return Ok(None) };
        self.composed_pairs(chain.iter().map(|plan| super::sql_id(plan.plan_id)))
    }

    /// The pairs of these plans, composed in their order; `None` for no plan.
    pub fn composed_pairs(&self, plan_ids: impl IntoIterator<Item = Uuid>) -> Result<Option<Pairs>> {
        let mut composed: Option<Pairs> = None;
        for plan_id in plan_ids {
            let link = anchors::pairs(self.tenant_id, plan_id)?;
            composed = Some(match composed {
                None => link,
                Some(so_far) => Rc::new(compose_pairs(&so_far, &link)),
            });
        }
        Ok(composed)
    }
}
