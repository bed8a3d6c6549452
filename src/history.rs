//! What a session has behind it beyond its visits: checkpoints that it passed before it began, and whether an action
//! at which it arrives was done before its last move ("Sessions and history" and "Gap fill" in docs/behaviour.md).

use crate::error::Result;
use crate::facts::PlanFacts;
use crate::store::visits::{self, ArrivalVisit};
use crate::store::{SessionKeys, actions, acts, audit, passed_at_start, versions};
use pgrx::Uuid;
use scenario_engine::acts::{
    self as engine_acts, Acts, Arrival, LastMove, StepRecord, executed_in_place, is_already_done, is_executed_ahead,
};
use scenario_engine::diff::Pairing;
use scenario_engine::graph::{Graph, Node, StepIx};
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
#[derive(Clone, Copy)]
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
pub fn is_done_by_move(arrival: &SessionMove<'_>) -> Result<bool> {
    is_done_on_arrival(arrival, true)
}

/// The same for an arrival by walking, unless `is_move`. A statement that changes the version is a move itself.
pub fn is_done_on_arrival(arrival: &SessionMove<'_>, is_move: bool) -> Result<bool> {
    let is_move = is_move || arrival.from.is_none_or(|from| from.scenario_version != arrival.to.scenario_version);
    let new = versions::graph(arrival.tenant_id, arrival.scenario_id, arrival.to.scenario_version)?;
    let Some(step) = new.find(arrival.to.step_id) else { return Ok(false) };
    let past = PastOfAct::read(arrival, new.node(step))?;
    if past.done.is_empty() {
        return Ok(false);
    }
    if is_move && arrival.lands_on_its_own_step(&new, step)? {
        return Ok(past.is_settled_here());
    }
    if past.is_executed_ahead() || (is_move && arrival.finds_done(&new, step, &past.content_hash, &[])?) {
        return Ok(true);
    }
    past.is_done_before_a_move(arrival, &new, step)
}

/// An act that was done for a session.
struct DoneAct {
    /// The visit in which it was done.
    visit_no: i32,
    /// It was executed at the system's request while the session stood elsewhere.
    is_ahead: bool,
}

/// What a session that arrives at an action has behind it, as far as it is about the same act.
struct PastOfAct {
    content_hash: String,
    acts: Rc<Acts>,
    /// All visits since the session came into the scenario last.
    arrivals: Vec<ArrivalVisit>,
    done: Vec<DoneAct>,
}

impl PastOfAct {
    fn read(arrival: &SessionMove<'_>, node: &Node) -> Result<PastOfAct> {
        let SessionMove { tenant_id, session_id, scenario_id, .. } = *arrival;
        let acts: Rc<Acts> = acts::of_scenario(tenant_id, scenario_id)?;
        let mut arrivals = visits::arrivals(tenant_id, session_id, scenario_id)?;
        let is_gap = |pair: &[ArrivalVisit]| pair[1].visit_no != pair[0].visit_no + 1;
        let begun = arrivals.windows(2).rposition(is_gap).map_or(0, |gap| gap + 1);
        arrivals.drain(..begun);
        let mut past = PastOfAct { content_hash: node.content_hash.clone(), acts, arrivals, done: Vec::new() };
        let first = past.arrivals.first().map_or(0, |first| first.visit_no);
        let completed = actions::completed(tenant_id, SessionKeys::one(session_id, scenario_id))?;
        for action in completed.into_iter().flatten() {
            if !past.is_of_act(&action.step_content_hash) || action.visit_no < first {
                continue;
            }
            let record = StepRecord {
                visit_no: action.visit_no,
                scenario_version: action.scenario_version,
                step_id: &action.step_id,
                content_hash: &action.step_content_hash,
            };
            let place = executed_in_place(record, past.arrivals.iter().map(ArrivalVisit::as_record), &past.acts);
            let (visit_no, is_ahead) = (place.unwrap_or(action.visit_no), place.is_none());
            past.done.push(DoneAct { visit_no, is_ahead });
        }
        for pair in past.arrivals.windows(2) {
            if past.is_of_act(&pair[0].step_content_hash) && has_walked_on(pair) && was_action(arrival, &pair[0])? {
                past.done.push(DoneAct { visit_no: pair[0].visit_no, is_ahead: false });
            }
        }
        Ok(past)
    }

    fn is_of_act(&self, content_hash: &str) -> bool {
        self.acts.are_same(content_hash, &self.content_hash)
    }

    /// Whether the present visit of the step found its action done, or has seen it done: landing on the pair of the
    /// step is no arrival.
    fn is_settled_here(&self) -> bool {
        self.arrivals.last().is_some_and(|here| {
            here.already_done || self.done.iter().any(|done| !done.is_ahead && done.visit_no == here.visit_no)
        })
    }

