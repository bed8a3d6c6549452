//! The customer's own path through the new version ("Replay" in docs/behaviour.md).

use super::history::{History, Relation};
use crate::graph::StepIx;

/// A step of the path, with the visit that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathStep {
    pub new: StepIx,
    pub old: Option<StepIx>,
    /// The last visit of the step; `None` for a landing step that was never visited itself.
    pub last_visit: Option<i32>,
}

/// Where the walk starts, and the steps that it is to come by, the landing step last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub start: StepIx,
    pub steps: Vec<PathStep>,
}

/// The new counterparts of the visited steps before the current one, in order, that lie between the entry and the
/// landing step; loops erased, the landing step's own included; without the steps from which the next one can no longer
/// be reached; then the landing step. Where the entry does not lead to the landing step (flows with several entries),
/// the path starts at its first step.
pub(super) fn path(relation: &Relation, history: &History, landing: StepIx, landing_old: Option<StepIx>) -> Path {
    let graph = &relation.new;
    let entry = graph.entry();
    let entry_leads = graph.reaches(entry, landing);
    let before_current = history.stops.len().saturating_sub(1);
    let mut steps: Vec<PathStep> = Vec::new();
    let mut position_of: Vec<Option<usize>> = vec![None; graph.len()];
    for stop in &history.stops[..before_current] {
        let Some(new) = stop.new else { continue };
        if !graph.reaches(new, landing) || (entry_leads && !graph.reaches(entry, new)) {
            continue;
        }
        arrive(&mut steps, &mut position_of, PathStep { new, old: stop.old, last_visit: Some(stop.visit_no) });
    }
    let current_visit = history.stops.last().filter(|s| s.new == Some(landing)).map(|s| s.visit_no);
    arrive(&mut steps, &mut position_of, PathStep { new: landing, old: landing_old, last_visit: current_visit });
    let leads_on =
        |position: usize| steps.get(position + 1).is_none_or(|next| graph.reaches(steps[position].new, next.new));
    let kept: Vec<bool> = (0..steps.len()).map(leads_on).collect();
    let mut kept = kept.into_iter();
    steps.retain(|_| kept.next().unwrap_or(true));
    let start = if entry_leads { entry } else { steps[0].new };
    Path { start, steps }
}

/// Appends a step; coming back to one that is there drops what lies between.
fn arrive(steps: &mut Vec<PathStep>, position_of: &mut [Option<usize>], step: PathStep) {
    if let Some(at) = position_of[step.new] {
        for dropped in steps.drain(at..) {
            position_of[dropped.new] = None;
        }
    }
    position_of[step.new] = Some(steps.len());
    steps.push(step);
}
