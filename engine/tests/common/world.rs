//! The world in memory: versions, plans and one session with its customer. It answers the engine's questions as the
//! database would, and does with a decision what the extension does.

use super::chain_pairs::chain_pairs;
use super::data::Data;
use super::plain::Plain;
use scenario_engine::acts::{Acts, LandingActs, PassedAtStart};
use scenario_engine::definition::{Definition, step_content_hash};
use scenario_engine::diff::{TransformationMap, diff};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::{PlanRef, PlanStatus, Policy, Way, find_way};
use scenario_engine::reconcile::{
    Action, Candidate, CompletedAction, Decision, Effect, Facts, FieldSource, Goal, PlannedStep, Session, Settings,
    SubmittedDecision, Visit, reconcile,
};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;
use std::rc::Rc;
use uuid::Uuid;

pub struct World {
    pub definitions: Vec<Definition>,
    pub graphs: Vec<Rc<Graph>>,
    /// Newest first.
    pub plans: Vec<PlanRef>,
    pub maps: HashMap<Uuid, TransformationMap>,
    /// By plan and anchor content hash.
    pub policies: HashMap<(Uuid, String), Policy>,
    pub published: i32,
    pub settings: Settings,
    pub session: Session,
    pub visits: Vec<Visit>,
    pub profile: BTreeMap<String, Candidate>,
    pub extractions: BTreeMap<String, Candidate>,
    /// What the conversation says besides, whatever the field: older words.
    pub older: Vec<Candidate>,
    /// What the customer has said is wrong, whatever the field.
    pub denied: Vec<String>,
    /// Fields that the customer has declined.
    pub declined: Vec<String>,
    pub fields: BTreeMap<String, Rc<FieldDefinition>>,
    pub completed: Vec<CompletedAction>,
    pub decisions: Vec<SubmittedDecision>,
    /// What the session passed when it began in the middle.
    pub passed_at_start: Vec<PassedAtStart>,
    /// Versions whose definition is not kept any more.
    pub removed: HashSet<i32>,
    pub exited: bool,
    /// What the engine asked for in the decision at hand: it promises to ask once.
    lookups: HashSet<String>,
}

/// A value that nobody doubts.
pub fn sure(value: &str) -> Candidate {
    Candidate { value: value.to_owned(), ..Candidate::default() }
}

pub fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).expect("JSON")
}

impl World {
    /// These versions, numbered from 1, the last one published; a session at the entry of the first; no plans.
    pub fn new(definitions: Vec<Definition>) -> World {
        let graphs: Vec<Rc<Graph>> = definitions.iter().map(|d| Rc::new(Graph::compile(d))).collect();
        let mut world = World {
            published: definitions.len() as i32,
            definitions,
            graphs,
            plans: Vec::new(),
            maps: HashMap::new(),
            policies: HashMap::new(),
            settings: Settings::default(),
            session: Session {
                session_id: Uuid::from_u128(0x5e55_1011),
                scenario_version: 1,
                step_id: String::new(),
                step_content_hash: None,
                matches_version: true,
                finished: false,
                channel: Some("whatsapp".into()),
                age_days: 3.0,
                variables: BTreeMap::new(),
                variables_set_at: BTreeMap::new(),
            },
            visits: Vec::new(),
            profile: BTreeMap::new(),
            extractions: BTreeMap::new(),
            older: Vec::new(),
            denied: Vec::new(),
            declined: Vec::new(),
            fields: BTreeMap::new(),
            completed: Vec::new(),
            decisions: Vec::new(),
            passed_at_start: Vec::new(),
            removed: HashSet::new(),
            exited: false,
            lookups: HashSet::new(),
        };
        let entry = world.definitions[0].entry_step_id.clone();
        world.arrive(1, &entry);
        world
    }

    /// Two versions and the deployed plan between them.
    pub fn planned(old: Definition, new: Definition) -> World {
        let mut world = World::new(vec![old, new]);
        world.deploy(1, 2);
        world
    }

    /// Versions 1, 2, … and the deployed plan from each to the next.
    pub fn chained(definitions: Vec<Definition>) -> World {
        let last = definitions.len() as i32;
        let mut world = World::new(definitions);
        for from in 1..last {
            world.deploy(from, from + 1);
        }
        world
    }

    pub fn deploy(&mut self, from: i32, to: i32) -> Uuid {
        let deployment_no = self.plans.len() as i64 + 1;
        let plan_id = Uuid::from_u128(deployment_no as u128);
        let map = diff(&self.graphs[from as usize - 1], &self.graphs[to as usize - 1]);
        self.maps.insert(plan_id, map);
        let status = PlanStatus::Deployed;
        self.plans.insert(0, PlanRef { plan_id, from_version: from, to_version: to, status, deployment_no });
        plan_id
    }

