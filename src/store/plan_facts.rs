//! What the plans of a tenant say, read once for all sessions of a turn or of a batch's page.

use super::{anchors, plans};
use crate::error::Result;
use pgrx::Uuid;
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
}

impl PlanFacts {
    pub fn new(tenant_id: Uuid) -> PlanFacts {
        PlanFacts { tenant_id, read: Rc::default() }
    }

    /// How sessions come from one version of a scenario to another.
    pub fn way(&self, scenario_id: Uuid, from_version: i32, to_version: i32) -> Result<Way> {
        let known = self.read.borrow().refs.get(&scenario_id).cloned();
        let refs = match known {
            Some(refs) => refs,
            None => {
                let refs = Rc::new(plans::refs(self.tenant_id, scenario_id)?);
                self.read.borrow_mut().refs.insert(scenario_id, Rc::clone(&refs));
                refs
            }
        };
        Ok(find_way(&refs, from_version, to_version))
    }

    /// The row of a plan for the sessions at one old step; `None` if the plan does not know the step.
    pub fn row(&self, scenario_id: Uuid, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlanRow>> {
        let key = (plan.plan_id, old_step_id.to_owned());
        if let Some(row) = self.read.borrow().rows.get(&key) {
            return Ok(row.clone());
        }
        let row = anchors::plan_row(self.tenant_id, scenario_id, plan, old_step_id)?;
        self.read.borrow_mut().rows.insert(key, row.clone());
        Ok(row)
    }
}
