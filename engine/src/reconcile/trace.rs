//! The trace of a decision: one event after the other, as `explain_reconciliation` shows them ("Replay" in
//! docs/behaviour.md).

use crate::graph::Node;
use serde::Serialize;
use serde_json::{Map, Value};

/// What happened at a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// How the way was found: plan, chain or fallback.
    Way,
    /// The anchor (or what stands for it) that was found for the current step.
    Anchor,
    /// The policy decided.
    Policy,
    /// The counterpart of a step that the customer visited.
    Visited,
    /// A step that the customer did not visit.
    Inserted,
    /// A step that the customer did not visit, but that the old version had already let them past.
    PassedBefore,
    /// A visited step that an edit changed.
    Edited,
    /// A field is needed; whether and where it was found.
    Field,
    /// A required action.
    RequiredAction,
    /// A fork, and which branch was taken and why.
    Fork,
    /// A way that could not be walked: the walk went on at the next step of the path.
    Jump,
    /// A checkpoint spoke.
    Checkpoint,
    /// Leaves the path for the branch's target.
    Redirect,
    /// Relocated from a deleted step.
    Relocation,
    /// The landing step.
    Landing,
    /// The outcome.
    Outcome,
}

impl Event {
    /// The word in the `event` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Event::Way => "way",
            Event::Anchor => "anchor",
            Event::Policy => "policy",
            Event::Visited => "visited",
            Event::Inserted => "inserted",
            Event::PassedBefore => "passed_before",
            Event::Edited => "edited",
            Event::Field => "field",
            Event::RequiredAction => "required_action",
            Event::Fork => "fork",
            Event::Jump => "jump",
            Event::Checkpoint => "checkpoint",
            Event::Redirect => "redirect",
            Event::Relocation => "relocation",
            Event::Landing => "landing",
            Event::Outcome => "outcome",
        }
    }
}

/// One event of a trace.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceEvent {
    pub event: Event,
    pub step_id: Option<String>,
    pub step_name: Option<String>,
    /// Never a field's value: names, sources, conditions and reasons only.
    pub detail: Map<String, Value>,
}

/// The events so far.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub events: Vec<TraceEvent>,
}

impl Trace {
    /// An event at a step. `detail` is an object.
    pub(super) fn step(&mut self, event: Event, node: &Node, detail: Value) {
        self.push(event, Some((&node.id, &node.name)), detail);
    }

    /// An event, at a step or not.
    pub(super) fn push(&mut self, event: Event, step: Option<(&str, &str)>, detail: Value) {
        let detail = match detail {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        self.events.push(TraceEvent {
            event,
            step_id: step.map(|(id, _)| id.to_owned()),
            step_name: step.map(|(_, name)| name.to_owned()),
            detail,
        });
    }
}
