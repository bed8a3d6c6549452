//! What a publication or a deployment does to the acts.

use super::ledger::{ActPair, ActRow, Acts, PairSource};
use crate::diff::Pairing;
use crate::graph::{Graph, Node, StepIx, StepWords};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A version that is published, or a draft that is taken as if it were.
pub struct Publication<'a> {
    pub version: i32,
    pub graph: &'a Graph,
    /// The version that was published before it; `None` for a scenario's first.
    pub before: Option<PreviousVersion<'a>>,
    /// Ids of its steps that somebody separated by hand from every older step.
    pub separated: &'a BTreeSet<String>,
}

/// The version that was published before, and its pairs with the new one: those of the plan between the two that was
/// deployed last (with what was set or separated by hand), else those of the diff.
pub struct PreviousVersion<'a> {
    pub version: i32,
    pub graph: &'a Graph,
    pub pairing: &'a Pairing,
}

/// Two versions and the pairs of a deployed plan between them.
pub struct DeployedPairs<'a> {
    pub from_version: i32,
    pub to_version: i32,
    /// `to_version` was published right after `from_version`.
    pub is_succession: bool,
    pub from: &'a Graph,
    pub to: &'a Graph,
    pub pairing: &'a Pairing,
    /// As for [`Publication::separated`].
    pub separated: &'a BTreeSet<String>,
}

/// The acts after a change, and all pairs that explain them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedActs {
    pub acts: Acts,
    /// The pairs that come to those that are kept (a publication), or all that are kept from now on (a deployment).
    pub pairs: Vec<ActPair>,
}

impl Acts {
    /// The acts once a version is published: its contents come in, joined by its pairs with the version before it, and
    /// by the return of steps that the version before lacks. The revision goes up by one, so that what was worked out
    /// for a draft "as if it were published" holds exactly if nothing else came between.
    pub fn published(&self, publication: &Publication<'_>) -> ChangedActs {
        let nodes = publication.graph.nodes();
        let comes: HashSet<&str> = nodes.iter().map(|node| node.content_hash.as_str()).collect();
        let others = self.rows().filter(|row| !comes.contains(row.content_hash.as_str())).cloned();
        let mut acts = Acts::from_rows(self.revision() + 1, others);
        for node in nodes.iter().rev() {
            let act = self.act_of(&node.content_hash).to_owned();
            acts.keep(said(node, act, publication.version));
        }
        let mut pairs = Vec::new();
        if let Some(before) = &publication.before {
            let versions = (before.version, publication.version);
            pairs = contents(before.graph, publication.graph, before.pairing, versions, PairSource::Succession);
            pairs.extend(crate::mutant!("acts/returns", self.returns(before, publication), Vec::new()));
        }
        acts.join(pairs.iter().map(|p| (p.old_content_hash.as_str(), p.new_content_hash.as_str())));
        ChangedActs { acts, pairs }
    }

    /// The acts once a plan between two published versions is deployed, if that changes the pairs that are kept between
    /// the two: `kept` are all pairs of the scenario. `None` if nothing changes, and then the revision stays.
    pub fn deployed(&self, plan: &DeployedPairs<'_>, kept: &[ActPair]) -> Option<ChangedActs> {
        let versions = (plan.from_version, plan.to_version);
        let succession = plan.is_succession;
        let source = if succession { PairSource::Succession } else { PairSource::Plan };
        let paired: HashSet<&str> =
            plan.pairing.pairs().map(|(_, new, _)| plan.to.node(new).content_hash.as_str()).collect();
        let separated: HashSet<&str> = plan
            .separated
            .iter()
            .filter_map(|id| plan.to.find(id))
            .map(|step| plan.to.node(step).content_hash.as_str())
            .collect();
        let stays = |pair: &&ActPair| {
            let new = pair.new_content_hash.as_str();
            pair.to_version != plan.to_version
                || match pair.source {
                    PairSource::Return => !succession || !(paired.contains(new) || separated.contains(new)),
                    _ => crate::mutant!("acts/changed-pairs-replace", pair.from_version != plan.from_version, true),
                }
        };
        let mut pairs: Vec<ActPair> = kept.iter().filter(stays).cloned().collect();
        pairs.extend(contents(plan.from, plan.to, plan.pairing, versions, source));
        pairs.sort_unstable();
        pairs.dedup();
        let mut before: Vec<&ActPair> = kept.iter().collect();
        before.sort_unstable();
        before.dedup();
        if before.into_iter().eq(&pairs) {
            return None;
        }
        let acts = self.worked_out(&pairs, self.revision() + 1);
        Some(ChangedActs { acts, pairs })
    }

