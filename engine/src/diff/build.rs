//! Puts pairing, changes and classification together.
//!
//! Both versions are numbered alike: a pair carries the number of its new step, a deleted step one beyond them.
//! Upstream and downstream of every step are bit sets in that numbering, so what is inserted, kept or removed on a side
//! is a handful of word operations, and time grows with the size of the output.

use super::changes::{ForkChange, fork_change, transition_changes};
use super::classify::{Causes, Upstream, classify};
use super::map::{
    Anchor, Catalogue, CatalogueFork, CatalogueTransition, DeletedStep, EditedStep, ForkBranch, ForkKind, InsertedStep,
    TransformationMap, TransitionChange,
};
use super::pairing::{PairKind, Pairing};
use super::relocation::candidates;
use super::side::{Ranges, Side};
use crate::graph::{Graph, Reach, StepIx};
use fixedbitset::FixedBitSet;

/// The transformation map of two versions. Deterministic: the same two definitions give the same map.
pub fn diff(old: &Graph, new: &Graph) -> TransformationMap {
    if old.is_empty() || new.is_empty() {
        return TransformationMap::default();
    }
    let pairing = Pairing::of(old, new);
    let numbering = Numbering::of(old, new, &pairing);
    let directions = [
        Direction {
            old: old.labelled_above(numbering.len, |s| numbering.label[s]),
            new: new.labelled_above(numbering.len, |s| s),
        },
        Direction {
            old: old.labelled_below(numbering.len, |s| numbering.label[s]),
            new: new.labelled_below(numbering.len, |s| s),
        },
    ];
    let pairs: Vec<(StepIx, StepIx, PairKind)> = pairing.pairs().collect();
    let forks = Forks::of(old, new, &pairing, &numbering);
    let edits = Edits::of(old, new, &pairs, &numbering);
    let transitions = Transitions::of(old, new, &pairing, &pairs, &numbering);
    let causes = causes(old, new, &pairing, &numbering, &forks, &edits, &transitions);

    // First pass: which steps are inserted, moved to another side or removed anywhere, so that the catalogue holds just
    // these.
    let mut inserted = FixedBitSet::with_capacity(numbering.len);
    let mut removed = FixedBitSet::with_capacity(numbering.len);
    let mut scratch = Sets::new(numbering.len);
    for &(o, n, _) in &pairs {
        for direction in &directions {
            scratch.load(direction, o, n);
            inserted.union_with(&scratch.inserted);
            removed.union_with(&scratch.removed);
        }
    }
    let (inserted_rank, removed_rank) = (ranks(&inserted), ranks(&removed));
    let fork_ranks = forks.catalogue_ranks(&inserted);

    let anchors = pairs
        .iter()
        .map(|&(o, n, kind)| {
            let mut sides = [0, 1].map(|which| {
                scratch.load(&directions[which], o, n);
                let migration = (which == 0).then(|| {
                    classify(
                        &causes,
                        &Upstream {
                            all: &scratch.all,
                            inserted: &scratch.inserted,
                            kept: &scratch.kept,
                            any_removed: !scratch.removed.is_clear(),
                            lost_own_transition: causes.lost_transition.contains(n)
                                && old.successors(o).any(|next| old.reaches(next, o)),
                        },
                    )
                });
                let side = Side {
                    inserted_steps: Ranges::from_ascending(scratch.inserted.ones().map(|l| inserted_rank[l])),
                    edited_steps: Ranges::from_ascending(
                        scratch.kept.intersection(&edits.edited).map(|l| edits.position[l]),
                    ),
                    removed_step_ids: Ranges::from_ascending(scratch.removed.ones().map(|l| removed_rank[l])),
                    new_forks: fork_ranks.on_side(&forks, &scratch),
                    modified_transitions: transitions.on_side(&scratch, (which == 1).then_some(n)),
                };
                (side, migration)
            });
            let (downstream, _) = std::mem::take(&mut sides[1]);
            let (upstream, migration) = std::mem::take(&mut sides[0]);
            Anchor {
                anchor_content_hash: old.node(o).content_hash.clone(),
                anchor_name: old.node(o).name.clone(),
                old_step_id: old.node(o).id.clone(),
                new_step_id: new.node(n).id.clone(),
                pairing: kind,
                // Only the upstream side is classified, and it always is.
                migration_scenario: migration.unwrap_or(super::map::MigrationScenario::ReRoute),
                upstream,
                downstream,
            }
        })
        .collect();

    let unpaired_old = (0..old.len()).filter(|o| pairing.new_of(*o).is_none());
    TransformationMap {
        anchors,
        deleted_steps: unpaired_old
            .map(|o| DeletedStep {
                step_id: old.node(o).id.clone(),
                name: old.node(o).name.clone(),
                content_hash: old.node(o).content_hash.clone(),
                candidates: candidates(old, new, &pairing, o),
            })
            .collect(),
        catalogue: Catalogue {
            inserted_steps: inserted.ones().map(|n| inserted_step(new, n)).collect(),
            edited_steps: edits.catalogue,
            removed_step_ids: removed.ones().map(|l| old.node(numbering.old_of(l, &pairing)).id.clone()).collect(),
            new_forks: fork_ranks.catalogue(new),
            modified_transitions: transitions.catalogue,
            inserted_step_ids: (0..new.len())
                .filter(|n| pairing.old_of(*n).is_none())
                .map(|n| new.node(n).id.clone())
                .collect(),
            ambiguities: pairing.ambiguities.clone(),
        },
    }
}

