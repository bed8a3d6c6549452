//! What a session has behind it beyond its visits: checkpoints that it passed before it began, and whether an action
//! at which it arrives was done before its last move ("Sessions and history" and "Gap fill" in docs/behaviour.md).

use crate::error::Result;
use crate::facts::PlanFacts;
use crate::store::visits::{self, ArrivalVisit};
use crate::store::{actions, acts, audit, passed_at_start, versions};
use pgrx::Uuid;
use scenario_engine::acts::{self as engine_acts, Acts, Arrival, LastMove, is_already_done};
use scenario_engine::diff::Pairing;
use scenario_engine::graph::{Graph, StepIx};
use std::rc::Rc;

/// Keeps what a session that begins at this step has passed without a visit.
pub fn begin_in_the_middle(
    tenant_id: Uuid,
    session_id: Uuid,
    scenario_id: Uuid,
    scenario_version: i32,
    step_id: &str,
) -> Result<()> {
    let graph = versions::graph(tenant_id, scenario_id, scenario_version)?;
    let Some(first) = graph.find(step_id) else { return Ok(()) };
    let acts = acts::of_scenario(tenant_id, scenario_id)?;
    let mut passed = engine_acts::passed_at_start(&graph, first, &acts);
    // A session that was in the scenario before comes back after visits: what was passed meanwhile is not older than
    // all of these visits.
    if !passed.is_empty() && !visits::arrivals(tenant_id, session_id, scenario_id)?.is_empty() {
        passed.iter_mut().for_each(|passed| passed.is_certain = false);
    }
    passed_at_start::keep(tenant_id, session_id, scenario_id, &passed)
}

/// A session, at a step of a version of its scenario.
#[derive(Clone, Copy)]
pub struct VersionedStep<'a> {
    pub scenario_version: i32,
    pub step_id: &'a str,
}

/// Where a session goes, and by what.
pub struct SessionMove<'a> {
    pub tenant_id: Uuid,
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    /// `None`: it is not known where it was.
    pub from: Option<VersionedStep<'a>>,
    pub to: VersionedStep<'a>,
    /// The plans that move it; none where they are not known, or there are none.
    pub plan_ids: &'a [Uuid],
}

/// Whether the action of the step that a session is moved to was done before, and is not to be done again.
pub fn is_done_by_move(to: &SessionMove<'_>) -> Result<bool> {
    let done = actions::done_until(to.tenant_id, to.session_id, to.scenario_id, i32::MAX)?;
    Ok(to.finds_done(to.to.step_id, &done, &[])? || (!done.is_empty() && is_done_before_a_move(to)?))
}

/// The same for the step at which a statement of the application puts a session. A statement that changes the version
/// is a move itself.
pub fn is_done_on_arrival(
    tenant_id: Uuid,
    session_id: Uuid,
    scenario_id: Uuid,
    from: VersionedStep<'_>,
    to: VersionedStep<'_>,
) -> Result<bool> {
    let arrival = SessionMove { tenant_id, session_id, scenario_id, from: Some(from), to, plan_ids: &[] };
    if from.scenario_version != to.scenario_version {
        return is_done_by_move(&arrival);
    }
    let done = actions::done_until(tenant_id, session_id, scenario_id, i32::MAX)?;
    Ok(!done.is_empty() && is_done_before_a_move(&arrival)?)
}

