//! Where the sessions of a deleted step may go (SPEC 4.4).

use super::map::RelocationCandidate;
use super::pairing::Pairing;
use crate::graph::{Graph, StepIx};
use fixedbitset::FixedBitSet;

/// Every anchor that a breadth-first search over the old version finds from the deleted step, both ways along its
/// transitions, nearest first; of those at equal distance, the ones found over a successor first.
///
/// A version of thousands of deleted steps would keep thousands of candidates for each: the list ends after
/// [`CANDIDATES`]; whoever finds no place among so many neighbours leaves by the same rule as where there is none.
pub(super) fn candidates(old: &Graph, new: &Graph, pairing: &Pairing, deleted: StepIx) -> Vec<RelocationCandidate> {
    let mut found = Vec::new();
    let mut seen = FixedBitSet::with_capacity(old.len());
    seen.insert(deleted);
    let mut level = vec![deleted];
    let mut distance = 0;
    while !level.is_empty() && found.len() < CANDIDATES {
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
    found.truncate(CANDIDATES);
    found
}

/// How many candidates a deleted step keeps.
const CANDIDATES: usize = 10_000;
