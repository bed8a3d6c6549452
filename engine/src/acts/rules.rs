//! The rules beside "undone" that look at acts: a session that begins in the middle, and whether a session may go back.

use super::ledger::Acts;
use crate::graph::{Graph, StepIx};
use serde::{Deserialize, Serialize};

/// A checkpoint that a session has passed without a visit, since it began in the middle of its version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedAtStart {
    pub content_hash: String,
    pub step_id: String,
    pub step_name: String,
    pub checkpoint_description: Option<String>,
    /// It lies on every way to the first step. Otherwise it lies on some way only, and nobody knows whether it was
    /// passed or when: it counts as passed at an unknown time.
    pub is_certain: bool,
}

/// What a session has passed that begins at `first`: nothing at the entry of the version. Checkpoints are the steps
/// that are flagged, and those whose act some published version flags.
pub fn passed_at_start(graph: &Graph, first: StepIx, acts: &Acts) -> Vec<PassedAtStart> {
    let entry = graph.entry();
    if first == entry {
        return Vec::new();
    }
    let entry_leads = graph.reaches(entry, first);
    let is_checkpoint = |step: &StepIx| {
        let node = graph.node(*step);
        *step != first && (node.is_checkpoint || acts.is_flagged(&node.content_hash))
    };
    let on_a_way = |step: &StepIx| {
        crate::mutant!("middle/unreachable-start-passes-all", !entry_leads, false)
            || (graph.reaches(entry, *step) && graph.reaches(*step, first))
    };
    (0..graph.len())
        .filter(is_checkpoint)
        .filter(on_a_way)
        .map(|step| {
            let node = graph.node(step);
            PassedAtStart {
                content_hash: node.content_hash.clone(),
                step_id: node.id.clone(),
                step_name: node.name.clone(),
                checkpoint_description: node.checkpoint_description.clone(),
                is_certain: entry_leads && !graph.reaches_avoiding(entry, first, step),
            }
        })
        .collect()
}

/// What a session did by its migration and since, as far as going back hangs on it.
pub struct SinceMigration<'a> {
    /// Content hashes of the steps that it arrived at, each with whether the step is flagged as a checkpoint. A landing
    /// on the pair of the step that it left is no arrival, and is left out.
    pub arrivals: &'a [(String, bool)],
    /// Content hashes of the actions that were executed, also while the session waited to land.
    pub executed: &'a [String],
}

/// Why a session may not go back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannotGoBack {
    /// Content hash of the checkpoint or action that would come again.
    pub content_hash: String,
    /// It is an executed action, not a checkpoint.
    pub is_action: bool,
    /// The step of the old version that would bring it again.
    pub step: StepIx,
}

/// Whether a session that has not moved since its migration may go back to `place` in its old version. It may not if an
/// act that it came to, or had executed, is the place itself or can be reached from it.
pub fn may_go_back(old: &Graph, place: StepIx, since: &SinceMigration<'_>, acts: &Acts) -> Result<(), CannotGoBack> {
    let again = |content_hash: &str, is_action: bool| {
        let step = (0..old.len()).find(|step| {
            acts.are_same(&old.node(*step).content_hash, content_hash)
                && (crate::mutant!("revert/the-place-counts", *step == place, false)
                    || old.reaches_onward(place, *step))
        })?;
        Some(CannotGoBack { content_hash: content_hash.to_owned(), is_action, step })
    };
    let checkpoints = since
        .arrivals
        .iter()
        .filter(|(hash, flagged)| *flagged || acts.is_flagged(hash))
        .map(|(hash, _)| (hash, false));
    let executed = since.executed.iter().map(|hash| (hash, true));
    let executed = executed.filter(|_| crate::mutant!("revert/executed-counts", true, false));
    match checkpoints.chain(executed).find_map(|(hash, is_action)| again(hash, is_action)) {
        Some(refusal) => Err(refusal),
        None => Ok(()),
    }
}
