//! Sessions that a plan does not find at a step of its old version: those of older versions, finished ones, those whose
//! checksum is foreign.

use super::way::{PlanRef, Way, as_if_deployed, find_way};
use serde::Serialize;

/// Live sessions of a version that is neither the plan's old one nor its new one, as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VersionCounts {
    pub version: i32,
    pub sessions: u64,
    pub paused: u64,
    /// Those of them that are pinned.
    pub pinned: u64,
    /// Those of them that are not pinned, and whose landing by the chain through the plan would undo an act.
    pub held: HeldCounts,
}

/// Sessions that stay on their version, since they have passed what they would come to again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeldCounts {
    pub sessions: u64,
    /// Those of them whom a policy of the plan accepts as held.
    pub accepted: u64,
}

/// What is counted beside the sessions at the steps of the old version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtherSessions {
    /// Finished sessions of the old version.
    pub finished: u64,
    /// Live sessions of the old version whose checksum is not its: they fall back.
    pub foreign_checksum: u64,
    /// Older than the plan's new version, ascending.
    pub older: Vec<VersionCounts>,
    /// The scenario's plans that were deployed or cancelled.
    pub plans: Vec<PlanRef>,
}

/// What becomes of the sessions on older versions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct OlderFigures {
    pub sessions: u64,
    /// They are moved by a chain of plans.
    pub come_along: u64,
    /// The chain would bring them to an act that they have passed: they are held on their version.
    pub held: u64,
    /// They are pinned, or their way leads through a cancelled plan: they stay.
    pub stay_pinned: u64,
    /// No chain of plans leads to the new version: they fall back.
    pub without_a_way: u64,
    pub by_version: Vec<OlderVersion>,
}

/// The same of one version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OlderVersion {
    pub version: i32,
    pub sessions: u64,
    pub paused: u64,
    pub come_along: u64,
    pub held: u64,
    pub stay_pinned: u64,
    pub without_a_way: u64,
}

/// Looks for the way of each version as if the plan had been deployed last.
pub(super) fn older_figures(other_sessions: &OtherSessions, plan: &PlanRef) -> OlderFigures {
    let plans = as_if_deployed(&other_sessions.plans, plan);
    let mut figures = OlderFigures::default();
    for counts in other_sessions.older.iter().filter(|counts| counts.sessions > 0) {
        let free = counts.sessions.saturating_sub(counts.pinned);
        let (along, stay, without_a_way) = match find_way(&plans, counts.version, plan.to_version) {
            Way::Plans(_) => (free, 0, 0),
            Way::Cancelled(_) => (0, free, 0),
            Way::None => (0, 0, free),
        };
        let held = counts.held.sessions.min(along);
        let version = OlderVersion {
            version: counts.version,
            sessions: counts.sessions,
            paused: counts.paused,
            come_along: along - held,
            held,
            stay_pinned: counts.pinned.min(counts.sessions) + stay,
            without_a_way,
        };
        figures.sessions += version.sessions;
        figures.come_along += version.come_along;
        figures.held += version.held;
        figures.stay_pinned += version.stay_pinned;
        figures.without_a_way += version.without_a_way;
        figures.by_version.push(version);
    }
    figures
}
