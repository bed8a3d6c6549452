//! Actions that were done before the session comes to their step: executed ahead of their place, or put ahead of the
//! session again by a move ("Actions that are already done" in docs/behaviour.md).

use super::ledger::Acts;
use crate::graph::{Graph, StepIx};

/// A session at a step: a visit, or an action that was recorded while the session was at that visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepRecord<'a> {
    /// The visit; of an action, the last one when it was recorded.
    pub visit_no: i32,
    pub scenario_version: i32,
    pub step_id: &'a str,
    pub content_hash: &'a str,
}

/// The visit at which an action was executed in its place: that of its own step, or of another step of the act. `None`:
/// it was executed ahead of its place, at the system's request, while the session stood elsewhere.
pub fn executed_in_place<'a>(
    action: StepRecord<'_>,
    visits: impl IntoIterator<Item = StepRecord<'a>>,
    acts: &Acts,
) -> Option<i32> {
    let is_place = |visit: &StepRecord<'_>| {
        let is_own_step = (visit.scenario_version, visit.step_id) == (action.scenario_version, action.step_id);
        // A backend may report late: then it stood at the step at some visit before.
        visit.visit_no <= action.visit_no
            && (is_own_step
                || visit.visit_no == action.visit_no && acts.are_same(visit.content_hash, action.content_hash))
    };
    visits.into_iter().filter(is_place).map(|visit| visit.visit_no).max()
}

/// Whether an arrival at a step of this content is the first one since its action was executed ahead of its place.
///
/// * `executed_ahead`: the last visit when each action was executed, and its content hash.
/// * `arrivals`: the visits, this arrival left out, with their content hashes.
pub fn is_executed_ahead(
    content_hash: &str,
    executed_ahead: &[(i32, &str)],
    arrivals: &[(i32, &str)],
    acts: &Acts,
) -> bool {
    let arrived_since = |then: i32| arrivals.iter().any(|(at, hash)| *at > then && acts.are_same(hash, content_hash));
    executed_ahead.iter().any(|(then, hash)| {
        acts.are_same(hash, content_hash)
            && !crate::mutant!("arrival/first-since-executed-ahead", arrived_since(*then), false)
    })
}

/// An arrival at an action, by walking or by a move.
pub struct Arrival<'a> {
    pub content_hash: &'a str,
    /// One of the session's moves (a migration, a revert, or a move by hand); `None` if it was never moved.
    pub last_move: Option<LastMove<'a>>,
}

/// What an arrival has to know of a move.
pub struct LastMove<'a> {
    /// Content hashes of the actions that were done before the move.
    pub done_before: &'a [String],
    /// The version that the session walked before the move, and its place there; `None` where either is not known.
    pub place_before: Option<(&'a Graph, StepIx)>,
    /// The pair of the step at hand in that version.
    pub pair_before: Option<StepIx>,
    /// Content hashes of the steps that the session has arrived at since the move, the move's own arrival included and
    /// this arrival left out.
    pub arrived_since: &'a [String],
}

/// Whether an arrival finds its action already done: it was done before the move, its step could not be reached from
/// the place before the move, and this is the first arrival since. Otherwise the action is due as always, as far as
/// this move tells. Without a pair, any step of the act is the step. A version without any tells nothing: it had
/// dropped the act, and a move that came before says whether the customer could come to it.
pub fn is_already_done(arrival: &Arrival<'_>, acts: &Acts) -> bool {
    let Some(last_move) = &arrival.last_move else { return false };
    let same_act = |hash: &String| acts.are_same(hash, arrival.content_hash);
    let steps_before = |graph: &Graph| -> Vec<StepIx> {
        let of_act = |step: &StepIx| same_act(&graph.node(*step).content_hash);
        match last_move.pair_before {
            Some(pair) => vec![pair],
            None => (0..graph.len()).filter(of_act).collect(),
        }
    };
    let could_come = match last_move.place_before {
        Some((graph, place)) => {
            let steps = steps_before(graph);
            crate::mutant!("arrival/version-without-the-act-tells-nothing", steps.is_empty(), false)
                || steps.into_iter().any(|step| graph.reaches_onward(place, step))
        }
        None => false,
    };
    last_move.done_before.iter().any(same_act)
        && !crate::mutant!("arrival/reachable-is-due", could_come, false)
        && !crate::mutant!("arrival/first-only", last_move.arrived_since.iter().any(same_act), false)
}
