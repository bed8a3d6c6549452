//! What the engine asks of the world while it decides ("What is due" to "Fallback" in
//! docs/behaviour.md).
//!
//! The engine reads nothing by itself. Everything that costs a lookup is behind [`Facts`], and asked for only when the
//! decision hangs on it: a clean graft reads one plan row and nothing else.

use crate::acts::{Acts, LandingActs, PassedAtStart, StepRecord};
use crate::diff::MigrationScenario;
use crate::field::FieldDefinition;
use crate::graph::Graph;
use crate::plan::{PlanRef, Policy};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;
use uuid::Uuid;

/// One customer's walk, as it stands at the start of the turn. Cheap to make: the session's own row.
#[derive(Debug, Clone)]
pub struct Session {
    pub session_id: Uuid,
    /// The version that it walks.
    pub scenario_version: i32,
    pub step_id: String,
    /// The content hash of the step, as kept with the session.
    pub step_content_hash: Option<String>,
    /// The session's checksum is its version's; if not, it falls back ("Fallback" in
    /// docs/behaviour.md).
    pub matches_version: bool,
    /// It has come to an end, and a mark of a plan that reopens made it due: it comes along only where the policy says
    /// so.
    pub finished: bool,
    pub channel: Option<String>,
    /// Age of the session, in days, at the turn's time: the engine has no clock.
    pub age_days: f64,
    /// Variables by name, each as the JSON text that is stored: no digit of a number is lost on the way.
    pub variables: BTreeMap<String, Box<RawValue>>,
    /// When each variable was given, in seconds since 1970; a variable that is not among them was given at some time
    /// before.
    pub variables_set_at: BTreeMap<String, f64>,
}

/// A record that the session was at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    pub visit_no: i32,
    pub step_id: String,
    pub step_name: String,
    pub step_content_hash: String,
    pub scenario_version: i32,
    pub is_checkpoint: bool,
    pub checkpoint_description: Option<String>,
}

/// A required action that was executed for the session, recorded by `complete_action`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedAction {
    pub scenario_version: i32,
    pub step_id: String,
    pub step_content_hash: String,
    /// The session's last visit when it was recorded.
    pub visit_no: i32,
}

impl Visit {
    pub(super) fn as_record(&self) -> StepRecord<'_> {
        StepRecord {
            visit_no: self.visit_no,
            scenario_version: self.scenario_version,
            step_id: &self.step_id,
            content_hash: &self.step_content_hash,
        }
    }
}

impl CompletedAction {
    pub(super) fn as_record(&self) -> StepRecord<'_> {
        StepRecord {
            visit_no: self.visit_no,
            scenario_version: self.scenario_version,
            step_id: &self.step_id,
            content_hash: &self.step_content_hash,
        }
    }
}

/// Somebody's answer to a natural-language fork, recorded by `submit_decision`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmittedDecision {
    pub scenario_version: i32,
    pub fork_step_id: String,
    pub target_step_id: String,
}

/// What a plan says of one old step: what becomes of the sessions there.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedStep {
    pub old_step_name: String,
    /// The step was deleted, and its sessions are relocated.
    pub deleted: bool,
    /// A deleted step's own policy: its filter and `update_downstream` are asked before any goal. An anchor's stands
    /// with its goal, and this one is the default.
    pub policy: Policy,
    /// The revision of the scenario's acts: those that [`Facts::acts`] would give.
    pub acts_revision: i32,
    /// For an anchor its one counterpart, for a deleted step the candidates in order.
    pub goals: Vec<Goal>,
}

/// A step of the new version, with the anchor that leads to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    pub new_step_id: String,
    /// Given with the row, so that a clean graft needs no graph.
    pub new_step_name: String,
    pub anchor_content_hash: String,
    pub migration_scenario: MigrationScenario,
    pub policy: Policy,
    /// What a landing there would undo, as it was worked out for the anchor; `None` where nothing was. Looked at for a
    /// landing only: relocations are judged by the place that the session comes from.
    pub undoes: Option<LandingActs>,
}

