//! What a summary is made of: the sessions as they were counted, and the plan.

use super::other_sessions::OtherSessions;
use super::policy::Policy;
use super::way::PlanRef;
use crate::acts::Acts;
use crate::diff::{Anchor, MigrationScenario, TransformationMap};
use crate::field::FieldDefinition;
use crate::graph::Graph;
use std::collections::HashMap;

/// Live sessions at one old step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnchorCounts {
    pub sessions: u64,
    /// Those of them that are paused.
    pub paused: u64,
    /// Those of them that have passed a checkpoint, by what they have passed. Each session is in one group.
    pub passed: Vec<PassedGroup>,
    /// Sessions that have come to their end there; they are among none of the above.
    pub finished: u64,
    /// The same groups of them.
    pub finished_passed: Vec<PassedGroup>,
}

/// Sessions that have passed the same checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PassedGroup {
    /// Content hashes of the checkpoints, as [`Acts::flagged_contents`] names them; never empty.
    pub contents: Vec<String>,
    pub sessions: u64,
}

impl AnchorCounts {
    /// How many of the sessions have passed a checkpoint.
    pub fn passed_checkpoint(&self) -> u64 {
        self.passed.iter().map(|group| group.sessions).sum()
    }
}

/// What [`summarize`](super::summarize) looks at.
pub struct SummaryInput<'a> {
    pub map: &'a TransformationMap,
    /// By anchor content hash; anchors without one have the default policy.
    pub policies: &'a HashMap<String, Policy>,
    pub sessions_by_old_step: &'a HashMap<String, AnchorCounts>,
    pub other_sessions: &'a OtherSessions,
    pub plan: &'a PlanRef,
    /// The declared fields that the new version's conditions read.
    pub fields: &'a HashMap<String, FieldDefinition>,
    pub old: &'a Graph,
    pub new: &'a Graph,
    /// The acts as if the plan were deployed.
    pub acts: &'a Acts,
}

impl<'a> SummaryInput<'a> {
    pub(super) fn sessions_at(&self, old_step_id: &str) -> u64 {
        self.sessions_by_old_step.get(old_step_id).map_or(0, |counts| counts.sessions)
    }

    pub(super) fn paused_at(&self, old_step_id: &str) -> u64 {
        self.sessions_by_old_step.get(old_step_id).map_or(0, |counts| counts.paused)
    }

    /// The sessions at an anchor that would land at an end, though they do not stand at one.
    pub(super) fn finished_by(&self, anchor: &Anchor) -> u64 {
        let at_end = |graph: &Graph, id: &str| graph.find(id).is_some_and(|step| graph.node(step).is_terminal);
        let comes_to_an_end = at_end(self.new, &anchor.new_step_id) && !at_end(self.old, &anchor.old_step_id);
        if comes_to_an_end { self.sessions_at(&anchor.old_step_id) } else { 0 }
    }

    pub(super) fn passed_at(&self, old_step_id: &str) -> &'a [PassedGroup] {
        self.sessions_by_old_step.get(old_step_id).map_or(&[], |counts| &counts.passed)
    }

    /// The finished sessions at an anchor, if its policy reopens them and their step goes on.
    pub(super) fn reopened_at(&self, anchor: &Anchor) -> Option<&'a AnchorCounts> {
        let reopens = self.policies.get(&anchor.anchor_content_hash).is_some_and(|policy| policy.reopen);
        let goes_on = || self.new.find(&anchor.new_step_id).is_some_and(|step| !self.new.node(step).is_terminal);
        self.sessions_by_old_step.get(&anchor.old_step_id).filter(|_| reopens && goes_on())
    }

    /// The sessions that land at an anchor and have passed a checkpoint, the finished ones that come along included.
    pub(super) fn landing_at(&self, anchor: &Anchor) -> impl Iterator<Item = &'a PassedGroup> + Clone + use<'a> {
        let reopened = self.reopened_at(anchor).map_or(&[][..], |counts| &counts.finished_passed);
        self.passed_at(&anchor.old_step_id).iter().chain(reopened)
    }

    pub(super) fn effective_scenario(&self, anchor: &Anchor) -> MigrationScenario {
        let forced = self.policies.get(&anchor.anchor_content_hash).and_then(|p| p.force_scenario);
        forced.unwrap_or(anchor.migration_scenario)
    }
}
