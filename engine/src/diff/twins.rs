//! Twins: steps whose content occurs several times in a version ("Pairing steps" in docs/behaviour.md).

use super::pairing::{Ambiguity, PairKind, Pairing};
use super::unpaired::Unpaired;
use crate::graph::{Graph, StepIx};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Above this many possible pairs within one group of twins, neighbours are not compared: equal ids and document order
/// alone decide. It is reached only where more than a thousand steps say exactly the same.
const TWIN_COMPARISONS: usize = 1 << 20;

/// Steps of both versions by content hash, in document order of their first appearance.
pub(super) type Groups = BTreeMap<(StepIx, bool), (Vec<StepIx>, Vec<StepIx>)>;

/// Steps of both versions that say the same.
struct Group {
    olds: Vec<StepIx>,
    news: Vec<StepIx>,
}

/// The groups of twins of two versions, and the old twins that are not paired with a twin yet because the step with
/// their id may be themselves, edited.
pub(super) struct Twins<'a> {
    old: &'a Graph,
    new: &'a Graph,
    groups: Vec<Group>,
    /// The group of an old twin.
    group_of: BTreeMap<StepIx, usize>,
    /// For each old twin that waits, the new step of its id.
    waiting: BTreeMap<StepIx, StepIx>,
}

impl<'a> Twins<'a> {
    pub(super) fn of(old: &'a Graph, new: &'a Graph, groups: Groups) -> Twins<'a> {
        let groups: Vec<Group> = groups
            .into_values()
            .filter(|(olds, news)| !olds.is_empty() && !news.is_empty() && olds.len() + news.len() > 2)
            .map(|(olds, news)| Group { olds, news })
            .collect();
        let group_of =
            groups.iter().enumerate().flat_map(|(at, group)| group.olds.iter().map(move |o| (*o, at))).collect();
        Twins { old, new, groups, group_of, waiting: BTreeMap::new() }
    }

    /// Every group, for the operator: pairing had to choose.
    pub(super) fn ambiguities(&self) -> Vec<Ambiguity> {
        let ids = |graph: &Graph, steps: &[StepIx]| steps.iter().map(|s| graph.node(*s).id.clone()).collect();
        self.groups
            .iter()
            .map(|group| Ambiguity {
                content_hash: self.old.node(group.olds[0]).content_hash.clone(),
                old_step_ids: ids(self.old, &group.olds),
                new_step_ids: ids(self.new, &group.news),
            })
            .collect()
    }

    /// Whether an old step waits. While it does, the new steps of its content are neither candidates for it nor counted
    /// where a name, a description or fields have to be unique.
    pub(super) fn waits(&self, old_step: StepIx) -> bool {
        self.waiting.contains_key(&old_step)
    }

    /// Pairs twins of equal ids, then all that do not wait.
    pub(super) fn pair(&mut self, pairing: &mut Pairing) {
        // Equal ids first, in every group before neighbours are looked at in any: they are the surest sign.
        for group in &self.groups {
            for &o in &group.olds {
                if let Some(n) = self.new.find(&self.old.node(o).id)
                    && self.new.node(n).content_hash == self.old.node(o).content_hash
                {
                    pairing.pair(o, n, PairKind::Twin);
                }
            }
        }
        let unpaired = Unpaired::of(pairing, self.old, self.new);
        let lives_on = |o: &StepIx| {
            let n = self.new.find(&self.old.node(*o).id).filter(|n| pairing.old_of(*n).is_none())?;
            (pairing.new_of(*o).is_none() && unpaired.same_step_edited(*o, n, true)).then_some((*o, n))
        };
        self.waiting = self.group_of.keys().filter_map(lives_on).collect();
        (0..self.groups.len()).for_each(|group| self.pair_by_neighbours(pairing, group));
        self.release(pairing);
    }

    /// Twins whose awaited step has become the counterpart of another one take what is left of their twins. Such a pair
    /// can be what another twin waits for.
    pub(super) fn release(&mut self, pairing: &mut Pairing) {
        loop {
            self.waiting.retain(|o, _| pairing.new_of(*o).is_none());
            let in_vain = |n: &StepIx| pairing.old_of(*n).is_some();
            let released: Vec<StepIx> = self.waiting.iter().filter(|(_, n)| in_vain(n)).map(|(o, _)| *o).collect();
            if released.is_empty() {
                return;
            }
            self.stop_waiting(pairing, released);
        }
    }

    /// Nothing is left to wait for.
    pub(super) fn release_all(&mut self, pairing: &mut Pairing) {
        self.release(pairing);
        let left = self.waiting.keys().copied().collect();
        self.stop_waiting(pairing, left);
    }

    fn stop_waiting(&mut self, pairing: &mut Pairing, released: Vec<StepIx>) {
        let groups: BTreeSet<usize> = released.iter().filter_map(|o| self.group_of.get(o).copied()).collect();
        for o in released {
            self.waiting.remove(&o);
        }
        groups.into_iter().for_each(|group| self.pair_by_neighbours(pairing, group));
    }

    /// Of the twins of one group that are unpaired and do not wait, the pair whose neighbours agree most comes first,
    /// then document order.
    fn pair_by_neighbours(&self, pairing: &mut Pairing, group: usize) {
        let (old, new, group) = (self.old, self.new, &self.groups[group]);
        let free = |o: &StepIx| pairing.new_of(*o).is_none() && !self.waits(*o);
        let olds: Vec<StepIx> = group.olds.iter().copied().filter(free).collect();
        let news: Vec<StepIx> = group.news.iter().copied().filter(|n| pairing.old_of(*n).is_none()).collect();
        if olds.is_empty() || news.is_empty() {
            return;
        }
        if olds.len().saturating_mul(news.len()) > TWIN_COMPARISONS {
            for (o, n) in olds.iter().zip(&news) {
                pairing.pair(*o, *n, PairKind::Twin);
            }
            return;
        }
        let old_sides: Vec<Neighbourhood<'_>> = olds.iter().map(|o| Neighbourhood::of(old, *o)).collect();
        let new_sides: Vec<Neighbourhood<'_>> = news.iter().map(|n| Neighbourhood::of(new, *n)).collect();
        let mut ranked = Vec::with_capacity(olds.len() * news.len());
        for (i, o) in olds.iter().enumerate() {
            for (j, n) in news.iter().enumerate() {
                let meaning = old_sides[i].agreement(&new_sides[j]);
                let settled = settled_neighbours(pairing, old, new, *o, *n);
                ranked.push((Reverse(meaning), Reverse(settled), *o, *n));
            }
        }
        ranked.sort_unstable();
        for (_, _, o, n) in ranked {
            if pairing.new_of(o).is_none() && pairing.old_of(n).is_none() {
                pairing.pair(o, n, PairKind::Twin);
            }
        }
    }
}

