//! What a plan would do to each session that it concerns: [`preview`](super::preview) for all of them, a page at a time
//! ("Plans" in docs/behaviour.md). What is read is never more than a page, however many sessions there are.

use super::common_move;
use super::considered_plan::{self, ConsideredPlan};
use super::result::Reconciliation;
use super::{DecisionWithPrompts, Due, Turn, switched_off};
use crate::error::Result;
use crate::facts::{DefinitionFacts, PageFacts, PlanFacts, SessionFacts, session_at};
use crate::json::Json;
use crate::session_marks;
use crate::settings;
use crate::store::plan_sessions::{self, SessionsAtStep};
use crate::store::plans::Plan;
use crate::store::sessions::{self, SessionState, Variables};
use crate::store::{steps, versions};
use pgrx::{Uuid, check_for_interrupts};
use scenario_engine::plan::Way;
use scenario_engine::reconcile::Decision;
use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// Sessions that are read and decided together.
const PAGE_SIZE: usize = 1000;

/// A session, where it is, and what its next turn would say once the plan was deployed.
pub struct SimulatedSession {
    pub session_id: Uuid,
    pub step_id: String,
    /// `None`: the version does not have the step any more.
    pub step_name: Option<String>,
    pub result: Rc<Reconciliation>,
}

/// The sessions that a plan concerns, each with what the plan would do: first those at its old version, active or
/// paused ones before the finished ones that a policy reopens, then those of older versions from which a chain leads
/// through it; at each step by id. No filter of a policy is asked beforehand: whom it leaves out, the turn says.
pub struct Simulation {
    tenant_id: Uuid,
    considered: ConsideredPlan,
    definitions: DefinitionFacts,
    /// The steps that are still to be looked at, in order.
    steps: VecDeque<StepToSimulate>,
    /// Of the first step, the session that was looked at last.
    last: Option<Uuid>,
    page: VecDeque<SimulatedSession>,
}

/// The sessions of a version at one step, the finished ones or the others.
struct StepToSimulate {
    sessions: SessionsAtStep,
    name: Option<String>,
    way: Way,
    /// What the turn of each of them says that is not pinned; `None` inside: it depends on the session. Not worked out
    /// before the first session has come.
    common_result: Option<Option<Rc<Reconciliation>>>,
}

/// A session of a page.
struct ListedSession {
    session_id: Uuid,
    step_id: String,
    step_name: Option<String>,
    /// `None`: the session is to be read first.
    result: Option<Rc<Reconciliation>>,
}

impl Simulation {
    /// Begins the simulation of a plan, whatever its status. Nothing is written.
    pub fn of(tenant_id: Uuid, plan: Plan) -> Result<Simulation> {
        let considered = ConsideredPlan::of(tenant_id, plan)?;
        Ok(Simulation {
            tenant_id,
            steps: steps_to_simulate(tenant_id, &considered.plan, &considered.plans)?,
            considered,
            definitions: DefinitionFacts::new(tenant_id),
            last: None,
            page: VecDeque::new(),
        })
    }

    fn next_session(&mut self) -> Result<Option<SimulatedSession>> {
        while self.page.is_empty() {
            let listed = self.list_page()?;
            if listed.is_empty() {
                return Ok(None);
            }
            self.page = self.decide(listed)?;
        }
        Ok(self.page.pop_front())
    }

    fn list_page(&mut self) -> Result<Vec<ListedSession>> {
        let mut page = Vec::with_capacity(PAGE_SIZE);
        while page.len() < PAGE_SIZE {
            let Some(mut step) = self.steps.pop_front() else { break };
            let wanted = PAGE_SIZE - page.len();
            let found = plan_sessions::at_step(self.tenant_id, &step.sessions, self.last, wanted)?;
            let is_last_of_step = found.len() < wanted;
            self.last = found.last().map(|found| found.session_id).filter(|_| !is_last_of_step);
            for found in found {
                let result = if found.is_pinned { None } else { self.common_result(&mut step)? };
                page.push(ListedSession {
                    session_id: found.session_id,
                    step_id: step.sessions.step_id.clone(),
                    step_name: step.name.clone(),
                    result,
                });
            }
            if !is_last_of_step {
                self.steps.push_front(step);
            }
        }
        Ok(page)
    }

    /// Whether those who have finished come along is a matter of policy: nothing is common to them.
    fn common_result(&self, step: &mut StepToSimulate) -> Result<Option<Rc<Reconciliation>>> {
        if step.sessions.finished || !settings::enabled() {
            return Ok(None);
        }
        if let Some(known) = &step.common_result {
            return Ok(known.clone());
        }
        let SessionsAtStep { scenario_id, version, step_id, .. } = &step.sessions;
        let session = session_at(*version, step_id.clone(), None);
        let ConsideredPlan { plan, plans, settings, .. } = &self.considered;
        let way = (step.way.clone(), plan.to_version);
        let found = common_move::by_way(self.tenant_id, *scenario_id, &session, way, plans, settings)?;
        Ok(step.common_result.insert(found.map(|decision| Rc::new(without_prompts(decision).into_row()))).clone())
    }

