//! Pairing the steps of two versions by meaning ("Pairing steps" in docs/behaviour.md): by content, then twins, then
//! edited steps.

use super::edited;
use super::pairing::{PairKind, Pairing};
use super::twins::{Groups, Twins};
use crate::graph::{Graph, StepIx};
use std::collections::{BTreeMap, HashMap};

impl Pairing {
    /// Pairs two versions. The rules apply in this order: equal content that each version has once; twins; edited
    /// steps, by name before id. A twin that may rather be the edited step of its own id waits for the last two.
    pub fn of(old: &Graph, new: &Graph) -> Pairing {
        let mut pairing = Pairing::empty(old, new);
        let groups = groups_by_hash(old, new);
        for (olds, news) in groups.values() {
            if let ([old_step], [new_step]) = (olds.as_slice(), news.as_slice()) {
                pairing.pair(*old_step, *new_step, PairKind::Content);
            }
        }
        let mut twins = Twins::of(old, new, groups);
        pairing.ambiguities = twins.ambiguities();
        twins.pair(&mut pairing);
        edited::pair_by_name(&mut pairing, old, new, &twins);
        twins.release(&mut pairing);
        edited::pair_by_id(&mut pairing, old, new, &twins);
        twins.release_all(&mut pairing);
        pairing
    }
}

fn groups_by_hash(old: &Graph, new: &Graph) -> Groups {
    let mut first_seen: HashMap<&str, (StepIx, bool)> = HashMap::new();
    let mut groups: Groups = BTreeMap::new();
    for (ix, node) in old.nodes().iter().enumerate() {
        let key = *first_seen.entry(&node.content_hash).or_insert((ix, false));
        groups.entry(key).or_default().0.push(ix);
    }
    for (ix, node) in new.nodes().iter().enumerate() {
        let key = *first_seen.entry(&node.content_hash).or_insert((ix, true));
        groups.entry(key).or_default().1.push(ix);
    }
    groups
}
