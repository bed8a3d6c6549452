//! The way from a session's version to the published one: a plan, a chain of them, or none ("Plans" and "Chains" in
//! docs/behaviour.md).

use serde::Serialize;
use std::collections::{BTreeMap, HashMap, VecDeque};
use uuid::Uuid;

/// Where a plan stands in its lifecycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    Pending,
    Approved,
    Deployed,
    Rejected,
    Cancelled,
    Superseded,
}

impl PlanStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            PlanStatus::Pending => "pending",
            PlanStatus::Approved => "approved",
            PlanStatus::Deployed => "deployed",
            PlanStatus::Rejected => "rejected",
            PlanStatus::Cancelled => "cancelled",
            PlanStatus::Superseded => "superseded",
        }
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<PlanStatus> {
        Some(match text {
            "pending" => PlanStatus::Pending,
            "approved" => PlanStatus::Approved,
            "deployed" => PlanStatus::Deployed,
            "rejected" => PlanStatus::Rejected,
            "cancelled" => PlanStatus::Cancelled,
            "superseded" => PlanStatus::Superseded,
            _ => return None,
        })
    }
}

/// A plan, as far as finding the way needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRef {
    pub plan_id: Uuid,
    pub from_version: i32,
    pub to_version: i32,
    pub status: PlanStatus,
    /// The scenario's count of deployments that its deployment got: of two plans, the one with the greater number was
    /// deployed last. 0 if it never was.
    pub deployment_no: i64,
}

/// How a session comes from its version to the published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// One plan, or a chain of them, oldest first.
    Plans(Vec<PlanRef>),
    /// The way leads over a cancelled plan, which pins: the first one on it.
    Cancelled(PlanRef),
    /// No plan to go by: the fallback.
    None,
}

/// Finds the way. `plans` are the scenario's plans that were deployed or cancelled, in any order. Between two versions
/// only the plan deployed last counts, cancelled or not. The direct plan is the way, else the shortest chain; of
/// equally short ones the one whose last plan was deployed last, then the one before it. If a plan on it is cancelled,
/// it pins.
pub fn find_way(plans: &[PlanRef], from_version: i32, published_version: i32) -> Way {
    let mut links: BTreeMap<(i32, i32), &PlanRef> = BTreeMap::new();
    for plan in plans.iter().filter(|p| matches!(p.status, PlanStatus::Deployed | PlanStatus::Cancelled)) {
        let last = links.entry((plan.from_version, plan.to_version)).or_insert(plan);
        if crate::mutant!("way/last-plan-between-versions", plan.deployment_no > last.deployment_no, false) {
            *last = plan;
        }
    }
    let links: Vec<&PlanRef> = links.into_values().collect();
    let distance = distances(&links, from_version);
    let mut chain: Vec<PlanRef> = Vec::new();
    let mut at = published_version;
    while at != from_version {
        let shortest = links.iter().filter(|plan| {
            let before = distance.get(&plan.from_version);
            plan.to_version == at && before.is_some() && before.map(|d| d + 1) == distance.get(&at).copied()
        });
        let latest = crate::mutant!(
            "way/latest-of-equally-short",
            shortest.max_by_key(|plan| plan.deployment_no),
            shortest.min_by_key(|plan| plan.deployment_no)
        );
        let Some(plan) = latest else { return Way::None };
        chain.push((*plan).clone());
        at = plan.from_version;
    }
    chain.reverse();
    match chain.iter().find(|plan| plan.status == PlanStatus::Cancelled) {
        Some(cancelled) if crate::mutant!("way/cancelled-link-pins", true, false) => Way::Cancelled(cancelled.clone()),
        _ if chain.is_empty() => Way::None,
        _ => Way::Plans(chain),
    }
}

/// The plans as they will be once `plan` is deployed: the last of all.
pub fn as_if_deployed(plans: &[PlanRef], plan: &PlanRef) -> Vec<PlanRef> {
    let others = plans.iter().filter(|other| other.plan_id != plan.plan_id).cloned();
    others.chain([PlanRef { status: PlanStatus::Deployed, deployment_no: i64::MAX, ..plan.clone() }]).collect()
}

/// The chain that will lead from a version through `plan` to the plan's new version once `plan` is deployed. `None`:
/// no way leads there, it leads over a cancelled plan, or it passes `plan` by.
pub fn chain_through(plans: &[PlanRef], plan: &PlanRef, from_version: i32) -> Option<Vec<PlanRef>> {
    match find_way(&as_if_deployed(plans, plan), from_version, plan.to_version) {
        Way::Plans(chain) => chain.iter().any(|link| link.plan_id == plan.plan_id).then_some(chain),
        Way::Cancelled(_) | Way::None => None,
    }
}