    /// The plan's policy for the anchor of an old step.
    pub fn set_policy(&mut self, plan_id: Uuid, old_step_id: &str, policy: Policy) {
        let anchor = self.maps[&plan_id].anchors.iter().find(|a| a.old_step_id == old_step_id).expect("an anchor");
        self.policies.insert((plan_id, anchor.anchor_content_hash.clone()), policy);
    }

    /// The plan's policy for a step that it deletes.
    pub fn set_policy_of_deleted(&mut self, plan_id: Uuid, old_step_id: &str, policy: Policy) {
        let step = self.maps[&plan_id].deleted_steps.iter().find(|d| d.step_id == old_step_id).expect("a deleted step");
        self.policies.insert((plan_id, step.content_hash.clone()), policy);
    }

    /// The content hash of a step.
    pub fn hash_of(&self, version: i32, step_id: &str) -> String {
        let graph = &self.graphs[version as usize - 1];
        graph.node(graph.find(step_id).expect("a step")).content_hash.clone()
    }

    /// Another look begins: the engine may ask everything again.
    pub fn new_turn(&mut self) {
        self.lookups.clear();
    }

    /// The policy for every anchor of every plan.
    pub fn set_policy_everywhere(&mut self, policy: &Policy) {
        for (plan_id, map) in &self.maps {
            for anchor in &map.anchors {
                self.policies.insert((*plan_id, anchor.anchor_content_hash.clone()), policy.clone());
            }
        }
    }

    /// Forgets the session's history and lets it have come by these steps of its version.
    pub fn walked(&mut self, steps: &[&str]) {
        self.visits.clear();
        for step in steps {
            self.arrive(self.session.scenario_version, step);
        }
    }

    /// The same, by index.
    pub fn came_by(&mut self, plain: &Plain, history: &[usize]) {
        let steps: Vec<&str> = history.iter().map(|s| plain.steps[*s].id.as_str()).collect();
        self.walked(&steps);
    }

    /// What a trigger of the database does when a session arrives at a step.
    pub fn arrive(&mut self, version: i32, step_id: &str) {
        let step = self.definitions[version as usize - 1]
            .steps
            .iter()
            .find(|s| s.id == step_id)
            .unwrap_or_else(|| panic!("version {version} has no step {step_id}"));
        let hash = step_content_hash(step);
        self.visits.push(Visit {
            visit_no: self.visits.len() as i32 + 1,
            step_id: step.id.clone(),
            step_name: step.name.clone(),
            step_content_hash: hash.clone(),
            scenario_version: version,
            is_checkpoint: step.is_checkpoint,
            checkpoint_description: step.checkpoint_description.clone(),
        });
        self.session.scenario_version = version;
        self.session.step_id = step_id.to_owned();
        self.session.step_content_hash = Some(hash);
        self.session.finished = step.is_terminal;
    }

    pub fn knows(&mut self, field: &str, value: &str) {
        self.session.variables.insert(field.to_owned(), raw(value));
    }

    /// Gives the customer's data to session, profile and conversation in turn.
    pub fn knows_all(&mut self, known: &Data) {
        for (number, (field, value)) in known.iter().enumerate() {
            let text = value.to_string();
            match number % 3 {
                0 => self.knows(field, &text),
                1 => drop(self.profile.insert(field.clone(), sure(&text))),
                _ => drop(self.extractions.insert(
                    field.clone(),
                    Candidate { confidence: Some(0.97), quote: Some("…".into()), ..sure(&text) },
                )),
            }
        }
    }

    pub fn reconcile(&mut self) -> Decision {
        let way = find_way(&self.plans, self.session.scenario_version, self.published);
        self.reconcile_by(way)
    }

    pub fn reconcile_by(&mut self, way: Way) -> Decision {
        self.lookups.clear();
        let (session, settings) = (self.session.clone(), self.settings.clone());
        match reconcile(&session, way, self.published, &settings, self) {
            Ok(decision) => decision,
            Err(never) => match never {},
        }
    }

    /// What the extension writes.
    pub fn apply(&mut self, decision: &Decision) {
        match decision.effect {
            Effect::Move => {
                for filled in decision.fields_filled.iter().filter(|f| f.source != FieldSource::Session) {
                    self.knows(&filled.field, &filled.value);
                    let given_at = filled.given_at.map(|at| (filled.field.clone(), at));
                    self.session.variables_set_at.extend(given_at);
                }
                let target = decision.target.clone().expect("a target");
                self.arrive(decision.scenario_version.expect("a version"), &target.step_id);
            }
            Effect::Exit => self.exited = true,
            Effect::None | Effect::Pin | Effect::Settle | Effect::Wait(_) => {}
        }
    }

