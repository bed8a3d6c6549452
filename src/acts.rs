//! The acts of a scenario: kept when a version is published and when a plan is deployed, and as they would be if a
//! plan were deployed ("Acts and checkpoints" in docs/behaviour.md). What stands for the same act is decided by the
//! engine.

use crate::error::Result;
use crate::store::anchors::{self, LandingLists};
use crate::store::plans::{self, Plan};
use crate::store::{acts, scenarios, sql_id, versions};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, DeployedPairs, Ground, PreviousVersion, Publication, landing_acts};
use scenario_engine::diff::{Pairing, TransformationMap};
use scenario_engine::graph::Graph;
use scenario_engine::plan::{PlanRef, PlanStatus};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Nobody can separate steps by hand yet.
static NO_SEPARATIONS: BTreeSet<String> = BTreeSet::new();

/// Pairs of ids: (old step id, new step id).
type Ids = [(String, String)];

/// Keeps the acts of a version that has just been published after `before`, in the publishing transaction and under the
/// scenario's lock.
pub fn keep_published(tenant_id: Uuid, scenario_id: Uuid, before: Option<i32>, version: i32) -> Result<()> {
    let known = acts::of_scenario(tenant_id, scenario_id)?;
    let graph = versions::graph(tenant_id, scenario_id, version)?;
    let old = before.map(|before| versions::graph(tenant_id, scenario_id, before)).transpose()?;
    let pairing = match (before, &old) {
        (Some(before), Some(old)) => Some(pairing_between(tenant_id, scenario_id, (before, old), (version, &graph))?),
        _ => None,
    };
    let before = published_before(before, old.as_deref(), pairing.as_ref());
    let changed = known.published(&Publication { version, graph: &graph, before, separated: &NO_SEPARATIONS });
    acts::keep(tenant_id, scenario_id, &known, &changed.acts)?;
    acts::keep_pairs(tenant_id, scenario_id, &changed.pairs)
}

/// Works the acts out again where a plan between two published versions, which has just been deployed, changes the
/// pairs that are kept between them. The caller holds the lock of the scenario.
pub fn keep_deployed(tenant_id: Uuid, plan: &Plan) -> Result<()> {
    let known = acts::of_scenario(tenant_id, plan.scenario_id)?;
    let pairs = anchors::pairs(tenant_id, plan.plan_id)?;
    let Some(changed) = changed_by_deploying(tenant_id, plan, &pairs, &known)? else { return Ok(()) };
    acts::keep(tenant_id, plan.scenario_id, &known, &changed.acts)?;
    acts::replace_pairs(tenant_id, plan.scenario_id, &changed.pairs)
}

/// The acts as they count for the moves of a plan: for one that was never deployed, as if it were.
pub fn as_if_deployed(tenant_id: Uuid, plan: &Plan) -> Result<Rc<Acts>> {
    let known = acts::of_scenario(tenant_id, plan.scenario_id)?;
    if matches!(plan.status, PlanStatus::Deployed | PlanStatus::Cancelled) {
        return Ok(known);
    }
    acts_with_pairs(tenant_id, plan, &anchors::pairs(tenant_id, plan.plan_id)?, known)
}

/// What landings at the anchors of a plan would undo, for a plan that is being built.
pub fn landing_lists(tenant_id: Uuid, plan: &Plan, map: &TransformationMap) -> Result<LandingLists> {
    let pairs: Vec<(String, String)> =
        map.anchors.iter().map(|anchor| (anchor.old_step_id.clone(), anchor.new_step_id.clone())).collect();
    let known = acts::of_scenario(tenant_id, plan.scenario_id)?;
    let acts = acts_with_pairs(tenant_id, plan, &pairs, known)?;
    let old = versions::graph(tenant_id, plan.scenario_id, plan.from_version)?;
    let new = versions::graph(tenant_id, plan.scenario_id, plan.to_version)?;
    let pairing = pairing_of(&old, &new, &pairs);
    let lists = landing_acts(&Ground::new(&old, true, &new, &pairing, &acts));
    let lists = lists.into_iter().map(|(step, list)| (old.node(step).id.clone(), list));
    Ok(LandingLists { revision: acts.revision(), lists: lists.collect() })
}

