//! The way from a session's version to the published one: a plan, a chain of them, or none (SPEC 5, 6, 7.2, 9).

use serde::Serialize;
use std::collections::{HashMap, VecDeque};
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
}

/// How a session comes from its version to the published one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// One plan, or a chain of them, oldest first.
    Plans(Vec<PlanRef>),
    /// The way leads over a cancelled plan, which pins.
    Cancelled(PlanRef),
    /// No plan to go by: section 10.
    None,
}

/// Finds the way. `plans` are the scenario's plans that were deployed or cancelled, newest first: of two plans for the
/// same two versions the newer one counts. A direct plan is preferred to a chain, a short chain to a long one, and a way
/// without cancelled plans to one with them.
pub fn find_way(plans: &[PlanRef], from_version: i32, published_version: i32) -> Way {
    let mut links: HashMap<i32, Vec<&PlanRef>> = HashMap::new();
    for plan in plans {
        if !matches!(plan.status, PlanStatus::Deployed | PlanStatus::Cancelled) {
            continue;
        }
        let from_here = links.entry(plan.from_version).or_default();
        if !from_here.iter().any(|p| p.to_version == plan.to_version) {
            from_here.push(plan);
        }
    }
    if let Some(chain) = shortest(&links, from_version, published_version, |p| p.status == PlanStatus::Deployed) {
        return Way::Plans(chain);
    }
    match shortest(&links, from_version, published_version, |_| true) {
        Some(chain) => match chain.into_iter().find(|p| p.status == PlanStatus::Cancelled) {
            Some(cancelled) => Way::Cancelled(cancelled),
            None => Way::None,
        },
        None => Way::None,
    }
}

fn shortest(
    links: &HashMap<i32, Vec<&PlanRef>>,
    from: i32,
    to: i32,
    usable: impl Fn(&PlanRef) -> bool,
) -> Option<Vec<PlanRef>> {
    let mut came_by: HashMap<i32, &PlanRef> = HashMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(version) = queue.pop_front() {
        if version == to {
            let mut chain = Vec::new();
            let mut at = to;
            while at != from {
                let plan = came_by.get(&at)?;
                chain.push((*plan).clone());
                at = plan.from_version;
            }
            chain.reverse();
            return Some(chain);
        }
        for plan in links.get(&version).into_iter().flatten() {
            if usable(plan) && plan.to_version != from && !came_by.contains_key(&plan.to_version) {
                came_by.insert(plan.to_version, plan);
                queue.push_back(plan.to_version);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use PlanStatus::{Cancelled, Deployed, Pending};

    fn plan(n: u128, from_version: i32, to_version: i32, status: PlanStatus) -> PlanRef {
        PlanRef { plan_id: Uuid::from_u128(n), from_version, to_version, status }
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
    fn a_cancelled_link_pins_unless_another_way_leads_round_it() {
        let plans = [plan(2, 2, 3, Deployed), plan(1, 1, 2, Cancelled)];
        assert_eq!(find_way(&plans, 1, 3), Way::Cancelled(plans[1].clone()));
        let round = [plan(3, 1, 3, Deployed), plans[0].clone(), plans[1].clone()];
        assert_eq!(ids(find_way(&round, 1, 3)), [3]);
    }

    #[test]
    fn the_newer_of_two_plans_for_the_same_versions_counts() {
        let plans = [plan(2, 1, 2, Deployed), plan(1, 1, 2, Cancelled)];
        assert_eq!(ids(find_way(&plans, 1, 2)), [2]);
        let cancelled_again = [plan(2, 1, 2, Cancelled), plan(1, 1, 2, Deployed)];
        assert_eq!(find_way(&cancelled_again, 1, 2), Way::Cancelled(cancelled_again[0].clone()));
    }

    #[test]
    fn a_plan_that_was_never_deployed_is_no_way() {
        assert_eq!(find_way(&[plan(1, 1, 2, Pending)], 1, 2), Way::None);
        assert_eq!(find_way(&[plan(1, 1, 2, Deployed)], 1, 3), Way::None);
    }
}