/// One numbering for both versions.
struct Numbering {
    /// By old step.
    label: Vec<usize>,
    /// Old steps of the labels from `new_len` on.
    deleted: Vec<StepIx>,
    new_len: usize,
    len: usize,
}

impl Numbering {
    fn of(old: &Graph, new: &Graph, pairing: &Pairing) -> Numbering {
        let mut deleted = Vec::new();
        let label = (0..old.len())
            .map(|o| {
                pairing.new_of(o).unwrap_or_else(|| {
                    deleted.push(o);
                    new.len() + deleted.len() - 1
                })
            })
            .collect();
        Numbering { label, len: new.len() + deleted.len(), deleted, new_len: new.len() }
    }

    /// The old step of a label that has one.
    fn old_of(&self, label: usize, pairing: &Pairing) -> StepIx {
        match label.checked_sub(self.new_len) {
            Some(beyond) => self.deleted[beyond],
            None => pairing.old_of(label).unwrap_or_default(),
        }
    }
}

/// Reachability of both versions in one direction.
struct Direction {
    old: Reach,
    new: Reach,
}

/// One side of one anchor. Buffers are kept from anchor to anchor.
struct Sets {
    /// On that side in the new version.
    all: FixedBitSet,
    /// Of `all`, those whose pair is absent or was not on that side.
    inserted: FixedBitSet,
    /// Of `all`, the others.
    kept: FixedBitSet,
    /// On that side in the old version, without a counterpart on that side in the new one.
    removed: FixedBitSet,
}

impl Sets {
    fn new(len: usize) -> Sets {
        let empty = || FixedBitSet::with_capacity(len);
        Sets { all: empty(), inserted: empty(), kept: empty(), removed: empty() }
    }

    fn load(&mut self, direction: &Direction, old_step: StepIx, new_step: StepIx) {
        let (before, now) = (direction.old.set(old_step), direction.new.set(new_step));
        self.all.clone_from(now);
        self.all.set(new_step, false);
        self.kept.clone_from(&self.all);
        self.kept.intersect_with(before);
        self.inserted.clone_from(&self.all);
        self.inserted.difference_with(before);
        self.removed.clone_from(before);
        self.removed.difference_with(now); // holds the anchor itself, so it is never removed
    }
}

/// For each member of a set its rank in it: its position in the catalogue.
fn ranks(set: &FixedBitSet) -> Vec<u32> {
    let mut ranks = vec![0; set.len()];
    for (rank, label) in set.ones().enumerate() {
        ranks[label] = rank as u32;
    }
    ranks
}