    /// What `complete_action` records.
    pub fn complete(&mut self, version: i32, step_id: &str) {
        let step_content_hash = self.hash_of(version, step_id);
        self.completed.push(CompletedAction {
            scenario_version: version,
            step_id: step_id.to_owned(),
            step_content_hash,
            visit_no: self.visits.len() as i32,
        });
    }

    /// Customer and backend give what the decision waits for, from the customer's data.
    pub fn answer(&mut self, decision: &Decision, all: &Data, choose: usize) {
        for request in &decision.collect_fields {
            let value = all.get(&request.field).map_or("\"something\"".to_owned(), |v| v.to_string());
            self.knows(&request.field, &value);
            self.profile.insert(request.field.clone(), sure(&value));
        }
        for filled in &decision.confirm_fields {
            self.profile.insert(filled.field.clone(), sure(&filled.value));
        }
        for step in &decision.execute_step_ids {
            self.complete(decision.published_version, step);
        }
        for request in &decision.decisions {
            self.decisions.push(SubmittedDecision {
                scenario_version: decision.published_version,
                fork_step_id: request.fork_step_id.clone(),
                target_step_id: request.branches[choose % request.branches.len()].target_step_id.clone(),
            });
        }
    }

    /// Reconciles and answers until nothing is waited for; every decision on the way, the last one applied.
    pub fn settle(&mut self, all: &Data, choose: usize) -> Result<Vec<Decision>, String> {
        let mut decisions = Vec::new();
        loop {
            let decision = self.reconcile();
            let waits = matches!(decision.effect, Effect::Wait(_));
            decisions.push(decision);
            let decision = &decisions[decisions.len() - 1];
            if !waits {
                let decision = decision.clone();
                self.apply(&decision);
                return Ok(decisions);
            }
            if decisions.len() > 40 {
                return Err(format!("still waiting after {} answers: {decision:#?}", decisions.len()));
            }
            let decision = decision.clone();
            self.answer(&decision, all, choose);
        }
    }

    fn once(&mut self, lookup: String) {
        assert!(self.lookups.insert(lookup.clone()), "asked twice in one decision: {lookup}");
    }

    fn policy(&self, plan: &PlanRef, hash: &str) -> Policy {
        self.policies.get(&(plan.plan_id, hash.to_owned())).cloned().unwrap_or_default()
    }

    fn composed_pairs(&self, from: i32, to: i32) -> Option<Rc<Vec<(String, String)>>> {
        let Way::Plans(chain) = find_way(&self.plans, from, to) else { return None };
        chain_pairs(chain.iter().map(|plan| self.pairs(plan))).map(Rc::new)
    }

    pub fn pairs(&self, plan: &PlanRef) -> Vec<(String, String)> {
        self.maps[&plan.plan_id].anchors.iter().map(|a| (a.old_step_id.clone(), a.new_step_id.clone())).collect()
    }
}

impl Facts for World {
    type Error = Infallible;

    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlannedStep>, Infallible> {
        self.once(format!("row {} {old_step_id}", plan.plan_id));
        let map = &self.maps[&plan.plan_id];
        let new = &self.graphs[plan.to_version as usize - 1];
        let acts = self.scenario_acts();
        let lists = self.landing_lists(plan, &acts);
        let goal = |new_step_id: &str| {
            let anchor = map.anchors.iter().find(|a| a.new_step_id == new_step_id).expect("an anchor");
            Goal {
                new_step_id: new_step_id.to_owned(),
                new_step_name: new.node(new.find(new_step_id).expect("a step")).name.clone(),
                anchor_content_hash: anchor.anchor_content_hash.clone(),
                migration_scenario: anchor.migration_scenario,
                policy: self.policy(plan, &anchor.anchor_content_hash),
                undoes: Some(
                    lists
                        .get(&anchor.old_step_id)
                        .cloned()
                        .unwrap_or_else(|| LandingActs { revision: acts.revision(), ..LandingActs::default() }),
                ),
            }
        };
        if let Some(anchor) = map.anchors.iter().find(|a| a.old_step_id == old_step_id) {
            return Ok(Some(PlannedStep {
                old_step_name: anchor.anchor_name.clone(),
                deleted: false,
                policy: Policy::default(),
                acts_revision: acts.revision(),
                goals: vec![goal(&anchor.new_step_id)],
            }));
        }
        Ok(map.deleted_steps.iter().find(|d| d.step_id == old_step_id).map(|deleted| PlannedStep {
            old_step_name: deleted.name.clone(),
            deleted: true,
            policy: self.policy(plan, &deleted.content_hash),
            acts_revision: acts.revision(),
            goals: deleted.candidates.iter().map(|c| goal(&c.new_step_id)).collect(),
        }))
    }