fn acts_with_pairs(tenant_id: Uuid, plan: &Plan, pairs: &Ids, known: Rc<Acts>) -> Result<Rc<Acts>> {
    let Plan { scenario_id, from_version, to_version, .. } = *plan;
    if !versions::find(tenant_id, scenario_id, to_version)?.is_draft() {
        return Ok(changed_by_deploying(tenant_id, plan, pairs, &known)?.map_or(known, |changed| Rc::new(changed.acts)));
    }
    let new = versions::graph(tenant_id, scenario_id, to_version)?;
    let published = scenarios::published_version(tenant_id, scenario_id)?;
    let last = published.map(|version| versions::graph(tenant_id, scenario_id, version)).transpose()?;
    let pairing = match (published, &last) {
        (Some(version), Some(last)) if version == from_version => Some(pairing_of(last, &new, pairs)),
        (Some(version), Some(last)) => {
            Some(pairing_between(tenant_id, scenario_id, (version, last), (to_version, &new))?)
        }
        _ => None,
    };
    let before = published_before(published, last.as_deref(), pairing.as_ref());
    let publication = Publication { version: to_version, graph: &new, before, separated: &NO_SEPARATIONS };
    let acts = known.published(&publication).acts;
    if published == Some(from_version) {
        return Ok(Rc::new(acts));
    }
    let old = versions::graph(tenant_id, scenario_id, from_version)?;
    Ok(Rc::new(acts.with_plan(&old, &new, &pairing_of(&old, &new, pairs))))
}

fn changed_by_deploying(
    tenant_id: Uuid,
    plan: &Plan,
    pairs: &Ids,
    known: &Acts,
) -> Result<Option<scenario_engine::acts::ChangedActs>> {
    let Plan { scenario_id, from_version, to_version, .. } = *plan;
    let from = versions::graph(tenant_id, scenario_id, from_version)?;
    let to = versions::graph(tenant_id, scenario_id, to_version)?;
    let kept = acts::pairs(tenant_id, scenario_id)?;
    let deployed = DeployedPairs {
        from_version,
        to_version,
        is_succession: versions::published_after(tenant_id, scenario_id, to_version)? == Some(from_version),
        from: &from,
        to: &to,
        pairing: &pairing_of(&from, &to, pairs),
        separated: &NO_SEPARATIONS,
    };
    Ok(known.deployed(&deployed, &kept))
}

fn published_before<'a>(
    version: Option<i32>,
    graph: Option<&'a Graph>,
    pairing: Option<&'a Pairing>,
) -> Option<PreviousVersion<'a>> {
    Some(PreviousVersion { version: version?, graph: graph?, pairing: pairing? })
}

/// The pairs of two versions: those of the plan that was deployed last between them, else those of the diff.
fn pairing_between(
    tenant_id: Uuid,
    scenario_id: Uuid,
    (from_version, old): (i32, &Graph),
    (to_version, new): (i32, &Graph),
) -> Result<Pairing> {
    let plans = plans::refs(tenant_id, scenario_id)?;
    let between = |plan: &&PlanRef| (plan.from_version, plan.to_version) == (from_version, to_version);
    Ok(match plans.iter().filter(between).max_by_key(|plan| plan.deployment_no) {
        Some(plan) => pairing_of(old, new, &anchors::pairs(tenant_id, sql_id(plan.plan_id))?),
        None => Pairing::of(old, new),
    })
}

fn pairing_of(old: &Graph, new: &Graph, pairs: &Ids) -> Pairing {
    Pairing::from_ids(old, new, pairs.iter().map(|(was, is)| (was.as_str(), is.as_str())))
}
