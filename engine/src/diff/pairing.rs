//! Pairing the steps of two versions by meaning (SPEC 4.1).

use super::map::Ambiguity;
use crate::graph::{Graph, Node, StepIx};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// How two steps came to be a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairKind {
    /// Equal content hash, one on each side.
    Content,
    /// Equal content hash that occurs several times in a version.
    Twin,
    /// Other wording or fields, the same step.
    Edited,
}

impl PairKind {
    pub fn as_str(self) -> &'static str {
        match self {
            PairKind::Content => "content",
            PairKind::Twin => "twin",
            PairKind::Edited => "edited",
        }
    }
}

/// Which step of the old version is which of the new one. Each step is in at most one pair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairing {
    old_to_new: Vec<Option<(StepIx, PairKind)>>,
    new_to_old: Vec<Option<StepIx>>,
    pub ambiguities: Vec<Ambiguity>,
}

impl Pairing {
    /// The new counterpart of an old step.
    pub fn new_of(&self, old: StepIx) -> Option<StepIx> {
        self.old_to_new.get(old).copied().flatten().map(|(new, _)| new)
    }

    /// How an old step was paired.
    pub fn kind_of(&self, old: StepIx) -> Option<PairKind> {
        self.old_to_new.get(old).copied().flatten().map(|(_, kind)| kind)
    }

    /// The old counterpart of a new step.
    pub fn old_of(&self, new: StepIx) -> Option<StepIx> {
        self.new_to_old.get(new).copied().flatten()
    }

    /// All pairs in document order of the old version.
    pub fn pairs(&self) -> impl Iterator<Item = (StepIx, StepIx, PairKind)> + '_ {
        self.old_to_new.iter().enumerate().filter_map(|(old, pair)| pair.map(|(new, kind)| (old, new, kind)))
    }

    fn empty(old: &Graph, new: &Graph) -> Pairing {
        Pairing { old_to_new: vec![None; old.len()], new_to_old: vec![None; new.len()], ambiguities: Vec::new() }
    }

    fn pair(&mut self, old: StepIx, new: StepIx, kind: PairKind) {
        self.old_to_new[old] = Some((new, kind));
        self.new_to_old[new] = Some(old);
    }

    /// Pairs two versions by section 4.1.
    pub fn of(old: &Graph, new: &Graph) -> Pairing {
        let mut pairing = Pairing::empty(old, new);
        let groups = groups_by_hash(old, new);
        for (olds, news) in groups.values() {
            if let ([old_step], [new_step]) = (olds.as_slice(), news.as_slice()) {
                pairing.pair(*old_step, *new_step, PairKind::Content);
            }
        }
        pair_twins(&mut pairing, old, new, &groups);
        pair_edited(&mut pairing, old, new);
        pairing
    }

    /// The pairing that a stored plan, or a chain of them, gives: ids in, and what is not there any more left out.
    pub fn from_ids<'a>(old: &Graph, new: &Graph, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Pairing {
        let mut pairing = Pairing::empty(old, new);
        for (old_id, new_id) in pairs {
            let (Some(o), Some(n)) = (old.find(old_id), new.find(new_id)) else { continue };
            if pairing.new_of(o).is_some() || pairing.old_of(n).is_some() {
                continue;
            }
            let same = old.node(o).content_hash == new.node(n).content_hash;
            pairing.pair(o, n, if same { PairKind::Content } else { PairKind::Edited });
        }
        pairing
    }

    /// Pairs what is left unpaired and says the same, one on each side.
    pub(crate) fn add_same_content(&mut self, old: &Graph, new: &Graph) {
        for (olds, news) in groups_by_hash(old, new).values() {
            let left_old: Vec<StepIx> = olds.iter().copied().filter(|o| self.new_of(*o).is_none()).collect();
            let left_new: Vec<StepIx> = news.iter().copied().filter(|n| self.old_of(*n).is_none()).collect();
            if let ([o], [n]) = (left_old.as_slice(), left_new.as_slice()) {
                self.pair(*o, *n, PairKind::Content);
            }
        }
    }
}

/// Steps of both versions by content hash, in document order of their first appearance.
type Groups = BTreeMap<(StepIx, bool), (Vec<StepIx>, Vec<StepIx>)>;

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