/// The content hashes around a step, sorted: what its neighbours mean.
struct Neighbourhood<'a> {
    predecessors: Vec<&'a str>,
    successors: Vec<&'a str>,
}

impl<'a> Neighbourhood<'a> {
    fn of(graph: &'a Graph, step: StepIx) -> Neighbourhood<'a> {
        let hash = |s: StepIx| graph.node(s).content_hash.as_str();
        let mut predecessors: Vec<&str> = graph.predecessors(step).iter().map(|s| hash(*s)).collect();
        let mut successors: Vec<&str> = graph.successors(step).map(hash).collect();
        predecessors.sort_unstable();
        successors.sort_unstable();
        Neighbourhood { predecessors, successors }
    }

    /// How many neighbours mean the same, on both sides.
    fn agreement(&self, other: &Neighbourhood<'_>) -> usize {
        common(&self.predecessors, &other.predecessors) + common(&self.successors, &other.successors)
    }
}

/// Size of the intersection of two sorted lists, duplicates counted.
fn common(a: &[&str], b: &[&str]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                count += 1;
                i += 1;
                j += 1;
            }
        }
    }
    count
}

/// How many neighbours are pairs already: it decides between twins whose neighbours are twins themselves.
fn settled_neighbours(pairing: &Pairing, old: &Graph, new: &Graph, o: StepIx, n: StepIx) -> usize {
    let before = old.predecessors(o).iter().filter(|p| match pairing.new_of(**p) {
        Some(counterpart) => new.predecessors(n).contains(&counterpart),
        None => false,
    });
    let after = old.successors(o).filter(|s| match pairing.new_of(*s) {
        Some(counterpart) => new.successors(n).any(|t| t == counterpart),
        None => false,
    });
    before.count() + after.count()
}
