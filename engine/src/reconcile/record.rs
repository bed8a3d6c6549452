//! What the audit keeps of a decision, so that "why was this customer asked?" has an answer weeks later ("Audit" in
//! docs/behaviour.md). Names, sources, conditions and reasons; never a field's value.

use super::decision::{Decision, Effect, FilledField, NeededFor, RejectedValue};
use super::facts::FieldSource;
use super::trace::TraceEvent;
use crate::diff::MigrationScenario;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Events of a trace that are kept: the first ones, and the outcome.
pub const MOST_EVENTS: usize = 200;
/// Bytes of JSON of a trace that are kept, but for the outcome.
pub const MOST_BYTES: usize = 16 * 1024;

/// What is kept of one decision. Its JSON is what the audit row is written from.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    /// Field → source.
    pub fields_filled: BTreeMap<&'a str, &'static str>,
    /// A field for each that was asked for, to be confirmed or filled; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<Vec<NeededField<'a>>>,
    /// `None` for a clean graft that went through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<Vec<Box<RawValue>>>,
}

/// What became of a field that was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The customer is asked for it.
    Collect,
    /// The customer is asked whether the value that was found is right.
    Confirm,
    /// A source had it.
    Filled,
}

/// A field that was needed, what for, and why what was known did not do.
#[derive(Debug, Serialize)]
pub struct NeededField<'a> {
    pub field: &'a str,
    pub outcome: Outcome,
    /// The source of the value that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<FieldSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needed_for: Option<&'a NeededFor>,
    /// By source with reasons. Empty, and the customer is asked: no source had a value.
    pub did_not_do: Vec<&'a RejectedValue>,
}

impl Decision {
    /// What the audit keeps of it.
    pub fn record(&self) -> Record<'_> {
        let needed = self.needed_fields();
        let went_through = self.effect == Effect::Move
            && self.migration_scenario == Some(MigrationScenario::CleanGraft)
            && needed.is_empty()
            && !self.is_blocked_by_checkpoint();
        Record {
            fields_filled: self.sources_of_fields(),
            asked: (!needed.is_empty()).then_some(needed),
            trace: (!went_through).then(|| bounded(&self.trace)),
        }
    }

    fn needed_fields(&self) -> Vec<NeededField<'_>> {
        let collect = self.collect_fields.iter().map(|request| NeededField {
            field: &request.field,
            outcome: Outcome::Collect,
            source: None,
            needed_for: Some(&request.needed_for),
            did_not_do: request.rejected.iter().collect(),
        });
        let is_to_confirm = |filled: &&FilledField| self.confirm_fields.iter().any(|f| f.field == filled.field);
        let confirm = self.confirm_fields.iter().map(|filled| self.found(filled, Outcome::Confirm));
        let filled = self.fields_filled.iter().filter(|filled| !is_to_confirm(filled));
        collect.chain(confirm).chain(filled.map(|filled| self.found(filled, Outcome::Filled))).collect()
    }

    fn found<'a>(&'a self, filled: &'a FilledField, outcome: Outcome) -> NeededField<'a> {
        NeededField {
            field: &filled.field,
            outcome,
            source: Some(filled.source),
            needed_for: filled.needed_for.as_ref(),
            did_not_do: self.rejected.iter().filter(|rejected| rejected.field == filled.field).collect(),
        }
    }
}

/// The beginning of the trace and its outcome, with the number of the events that were left out between them.
fn bounded(trace: &[TraceEvent]) -> Vec<Box<RawValue>> {
    let Some((outcome, events)) = trace.split_last() else { return Vec::new() };
    let mut kept = Vec::new();
    let mut bytes = 0;
    for event in events.iter().take(MOST_EVENTS - 1) {
        let line = line(event);
        bytes += line.get().len();
        if bytes > MOST_BYTES {
            break;
        }
        kept.push(line);
    }
    let left_out = events.len() - kept.len();
    if left_out > 0 {
        kept.push(raw(&json!({"event": "left_out", "detail": {"events": left_out}})));
    }
    let outcome = line(outcome);
    if outcome.get().len() <= MOST_BYTES {
        kept.push(outcome);
    }
    kept
}

/// An event as it is kept.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Map::is_empty")]
    detail: &'a Map<String, Value>,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_name: Option<&'a str>,
}

fn line(event: &TraceEvent) -> Box<RawValue> {
    raw(&Line {
        detail: &event.detail,
        event: event.event.as_str(),
        step_id: event.step_id.as_deref(),
        step_name: event.step_name.as_deref(),
    })
}

/// As JSON text. What is kept has string keys only, so this cannot fail.
fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::trace::Event;
    use super::*;

    fn event(event: Event, text: &str) -> TraceEvent {
        let detail = json!({"why": text}).as_object().cloned().unwrap_or_default();
        TraceEvent { event, step_id: Some("a".into()), step_name: None, detail }
    }

    /// What is kept, as values.
    fn kept_of(trace: &[TraceEvent]) -> Vec<Value> {
        let kept = bounded(trace);
        kept.iter().map(|line| serde_json::from_str(line.get()).expect("JSON")).collect()
    }

    #[test]
    fn a_trace_is_cut_in_the_middle_and_says_so() {
        let mut trace = vec![event(Event::Visited, "x"); 1000];
        trace.push(event(Event::Outcome, "done"));
        let kept = kept_of(&trace);
        assert_eq!(kept.len(), MOST_EVENTS + 1);
        assert_eq!(kept[MOST_EVENTS - 1], json!({"event": "left_out", "detail": {"events": 1000 - (MOST_EVENTS - 1)}}));
        assert_eq!(kept[MOST_EVENTS], json!({"event": "outcome", "step_id": "a", "detail": {"why": "done"}}));
    }

    #[test]
    fn a_trace_of_long_events_stays_small() {
        let long = "ü".repeat(3000);
        let mut trace = vec![event(Event::Fork, &long); 100];
        trace.push(event(Event::Outcome, "done"));
        let kept = kept_of(&trace);
        let bytes: usize = kept.iter().map(|line| line.to_string().len()).sum();
        assert!(bytes < MOST_BYTES + 1000 && kept.len() == 4, "{bytes} bytes in {} lines", kept.len());
        trace.push(event(Event::Outcome, &long.repeat(10)));
        assert!(kept_of(&trace).iter().all(|line| line["event"] != "outcome"));
    }

    #[test]
    fn a_short_trace_is_kept_whole() {
        let trace = [event(Event::Way, "plan"), event(Event::Outcome, "done")];
        assert_eq!(kept_of(&trace).len(), 2);
        assert_eq!(kept_of(&[]), Vec::<Value>::new());
    }
}