    fn plan_pairs(&mut self, plan: &PlanRef) -> Result<Rc<Vec<(String, String)>>, Infallible> {
        self.once(format!("pairs {}", plan.plan_id));
        Ok(Rc::new(self.pairs(plan)))
    }

    fn graph(&mut self, version: i32) -> Result<Rc<Graph>, Infallible> {
        self.once(format!("graph {version}"));
        Ok(Rc::clone(&self.graphs[version as usize - 1]))
    }

    fn kept_graph(&mut self, version: i32) -> Result<Option<Rc<Graph>>, Infallible> {
        if self.removed.contains(&version) { Ok(None) } else { self.graph(version).map(Some) }
    }

    fn acts(&mut self) -> Result<Rc<Acts>, Infallible> {
        self.once("acts".into());
        Ok(Rc::new(self.scenario_acts()))
    }

    fn passed_at_start(&mut self) -> Result<Vec<PassedAtStart>, Infallible> {
        self.once("passed at start".into());
        Ok(self.passed_at_start.clone())
    }

    fn visits(&mut self) -> Result<Vec<Visit>, Infallible> {
        self.once("visits".into());
        Ok(self.visits.clone())
    }

    fn walked_pairs(&mut self, from: i32, to: i32) -> Result<Rc<Vec<(String, String)>>, Infallible> {
        self.once(format!("walked {from} {to}"));
        Ok(self.composed_pairs(from, to).unwrap_or_default())
    }

    fn deployed_pairs(&mut self, from: i32, to: i32) -> Result<Option<Rc<Vec<(String, String)>>>, Infallible> {
        self.once(format!("deployed {from} {to}"));
        Ok(self.composed_pairs(from, to))
    }

    fn completed_actions(&mut self) -> Result<Vec<CompletedAction>, Infallible> {
        self.once("completed".into());
        Ok(self.completed.clone())
    }

    fn decisions(&mut self) -> Result<Vec<SubmittedDecision>, Infallible> {
        self.once("decisions".into());
        Ok(self.decisions.clone())
    }

    fn field_definition(&mut self, field: &str) -> Result<Option<Rc<FieldDefinition>>, Infallible> {
        self.once(format!("definition {field}"));
        Ok(self.fields.get(field).cloned())
    }

    fn profile(&mut self, field: &str) -> Result<Option<Candidate>, Infallible> {
        self.once(format!("profile {field}"));
        Ok(self.profile.get(field).cloned())
    }

    fn extraction(&mut self, field: &FieldDefinition) -> Result<Vec<Candidate>, Infallible> {
        self.once(format!("extraction {}", field.field_name));
        Ok(self.extractions.get(&field.field_name).cloned().into_iter().chain(self.older.iter().cloned()).collect())
    }

    fn denied(&mut self, field: &str, source: FieldSource) -> Result<Vec<String>, Infallible> {
        self.once(format!("denied {field} {}", source.as_str()));
        Ok(self.denied.clone())
    }

    fn declined(&mut self) -> Result<Vec<String>, Infallible> {
        self.once("declined".into());
        Ok(self.declined.clone())
    }
}

/// Names of the fields that a decision asks for, sorted.
pub fn asked(decision: &Decision) -> Vec<String> {
    let mut fields: Vec<String> = decision.collect_fields.iter().map(|f| f.field.clone()).collect();
    fields.sort_unstable();
    fields
}

/// Where a decision leads, as text that an example can be compared with: `teleport checkout`, `collect age`,
/// `continue`.
pub fn brief(decision: &Decision) -> String {
    let target = decision.target.as_ref().map(|t| t.step_id.as_str()).unwrap_or_default();
    match decision.action {
        Action::Collect => {
            let confirm: Vec<String> = decision.confirm_fields.iter().map(|f| format!("{}?", f.field)).collect();
            let names: Vec<String> = asked(decision).into_iter().chain(confirm).collect();
            format!("collect {}", names.join(" "))
        }
        Action::ExecuteAction => format!("execute_action {}", decision.execute_step_ids.join(" ")),
        Action::Decide => format!("decide {}", decision.decisions[0].fork_step_id),
        Action::Teleport => format!("teleport {target}"),
        Action::ExitScenario => "exit_scenario".into(),
        Action::Continue if decision.effect == Effect::Move => format!("continue at {target}"),
        Action::Continue => "continue".into(),
    }
}
