//! Edited steps: other wording or fields, the same step ("Pairing steps" in docs/behaviour.md).

use super::pairing::{PairKind, Pairing};
use super::twins::Twins;
use super::unpaired::Unpaired;
use crate::graph::{Graph, StepIx};
use std::collections::HashMap;

/// Pairs steps of equal, non-empty name, where the name is unique among the unpaired steps of both versions. It comes
/// before ids: where ids are positions and a step was inserted, an equal id would pair a payment with another payment.
pub(super) fn pair_by_name(pairing: &mut Pairing, old: &Graph, new: &Graph, twins: &Twins<'_>) {
    let olds = by_name(old, |o| pairing.new_of(o).is_none());
    let news = by_name(new, |n| pairing.old_of(n).is_none());
    let mut found: Vec<(StepIx, StepIx)> = Vec::new();
    for (name, steps) in &olds {
        let ([o], Some(same_name)) = (steps.as_slice(), news.get(name)) else { continue };
        let hash = &old.node(*o).content_hash;
        let counts = |n: &&StepIx| !(twins.waits(*o) && new.node(**n).content_hash == *hash);
        let mut candidates = same_name.iter().filter(counts);
        if let (Some(only), None) = (candidates.next(), candidates.next()) {
            found.push((*o, *only));
        }
    }
    for (o, n) in found {
        pairing.pair(o, n, PairKind::Edited);
    }
}

/// Pairs steps of equal id, where something besides the id says that they are one step.
pub(super) fn pair_by_id(pairing: &mut Pairing, old: &Graph, new: &Graph, twins: &Twins<'_>) {
    let unpaired = Unpaired::of(pairing, old, new);
    for o in 0..old.len() {
        if pairing.new_of(o).is_none()
            && let Some(n) = new.find(&old.node(o).id)
            && pairing.old_of(n).is_none()
            && unpaired.same_step_edited(o, n, twins.waits(o))
        {
            pairing.pair(o, n, PairKind::Edited);
        }
    }
}

/// Unpaired steps by name. A step without a name has none to go by.
fn by_name(graph: &Graph, unpaired: impl Fn(StepIx) -> bool) -> HashMap<&str, Vec<StepIx>> {
    let mut names: HashMap<&str, Vec<StepIx>> = HashMap::new();
    for (step, node) in graph.nodes().iter().enumerate() {
        if unpaired(step) && !node.name.is_empty() {
            names.entry(&node.name).or_default().push(step);
        }
    }
    names
}