/// Forks of the new version and what became of them.
struct Forks {
    forks: FixedBitSet,
    changed: FixedBitSet,
    /// By new step, for members of `changed`.
    kind: Vec<ForkKind>,
}

impl Forks {
    fn of(old: &Graph, new: &Graph, pairing: &Pairing, numbering: &Numbering) -> Forks {
        let mut forks = FixedBitSet::with_capacity(numbering.len);
        let mut changed = FixedBitSet::with_capacity(numbering.len);
        let mut kind = vec![ForkKind::Inserted; new.len()];
        for (n, node) in new.nodes().iter().enumerate() {
            if !node.is_fork() {
                continue;
            }
            forks.insert(n);
            if let (Some(_), ForkChange::New(how)) = (pairing.old_of(n), fork_change(old, new, pairing, n)) {
                changed.insert(n);
                kind[n] = how;
            }
        }
        Forks { forks, changed, kind }
    }

    /// A paired fork can be new to one anchor because it moved to its side, and to another because it was widened: the
    /// catalogue holds an entry for each.
    fn catalogue_ranks(&self, inserted_anywhere: &FixedBitSet) -> ForkRanks {
        let mut entries = Vec::new();
        let mut as_inserted = vec![0; self.forks.len()];
        let mut as_changed = vec![0; self.forks.len()];
        for n in self.forks.ones() {
            if inserted_anywhere.contains(n) {
                as_inserted[n] = entries.len() as u32;
                entries.push((n, ForkKind::Inserted));
            }
            if self.changed.contains(n) {
                as_changed[n] = entries.len() as u32;
                entries.push((n, self.kind[n]));
            }
        }
        ForkRanks { entries, as_inserted, as_changed }
    }
}

struct ForkRanks {
    entries: Vec<(StepIx, ForkKind)>,
    as_inserted: Vec<u32>,
    as_changed: Vec<u32>,
}

impl ForkRanks {
    fn on_side(&self, forks: &Forks, sets: &Sets) -> Ranges {
        Ranges::from_ascending(sets.all.intersection(&forks.forks).filter_map(|n| {
            if sets.inserted.contains(n) {
                Some(self.as_inserted[n])
            } else {
                forks.changed.contains(n).then(|| self.as_changed[n])
            }
        }))
    }

    fn catalogue(&self, new: &Graph) -> Vec<CatalogueFork> {
        self.entries
            .iter()
            .map(|&(n, kind)| CatalogueFork {
                step_id: new.node(n).id.clone(),
                name: new.node(n).name.clone(),
                kind,
                branches: new
                    .node(n)
                    .branches
                    .iter()
                    .map(|b| ForkBranch {
                        target_step_id: new.node(b.to).id.clone(),
                        target_step_name: new.node(b.to).name.clone(),
                        condition_text: b.condition.text().to_owned(),
                        condition_kind: b.condition.kind(),
                        condition_fields: b.condition.fields().to_vec(),
                    })
                    .collect(),
            })
            .collect()
    }
}

/// Edited pairs, by number.
struct Edits {
    edited: FixedBitSet,
    added_fields: FixedBitSet,
    position: Vec<u32>,
    catalogue: Vec<EditedStep>,
}

impl Edits {
    fn of(old: &Graph, new: &Graph, pairs: &[(StepIx, StepIx, PairKind)], numbering: &Numbering) -> Edits {
        let mut edits = Edits {
            edited: FixedBitSet::with_capacity(numbering.len),
            added_fields: FixedBitSet::with_capacity(numbering.len),
            position: vec![0; numbering.len],
            catalogue: Vec::new(),
        };
        let mut by_new: Vec<(StepIx, StepIx)> =
            pairs.iter().filter(|(_, _, kind)| *kind == PairKind::Edited).map(|&(o, n, _)| (n, o)).collect();
        by_new.sort_unstable();
        for (n, o) in by_new {
            let added = added_fields(old, new, o, n);
            edits.edited.insert(n);
            edits.added_fields.set(n, !added.is_empty());
            edits.position[n] = edits.catalogue.len() as u32;
            edits.catalogue.push(EditedStep {
                old_step_id: old.node(o).id.clone(),
                new_step_id: new.node(n).id.clone(),
                name: new.node(n).name.clone(),
                added_fields: added,
            });
        }
        edits
    }
}

