//! What changed between paired steps: forks and transitions ("Changes around an anchor" in docs/behaviour.md).

use super::map::{CatalogueTransition, ForkKind, TransitionChange};
use super::pairing::Pairing;
use crate::graph::{Branch, Graph, StepIx};

/// What became of a step's branches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForkChange {
    /// Its branches are old branches in the old order, some perhaps left out: whoever chose there has chosen.
    Unchanged,
    /// The fork is new to everybody.
    New(ForkKind),
}

/// Compares the branches of a new step with those of its old counterpart.
pub fn fork_change(old: &Graph, new: &Graph, pairing: &Pairing, step: StepIx) -> ForkChange {
    let Some(counterpart) = pairing.old_of(step) else {
        return ForkChange::New(ForkKind::Inserted);
    };
    let before = &old.node(counterpart).branches;
    let now = &new.node(step).branches;
    let mut rest = before.iter();
    let kept_in_order = now.iter().all(|branch| rest.any(|was| same_branch(pairing, was, branch)));
    if kept_in_order {
        return ForkChange::Unchanged;
    }
    let mut targets: Vec<StepIx> = before.iter().filter_map(|b| pairing.new_of(b.to)).collect();
    let added = now.iter().any(|branch| match targets.iter().position(|t| *t == branch.to) {
        Some(at) => {
            targets.swap_remove(at);
            false
        }
        None => true,
    });
    ForkChange::New(if added { ForkKind::Widened } else { ForkKind::Changed })
}

fn same_branch(pairing: &Pairing, was: &Branch, branch: &Branch) -> bool {
    pairing.new_of(was.to) == Some(branch.to) && was.condition.is_same_as(&branch.condition)
}

/// The transitions of one paired step that are not as they were, in the order in which they are tried.
pub(super) fn transition_changes(
    old: &Graph,
    new: &Graph,
    pairing: &Pairing,
    old_step: StepIx,
    new_step: StepIx,
) -> Vec<CatalogueTransition> {
    let before = &old.node(old_step).branches;
    let now = &new.node(new_step).branches;
    let mut gone: Vec<Option<&Branch>> = before.iter().map(Some).collect();
    let mut left: Vec<&Branch> = Vec::new();
    // What is wholly as it was goes first, so that of two branches to one target the edited one is reported.
    for branch in now {
        let same = |was: &Branch| same_branch(pairing, was, branch) && was.priority == branch.priority;
        match gone.iter_mut().find(|was| was.is_some_and(same)) {
            Some(was) => *was = None,
            None => left.push(branch),
        }
    }
    let from = &new.node(new_step).id;
    let mut changes = Vec::new();
    for branch in left {
        let same_target = |was: &Branch| pairing.new_of(was.to) == Some(branch.to);
        let was = gone.iter_mut().find(|was| was.is_some_and(same_target)).and_then(Option::take);
        changes.push(CatalogueTransition {
            from_step_id: from.clone(),
            old_to_step_id: was.map(|b| old.node(b.to).id.clone()),
            new_to_step_id: Some(new.node(branch.to).id.clone()),
            change: if was.is_some() { TransitionChange::Modified } else { TransitionChange::Added },
        });
    }
    for was in gone.into_iter().flatten() {
        changes.push(CatalogueTransition {
            from_step_id: from.clone(),
            old_to_step_id: Some(old.node(was.to).id.clone()),
            new_to_step_id: None,
            change: TransitionChange::Removed,
        });
    }
    changes
}
