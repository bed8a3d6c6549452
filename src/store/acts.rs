//! The acts of a scenario ("Acts and checkpoints" in docs/behaviour.md), worked out from the versions that are kept.

use super::plans::Plan;
use super::{Statement, anchors, plans, versions};
use crate::args;
use crate::error::Result;
use pgrx::Uuid;
use scenario_engine::acts::{Acts, Before, Publication};
use scenario_engine::diff::Pairing;
use scenario_engine::graph::Graph;
use scenario_engine::plan::PlanRef;
use std::collections::BTreeSet;
use std::rc::Rc;

// The version that is moved to may still be a draft.
static PUBLISHED: Statement = Statement::reading(
    "SELECT v.version FROM scenario.scenario_versions AS v
      WHERE v.tenant_id = $1 AND v.scenario_id = $2 AND (v.status <> 'draft' OR v.version = $3)
      ORDER BY v.status = 'draft', v.version",
);

/// The acts once `to_version` is published: each version joined with the one before it by the pairs of the plan that
/// was deployed last between the two, else by those of the diff.
pub fn worked_out(tenant_id: Uuid, scenario_id: Uuid, to_version: i32) -> Result<Acts> {
    let plans = plans::refs(tenant_id, scenario_id)?;
    let published: Vec<i32> = PUBLISHED.rows(&args![tenant_id, scenario_id, to_version], |row| row.get(1))?;
    let separated = BTreeSet::new();
    let mut acts = Acts::default();
    let mut last: Option<(i32, Rc<Graph>)> = None;
    for version in published {
        let graph = versions::graph(tenant_id, scenario_id, version)?;
        let pairing = match &last {
            Some((before, old)) => {
                let between = |plan: &&PlanRef| (plan.from_version, plan.to_version) == (*before, version);
                Some(match plans.iter().filter(between).max_by_key(|plan| plan.deployment_no) {
                    Some(plan) => {
                        let pairs = anchors::pairs(tenant_id, super::sql_id(plan.plan_id))?;
                        Pairing::from_ids(old, &graph, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())))
                    }
                    None => Pairing::of(old, &graph),
                })
            }
            None => None,
        };
        let before = last.as_ref().zip(pairing.as_ref()).map(|((before, old), pairing)| Before {
            version: *before,
            graph: old,
            pairing,
        });
        acts = acts.published(&Publication { version, graph: &graph, before, separated: &separated }).acts;
        last = Some((version, graph));
    }
    Ok(acts)
}

/// The acts as if a plan were deployed.
pub fn for_plan(tenant_id: Uuid, plan: &Plan) -> Result<Acts> {
    let acts = worked_out(tenant_id, plan.scenario_id, plan.to_version)?;
    let old = versions::graph(tenant_id, plan.scenario_id, plan.from_version)?;
    let new = versions::graph(tenant_id, plan.scenario_id, plan.to_version)?;
    let pairs = anchors::pairs(tenant_id, plan.plan_id)?;
    let pairing = Pairing::from_ids(&old, &new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
    Ok(acts.with_plan(&old, &new, &pairing))
}
