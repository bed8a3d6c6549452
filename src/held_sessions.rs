//! Which sessions of older versions a plan will hold, since the chain through it would bring them to an act that they
//! have passed. Sessions at one step that have passed the same checkpoints are judged together, by the engine of the
//! turn. As in the rest of the summary, no filter of a policy is asked.

use crate::error::Result;
use crate::facts::{CommonAnswer, NoCommonAnswer, PlanFacts, session_at};
use crate::settings;
use crate::store::plans::Plan;
use crate::store::session_counts::{self, PassedStepGroup};
use crate::store::{sql_id, versions};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, PassedAtStart};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::{HeldCounts, OtherSessions, PinReason, PlanRef, Policy, Scope, Way};
use scenario_engine::reconcile::{
    self, Candidate, CompletedAction, Facts, FieldSource, PlannedStep, SubmittedDecision, Visit,
};
use std::rc::Rc;

/// Counts the held sessions of each older version from which a chain leads through the plan.
///
/// * `acts`: the acts as if the plan were deployed.
/// * `elsewhere`: gets the counts.
pub fn count(tenant_id: Uuid, plan: &Plan, acts: &Rc<Acts>, elsewhere: &mut OtherSessions) -> Result<()> {
    let plans = PlanFacts::as_if_deployed(tenant_id, plan);
    for counts in elsewhere.older.iter_mut().filter(|counts| counts.sessions > counts.pinned) {
        let Some(chain) = plans.chain_through(plan, counts.version)? else { continue };
        let version = versions::find(tenant_id, plan.scenario_id, counts.version)?;
        let stored = (version.version, version.checksum.as_str());
        let groups = session_counts::passed_groups(tenant_id, plan, stored, acts, false)?;
        counts.held = HeldCounts::default();
        for group in groups.iter().filter(|group| group.sessions > group.pinned) {
            let mut facts = GroupFacts { tenant_id, plan, plans: plans.clone(), acts, group, accepts_held: None };
            if is_held(counts.version, chain.clone(), &mut facts)? {
                let free = group.sessions - group.pinned;
                counts.held.sessions += free;
                counts.held.accepted += if facts.accepts_held == Some(true) { free } else { 0 };
            }
        }
    }
    Ok(())
}

fn is_held(version: i32, chain: Vec<PlanRef>, facts: &mut GroupFacts<'_>) -> Result<bool> {
    let session = session_at(version, facts.group.step_id.clone(), None);
    let (way, to_version) = (Way::Plans(chain), facts.plan.to_version);
    match reconcile::reconcile(&session, way, to_version, &settings::engine_settings(), facts) {
        Ok(decision) => Ok(decision.pin.is_some_and(|pin| pin.reason == PinReason::Undone)),
        // The landing is allowed, and only what comes after it depends on the session.
        Err(NoCommonAnswer::DependsOnSession) => Ok(false),
        Err(NoCommonAnswer::Failed(error)) => Err(error),
    }
}

/// Knows where the sessions of a group are and what they have passed. Nothing is known of their fields, and the
/// questions of a replay, which comes after the landing was judged, are refused.
struct GroupFacts<'a> {
    tenant_id: Uuid,
    plan: &'a Plan,
    plans: PlanFacts,
    acts: &'a Rc<Acts>,
    group: &'a PassedStepGroup,
    /// Whether each row of the plan that was read accepts that sessions are held; `None`: no row was read.
    accepts_held: Option<bool>,
}

impl Facts for GroupFacts<'_> {
    type Error = NoCommonAnswer;

    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> CommonAnswer<Option<PlannedStep>> {
        let Some(mut row) = self.plans.row(self.plan.scenario_id, plan, old_step_id)? else { return Ok(None) };
        if sql_id(plan.plan_id) == self.plan.plan_id {
            let own = if row.deleted { Some(&row.policy) } else { row.goals.first().map(|goal| &goal.policy) };
            let accepts = own.is_some_and(|policy| policy.accept_held);
            self.accepts_held = Some(accepts && self.accepts_held != Some(false));
        }
        let policies = row.goals.iter_mut().map(|goal| &mut goal.policy);
        policies.chain([&mut row.policy]).for_each(admit_everybody);
        Ok(Some(row))
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> CommonAnswer<Rc<Vec<(String, String)>>> {
        Ok(self.plans.pairs(sql_id(plan.plan_id))?)
    }

    fn graph(&mut self, version: i32) -> CommonAnswer<Rc<Graph>> {
        Ok(versions::graph(self.tenant_id, self.plan.scenario_id, version)?)
    }

    fn kept_graph(&mut self, version: i32) -> CommonAnswer<Option<Rc<Graph>>> {
        Ok(versions::kept_graph(self.tenant_id, self.plan.scenario_id, version)?)
    }

    fn acts(&mut self) -> CommonAnswer<Rc<Acts>> {
        Ok(Rc::clone(self.acts))
    }

    /// What the group has passed, at whatever time: a landing is judged by that alone.
    fn passed_at_start(&mut self) -> CommonAnswer<Vec<PassedAtStart>> {
        let passed = self.group.contents.iter().map(|content_hash| PassedAtStart {
            content_hash: content_hash.clone(),
            step_id: String::new(),
            step_name: String::new(),
            checkpoint_description: None,
            is_certain: false,
        });
        Ok(passed.collect())
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> CommonAnswer<Option<Rc<Vec<(String, String)>>>> {
        Ok(self.plans.pairs_of_way(self.plan.scenario_id, from, to)?)
    }

    fn visits(&mut self) -> CommonAnswer<Vec<Visit>> {
        Ok(Vec::new())
    }

    fn walked_pairs(&mut self, _: i32, _: i32) -> CommonAnswer<Rc<Vec<(String, String)>>> {
        Ok(Rc::default())
    }

    /// Executed checkpoints are among what the group has passed.
    fn completed_actions(&mut self) -> CommonAnswer<Vec<CompletedAction>> {
        Ok(Vec::new())
    }

    fn decisions(&mut self) -> CommonAnswer<Vec<SubmittedDecision>> {
        Err(NoCommonAnswer::DependsOnSession)
    }

    fn field_definition(&mut self, _: &str) -> CommonAnswer<Option<Rc<FieldDefinition>>> {
        Ok(None)
    }

    fn profile(&mut self, _: &str) -> CommonAnswer<Option<Candidate>> {
        Ok(None)
    }

    fn extraction(&mut self, _: &FieldDefinition) -> CommonAnswer<Vec<Candidate>> {
        Ok(Vec::new())
    }

    fn denied(&mut self, _: &str, _: FieldSource) -> CommonAnswer<Vec<String>> {
        Ok(Vec::new())
    }

    fn declined(&mut self) -> CommonAnswer<Vec<String>> {
        Ok(Vec::new())
    }
}

fn admit_everybody(policy: &mut Policy) {
    policy.scope = Scope::default();
    policy.update_downstream = true;
}
