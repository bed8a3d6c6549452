//! What a landing would undo, worked out once for each anchor of a plan.

use super::ledger::Acts;
use super::undone::Ground;
use crate::graph::StepIx;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// More acts than this are not listed.
const MOST: usize = 32;

/// The acts that a landing at one anchor would undo, for the customers who have passed them. Stored in the anchor's
/// row; an anchor with an empty list needs no look at a history as long as the acts have the revision that it was made
/// for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LandingActs {
    /// The revision of the acts that the list was made for.
    pub revision: i32,
    /// Acts by name, ascending.
    pub acts: Vec<String>,
    /// Acts that have no step in the new version would be undone, too.
    pub lacking: bool,
    /// There are more acts than are listed.
    pub cut: bool,
}

impl LandingActs {
    /// Whether nobody's landing undoes anything.
    pub fn is_empty(&self) -> bool {
        self.acts.is_empty() && !self.lacking && !self.cut
    }

    /// Whether the list answers by itself that no landing undoes anything: it was made for the acts of now, and a
    /// policy accepts what it names.
    pub fn clears(&self, revision: i32, accepted: &BTreeSet<String>) -> bool {
        crate::mutant!("landing/revision-counts", self.revision == revision, true)
            && !self.lacking
            && !self.cut
            && self.acts.iter().all(|act| accepted.contains(act))
    }

    /// Whether a customer who has passed these acts would have one undone. `has_step` says of an act whether the new
    /// version has a step of it. Where the list is cut, an act that it does not name may be undone all the same, and
    /// counts so.
    pub fn holds<'a>(
        &self,
        passed: impl IntoIterator<Item = &'a str>,
        accepted: &BTreeSet<String>,
        has_step: impl Fn(&str) -> bool,
    ) -> bool {
        passed.into_iter().filter(|act| !accepted.contains(*act)).any(|act| {
            if has_step(act) { self.cut || self.acts.iter().any(|listed| listed == act) } else { self.lacking }
        })
    }
}

/// The acts that a policy accepts again, from the content hashes that it names.
pub fn accepted(acts: &Acts, accept_repeat: &[String]) -> BTreeSet<String> {
    accept_repeat.iter().map(|hash| acts.act_of(hash).to_owned()).collect()
}

/// The list of every anchor, by old step, where it is not empty.
pub fn landing_acts(ground: &Ground<'_>) -> BTreeMap<StepIx, LandingActs> {
    let lists = ground.pairing.pairs().map(|(old, new, _)| (old, landing_acts_of(ground, old, new)));
    lists.filter(|(_, list)| !list.is_empty()).collect()
}

/// What a landing at one anchor would undo, for the customers who have passed it.
pub fn landing_acts_of(ground: &Ground<'_>, old: StepIx, new: StepIx) -> LandingActs {
    let mut list = LandingActs { revision: ground.acts.revision(), ..LandingActs::default() };
    for act in ground.acts.flagged() {
        // Acts that the new version lacks are all judged by the same steps: one tells for all.
        let is_lacking = !ground.has_step(act);
        if (is_lacking && list.lacking) || ground.undoes(Some(old), new, act).is_none() {
            continue;
        }
        if is_lacking {
            list.lacking = true;
        } else if list.acts.len() == MOST {
            list.cut = true;
        } else {
            list.acts.push(act.to_owned());
        }
    }
    list
}
