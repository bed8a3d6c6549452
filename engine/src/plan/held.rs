//! Which sessions a landing would hold on their version, since it would undo what they have passed.

use super::summary_input::{PassedGroup, SummaryInput};
use crate::acts::{Acts, Ground, LandingActs, accepted};
use crate::diff::Anchor;
use crate::graph::StepIx;
use std::collections::{BTreeMap, BTreeSet};

/// What the landings at one anchor would undo.
pub(super) struct JudgedLanding<'a> {
    acts: &'a Acts,
    ground: &'a Ground<'a>,
    list: &'a LandingActs,
    old: StepIx,
    new: StepIx,
    /// Acts that the anchor's policy accepts again.
    pub accepted: BTreeSet<String>,
}

impl<'a> JudgedLanding<'a> {
    /// `None`: nobody's landing there undoes anything.
    pub(super) fn of(
        input: &SummaryInput<'a>,
        anchor: &Anchor,
        ground: &'a Ground<'a>,
        lists: &'a BTreeMap<StepIx, LandingActs>,
    ) -> Option<JudgedLanding<'a>> {
        let (old, new) = input.old.find(&anchor.old_step_id).zip(input.new.find(&anchor.new_step_id))?;
        let list = lists.get(&old)?;
        let policy = input.policies.get(&anchor.anchor_content_hash);
        let accepted = policy.map(|policy| accepted(input.acts, &policy.accept_repeat)).unwrap_or_default();
        Some(JudgedLanding { acts: input.acts, ground, list, old, new, accepted })
    }

    /// Whether a landing undoes the act, whatever the policy accepts. A list that is cut does not tell of every act:
    /// then it is worked out.
    pub(super) fn undoes(&self, act: &str) -> bool {
        if self.list.cut {
            self.ground.undoes(Some(self.old), self.new, act).is_some()
        } else {
            self.list.holds([act], &BTreeSet::new(), |a| self.ground.has_step(a))
        }
    }

    /// Whether a session that has passed a checkpoint of this content is held.
    pub(super) fn holds_for(&self, content_hash: &str) -> bool {
        let act = self.acts.act_of(content_hash);
        !self.accepted.contains(act) && self.undoes(act)
    }

    /// How many sessions of these groups are held.
    pub(super) fn held<'g>(&self, groups: impl IntoIterator<Item = &'g PassedGroup>) -> u64 {
        let held = groups.into_iter().filter(|group| group.contents.iter().any(|hash| self.holds_for(hash)));
        held.map(|group| group.sessions).sum()
    }
}