/// Which source a field's value came from ("Gap fill" in docs/behaviour.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldSource {
    Profile,
    Session,
    Extraction,
}

impl FieldSource {
    pub fn as_str(self) -> &'static str {
        match self {
            FieldSource::Profile => "profile",
            FieldSource::Session => "session",
            FieldSource::Extraction => "extraction",
        }
    }
}

/// A value that a source has for a field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidate {
    /// JSON text.
    pub value: String,
    /// 0 to 1; `None` where the source does not rate its values.
    pub confidence: Option<f64>,
    /// The source itself says that the customer must confirm the value.
    pub needs_confirmation: bool,
    /// What the customer said that it was taken from.
    pub quote: Option<String>,
    /// When the value was given, in seconds since 1970; `None` where the source does not tell.
    pub given_at: Option<f64>,
    /// Why the value can be no value of the field, where the source itself knows: a sentence for people, without the
    /// value.
    pub problem: Option<String>,
}

/// Pairs of steps by id: the older version's, the newer one's.
pub type StepPairs = Rc<Vec<(String, String)>>;

/// Where the engine's knowledge comes from. Each method is called at most once a decision for the same argument.
pub trait Facts {
    type Error;

    /// What a plan says of one old step; `None` if the plan does not know the step.
    fn planned_step(&mut self, plan: &PlanRef, old_step_id: &str) -> Result<Option<PlannedStep>, Self::Error>;
    /// The pairs of a plan's steps: (old step id, new step id), anchors only.
    fn plan_pairs(&mut self, plan: &PlanRef) -> Result<StepPairs, Self::Error>;
    /// The graph of a version of the session's scenario.
    fn graph(&mut self, version: i32) -> Result<Rc<Graph>, Self::Error>;
    /// The same; `None` if the version's definition is not kept any more.
    fn kept_graph(&mut self, version: i32) -> Result<Option<Rc<Graph>>, Self::Error>;
    /// The scenario's acts as they count for the move; for a plan that is not deployed yet, as if it were.
    fn acts(&mut self) -> Result<Rc<Acts>, Self::Error>;
    /// What the session passed without a visit when it began in the middle of a version, as it was stored then.
    fn passed_at_start(&mut self) -> Result<Vec<PassedAtStart>, Self::Error>;
    /// The session's history, oldest first, the visit of the current step last.
    fn visits(&mut self) -> Result<Vec<Visit>, Self::Error>;
    /// How the steps of an older version, which the session walked before, are called in a newer one that it walked
    /// next: pairs of ids, from the plan that moved it. Empty if that is not known.
    fn walked_pairs(&mut self, from_version: i32, to_version: i32) -> Result<StepPairs, Self::Error>;
    /// The pairs of the deployed plans that lead from one version to another, composed; `None` if none lead there.
    fn deployed_pairs(&mut self, from: i32, to: i32) -> Result<Option<StepPairs>, Self::Error>;
    fn completed_actions(&mut self) -> Result<Vec<CompletedAction>, Self::Error>;
    fn decisions(&mut self) -> Result<Vec<SubmittedDecision>, Self::Error>;
    /// The declared field, or `None` if nothing is declared for it.
    fn field_definition(&mut self, field: &str) -> Result<Option<Rc<FieldDefinition>>, Self::Error>;
    /// The customer's profile. A value that has expired has that as its problem.
    fn profile(&mut self, field: &str) -> Result<Option<Candidate>, Self::Error>;
    /// What the conversation says, the candidate to prefer first.
    fn extraction(&mut self, field: &FieldDefinition) -> Result<Vec<Candidate>, Self::Error>;
    /// Values of a field, as JSON text, that the customer has said are wrong and that this source can still have.
    fn denied(&mut self, field: &str, source: FieldSource) -> Result<Vec<String>, Self::Error>;
    /// Fields that the customer has declined to give in this session.
    fn declined(&mut self) -> Result<Vec<String>, Self::Error>;
}