    fn decide(&self, listed: Vec<ListedSession>) -> Result<VecDeque<SimulatedSession>> {
        let undecided = listed.iter().filter(|listed| listed.result.is_none());
        let undecided: Vec<Uuid> = undecided.map(|listed| listed.session_id).collect();
        let states = match undecided.as_slice() {
            [] => Vec::new(),
            undecided => sessions::read_many(self.tenant_id, undecided, Variables::Read)?,
        };
        // In the order of the list, which is the order in which facts are read ahead.
        let mut by_id: HashMap<Uuid, SessionState> =
            states.into_iter().map(|state| (state.session_id, state)).collect();
        let states: Vec<SessionState> = undecided.iter().filter_map(|id| by_id.remove(id)).collect();
        let positions = states.iter().filter_map(|state| Some((state, state.position.as_ref()?)));
        let plans = self.considered.plans.clone();
        let facts = PageFacts::new(self.tenant_id, plans, self.definitions.clone(), positions);
        let mut states = states.into_iter().peekable();
        let mut page = VecDeque::with_capacity(listed.len());
        for ListedSession { session_id, step_id, step_name, result } in listed {
            check_for_interrupts!();
            let result = match result {
                Some(result) => result,
                // A session that is gone since the page was listed has no next turn.
                None => match states.next_if(|state| state.session_id == session_id) {
                    Some(state) => Rc::new(self.preview(&state, &facts)?.into_row()),
                    None => continue,
                },
            };
            page.push_back(SimulatedSession { session_id, step_id, step_name, result });
        }
        Ok(page)
    }

    fn preview(&self, state: &SessionState, facts: &Rc<PageFacts>) -> Result<Turn> {
        if !settings::enabled() {
            return Ok(switched_off());
        }
        let due = match state.position.as_ref().filter(|_| considered_plan::concerns(state)) {
            Some(position) => {
                self.considered.due(state, position, || SessionFacts::on_page(facts, state.session_id))?
            }
            None => Due::Nothing,
        };
        match due {
            Due::Decided(decided) => Ok(without_prompts(decided.0)),
            due => due.into_turn(state),
        }
    }
}

impl Iterator for Simulation {
    type Item = Result<SimulatedSession>;

    fn next(&mut self) -> Option<Result<SimulatedSession>> {
        self.next_session().transpose()
    }
}

/// What there is to look at, in the order in which it is shown.
fn steps_to_simulate(tenant_id: Uuid, plan: &Plan, plans: &PlanFacts) -> Result<VecDeque<StepToSimulate>> {
    let mut to_simulate = VecDeque::new();
    let reopened = session_marks::reopened_steps(tenant_id, plan)?;
    let own = Way::Plans(vec![plan.engine_ref()]);
    let steps = steps_in_order(tenant_id, plan, plan.from_version)?;
    let finished = steps.iter().filter(|(step_id, _)| reopened.contains(step_id));
    let live = steps.iter().map(|step| (step, false));
    for ((step_id, name), finished) in live.chain(finished.map(|step| (step, true))) {
        let (version, checksum) = (plan.from_version, plan.from_checksum.clone());
        let sessions =
            SessionsAtStep { scenario_id: plan.scenario_id, version, checksum, step_id: step_id.clone(), finished };
        to_simulate.push_back(StepToSimulate { sessions, name: name.clone(), way: own.clone(), common_result: None });
    }
    let mut older = versions::walkable_but(tenant_id, plan.scenario_id, plan.from_version)?;
    older.retain(|version| *version <= plan.from_version.max(plan.to_version - 1));
    older.sort_unstable_by_key(|version| Reverse(*version));
    for version in older {
        let Some(chain) = plans.chain_through(plan, version)? else { continue };
        let checksum = versions::find(tenant_id, plan.scenario_id, version)?.checksum;
        for (step_id, name) in steps_in_order(tenant_id, plan, version)? {
            let (scenario_id, checksum) = (plan.scenario_id, checksum.clone());
            let sessions = SessionsAtStep { scenario_id, version, checksum, step_id, finished: false };
            let way = Way::Plans(chain.clone());
            to_simulate.push_back(StepToSimulate { sessions, name, way, common_result: None });
        }
    }
    Ok(to_simulate)
}

/// The steps of a version at which sessions are, each with its name, in the order of the document; those that the
/// version does not have any more come last.
fn steps_in_order(tenant_id: Uuid, plan: &Plan, version: i32) -> Result<Vec<(String, Option<String>)>> {
    let mut at = plan_sessions::steps_with_sessions(tenant_id, plan.scenario_id, version)?;
    let mut steps = Vec::with_capacity(at.len());
    for (step_id, name) in steps::names(tenant_id, plan.scenario_id, version)? {
        if at.remove(&step_id) {
            steps.push((step_id, Some(name)));
        }
    }
    steps.extend(at.into_iter().map(|step_id| (step_id, None)));
    Ok(steps)
}

fn without_prompts(decision: Decision) -> Turn {
    Turn::Decided(Box::new(DecisionWithPrompts { decision, prompts: Json("[]".to_owned()) }))
}
