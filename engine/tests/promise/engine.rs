//! The only file that knows the engine: how its public functions are called, and what their answers mean here.

use crate::chain_pairs::chain_pairs;
use scenario_engine::acts::{Acts, DeployedPairs, PassedAtStart, PreviousVersion, Publication, passed_at_start};
use scenario_engine::definition::parse;
use scenario_engine::diff::{Pairing, TransformationMap, diff};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::{PinReason, PlanRef, PlanStatus, Policy, Way, find_way};
use scenario_engine::reconcile::{
    Candidate, CompletedAction, Decision, Effect, Facts, FieldSource, Goal, OnUndecided, PlannedStep, Session,
    Settings, SubmittedDecision, Visit, reconcile,
};
use serde_json::value::RawValue;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::rc::Rc;
use uuid::Uuid;

/// The versions as the engine sees them; compiled once for all journeys.
pub struct Engine {
    graphs: Vec<Rc<Graph>>,
    maps: RefCell<HashMap<(usize, usize), Rc<TransformationMap>>>,
}

/// A plan that was deployed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub from: usize,
    pub to: usize,
    pub cancelled: bool,
    /// For the anchors of one old step, or of all: a policy document.
    pub policy: Option<(Option<String>, String)>,
    /// When: the number of the deployment.
    pub number: u32,
}

/// What the database keeps of a session.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub version: usize,
    pub step_id: String,
    pub variables: BTreeMap<String, bool>,
    pub profile: BTreeMap<String, bool>,
    /// Version and step id, oldest first.
    pub visits: Vec<(usize, String)>,
    /// Version and step of actions that were executed, with the visits that there were then.
    pub completed: Vec<(usize, String, i32)>,
    /// Version, fork and target.
    pub decided: Vec<(usize, String, String)>,
    /// Steps of the version in which it began that it may have passed before, by the checker's own reckoning.
    pub began_after: Vec<String>,
}

/// Settings that journeys differ in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Knobs {
    pub no_re_routing: bool,
    pub stay_undecided: bool,
    pub no_order_rule: bool,
}

/// What the engine told the shell to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Nothing,
    Move {
        version: usize,
        step_id: String,
        filled: BTreeMap<String, bool>,
    },
    /// `held`: because of a checkpoint, not by a policy or a cancelled plan.
    Pin {
        held: bool,
    },
    Exit,
    Collect(Vec<String>),
    Execute(Vec<String>),
    Decide(Vec<(String, Vec<String>)>),
}

/// Whether the engine keeps the promise as it is written now: then the strict test asserts it.
pub const KEEPS_THE_PROMISE: bool = true;

impl Engine {
    pub fn new(documents: &[String]) -> Engine {
        let compile = |text: &String| match parse(text) {
            Ok(definition) => Rc::new(Graph::compile(&definition)),
            Err(findings) => panic!("{findings:?}\n{text}"),
        };
        Engine { graphs: documents.iter().map(compile).collect(), maps: RefCell::default() }
    }

    fn map(&self, from: usize, to: usize) -> Rc<TransformationMap> {
        let mut maps = self.maps.borrow_mut();
        Rc::clone(maps.entry((from, to)).or_insert_with(|| Rc::new(diff(&self.graphs[from], &self.graphs[to]))))
    }

    /// What becomes of a session that is due. `plans`: oldest first.
    pub fn reconcile(&self, plans: &[Plan], row: &Row, published: usize, knobs: Knobs) -> Verdict {
        let way = find_way(&refs(plans), number(row.version), number(published));
        let node = self.graphs[row.version].find(&row.step_id).map(|s| self.graphs[row.version].node(s));
        let session = Session {
            session_id: Uuid::from_u128(7),
            scenario_version: number(row.version),
            step_id: row.step_id.clone(),
            step_content_hash: node.map(|n| n.content_hash.clone()),
            matches_version: true,
            finished: false,
            channel: Some("web".into()),
            age_days: 3.0,
            variables_set_at: BTreeMap::new(),
            variables: row.variables.iter().map(|(f, v)| (f.clone(), raw(*v))).collect(),
        };
        let settings = Settings {
            re_routing_enabled: !knobs.no_re_routing,
            on_undecided: if knobs.stay_undecided { OnUndecided::Stay } else { OnUndecided::Ask },
            block_teleport_past_checkpoint: !knobs.no_order_rule,
            ..Settings::default()
        };
        let mut facts = SessionFacts { engine: self, plans, row, published, acts: None };
        let decision = match reconcile(&session, way, number(published), &settings, &mut facts) {
            Ok(decision) => decision,
            Err(never) => match never {},
        };
        self.verdict(&decision)
    }

