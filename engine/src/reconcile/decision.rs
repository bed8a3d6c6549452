//! What the engine decides ("Landing" and "Results" in docs/behaviour.md): one [`Decision`], with its trace.

use super::facts::{Candidate, FieldSource};
use super::trace::TraceEvent;
use crate::acts::UndoneBy;
use crate::condition::says_always;
use crate::diff::MigrationScenario;
use crate::plan::PinReason;
use serde::Serialize;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What the backend is told to do with the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Continue,
    Teleport,
    Collect,
    ExecuteAction,
    Decide,
    ExitScenario,
}

impl Action {
    /// The word in the result row and the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Continue => "continue",
            Action::Teleport => "teleport",
            Action::Collect => "collect",
            Action::ExecuteAction => "execute_action",
            Action::Decide => "decide",
            Action::ExitScenario => "exit_scenario",
        }
    }
}

/// What the shell writes, if it applies the decision. A preview shows the decision and writes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing to write: the session goes on, and is as due as it was.
    None,
    /// Stay on the version that the session walks. [`Decision::pin`] is stored; the mark goes.
    Pin,
    /// The session walks `published_version` already: that it was reconciled is written, and the mark goes.
    Settle,
    /// Arrive at `target` in `scenario_version`; the mark goes; the filled fields go into variables.
    Move,
    /// Keep the mark (set it, if it was missed), move nothing, write down what the session waits for.
    Wait(WaitingFor),
    /// Leave the scenario; the variables stay.
    Exit,
}

/// Whom a marked session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitingFor {
    Customer,
    Confirmation,
    Action,
    Decision,
}

impl WaitingFor {
    /// The word in `sessions.waiting_for`.
    pub fn as_str(self) -> &'static str {
        match self {
            WaitingFor::Customer => "customer",
            WaitingFor::Confirmation => "confirmation",
            WaitingFor::Action => "action",
            WaitingFor::Decision => "decision",
        }
    }
}

/// Where the session is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub step_id: String,
    /// `None` where the decision did not need to look: the session stays.
    pub step_name: Option<String>,
}

/// A needed field and the value that was found for it.
#[derive(Debug, Clone, PartialEq)]
pub struct FilledField {
    pub field: String,
    pub display_name: Option<String>,
    /// JSON text.
    pub value: String,
    pub source: FieldSource,
    /// 0 to 1; `None` where the source does not rate its values.
    pub confidence: Option<f64>,
    pub quote: Option<String>,
    /// When the source was given it, in seconds since 1970; `None` where the source does not tell.
    pub given_at: Option<f64>,
    /// What the value was needed for; `None` as long as nothing needs it.
    pub needed_for: Option<NeededFor>,
    /// The customer must confirm it before it counts.
    pub needs_confirmation: bool,
}

/// Why a field is needed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NeededFor {
    /// The new version collects it at this step of the customer's path.
    Step { step_id: String, step_name: String },
    /// A fork on the customer's path reads it.
    Fork { step_id: String, step_name: String, condition_text: String },
}

/// A field to ask the customer for; `collect` carries what a person or a model needs to ask it well.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldRequest {
    pub field: String,
    pub display_name: Option<String>,
    pub prompt: Option<String>,
    pub extraction_hint: Option<String>,
    /// JSON text of the field's schema.
    pub schema: Option<String>,
    pub needed_for: NeededFor,
    /// Values that were found and did not do, with why: source and reasons.
    pub rejected: Vec<RejectedValue>,
}

/// A value that a source had and that does not fill its field. Only source and reasons are shown; the rest is for the
/// record.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RejectedValue {
    #[serde(skip)]
    pub field: String,
    pub source: FieldSource,
    /// Sentences for people, without the value.
    pub reasons: Vec<String>,
    #[serde(skip)]
    pub candidate: Candidate,
}

/// A fork that somebody must decide ("Decisions" in docs/behaviour.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionRequest {
    pub fork_step_id: String,
    pub fork_step_name: String,
    pub branches: Vec<DecisionBranch>,
}

/// One answer that a [`DecisionRequest`] allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DecisionBranch {
    pub target_step_id: String,
    pub target_step_name: String,
    pub condition_text: String,
}

/// A fork that somebody decided, and the replay went by their answer ("Decisions" in docs/behaviour.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FollowedDecision {
    pub fork_step_id: String,
    pub fork_step_name: String,
    pub target_step_id: String,
    pub target_step_name: String,
}

/// A redirect that a passed checkpoint forbade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckpointBlock {
    pub checkpoint_step_id: String,
    pub checkpoint_name: String,
    pub checkpoint_description: Option<String>,
    pub fork_step_id: String,
    pub fork_step_name: String,
    pub target_step_id: String,
    pub target_step_name: String,
    pub condition_text: String,
    pub rule: BlockRule,
}

/// Why a redirect is blocked ("Blocked redirects" in docs/behaviour.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockRule {
    /// The checkpoint was visited after the place of the fork.
    VisitedAfterFork,
    /// The act of the checkpoint would come again.
    TargetReachesCheckpoint,
    /// The act could be avoided, and could not be avoided any more.
    ActForced,
    /// It is not known whether the checkpoint was passed after the place of the fork.
    OrderUnknown,
}