/// Above this many possible pairs within one group of twins, neighbours are not compared: equal ids and document order alone
/// decide. It is reached only where more than a thousand steps say exactly the same.
const TWIN_COMPARISONS: usize = 1 << 20;

fn pair_twins(pairing: &mut Pairing, old: &Graph, new: &Graph, groups: &Groups) {
    let twins: Vec<_> = groups
        .values()
        .filter(|(olds, news)| !olds.is_empty() && !news.is_empty() && olds.len() + news.len() > 2)
        .collect();
    for (olds, news) in &twins {
        pairing.ambiguities.push(Ambiguity {
            content_hash: old.node(olds[0]).content_hash.clone(),
            old_step_ids: olds.iter().map(|o| old.node(*o).id.clone()).collect(),
            new_step_ids: news.iter().map(|n| new.node(*n).id.clone()).collect(),
        });
    }
    // Equal ids first, in every group before neighbours are looked at in any: they are the surest sign.
    for (olds, _) in &twins {
        for &o in olds {
            if let Some(n) = new.find(&old.node(o).id)
                && new.node(n).content_hash == old.node(o).content_hash
            {
                pairing.pair(o, n, PairKind::Twin);
            }
        }
    }
    for (olds, news) in &twins {
        let olds: Vec<StepIx> = olds.iter().copied().filter(|o| pairing.new_of(*o).is_none()).collect();
        let news: Vec<StepIx> = news.iter().copied().filter(|n| pairing.old_of(*n).is_none()).collect();
        if olds.is_empty() || news.is_empty() {
            continue;
        }
        if olds.len().saturating_mul(news.len()) > TWIN_COMPARISONS {
            for (o, n) in olds.iter().zip(&news) {
                pairing.pair(*o, *n, PairKind::Twin);
            }
            continue;
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

fn pair_edited(pairing: &mut Pairing, old: &Graph, new: &Graph) {
    for o in 0..old.len() {
        if pairing.new_of(o).is_some() {
            continue;
        }
        if let Some(n) = new.find(&old.node(o).id)
            && pairing.old_of(n).is_none()
            && same_step_edited(old.node(o), new.node(n))
        {
            pairing.pair(o, n, PairKind::Edited);
        }
    }
    let old_names = unique_names(old, |s| pairing.new_of(s).is_none());
    let new_names = unique_names(new, |s| pairing.old_of(s).is_none());
    let mut by_name: Vec<(StepIx, StepIx)> =
        old_names.iter().filter_map(|(name, o)| Some(((*o)?, new_names.get(name).copied().flatten()?))).collect();
    by_name.sort_unstable();
    for (o, n) in by_name {
        pairing.pair(o, n, PairKind::Edited);
    }
}

/// Names among the steps that are left: the step, where only one has the name. A step without a name has none to go by.
fn unique_names(graph: &Graph, left: impl Fn(StepIx) -> bool) -> HashMap<&str, Option<StepIx>> {
    let mut names: HashMap<&str, Option<StepIx>> = HashMap::new();
    for (ix, node) in graph.nodes().iter().enumerate() {
        if left(ix) && !node.name.is_empty() {
            names.entry(&node.name).and_modify(|only| *only = None).or_insert(Some(ix));
        }
    }
    names
}

/// Wording counts as similar from this Sørensen–Dice coefficient on.
const SIMILAR_WORDING: f64 = 0.5;

/// Whether two steps with the same id are one step whose wording was edited, rather than an id used anew.
pub(crate) fn same_step_edited(old: &Node, new: &Node) -> bool {
    old.name == new.name
        || (!old.description.is_empty() && old.description == new.description)
        || (!old.collects.is_empty() && sorted(&old.collects) == sorted(&new.collects))
        || strsim::sorensen_dice(&wording(old), &wording(new)) >= SIMILAR_WORDING
}

fn sorted(fields: &[String]) -> Vec<&String> {
    let mut fields: Vec<&String> = fields.iter().collect();
    fields.sort_unstable();
    fields
}

fn wording(node: &Node) -> String {
    format!("{} {}", node.name, node.description)
}