    /// The acts of a plan whose versions do not follow each other, as if it were deployed: for its lists and its
    /// summary.
    pub fn with_plan(&self, from: &Graph, to: &Graph, pairing: &Pairing) -> Acts {
        let mut acts = self.clone();
        let joined: Vec<ActPair> = contents(from, to, pairing, (0, 0), PairSource::Plan);
        acts.join(joined.iter().map(|p| (p.old_content_hash.as_str(), p.new_content_hash.as_str())));
        acts
    }

    /// Pairs of steps that are left unpaired with the last contents of acts that the version before lacks.
    fn returns(&self, before: &PreviousVersion<'_>, publication: &Publication<'_>) -> Vec<ActPair> {
        let present: HashSet<&str> = before.graph.nodes().iter().map(|node| self.act_of(&node.content_hash)).collect();
        let mut last: BTreeMap<&str, &ActRow> = BTreeMap::new();
        for row in self
            .rows()
            .filter(|row| !crate::mutant!("acts/present-acts-do-not-return", present.contains(row.act.as_str()), false))
        {
            let known = last.entry(row.act.as_str()).or_insert(row);
            if crate::mutant!("acts/last-content", row.last_version > known.last_version, false) {
                *known = row;
            }
        }
        let left: Vec<StepIx> = (0..publication.graph.len())
            .filter(|step| {
                crate::mutant!("acts/paired-steps-do-not-return", before.pairing.old_of(*step).is_none(), true)
            })
            .filter(|step| {
                let is_apart = publication.separated.contains(&publication.graph.node(*step).id);
                !crate::mutant!("acts/separated-by-hand", is_apart, false)
            })
            .collect();
        if last.is_empty() || left.is_empty() {
            return Vec::new();
        }
        // Several contents can have had the same id in different versions: each stands under a name of its own, the
        // id's under its own for the one that had it last.
        let mut gone: Vec<&ActRow> = last.into_values().collect();
        gone.sort_by(|a, b| (b.last_version, &a.content_hash).cmp(&(a.last_version, &b.content_hash)));
        let mut taken: HashSet<&str> = HashSet::new();
        let old = Graph::from_words(gone.iter().enumerate().map(|(place, row)| {
            let id = if taken.insert(&row.last_step_id) {
                row.last_step_id.clone()
            } else {
                format!("{}\u{0}{place}", row.last_step_id)
            };
            words(row, id)
        }));
        let new = Graph::from_words(left.iter().map(|step| {
            let node = publication.graph.node(*step);
            StepWords {
                id: node.id.clone(),
                name: node.name.clone(),
                description: node.description.clone(),
                content_hash: node.content_hash.clone(),
                collects: node.collects.clone(),
                is_checkpoint: node.is_checkpoint,
            }
        }));
        let versions = (before.version, publication.version);
        contents(&old, &new, &Pairing::of(&old, &new), versions, PairSource::Return)
    }
}

/// What is kept of a content, as a step to pair.
pub(crate) fn words(row: &ActRow, id: String) -> StepWords {
    StepWords {
        id,
        name: row.name.clone(),
        description: row.description.clone(),
        content_hash: row.content_hash.clone(),
        collects: row.collects.clone(),
        is_checkpoint: row.is_checkpoint,
    }
}

fn said(node: &Node, act: String, version: i32) -> ActRow {
    ActRow {
        content_hash: node.content_hash.clone(),
        act,
        name: node.name.clone(),
        description: node.description.clone(),
        collects: node.collects.clone(),
        is_checkpoint: node.is_checkpoint,
        checkpoint_description: node.checkpoint_description.clone(),
        last_step_id: node.id.clone(),
        last_version: version,
    }
}

/// Pairs of different contents.
fn contents(
    old: &Graph,
    new: &Graph,
    pairing: &Pairing,
    (from_version, to_version): (i32, i32),
    source: PairSource,
) -> Vec<ActPair> {
    let pairs: BTreeSet<ActPair> = pairing
        .pairs()
        .map(|(o, n, _)| (&old.node(o).content_hash, &new.node(n).content_hash))
        .filter(|(old_content_hash, new_content_hash)| old_content_hash != new_content_hash)
        .map(|(was, is)| ActPair {
            from_version,
            to_version,
            source,
            old_content_hash: was.clone(),
            new_content_hash: is.clone(),
        })
        .collect();
    pairs.into_iter().collect()
}
