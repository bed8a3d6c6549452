//! What the extension keeps beside versions and plans: the acts, and the lists of the anchors.

use super::world::World;
use scenario_engine::acts::{
    ActPair, Acts, DeployedPairs, Ground, LandingActs, PreviousVersion, Publication, landing_acts,
};
use scenario_engine::diff::Pairing;
use scenario_engine::plan::PlanRef;
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// What the extension keeps of the acts: each version up to the published one came in with its publication, by the
    /// pairs of the plan that was deployed last between it and the one before.
    pub fn scenario_acts(&self) -> Acts {
        let separated = BTreeSet::new();
        let mut acts = Acts::default();
        let mut kept: Vec<ActPair> = Vec::new();
        for version in 1..=self.published {
            let graph = &*self.graphs[version as usize - 1];
            let pairing = self.pairing(version - 1, version);
            let before = pairing.as_ref().map(|pairing| PreviousVersion {
                version: version - 1,
                graph: &self.graphs[version as usize - 2],
                pairing,
            });
            let changed = acts.published(&Publication { version, graph, before, separated: &separated });
            acts = changed.acts;
            kept.extend(changed.pairs);
        }
        for plan in self.plans.iter().rev().filter(|plan| plan.from_version + 1 != plan.to_version) {
            let (from_version, to_version) = (plan.from_version, plan.to_version);
            let (from, to) = (&*self.graphs[from_version as usize - 1], &*self.graphs[to_version as usize - 1]);
            let pairs = self.pairs(plan);
            let pairing = Pairing::from_ids(from, to, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
            let deployed = DeployedPairs {
                from_version,
                to_version,
                is_succession: false,
                from,
                to,
                pairing: &pairing,
                separated: &separated,
            };
            if let Some(changed) = acts.deployed(&deployed, &kept) {
                (acts, kept) = (changed.acts, changed.pairs);
            }
        }
        acts
    }

    /// How two versions pair: by the plan deployed last between them, else by the diff; `None` if there is no such
    /// version.
    fn pairing(&self, from: i32, to: i32) -> Option<Pairing> {
        if from < 1 {
            return None;
        }
        let (old, new) = (&self.graphs[from as usize - 1], &self.graphs[to as usize - 1]);
        let plan = self.plans.iter().find(|p| (p.from_version, p.to_version) == (from, to));
        Some(match plan {
            Some(plan) => {
                let pairs = self.pairs(plan);
                Pairing::from_ids(old, new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())))
            }
            None => Pairing::of(old, new),
        })
    }

    /// The lists of a plan's anchors, by old step.
    pub fn landing_lists(&self, plan: &PlanRef, acts: &Acts) -> BTreeMap<String, LandingActs> {
        let (old, new) = (&self.graphs[plan.from_version as usize - 1], &self.graphs[plan.to_version as usize - 1]);
        let pairs = self.pairs(plan);
        let pairing = Pairing::from_ids(old, new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())));
        let ground = Ground::new(old, true, new, &pairing, acts);
        landing_acts(&ground).into_iter().map(|(step, list)| (old.node(step).id.clone(), list)).collect()
    }
}