/// How many plans it takes from one version to each other.
fn distances(links: &[&PlanRef], from: i32) -> HashMap<i32, usize> {
    let mut distance = HashMap::from([(from, 0)]);
    let mut queue = VecDeque::from([from]);
    while let Some(version) = queue.pop_front() {
        let next = distance[&version] + 1;
        for plan in links.iter().filter(|plan| plan.from_version == version) {
            distance.entry(plan.to_version).or_insert_with(|| {
                queue.push_back(plan.to_version);
                next
            });
        }
    }
    distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use PlanStatus::{Cancelled, Deployed, Pending};

    fn plan(n: u128, from_version: i32, to_version: i32, status: PlanStatus) -> PlanRef {
        PlanRef { plan_id: Uuid::from_u128(n), from_version, to_version, status, deployment_no: n as i64 }
    }

    fn ids(way: Way) -> Vec<u128> {
        match way {
            Way::Plans(chain) => chain.iter().map(|p| p.plan_id.as_u128()).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_direct_plan_is_preferred_to_a_chain() {
        let plans = [plan(3, 1, 3, Deployed), plan(2, 2, 3, Deployed), plan(1, 1, 2, Deployed)];
        assert_eq!(ids(find_way(&plans, 1, 3)), [3]);
        assert_eq!(ids(find_way(&plans[1..], 1, 3)), [1, 2]);
    }

    #[test]
    fn a_cancelled_link_pins_unless_a_shorter_way_leads_round_it() {
        let plans = [plan(2, 2, 3, Deployed), plan(1, 1, 2, Cancelled)];
        assert_eq!(find_way(&plans, 1, 3), Way::Cancelled(plans[1].clone()));
        let round = [plan(3, 1, 3, Deployed), plans[0].clone(), plans[1].clone()];
        assert_eq!(ids(find_way(&round, 1, 3)), [3]);
        // A longer way round is none: somebody cancelled the way that counts.
        let longer = [plan(1, 1, 3, Cancelled), plan(2, 1, 2, Deployed), plan(3, 2, 3, Deployed)];
        assert_eq!(find_way(&longer, 1, 3), Way::Cancelled(longer[0].clone()));
    }

    #[test]
    fn of_equally_short_chains_the_one_whose_last_plan_was_deployed_last() {
        let plans =
            [plan(1, 1, 2, Deployed), plan(4, 2, 4, Deployed), plan(2, 1, 3, Deployed), plan(3, 3, 4, Deployed)];
        assert_eq!(ids(find_way(&plans, 1, 4)), [1, 4]);
        let cancelled = [plans[0].clone(), plan(4, 2, 4, Cancelled), plans[2].clone(), plans[3].clone()];
        assert_eq!(find_way(&cancelled, 1, 4), Way::Cancelled(cancelled[1].clone()));
        // The last plans are one: then the plan before it.
        let plans =
            [plan(1, 1, 2, Deployed), plan(4, 1, 3, Deployed), plan(2, 2, 4, Deployed), plan(3, 3, 4, Deployed)];
        let joined: Vec<PlanRef> = plans.iter().cloned().chain([plan(5, 4, 5, Deployed)]).collect();
        assert_eq!(ids(find_way(&joined, 1, 5)), [4, 3, 5]);
    }

    #[test]
    fn the_newer_of_two_plans_for_the_same_versions_counts() {
        let plans = [plan(2, 1, 2, Deployed), plan(1, 1, 2, Cancelled)];
        assert_eq!(ids(find_way(&plans, 1, 2)), [2]);
        let cancelled_again = [plan(2, 1, 2, Cancelled), plan(1, 1, 2, Deployed)];
        assert_eq!(find_way(&cancelled_again, 1, 2), Way::Cancelled(cancelled_again[0].clone()));
    }

    #[test]
    fn a_chain_leads_through_a_plan_that_is_not_deployed_yet() {
        let through = |plans: &[PlanRef], from| {
            chain_through(plans, &plan(9, 2, 3, Pending), from)
                .map(|chain| chain.iter().map(|link| link.plan_id.as_u128()).collect::<Vec<_>>())
        };
        assert_eq!(through(&[plan(1, 1, 2, Deployed)], 1), Some(vec![1, 9]));
        // An older plan between the same versions counts no more, whatever it is.
        assert_eq!(through(&[plan(1, 1, 2, Deployed), plan(2, 2, 3, Cancelled)], 1), Some(vec![1, 9]));
        assert_eq!(through(&[plan(1, 1, 2, Cancelled)], 1), None);
        assert_eq!(through(&[plan(1, 1, 2, Deployed), plan(2, 1, 3, Deployed)], 1), None);
        assert_eq!(through(&[], 1), None);
    }

    #[test]
    fn a_plan_that_was_never_deployed_is_no_way() {
        assert_eq!(find_way(&[plan(1, 1, 2, Pending)], 1, 2), Way::None);
        assert_eq!(find_way(&[plan(1, 1, 2, Deployed)], 1, 3), Way::None);
    }
}
