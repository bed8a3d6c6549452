//! Passed checkpoints, and which moves they forbid ("Acts and checkpoints" and "Blocked redirects" in
//! docs/behaviour.md).

use super::decision::BlockRule;
use super::history::Relation;
use super::reconciliation::Past;
use super::settings::Settings;
use crate::acts::{Ground, UndoneBy, accepted};
use crate::graph::StepIx;
use std::collections::BTreeSet;

/// When a session passed a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassedWhen {
    Visit(i32),
    /// It was executed ahead of its place, during this visit.
    ExecutedDuring(i32),
    /// Before its first visit, since it began in the middle.
    BeforeFirst,
    Unknown,
}

/// A checkpoint that the session has passed, as it was called then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    act: String,
    when: PassedWhen,
    /// It was executed for the very move that is judged: at the request of the version to come to.
    is_for_this_move: bool,
    pub step_id: String,
    pub step_name: String,
    pub checkpoint_description: Option<String>,
}

impl Passed {
    /// Whether it was passed after visit `fork_visit`; with `None`, after the beginning. Nobody knows, where the time
    /// is unknown.
    fn is_after(&self, fork_visit: Option<i32>) -> Option<bool> {
        match (self.when, fork_visit) {
            (PassedWhen::Unknown, _) => crate::mutant!("redirect/unknown-time-blocks", None, Some(false)),
            (_, None) => Some(true),
            (PassedWhen::BeforeFirst, Some(_)) => Some(false),
            (PassedWhen::Visit(visit), Some(fork_visit)) => Some(visit > fork_visit),
            (PassedWhen::ExecutedDuring(visit), Some(fork_visit)) => {
                Some(crate::mutant!("executed/during-the-visit-is-after-it", visit >= fork_visit, visit > fork_visit))
            }
        }
    }
}

/// The checkpoints that a session has passed: all of them, not only the last, each act once where it was passed last.
pub(super) struct Checkpoints<'a> {
    ground: Ground<'a>,
    passed: Vec<Passed>,
    /// The step that the session is at, in the version that it walks.
    current: Option<StepIx>,
    /// Acts that the policy accepts again.
    accepted: BTreeSet<String>,
    order_counts: bool,
}

impl<'a> Checkpoints<'a> {
    pub(super) fn of(
        relation: &'a Relation,
        past: &'a Past,
        published_version: i32,
        current: Option<StepIx>,
        settings: &Settings,
    ) -> Checkpoints<'a> {
        let acts = &*past.acts;
        let started = past.at_start.iter().map(|passed| Passed {
            act: acts.act_of(&passed.content_hash).to_owned(),
            when: if passed.is_certain { PassedWhen::BeforeFirst } else { PassedWhen::Unknown },
            is_for_this_move: false,
            step_id: passed.step_id.clone(),
            step_name: passed.step_name.clone(),
            checkpoint_description: passed.checkpoint_description.clone(),
        });
        let visited = past.history.stops.iter().filter(|stop| stop.is_checkpoint).map(|stop| Passed {
            act: acts.act_of(&stop.content_hash).to_owned(),
            when: PassedWhen::Visit(stop.visit_no),
            is_for_this_move: false,
            step_id: stop.step_id.clone(),
            step_name: stop.step_name.clone(),
            checkpoint_description: stop.checkpoint_description.clone(),
        });
        let executed = past.executed_ahead.iter().map(|action| {
            let said = acts.said(&action.step_content_hash);
            Passed {
                act: acts.act_of(&action.step_content_hash).to_owned(),
                when: PassedWhen::ExecutedDuring(action.visit_no),
                is_for_this_move: action.scenario_version == published_version,
                step_id: action.step_id.clone(),
                step_name: said.map_or_else(|| action.step_id.clone(), |said| said.name.clone()),
                checkpoint_description: said.and_then(|said| said.checkpoint_description.clone()),
            }
        });
        let executed = executed.filter(|_| crate::mutant!("executed/ahead-is-passed", true, false));
        Checkpoints {
            ground: Ground::new(&relation.old, relation.old_is_whole, &relation.new, &relation.pairing, acts),
            passed: started.chain(visited).chain(executed).collect(),
            current,
            accepted: BTreeSet::new(),
            order_counts: settings.block_teleport_past_checkpoint,
        }
    }

    /// From here on, by a policy that accepts these acts again.
    pub(super) fn accept(&mut self, accept_repeat: &[String]) {
        self.accepted = accepted(self.ground.acts, accept_repeat);
    }

    /// Whether the session has passed a checkpoint at all.
    pub(super) fn any_passed(&self) -> bool {
        !self.passed.is_empty()
    }

    /// The passed checkpoint that a move to `step` would undo, and how. What was executed for this very move was done
    /// as the new version has it, so where that version leads on is no harm.
    pub(super) fn undone_by(&self, step: StepIx) -> Option<(&Passed, UndoneBy)> {
        let judged = self
            .passed
            .iter()
            .filter(|passed| !crate::mutant!("executed/for-this-move-is-no-harm", passed.is_for_this_move, false));
        judged.into_iter().find_map(|passed| self.undoes(passed, step).map(|by| (passed, by)))
    }

    /// Why a redirect to `target` is blocked, from a fork that lies after visit `fork_visit` (before every visit, if
    /// `None`): the passed checkpoint, and the rule. `is_met`: whether the walk to the fork has met the act of a
    /// content whose action was executed for this very move, and so in its place before the fork.
    pub(super) fn forbids_redirect(
        &self,
        fork_visit: Option<i32>,
        target: StepIx,
        is_met: impl Fn(&str) -> bool,
    ) -> Option<(&Passed, BlockRule)> {
        let judged = self.passed.iter().filter(|passed| {
            !(passed.is_for_this_move && crate::mutant!("executed/met-before-the-fork", is_met(&passed.act), false))
        });
        judged.into_iter().find_map(|passed| {
            let by_order = match passed.is_after(fork_visit) {
                _ if !self.order_counts => None,
                Some(true) => crate::mutant!("redirect/passed-after-the-fork", Some(BlockRule::VisitedAfterFork), None),
                Some(false) => None,
                None => Some(BlockRule::OrderUnknown),
            };
            let rule = by_order.or_else(|| {
                let undone = crate::mutant!("redirect/undone-blocks", self.undoes(passed, target), None);
                undone.map(|by| match by {
                    UndoneBy::Again => BlockRule::TargetReachesCheckpoint,
                    UndoneBy::Forced => BlockRule::ActForced,
                })
            });
            rule.map(|rule| (passed, rule))
        })
    }

    fn undoes(&self, passed: &Passed, step: StepIx) -> Option<UndoneBy> {
        if crate::mutant!("undone/accept-repeat", self.accepted.contains(&passed.act), false) {
            return None;
        }
        self.ground.undoes(self.current, step, &passed.act)
    }
}