    fn is_executed_ahead(&self) -> bool {
        let ahead = self.done.iter().filter(|done| done.is_ahead);
        let ahead: Vec<(i32, &str)> = ahead.map(|done| (done.visit_no, self.content_hash.as_str())).collect();
        let arrivals = self.arrivals.iter().map(|visit| (visit.visit_no, visit.step_content_hash.as_str()));
        is_executed_ahead(&self.content_hash, &ahead, &arrivals.collect::<Vec<_>>(), &self.acts)
    }

    /// Whether the act was done before one of the moves behind the session, from whose old place it was not ahead, and
    /// the session has not arrived at it since that move. Every move counts and not the last alone: a second move may
    /// come before the customer arrives at the action that the first one put ahead of them again.
    fn is_done_before_a_move(&self, arrival: &SessionMove<'_>, new: &Graph, step: StepIx) -> Result<bool> {
        for (before, pair) in self.arrivals.windows(2).enumerate().rev() {
            if !pair[1].is_move && same_version(pair) {
                continue;
            }
            if !self.done.iter().any(|done| done.visit_no <= pair[0].visit_no) {
                return Ok(false); // nor was it done before an earlier move
            }
            let since = self.arrivals[before + 1..].iter().map(|arrived| arrived.step_content_hash.clone());
            let earlier = SessionMove { from: Some(pair[0].step()), plan_ids: &[], ..*arrival };
            if earlier.finds_done(new, step, &self.content_hash, &since.collect::<Vec<_>>())? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn same_version(pair: &[ArrivalVisit]) -> bool {
    pair[0].scenario_version == pair[1].scenario_version
}

/// The customer went on by themselves from the first of two visits.
fn has_walked_on(pair: &[ArrivalVisit]) -> bool {
    !pair[1].is_move && same_version(pair)
}

/// Whether the visited step was a required action then. Of a version that is not kept nobody knows: then it was.
fn was_action(arrival: &SessionMove<'_>, visit: &ArrivalVisit) -> Result<bool> {
    let graph = versions::kept_graph(arrival.tenant_id, arrival.scenario_id, visit.scenario_version)?;
    let step = graph.as_ref().and_then(|graph| Some(graph.node(graph.find(&visit.step_id)?)));
    Ok(step.is_none_or(|step| step.is_required_action))
}

impl ArrivalVisit {
    fn step(&self) -> VersionedStep<'_> {
        VersionedStep { scenario_version: self.scenario_version, step_id: &self.step_id }
    }

    fn as_record(&self) -> StepRecord<'_> {
        StepRecord {
            visit_no: self.visit_no,
            scenario_version: self.scenario_version,
            step_id: &self.step_id,
            content_hash: &self.step_content_hash,
        }
    }
}

impl SessionMove<'_> {
    /// The version that the session walked before, where it is kept, and its place there.
    fn place_before(&self) -> Result<(Option<Rc<Graph>>, Option<StepIx>)> {
        let Some(from) = self.from else { return Ok((None, None)) };
        let old = versions::kept_graph(self.tenant_id, self.scenario_id, from.scenario_version)?;
        let step = old.as_ref().and_then(|old| old.find(from.step_id));
        Ok((old, step))
    }

    /// Whether the step is the pair of the step that the session is at, in another version.
    fn lands_on_its_own_step(&self, new: &Graph, step: StepIx) -> Result<bool> {
        let (old, place) = self.place_before()?;
        match (old, place, self.from) {
            (Some(old), Some(place), Some(from)) if from.scenario_version != self.to.scenario_version => {
                Ok(self.pair_of(&old, new, step)? == Some(place))
            }
            _ => Ok(false),
        }
    }

    /// Whether an act that was done before this move is not to be done again at its step; `since`: contents of the
    /// steps that the session has arrived at by the move and after it.
    fn finds_done(&self, new: &Graph, step: StepIx, content_hash: &str, since: &[String]) -> Result<bool> {
        let (old, place) = self.place_before()?;
        let pair_before = match &old {
            Some(old) => self.pair_of(old, new, step)?,
            None => None,
        };
        let last_move = LastMove {
            done_before: &[content_hash.to_owned()],
            place_before: old.as_deref().zip(place),
            pair_before,
            arrived_since: since,
        };
        let acts: Rc<Acts> = acts::of_scenario(self.tenant_id, self.scenario_id)?;
        Ok(is_already_done(&Arrival { content_hash, last_move: Some(last_move) }, &acts))
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