    fn verdict(&self, decision: &Decision) -> Verdict {
        match decision.effect {
            Effect::None => Verdict::Nothing,
            Effect::Exit => Verdict::Exit,
            Effect::Settle => Verdict::Pin { held: false },
            Effect::Pin => {
                let reason = decision.pin.map(|pin| pin.reason);
                Verdict::Pin { held: matches!(reason, Some(PinReason::Undone | PinReason::BlockedRedirect)) }
            }
            Effect::Move => Verdict::Move {
                version: decision.scenario_version.expect("a version") as usize - 1,
                step_id: decision.target.as_ref().expect("a target").step_id.clone(),
                filled: decision.fields_filled.iter().map(|f| (f.field.clone(), f.value == "true")).collect(),
            },
            Effect::Wait(_) if !decision.execute_step_ids.is_empty() => {
                Verdict::Execute(decision.execute_step_ids.clone())
            }
            Effect::Wait(_) if !decision.decisions.is_empty() => {
                let targets = |d: &scenario_engine::reconcile::DecisionRequest| {
                    d.branches.iter().map(|b| b.target_step_id.clone()).collect()
                };
                Verdict::Decide(decision.decisions.iter().map(|d| (d.fork_step_id.clone(), targets(d))).collect())
            }
            Effect::Wait(_) => Verdict::Collect(decision.collect_fields.iter().map(|f| f.field.clone()).collect()),
        }
    }
}

/// Versions are counted from 1 there.
fn number(version: usize) -> i32 {
    version as i32 + 1
}

fn raw(value: bool) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).expect("JSON")
}

/// Newest first; the place in the list is the plan's id.
fn refs(plans: &[Plan]) -> Vec<PlanRef> {
    let one = |(n, p): (usize, &Plan)| PlanRef {
        plan_id: Uuid::from_u128(n as u128),
        from_version: number(p.from),
        to_version: number(p.to),
        status: if p.cancelled { PlanStatus::Cancelled } else { PlanStatus::Deployed },
        deployment_no: i64::from(p.number),
    };
    plans.iter().enumerate().map(one).rev().collect()
}

/// What the engine asks of the world about one session.
struct SessionFacts<'a> {
    engine: &'a Engine,
    plans: &'a [Plan],
    row: &'a Row,
    published: usize,
    acts: Option<Rc<Acts>>,
}

impl SessionFacts<'_> {
    /// Versions are published in their order; plans that skip versions join their pairs besides.
    fn acts_up_to(&self, published: usize) -> Acts {
        let graphs = &self.engine.graphs;
        let (mut acts, mut kept) = (Acts::default(), Vec::new());
        let none = std::collections::BTreeSet::new();
        for version in 0..=published {
            let pairing = version.checked_sub(1).map(|before| Pairing::of(&graphs[before], &graphs[version]));
            let before = pairing.as_ref().map(|pairing| PreviousVersion {
                version: number(version - 1),
                graph: &graphs[version - 1],
                pairing,
            });
            let publication =
                Publication { version: number(version), graph: &graphs[version], before, separated: &none };
            let changed = acts.published(&publication);
            acts = changed.acts;
            kept.extend(changed.pairs);
        }
        for plan in self.plans.iter().filter(|p| p.to <= published && p.from <= published && p.to != p.from + 1) {
            let (from, to) = (&graphs[plan.from], &graphs[plan.to]);
            let deployed = DeployedPairs {
                from_version: number(plan.from),
                to_version: number(plan.to),
                is_succession: false,
                from,
                to,
                pairing: &Pairing::of(from, to),
                separated: &none,
            };
            if let Some(changed) = acts.deployed(&deployed, &kept) {
                (acts, kept) = (changed.acts, changed.pairs);
            }
        }
        acts
    }

    fn composed(&self, from: i32, to: i32) -> Option<Vec<(String, String)>> {
        let Way::Plans(chain) = find_way(&refs(self.plans), from, to) else { return None };
        chain_pairs(chain.iter().map(|plan| self.pairs(plan)))
    }

    fn pairs(&self, plan: &PlanRef) -> Vec<(String, String)> {
        let map = self.engine.map(plan.from_version as usize - 1, plan.to_version as usize - 1);
        map.anchors.iter().map(|a| (a.old_step_id.clone(), a.new_step_id.clone())).collect()
    }

    fn hash(&self, version: usize, step_id: &str) -> String {
        let graph = &self.engine.graphs[version];
        graph.find(step_id).map(|s| graph.node(s).content_hash.clone()).unwrap_or_default()
    }
}

