//! Sessions that a plan leads elsewhere than to the counterpart of their step: those of deleted steps, and those that
//! a new fork can redirect.

use super::summary_input::{PassedGroup, SummaryInput};
use crate::acts::{Ground, accepted};
use crate::diff::{DeletedStep, MigrationScenario};
use crate::graph::StepIx;
use serde::Serialize;
use std::collections::BTreeMap;

/// A step that sessions of a deleted step are taken to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelocationFigures {
    pub step_id: String,
    pub name: String,
    pub sessions: u64,
}

/// What becomes of the sessions at a deleted step, by the rule of the turn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct DeletedStepSessions {
    /// They are relocated to these steps, in document order of the new version.
    pub relocated: BTreeMap<StepIx, u64>,
    /// They leave the scenario.
    pub exit: u64,
    /// They have passed a checkpoint and stay on their version.
    pub held: u64,
}

/// Each session goes to the first candidate that undoes nothing that it has passed; where there is none, it is held if
/// it has passed a checkpoint, else it leaves.
pub(super) fn sessions_of_deleted_step(
    input: &SummaryInput<'_>,
    step: &DeletedStep,
    ground: &Ground<'_>,
) -> DeletedStepSessions {
    let acts = input.acts;
    let from = input.old.find(&step.step_id);
    let candidates: Vec<(StepIx, _)> = step
        .candidates
        .iter()
        .filter_map(|candidate| {
            let to = input.new.find(&candidate.new_step_id)?;
            let policy = input.policies.get(&candidate.anchor_content_hash);
            Some((to, policy.map(|p| accepted(acts, &p.accept_repeat)).unwrap_or_default()))
        })
        .collect();
    let mut found = DeletedStepSessions::default();
    let groups = input.passed_at(&step.step_id);
    let nothing_passed = PassedGroup {
        contents: Vec::new(),
        sessions: input.sessions_at(&step.step_id).saturating_sub(groups.iter().map(|group| group.sessions).sum()),
    };
    for group in groups.iter().chain([&nothing_passed]).filter(|group| group.sessions > 0) {
        let allowed = candidates.iter().find(|(to, accepted)| {
            let mut passed = group.contents.iter().map(|hash| acts.act_of(hash));
            !passed.any(|act| !accepted.contains(act) && ground.undoes(from, *to, act).is_some())
        });
        match allowed {
            Some((to, _)) => *found.relocated.entry(*to).or_default() += group.sessions,
            None if group.contents.is_empty() => found.exit += group.sessions,
            None => found.held += group.sessions,
        }
    }
    found
}

/// The ends that a new fork can lead to, and the sessions that it may lead there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForkEnds<'a> {
    pub fork: &'a str,
    pub ends: Vec<&'a str>,
    pub sessions: u64,
}

/// The new forks that can redirect sessions, in document order, at most `most` of them.
pub(super) fn fork_ends<'a>(input: &SummaryInput<'a>, most: usize) -> Vec<ForkEnds<'a>> {
    let forks = &input.map.catalogue.new_forks;
    let mut sessions = vec![0; forks.len()];
    let mut is_met = vec![false; forks.len()];
    for anchor in &input.map.anchors {
        if input.effective_scenario(anchor) != MigrationScenario::ReRoute {
            continue;
        }
        let at = input.sessions_at(&anchor.old_step_id);
        for position in anchor.upstream.new_forks.iter().filter(|position| *position < forks.len()) {
            sessions[position] += at;
            is_met[position] = true;
        }
    }
    let graph = input.new;
    let ends: Vec<StepIx> = (0..graph.len()).filter(|step| graph.node(*step).is_end()).collect();
    let mut found: Vec<ForkEnds<'_>> = Vec::new();
    for (position, fork) in forks.iter().enumerate().filter(|(position, _)| is_met[*position]) {
        let Some(step) = graph.find(&fork.step_id) else { continue };
        if found.len() == most {
            break;
        }
        let reached = ends.iter().filter(|end| graph.reaches(step, **end));
        let ends = reached.map(|end| graph.node(*end).name.as_str()).collect();
        found.push(ForkEnds { fork: &fork.name, ends, sessions: sessions[position] });
    }
    found
}