/// Whether the action was done before one of the moves behind the session, from whose old place it was not ahead, and
/// the session has not arrived at it since that move. Every move counts and not the last alone: a second move may come
/// before the customer arrives at the action that the first one put ahead of them again.
fn is_done_before_a_move(arrival: &SessionMove<'_>) -> Result<bool> {
    let SessionMove { tenant_id, session_id, scenario_id, to, .. } = *arrival;
    let all = visits::arrivals(tenant_id, session_id, scenario_id)?;
    let begun = all.windows(2).rposition(|pair| pair[1].visit_no != pair[0].visit_no + 1).map_or(0, |gap| gap + 1);
    let arrivals = &all[begun..];
    for (before, pair) in arrivals.windows(2).enumerate().rev() {
        if !pair[1].is_move && same_version(pair) {
            continue;
        }
        let done = actions::done_until(tenant_id, session_id, scenario_id, pair[0].visit_no)?;
        if done.is_empty() {
            return Ok(false); // nor was anything done before an earlier move
        }
        let since: Vec<String> =
            arrivals[before + 1..].iter().map(|arrived| arrived.step_content_hash.clone()).collect();
        let earlier = SessionMove { tenant_id, session_id, scenario_id, from: Some(pair[0].step()), to, plan_ids: &[] };
        if earlier.finds_done(to.step_id, &done, &since)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn same_version(pair: &[ArrivalVisit]) -> bool {
    pair[0].scenario_version == pair[1].scenario_version
}

impl ArrivalVisit {
    fn step(&self) -> VersionedStep<'_> {
        VersionedStep { scenario_version: self.scenario_version, step_id: &self.step_id }
    }
}

impl SessionMove<'_> {
    /// Whether the action of a step of the version that the session is moved to is among those that were `done`
    /// before, and is not to be done again; `since`: contents of the steps that it has arrived at by the move and
    /// after it.
    fn finds_done(&self, step_id: &str, done: &[String], since: &[String]) -> Result<bool> {
        if done.is_empty() {
            return Ok(false);
        }
        let new = versions::graph(self.tenant_id, self.scenario_id, self.to.scenario_version)?;
        let Some(step) = new.find(step_id) else { return Ok(false) };
        let acts: Rc<Acts> = acts::of_scenario(self.tenant_id, self.scenario_id)?;
        let old = match self.from {
            Some(from) => versions::kept_graph(self.tenant_id, self.scenario_id, from.scenario_version)?,
            None => None,
        };
        let old_step = self.from.and_then(|from| old.as_ref()?.find(from.step_id));
        let pair_before = match &old {
            Some(old) => self.pairing(old, &new)?.old_of(step),
            None => None,
        };
        let last_move = LastMove {
            done_before: done,
            place_before: old.as_deref().zip(old_step),
            pair_before,
            arrived_since: since,
        };
        let arrival = Arrival { content_hash: &new.node(step).content_hash, last_move: Some(last_move) };
        Ok(is_already_done(&arrival, &acts))
    }

    /// The step of the version before the move that a step of the version after it stands for.
    pub fn pair_of(&self, old: &Graph, new: &Graph, step: StepIx) -> Result<Option<StepIx>> {
        Ok(self.pairing(old, new)?.old_of(step))
    }

    /// The pairs by which the session was moved: those of the plans, of the plans that led the other way if it was
    /// taken back, else those of the diff.
    fn pairing(&self, old: &Graph, new: &Graph) -> Result<Pairing> {
        let Some(from) = self.from else { return Ok(Pairing::of(old, new)) };
        let (from, to) = (from.scenario_version, self.to.scenario_version);
        if from == to {
            let ids = old.nodes().iter().map(|node| (node.id.as_str(), node.id.as_str()));
            return Ok(Pairing::from_ids(old, new, ids));
        }
        let plans = PlanFacts::new(self.tenant_id);
        let recorded = |from, to| audit::plans_between(self.tenant_id, self.session_id, self.scenario_id, from, to);
        let forth = if self.plan_ids.is_empty() { recorded(from, to)? } else { self.plan_ids.to_vec() };
        if let Some(pairs) = plans.composed_pairs(forth)?.filter(|pairs| !pairs.is_empty()) {
            return Ok(Pairing::from_ids(old, new, pairs.iter().map(|(was, is)| (was.as_str(), is.as_str()))));
        }
        if let Some(pairs) = plans.composed_pairs(recorded(to, from)?)?.filter(|pairs| !pairs.is_empty()) {
            return Ok(Pairing::from_ids(old, new, pairs.iter().map(|(is, was)| (was.as_str(), is.as_str()))));
        }
        if let Some(pairs) = plans.pairs_of_way(self.scenario_id, from, to)?.filter(|pairs| !pairs.is_empty()) {
            return Ok(Pairing::from_ids(old, new, pairs.iter().map(|(was, is)| (was.as_str(), is.as_str()))));
        }
        Ok(Pairing::of(old, new))
    }
}
