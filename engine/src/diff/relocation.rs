//! Where the sessions of a deleted step may go (SPEC 4.4).

use super::map::RelocationCandidate;
use super::pairing::Pairing;
use crate::graph::{Graph, StepIx};
use fixedbitset::FixedBitSet;

/// Every anchor that a breadth-first search over the old version finds from the deleted step, both ways along its
/// transitions, nearest first; of those at equal distance, the ones found over a successor first. The list ends after
/// `most`.
pub(super) fn candidates(
    old: &Graph,
    new: &Graph,
    pairing: &Pairing,
    deleted: StepIx,
    most: usize,
) -> Vec<RelocationCandidate> {
    let mut found = Vec::new();
    let mut seen = FixedBitSet::with_capacity(old.len());
    seen.insert(deleted);
    let mut level = vec![deleted];
    let mut distance = 0;
    while !level.is_empty() && found.len() < most {
        distance += 1;
        let mut next = Vec::new();
        for &step in &level {
            next.extend(old.successors(step).filter(|s| !seen.put(*s)));
        }
        for &step in &level {
            next.extend(old.predecessors(step).iter().copied().filter(|p| !seen.put(*p)));
        }
        for &step in &next {
            if let Some(counterpart) = pairing.new_of(step) {
                found.push(RelocationCandidate {
                    new_step_id: new.node(counterpart).id.clone(),
                    anchor_content_hash: old.node(step).content_hash.clone(),
                    distance,
                });
            }
        }
        level = next;
    }
    found.truncate(most);
    found
}

/// Candidates of all deleted steps together: half of the steps of a version of a thousand can be deleted and each of them
/// still keeps all. Without a bound, a legal version of 10,000 steps would keep 25 million, in gigabytes.
const CANDIDATES: usize = 250_000;

/// How many candidates each of so many deleted steps keeps. Whoever finds no place among so many neighbours leaves by the same
/// rule as where there is none.
pub(super) fn most_candidates(deleted_steps: usize, anchors: usize) -> usize {
    anchors.min(CANDIDATES / deleted_steps.max(1))
}
