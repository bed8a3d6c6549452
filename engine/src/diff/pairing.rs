//! Which step of one version is which of another one ("Pairing steps" in docs/behaviour.md).

use crate::graph::{Graph, Node, StepIx};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

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

/// A hash that occurs several times in a version, so that pairing had to choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ambiguity {
    pub content_hash: String,
    pub old_step_ids: Vec<String>,
    pub new_step_ids: Vec<String>,
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

    pub(super) fn empty(old: &Graph, new: &Graph) -> Pairing {
        Pairing { old_to_new: vec![None; old.len()], new_to_old: vec![None; new.len()], ambiguities: Vec::new() }
    }

    pub(super) fn pair(&mut self, old: StepIx, new: StepIx, kind: PairKind) {
        self.old_to_new[old] = Some((new, kind));
        self.new_to_old[new] = Some(old);
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
        self.add_same(old, new, |step| &step.content_hash);
    }

    /// Pairs what is left unpaired and has the same key, one on each side.
    pub(crate) fn add_same<'a>(&mut self, old: &'a Graph, new: &'a Graph, key: impl Fn(&'a Node) -> &'a str) {
        let mut left: HashMap<&str, (Vec<StepIx>, Vec<StepIx>)> = HashMap::new();
        for (o, step) in old.nodes().iter().enumerate().filter(|(o, _)| self.new_of(*o).is_none()) {
            left.entry(key(step)).or_default().0.push(o);
        }
        for (n, step) in new.nodes().iter().enumerate().filter(|(n, _)| self.old_of(*n).is_none()) {
            left.entry(key(step)).or_default().1.push(n);
        }
        for (olds, news) in left.values() {
            if let ([o], [n]) = (olds.as_slice(), news.as_slice()) {
                let same = old.node(*o).content_hash == new.node(*n).content_hash;
                self.pair(*o, *n, if same { PairKind::Content } else { PairKind::Edited });
            }
        }
    }
}