impl Facts for SessionFacts<'_> {
    type Error = Infallible;

    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlannedStep>, Infallible> {
        let map = self.engine.map(plan.from_version as usize - 1, plan.to_version as usize - 1);
        let new = &self.engine.graphs[plan.to_version as usize - 1];
        let policies = &self.plans[plan.plan_id.as_u128() as usize].policy;
        let policy_of = |old_step_id: &str| match policies {
            Some((of, text)) if of.as_ref().is_none_or(|id| id == old_step_id) => {
                Policy::parse(text).expect("a policy")
            }
            _ => Policy::default(),
        };
        let goal = |new_step_id: &str| {
            let anchor = map.anchors.iter().find(|a| a.new_step_id == new_step_id).expect("an anchor");
            let policy = policy_of(&anchor.old_step_id);
            Goal {
                new_step_id: new_step_id.to_owned(),
                new_step_name: new.node(new.find(new_step_id).expect("a step")).name.clone(),
                anchor_content_hash: anchor.anchor_content_hash.clone(),
                migration_scenario: anchor.migration_scenario,
                policy,
                undoes: None,
            }
        };
        if let Some(anchor) = map.anchors.iter().find(|a| a.old_step_id == old_step_id) {
            return Ok(Some(PlannedStep {
                old_step_name: anchor.anchor_name.clone(),
                deleted: false,
                policy: Policy::default(),
                acts_revision: 0,
                goals: vec![goal(&anchor.new_step_id)],
            }));
        }
        Ok(map.deleted_steps.iter().find(|d| d.step_id == old_step_id).map(|deleted| PlannedStep {
            old_step_name: deleted.name.clone(),
            deleted: true,
            policy: policy_of(&deleted.step_id),
            acts_revision: 0,
            goals: deleted.candidates.iter().map(|c| goal(&c.new_step_id)).collect(),
        }))
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> Result<Rc<Vec<(String, String)>>, Infallible> {
        Ok(Rc::new(self.pairs(plan)))
    }

    fn graph(&mut self, version: i32) -> Result<Rc<Graph>, Infallible> {
        Ok(Rc::clone(&self.engine.graphs[version as usize - 1]))
    }

    fn visits(&mut self) -> Result<Vec<Visit>, Infallible> {
        let one = |(n, (version, step_id)): (usize, &(usize, String))| {
            let graph = &self.engine.graphs[*version];
            let node = graph.node(graph.find(step_id).expect("a visited step"));
            Visit {
                visit_no: n as i32 + 1,
                step_id: step_id.clone(),
                step_name: node.name.clone(),
                step_content_hash: node.content_hash.clone(),
                scenario_version: number(*version),
                is_checkpoint: node.is_checkpoint,
                checkpoint_description: None,
            }
        };
        Ok(self.row.visits.iter().enumerate().map(one).collect())
    }

    fn walked_pairs(&mut self, from: i32, to: i32) -> Result<Rc<Vec<(String, String)>>, Infallible> {
        Ok(Rc::new(self.composed(from, to).unwrap_or_default()))
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> Result<Option<Rc<Vec<(String, String)>>>, Infallible> {
        Ok(self.composed(from, to).map(Rc::new))
    }

    fn kept_graph(&mut self, version: i32) -> Result<Option<Rc<Graph>>, Infallible> {
        self.graph(version).map(Some)
    }

    fn acts(&mut self) -> Result<Rc<Acts>, Infallible> {
        let acts = self.acts.clone().unwrap_or_else(|| Rc::new(self.acts_up_to(self.published)));
        self.acts = Some(Rc::clone(&acts));
        Ok(acts)
    }

    fn passed_at_start(&mut self) -> Result<Vec<PassedAtStart>, Infallible> {
        let Some((version, step_id)) = self.row.visits.first() else { return Ok(Vec::new()) };
        let graph = &self.engine.graphs[*version];
        let first = graph.find(step_id).expect("a visited step");
        // The version is kept, so what is flagged only now counts too.
        Ok(passed_at_start(graph, first, &self.acts_up_to(self.published)))
    }

    fn completed_actions(&mut self) -> Result<Vec<CompletedAction>, Infallible> {
        let one = |(version, step_id, visit_no): &(usize, String, i32)| CompletedAction {
            scenario_version: number(*version),
            step_id: step_id.clone(),
            step_content_hash: self.hash(*version, step_id),
            visit_no: *visit_no,
        };
        Ok(self.row.completed.iter().map(one).collect())
    }

    fn decisions(&mut self) -> Result<Vec<SubmittedDecision>, Infallible> {
        let one = |(version, fork, target): &(usize, String, String)| SubmittedDecision {
            scenario_version: number(*version),
            fork_step_id: fork.clone(),
            target_step_id: target.clone(),
        };
        Ok(self.row.decided.iter().map(one).collect())
    }

    fn field_definition(&mut self, _: &str) -> Result<Option<Rc<FieldDefinition>>, Infallible> {
        Ok(None)
    }

    fn profile(&mut self, field: &str) -> Result<Option<Candidate>, Infallible> {
        let sure = |value: &bool| Candidate {
            value: value.to_string(),
            confidence: None,
            needs_confirmation: false,
            quote: None,
            given_at: None,
            problem: None,
        };
        Ok(self.row.profile.get(field).map(sure))
    }

    fn extraction(&mut self, _: &FieldDefinition) -> Result<Vec<Candidate>, Infallible> {
        Ok(Vec::new())
    }

    fn declined(&mut self) -> Result<Vec<String>, Infallible> {
        Ok(Vec::new())
    }

    fn denied(&mut self, _: &str, _: FieldSource) -> Result<Vec<String>, Infallible> {
        Ok(Vec::new())
    }
}
