//! What the sessions at an anchor need ("Migration scenarios" in docs/behaviour.md). It errs on the side of replay: a
//! clean graft must be one for every possible customer at that step; the other two are decided customer by customer.

use super::map::MigrationScenario;
use fixedbitset::FixedBitSet;

/// What the classification of any anchor of one diff looks at; sets are over the steps of the new version unless said.
pub(super) struct Causes {
    /// Steps with two or more branches.
    pub forks: FixedBitSet,
    /// Paired forks that were widened or changed.
    pub changed_forks: FixedBitSet,
    /// Steps that collect a field or are a required action.
    pub duties: FixedBitSet,
    /// Edited pairs whose new step collects a field that the old one did not.
    pub added_fields: FixedBitSet,
    /// Pairs of which a transition to a paired step was removed.
    pub lost_transition: FixedBitSet,
    /// The new entry is not the old entry's counterpart: whoever came from the old one may now have to pass other
    /// steps.
    pub entry_changed: bool,
}

/// One anchor's upstream, in the numbering of the new version.
pub(super) struct Upstream<'a> {
    /// Upstream in the new version.
    pub all: &'a FixedBitSet,
    /// Of these, the ones that were not upstream before.
    pub inserted: &'a FixedBitSet,
    /// Of these, the pairs that were upstream before.
    pub kept: &'a FixedBitSet,
    /// A step that was upstream has no counterpart upstream.
    pub any_removed: bool,
    /// The anchor itself lost a transition, and lies on a cycle: its customers may have come round by it.
    pub lost_own_transition: bool,
}

pub(super) fn classify(causes: &Causes, upstream: &Upstream<'_>) -> MigrationScenario {
    let new_fork = !upstream.inserted.is_disjoint(&causes.forks) || !upstream.kept.is_disjoint(&causes.changed_forks);
    if new_fork {
        return MigrationScenario::ReRoute;
    }
    let gap = !upstream.inserted.is_disjoint(&causes.duties) || !upstream.kept.is_disjoint(&causes.added_fields);
    if gap || causes.entry_changed {
        return MigrationScenario::GapFill;
    }
    let other_ways =
        upstream.any_removed || upstream.lost_own_transition || !upstream.kept.is_disjoint(&causes.lost_transition);
    let something_to_meet = !upstream.all.is_disjoint(&causes.duties) || !upstream.all.is_disjoint(&causes.forks);
    if other_ways && something_to_meet { MigrationScenario::GapFill } else { MigrationScenario::CleanGraft }
}
