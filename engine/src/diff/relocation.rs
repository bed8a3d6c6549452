//! Where the sessions of a deleted step may go ("Deleted steps" in docs/behaviour.md).

use super::map::RelocationCandidate;
use super::pairing::Pairing;
use crate::condition::Truth;
use crate::graph::{Branch, Graph, StepIx};
use fixedbitset::FixedBitSet;
use std::collections::VecDeque;

/// How many candidates a plan keeps for a deleted step. Without a bound, a legal version of 10,000 steps would keep 25
/// million. A turn that needs more continues with [`Relocations`] on the two graphs.
pub const KEPT_CANDIDATES: usize = 32;

/// A place for the sessions of a deleted step: an old step that is paired, and its counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relocation {
    pub old_step: StepIx,
    pub new_step: StepIx,
    /// Transitions between the deleted step and `old_step`, whichever way they lead; 1 for a neighbour.
    pub distance: u32,
}

/// The places for the sessions of a deleted step, nearest first, found one distance at a time while they are asked for.
/// The search goes over the old version, both ways along its transitions. At equal distance the steps that were found
/// over a successor come first, in transition order, then those that were found over a predecessor; steps that are
/// terminal in the new version come after the others of that distance. Each place comes once.
#[derive(Debug, Clone)]
pub struct Relocations<'a> {
    old: &'a Graph,
    new: &'a Graph,
    pairing: &'a Pairing,
    seen: FixedBitSet,
    /// The steps at `distance`, in the order in which they were found.
    level: Vec<StepIx>,
    distance: u32,
    found: VecDeque<Relocation>,
}

impl<'a> Relocations<'a> {
    /// The places for the sessions of `deleted`, a step of `old`.
    pub fn of(old: &'a Graph, new: &'a Graph, pairing: &'a Pairing, deleted: StepIx) -> Relocations<'a> {
        let mut seen = FixedBitSet::with_capacity(old.len());
        seen.insert(deleted);
        Relocations { old, new, pairing, seen, level: vec![deleted], distance: 0, found: VecDeque::new() }
    }

    /// The same places in the order of a turn: those of `behind` (old steps, see [`behind_untaken`]) come last of all.
    pub fn at_turn(self, behind: &'a FixedBitSet) -> impl Iterator<Item = Relocation> + 'a {
        let others = self.clone().filter(|place| !behind.contains(place.old_step));
        others.chain(self.filter(|place| behind.contains(place.old_step)))
    }

    fn next_level(&mut self) {
        self.distance += 1;
        let mut next = Vec::new();
        for &step in &self.level {
            next.extend(self.old.successors(step).filter(|s| !self.seen.put(*s)));
        }
        for &step in &self.level {
            next.extend(self.old.predecessors(step).iter().copied().filter(|p| !self.seen.put(*p)));
        }
        let place = |old_step: &StepIx| {
            let new_step = self.pairing.new_of(*old_step)?;
            Some(Relocation { old_step: *old_step, new_step, distance: self.distance })
        };
        let (ends, others): (Vec<_>, Vec<_>) =
            next.iter().filter_map(place).partition(|place| self.new.node(place.new_step).is_terminal);
        self.found.extend(others.into_iter().chain(ends));
        self.level = next;
    }
}

impl Iterator for Relocations<'_> {
    type Item = Relocation;

    fn next(&mut self) -> Option<Relocation> {
        while self.found.is_empty() && !self.level.is_empty() {
            self.next_level();
        }
        self.found.pop_front()
    }
}

/// The candidates that a plan keeps for a deleted step.
pub(super) fn candidates(old: &Graph, new: &Graph, pairing: &Pairing, deleted: StepIx) -> Vec<RelocationCandidate> {
    Relocations::of(old, new, pairing, deleted)
        .take(KEPT_CANDIDATES)
        .map(|place| RelocationCandidate {
            new_step_id: new.node(place.new_step).id.clone(),
            anchor_content_hash: old.node(place.old_step).content_hash.clone(),
            distance: place.distance,
        })
        .collect()
}

/// Which of a step's transitions are known not to be taken: those whose condition is false, and all after one whose
/// condition is true. `truth` tells what is known of a condition without asking anybody. Fails with what `truth` fails
/// with.
pub fn untaken<E>(branches: &[Branch], mut truth: impl FnMut(&Branch) -> Result<Truth, E>) -> Result<Vec<bool>, E> {
    let mut untaken = Vec::with_capacity(branches.len());
    let mut decided = false;
    for branch in branches {
        match if decided { Truth::False } else { truth(branch)? } {
            Truth::True => decided = true,
            Truth::False => {
                untaken.push(true);
                continue;
            }
            Truth::Unknown { .. } => {}
        }
        untaken.push(false);
    }
    Ok(untaken)
}

/// The steps of the old version to which nothing leads from a deleted step but transitions of it that are known not to
/// be taken (see [`untaken`]; one flag for each branch of the step). Steps before the deleted step are never among
/// them.
pub fn behind_untaken(old: &Graph, deleted: StepIx, untaken: &[bool]) -> FixedBitSet {
    let mut behind = FixedBitSet::with_capacity(old.len());
    if !untaken.contains(&true) {
        return behind;
    }
    let targets = |taken: bool| -> Vec<StepIx> {
        let branches = old.node(deleted).branches.iter().zip(untaken);
        branches.filter(|(_, untaken)| **untaken != taken).map(|(branch, _)| branch.to).collect()
    };
    let forwards = |from: Vec<StepIx>| spread(old, deleted, from, |step, visit| old.successors(step).for_each(visit));
    let before = old.upstream(deleted);
    let taken = forwards(targets(true));
    behind = forwards(targets(false));
    behind.difference_with(&taken);
    behind.difference_with(&before);
    // Steps that the search comes to only by turning back behind such a transition.
    let both_ways = |over: Vec<StepIx>| {
        let from = over.into_iter().chain(old.predecessors(deleted).iter().copied()).collect();
        spread(old, deleted, from, |step, visit| {
            old.successors(step).chain(old.predecessors(step).iter().copied()).for_each(visit);
        })
    };
    let mut by_turning_back = both_ways(old.successors(deleted).collect());
    by_turning_back.difference_with(&both_ways(targets(true)));
    behind.union_with(&by_turning_back);
    behind
}

/// All steps that are reached from some, these included, without passing `avoiding`.
fn spread(
    graph: &Graph,
    avoiding: StepIx,
    from: Vec<StepIx>,
    neighbours: impl Fn(StepIx, &mut dyn FnMut(StepIx)),
) -> FixedBitSet {
    let mut seen = FixedBitSet::with_capacity(graph.len());
    seen.insert(avoiding);
    let mut queue: Vec<StepIx> = from.into_iter().filter(|step| !seen.put(*step)).collect();
    while let Some(step) = queue.pop() {
        neighbours(step, &mut |next| {
            if !seen.put(next) {
                queue.push(next);
            }
        });
    }
    seen.set(avoiding, false);
    seen
}
