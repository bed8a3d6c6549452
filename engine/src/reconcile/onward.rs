//! The ways on from the step where a session stands, as a backend or a person looks at them: which transition is open
//! now, and what is missing for the others. Asks nobody and decides nothing.

use super::facts::{Facts, Session};
use super::gap::Fields;
use super::settings::Settings;
use crate::condition::{ConditionKind, Truth};
use crate::graph::{Graph, StepIx};

/// A transition of the step where the session stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextStep {
    pub to_step_id: String,
    pub to_step_name: String,
    /// The step is a required action: it may have been done before.
    pub to_required_action: bool,
    pub condition_text: String,
    pub condition_kind: ConditionKind,
    /// `None`: unknown.
    pub holds: Option<bool>,
    /// Fields without a value that the condition lacks: those that could still decide an expression; those that are
    /// listed for a condition in natural language.
    pub missing_fields: Vec<String>,
    /// The transition that would be taken now. None is, where one that comes first is unknown.
    pub taken: bool,
}

/// The transitions of the session's step in the order in which they are tried, with what is known.
///
/// Known is what the session's variables and the customer's profile say, by the judgement of gap fill: a value that is
/// invalid, expired, denied or still to be confirmed is none. The conversation is not searched. At a fork in natural
/// language that was decided for the session in this version, the answer counts.
///
/// Returns the transitions, none where the version does not have the step. Err: what `facts` failed with.
pub fn next_steps<F: Facts>(session: &Session, settings: &Settings, facts: &mut F) -> Result<Vec<NextStep>, F::Error> {
    let graph = facts.graph(session.scenario_version)?;
    let Some(step) = graph.find(&session.step_id) else { return Ok(Vec::new()) };
    let settings = Settings { extraction_enabled: false, ..settings.clone() };
    let mut fields = Fields::new(session, &settings);
    let decided = decided_for(session, &graph, step, facts)?;
    let mut next = Vec::new();
    let mut is_open = true;
    for branch in &graph.node(step).branches {
        let condition = &branch.condition;
        let truth = condition.evaluate(&mut |field| fields.sure_value(field, facts))?;
        let answered = decided.filter(|_| condition.kind() == ConditionKind::Natural).map(|target| target == branch.to);
        let (holds, missing_fields) = match (truth, answered) {
            (_, Some(answer)) => (Some(answer), Vec::new()),
            (Truth::True, None) => (Some(true), Vec::new()),
            (Truth::False, None) => (Some(false), Vec::new()),
            (Truth::Unknown { missing, .. }, None) if condition.kind() == ConditionKind::Expression => (None, missing),
            (Truth::Unknown { .. }, None) => {
                let mut missing = Vec::new();
                for field in condition.fields() {
                    if fields.sure_value(field, facts)?.is_none() {
                        missing.push(field.clone());
                    }
                }
                (None, missing)
            }
        };
        let to = graph.node(branch.to);
        next.push(NextStep {
            to_step_id: to.id.clone(),
            to_step_name: to.name.clone(),
            to_required_action: to.is_required_action,
            condition_text: condition.text().to_owned(),
            condition_kind: condition.kind(),
            holds,
            missing_fields,
            taken: is_open && holds == Some(true),
        });
        is_open &= holds == Some(false);
    }
    Ok(next)
}

/// The branch that somebody chose for the session, if its step is a fork that needs somebody.
fn decided_for<F: Facts>(
    session: &Session,
    graph: &Graph,
    step: StepIx,
    facts: &mut F,
) -> Result<Option<StepIx>, F::Error> {
    let node = graph.node(step);
    if !node.branches.iter().any(|branch| branch.condition.kind() == ConditionKind::Natural) {
        return Ok(None);
    }
    let answer = facts
        .decisions()?
        .into_iter()
        .find(|answer| answer.scenario_version == session.scenario_version && answer.fork_step_id == node.id);
    let target = answer.and_then(|answer| graph.find(&answer.target_step_id));
    Ok(target.filter(|target| node.branches.iter().any(|branch| branch.to == *target)))
}
