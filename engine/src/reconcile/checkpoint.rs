//! Checkpoints (SPEC 7.4): no customer is ever moved to before an irreversible step that they have taken.

use super::decision::BlockRule;
use super::history::{History, Relation, Stop};
use crate::graph::{Graph, StepIx};

/// The checkpoints in a session's history: all of them, not only the last.
pub(super) struct Checkpoints<'a> {
    passed: Vec<&'a Stop>,
}

impl<'a> Checkpoints<'a> {
    pub(super) fn of(history: &'a History) -> Checkpoints<'a> {
        Checkpoints { passed: history.stops.iter().filter(|s| s.is_checkpoint).collect() }
    }

    /// Whether a redirect to `target` from a fork that lies after visit `place` (before every visit, if `None`) would undo
    /// one of them: which, and by which rule.
    pub(super) fn forbids_redirect(
        &self,
        graph: &Graph,
        place: Option<i32>,
        target: StepIx,
    ) -> Option<(&'a Stop, BlockRule)> {
        self.passed.iter().find_map(|checkpoint| {
            if place.is_none_or(|place| checkpoint.visit_no > place) {
                return Some((*checkpoint, BlockRule::VisitedAfterFork));
            }
            comes_again(graph, checkpoint, target).map(|rule| (*checkpoint, rule))
        })
    }

    /// Whether somebody placed at `target` would come to one of them again. Being placed at the checkpoint itself counts: its
    /// irreversible act would be done a second time. The place of a checkpoint that the new version does not have is told by
    /// the old one, from the target's counterpart there; where neither can tell, it is forbidden.
    pub(super) fn forbids_place(&self, relation: &Relation, target: StepIx) -> Option<(&'a Stop, BlockRule)> {
        self.passed.iter().find_map(|checkpoint| {
            let rule = match (checkpoint.new, checkpoint.old, relation.pairing.old_of(target)) {
                (Some(_), _, _) => comes_again(&relation.new, checkpoint, target),
                (None, Some(was), Some(target_was)) if relation.old_is_whole => {
                    let again = relation.old.reaches(target_was, was) || twin_comes(relation, was, target);
                    again.then_some(BlockRule::TargetReachesCheckpoint)
                }
                _ => Some(BlockRule::OrderUnknown),
            };
            rule.map(|rule| (*checkpoint, rule))
        })
    }
}

/// Whether somebody placed at `target` would come to a step that means the same as a checkpoint that was deleted: of two
/// twins, the one that the customer passed may be gone, and the irreversible act is the other's, too.
fn twin_comes(relation: &Relation, checkpoint: StepIx, target: StepIx) -> bool {
    let hash = &relation.old.node(checkpoint).content_hash;
    let new = &relation.new;
    (0..new.len()).any(|step| new.node(step).content_hash == *hash && new.reaches(target, step))
}

fn comes_again(graph: &Graph, checkpoint: &Stop, target: StepIx) -> Option<BlockRule> {
    match checkpoint.new {
        None => Some(BlockRule::OrderUnknown),
        Some(counterpart) => graph.reaches(target, counterpart).then_some(BlockRule::TargetReachesCheckpoint),
    }
}
