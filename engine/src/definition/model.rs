//! The scenario document as values ("Definitions" in docs/behaviour.md).

use serde::Serialize;

/// A directed graph of steps with one entry; one version of a scenario. Only what the engine reads is kept here:
/// unknown keys stay in the stored document and never change a hash.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Definition {
    pub name: String,
    pub description: Option<String>,
    pub entry_step_id: String,
    pub steps: Vec<Step>,
}

/// One place in the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Step {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub rule_ids: Vec<String>,
    pub collects_profile_fields: Vec<String>,
    pub performs_action: bool,
    /// An action that a customer who was migrated past the step must still get.
    pub is_required_action: bool,
    /// Stands for something irreversible: money moved, order shipped, contract signed.
    pub is_checkpoint: bool,
    pub checkpoint_description: Option<String>,
    pub is_terminal: bool,
    /// In document order; [`Step::ordered_transitions`] gives the order in which they are tried.
    pub transitions: Vec<Transition>,
}

/// A way on from a step, taken when its condition holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Transition {
    pub to_step_id: String,
    pub condition_text: String,
    pub condition_fields: Vec<String>,
    pub priority: i64,
}

impl Step {
    /// Higher priority first, then document order.
    pub fn ordered_transitions(&self) -> Vec<&Transition> {
        let mut ordered: Vec<&Transition> = self.transitions.iter().collect();
        ordered.sort_by_key(|t| std::cmp::Reverse(t.priority)); // stable: document order within a priority
        ordered
    }
}