/// Fields that the new step of a pair collects and the old one did not.
pub(crate) fn added_fields(old: &Graph, new: &Graph, old_step: StepIx, new_step: StepIx) -> Vec<String> {
    if old.node(old_step).content_hash == new.node(new_step).content_hash {
        return Vec::new(); // also where the old step is known by its history alone, which does not tell its fields
    }
    let before = &old.node(old_step).collects;
    new.node(new_step).collects.iter().filter(|f| !before.contains(f)).cloned().collect()
}

/// Changed transitions, in the order of their source's number.
struct Transitions {
    catalogue: Vec<CatalogueTransition>,
    /// By number of the source: its entries in the catalogue.
    of_source: Vec<std::ops::Range<u32>>,
    sources: FixedBitSet,
    lost: FixedBitSet,
}

impl Transitions {
    fn of(
        old: &Graph,
        new: &Graph,
        pairing: &Pairing,
        pairs: &[(StepIx, StepIx, PairKind)],
        numbering: &Numbering,
    ) -> Transitions {
        let mut transitions = Transitions {
            catalogue: Vec::new(),
            of_source: vec![0..0; numbering.len],
            sources: FixedBitSet::with_capacity(numbering.len),
            lost: FixedBitSet::with_capacity(numbering.len),
        };
        let mut by_new: Vec<(StepIx, StepIx)> = pairs.iter().map(|&(o, n, _)| (n, o)).collect();
        by_new.sort_unstable();
        for (n, o) in by_new {
            let changes = transition_changes(old, new, pairing, o, n);
            let lost = changes.iter().filter(|c| c.change == TransitionChange::Removed).any(|c| {
                c.old_to_step_id.as_deref().and_then(|id| old.find(id)).is_some_and(|s| pairing.new_of(s).is_some())
            });
            transitions.lost.set(n, lost);
            transitions.sources.set(n, !changes.is_empty());
            let start = transitions.catalogue.len() as u32;
            transitions.of_source[n] = start..start + changes.len() as u32;
            transitions.catalogue.extend(changes);
        }
        transitions
    }

    /// Those whose source lies on the side, before or now; the anchor's own lead downstream.
    fn on_side(&self, sets: &Sets, own: Option<StepIx>) -> Ranges {
        let on_side = |n: &StepIx| sets.kept.contains(*n) || sets.inserted.contains(*n) || Some(*n) == own;
        let sources = self.sources.ones().filter(|n| on_side(n) || sets.removed.contains(*n));
        Ranges::from_ascending(sources.flat_map(|n| self.of_source[n].clone()))
    }
}

fn inserted_step(new: &Graph, step: StepIx) -> InsertedStep {
    let node = new.node(step);
    InsertedStep {
        step_id: node.id.clone(),
        name: node.name.clone(),
        collects_fields: node.collects.clone(),
        has_rules: node.has_rules,
        is_required_action: node.is_required_action,
        is_checkpoint: node.is_checkpoint,
    }
}

fn causes(
    old: &Graph,
    new: &Graph,
    pairing: &Pairing,
    numbering: &Numbering,
    forks: &Forks,
    edits: &Edits,
    transitions: &Transitions,
) -> Causes {
    let mut duties = FixedBitSet::with_capacity(numbering.len);
    for (n, node) in new.nodes().iter().enumerate() {
        duties.set(n, !node.collects.is_empty() || node.is_required_action);
    }
    Causes {
        forks: forks.forks.clone(),
        changed_forks: forks.changed.clone(),
        duties,
        added_fields: edits.added_fields.clone(),
        lost_transition: transitions.lost.clone(),
        entry_changed: pairing.new_of(old.entry()) != Some(new.entry()),
    }
}