/// A landing that would undo an act: the session is pinned for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoneLanding {
    pub checkpoint_step_id: String,
    pub checkpoint_name: String,
    pub checkpoint_description: Option<String>,
    pub target_step_id: String,
    pub target_step_name: String,
    pub by: UndoneBy,
}

/// What is stored of a pin, beside the time; the sentence for people is [`Decision::reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pin {
    pub reason: PinReason,
    /// The plan that pins; `None` for a fallback.
    pub plan_id: Option<Uuid>,
}

/// The outcome of one reconciliation.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub action: Action,
    pub effect: Effect,
    /// Where the session is (to be) after the decision; on `collect` and the like, where it would land.
    pub target: Option<Target>,
    /// The version that the session walks after the decision; `None` after an exit.
    pub scenario_version: Option<i32>,
    /// The published version that the session is reconciled against.
    pub published_version: i32,
    pub migration_scenario: Option<MigrationScenario>,
    pub anchor_content_hash: Option<String>,
    pub collect_fields: Vec<FieldRequest>,
    /// Names of filled fields that the customer must confirm.
    pub confirm_fields: Vec<FilledField>,
    pub execute_step_ids: Vec<String>,
    pub decisions: Vec<DecisionRequest>,
    /// Answers to earlier requests that this decision went by.
    pub followed: Vec<FollowedDecision>,
    /// Needed fields that were found, with where.
    pub fields_filled: Vec<FilledField>,
    /// Values that a source had for a field and that were not used, also where another source filled the field.
    pub rejected: Vec<RejectedValue>,
    pub checkpoint_blocks: Vec<CheckpointBlock>,
    /// The landing that was undone, where the session is pinned for it.
    pub undone: Option<UndoneLanding>,
    /// Given exactly with [`Effect::Pin`].
    pub pin: Option<Pin>,
    pub user_message: Option<String>,
    /// Why, in a sentence for an operator.
    pub reason: String,
    /// The plans that the decision went by, in order; empty for a fallback.
    pub plan_ids: Vec<Uuid>,
    pub warnings: Vec<String>,
    pub trace: Vec<TraceEvent>,
}

impl Decision {
    /// The reason with the answers that the decision went by and its warnings, for the result row and the audit.
    pub fn whole_reason(&self) -> String {
        let followed = self.followed.iter().map(FollowedDecision::sentence);
        let all = std::iter::once(self.reason.clone()).chain(followed).chain(self.warnings.iter().cloned());
        all.collect::<Vec<_>>().join("; ")
    }

    /// Each filled field with its source, never a value.
    pub fn sources_of_fields(&self) -> BTreeMap<&str, &'static str> {
        self.fields_filled.iter().map(|filled| (filled.field.as_str(), filled.source.as_str())).collect()
    }

    /// The sentence for the result column `checkpoint_warning`: names the checkpoint, the rule and the target.
    pub fn checkpoint_warning(&self) -> Option<String> {
        if !self.is_blocked_by_checkpoint() {
            return None;
        }
        let landing = self.undone.iter().map(UndoneLanding::sentence);
        let sentences: Vec<String> =
            landing.chain(self.checkpoint_blocks.iter().map(CheckpointBlock::sentence)).collect();
        Some(sentences.join(" "))
    }

    /// Whether a passed checkpoint stood against a move: for the result column `blocked_by_checkpoint`.
    pub fn is_blocked_by_checkpoint(&self) -> bool {
        self.undone.is_some() || !self.checkpoint_blocks.is_empty()
    }
}

impl FollowedDecision {
    /// For the result column `reason` and the audit.
    pub fn sentence(&self) -> String {
        format!("fork \"{}\" was decided for \"{}\"", self.fork_step_name, self.target_step_name)
    }
}

impl UndoneLanding {
    fn sentence(&self) -> String {
        let checkpoint = described(&self.checkpoint_name, self.checkpoint_description.as_deref());
        let why = match self.by {
            UndoneBy::Again => "it would come again",
            UndoneBy::Forced => "the customer could still avoid coming to it again, and could not any more",
        };
        format!("Checkpoint {checkpoint} was passed: from \"{}\" {why}.", self.target_step_name)
    }
}

fn described(name: &str, description: Option<&str>) -> String {
    match description {
        Some(text) if !text.is_empty() => format!("\"{name}\" ({text})"),
        _ => format!("\"{name}\""),
    }
}

impl CheckpointBlock {
    fn sentence(&self) -> String {
        let checkpoint = described(&self.checkpoint_name, self.checkpoint_description.as_deref());
        let condition = if says_always(&self.condition_text) {
            "its unconditional branch".to_owned()
        } else {
            format!("the rule \"{}\"", self.condition_text)
        };
        let why = match self.rule {
            BlockRule::VisitedAfterFork => "that checkpoint was passed after the fork",
            BlockRule::TargetReachesCheckpoint => "from there the checkpoint would come again",
            BlockRule::ActForced => "from there the checkpoint could not be avoided any more",
            BlockRule::OrderUnknown => "it is not known whether the checkpoint was passed before the fork",
        };
        format!(
            "Checkpoint {checkpoint} was passed: {condition} at fork \"{}\" would redirect to \"{}\", but {why}.",
            self.fork_step_name, self.target_step_name
        )
    }
}
