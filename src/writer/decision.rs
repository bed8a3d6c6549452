//! A decision for one session, and the changes of tables that it stands for.

use crate::cache::KeptStep;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::store::session_changes::decided::{Arrival, Before, Change, NewVariables, OtherArrival, Stay};
use crate::store::sessions::{Position, SessionState};
use crate::store::{audit, sql_id, steps};
use pgrx::datum::datetime_support::now;
use pgrx::{Uuid, pg_sys};
use scenario_engine::reconcile::{Decision, Effect, FieldSource, FilledField, WaitingFor};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A decision for one session, to be written.
pub struct SessionDecision<'a> {
    /// The session as it was when the decision was made.
    pub state: &'a SessionState,
    pub position: &'a Position,
    pub decision: &'a Decision,
    /// What the decision took; `None` where one decision counts for several sessions.
    pub microseconds: Option<i64>,
}

impl<'a> SessionDecision<'a> {
    pub(super) fn arrival(&self, tenant_id: Uuid) -> Result<Arrival<'a>> {
        let target =
            self.decision.target.as_ref().ok_or_else(|| Error::internal("a decision to move has no target"))?;
        let written = found_elsewhere(&self.decision.fields_filled)?;
        let version = self.decision.published_version;
        Ok(Arrival {
            change: self.change(self.decision.action.as_str(), Some(&target.step_id)),
            before: self.before(),
            deployments: self.position.deployments,
            new_checksum: &self.position.published_checksum,
            turn_count: self.state.turn_count,
            step: self.step(tenant_id, version, &target.step_id)?,
            variables: self.new_variables(&written)?,
            already_done: false,
            others: Vec::new(),
        })
    }

    /// Whether this session arrives as that one does, by the same decision: nothing is filled in for either.
    pub(super) fn moves_as(&self, first: &SessionDecision<'_>) -> bool {
        let (here, there) = (self.position, first.position);
        self.microseconds.is_none()
            && first.microseconds.is_none()
            && self.decision.fields_filled.is_empty()
            && (here.scenario_id, here.scenario_version, here.deployments)
                == (there.scenario_id, there.scenario_version, there.deployments)
            && (&here.step_id, &here.step_content_hash, &here.checksum)
                == (&there.step_id, &there.step_content_hash, &there.checksum)
    }

    pub(super) fn other_arrival(&self) -> OtherArrival {
        OtherArrival {
            session_id: self.state.session_id,
            revision: self.state.revision,
            visit_count: self.state.visit_count,
            turn_count: self.state.turn_count,
        }
    }

    fn step(&self, tenant_id: Uuid, version: i32, step_id: &str) -> Result<Rc<KeptStep>> {
        let position = self.position;
        steps::arrival(tenant_id, position.scenario_id, version, step_id, position.deployment())
    }

    /// Pinned, or settled: nothing is left to do, which is written down and not recorded.
    pub(super) fn settled(&self) -> Stay<'a> {
        let pin = self.decision.pin.as_ref();
        Stay {
            change: self.change("pin", Some(&self.position.step_id)),
            is_recorded: self.decision.effect == Effect::Pin,
            waiting_for: None,
            mark_plan_id: None,
            deployments: self.position.deployments,
            pinned_reason: pin.map(|pin| pin.reason.as_str()),
            pinned_plan_id: pin.and_then(|pin| pin.plan_id).map(sql_id),
        }
    }

    /// `None`: the same was asked before. So a customer who does not answer does not add a row at each turn.
    pub(super) fn waiting(&self, tenant_id: Uuid, waiting_for: WaitingFor) -> Result<Option<Stay<'a>>> {
        let is_known = self.is_known_request(tenant_id, waiting_for)?;
        let marked = self.state.pending_plan_id.filter(|plan_id| self.is_on_the_way(*plan_id));
        let mark_plan_id = marked.or(self.plan_ids().last().copied());
        if is_known && mark_plan_id == self.state.pending_plan_id {
            return Ok(None);
        }
        Ok(Some(Stay {
            change: self.change(self.decision.action.as_str(), Some(&self.position.step_id)),
            is_recorded: !is_known,
            waiting_for: Some(waiting_for.as_str()),
            mark_plan_id,
            deployments: self.position.deployments,
            pinned_reason: None,
            pinned_plan_id: None,
        }))
    }

    /// Whether the session's last audit row is this request: the same kind, for the same version, of the same fields.
    fn is_known_request(&self, tenant_id: Uuid, waiting_for: WaitingFor) -> Result<bool> {
        if self.state.waiting_for.as_deref() != Some(waiting_for.as_str()) {
            return Ok(false);
        }
        let last = audit::request(tenant_id, self.state.session_id, self.state.revision)?;
        Ok(last.is_some_and(|last| {
            last.to_version == Some(self.decision.published_version) && last.fields_asked == asked(self.decision)
        }))
    }

    fn is_on_the_way(&self, plan_id: Uuid) -> bool {
        self.decision.plan_ids.iter().any(|id| sql_id(*id) == plan_id)
    }

    fn plan_ids(&self) -> Vec<Uuid> {
        self.decision.plan_ids.iter().map(|id| sql_id(*id)).collect()
    }

    pub(super) fn change(&self, action: &'static str, step_after: Option<&'a str>) -> Change<'a> {
        let decision = self.decision;
        let undone = decision.undone.iter().map(|landing| landing.checkpoint_name.as_str());
        let blocks = decision.checkpoint_blocks.iter().map(|block| block.checkpoint_name.as_str());
        let checkpoints: Vec<&str> = undone.chain(blocks).collect();
        let record = decision.record();
        Change {
            session_id: self.state.session_id,
            scenario_id: self.position.scenario_id,
            revision: self.state.revision,
            from_version: self.position.scenario_version,
            to_version: decision.published_version,
            migration_scenario: decision.migration_scenario.map(|s| s.as_str()),
            anchor_content_hash: decision.anchor_content_hash.as_deref(),
            step_before: &self.position.step_id,
            step_after,
            action,
            fields_filled: Json::of(&record.fields_filled),
            asked: record.asked.as_ref().map(Json::of),
            trace: record.trace.as_ref().map(Json::of),
            fields_asked: asked(decision),
            checkpoint: (!checkpoints.is_empty()).then(|| checkpoints.join(", ")),
            reason: decision.whole_reason(),
            microseconds: self.microseconds,
            plan_ids: self.plan_ids(),
        }
    }

    pub(super) fn before(&self) -> Before<'a> {
        Before {
            visit_count: self.state.visit_count,
            step_content_hash: &self.position.step_content_hash,
            checksum: &self.position.checksum,
        }
    }

    /// What is written into the variables, and the session's present values of these.
    fn new_variables(&self, written: &BTreeMap<&str, Box<RawValue>>) -> Result<Option<NewVariables>> {
        if written.is_empty() {
            return Ok(None);
        }
        let mut before = self.state.read_variables()?;
        before.retain(|name, _| written.contains_key(name.as_str()));
        let times = times_of(&self.decision.fields_filled, written);
        Ok(Some(NewVariables { written: Json::of(written), before: Json::of(&before), times }))
    }
}

/// Fields that the customer is asked for, then those to confirm.
fn asked(decision: &Decision) -> Vec<&str> {
    let names = decision.collect_fields.iter().map(|f| f.field.as_str());
    names.chain(decision.confirm_fields.iter().map(|f| f.field.as_str())).collect()
}

/// When each value was given: what its source says, else now.
fn times_of(filled: &[FilledField], written: &BTreeMap<&str, Box<RawValue>>) -> Json {
    let now = seconds_now();
    let given = filled.iter().filter(|f| written.contains_key(f.field.as_str()));
    let times: BTreeMap<&str, f64> = given.map(|f| (f.field.as_str(), f.given_at.unwrap_or(now))).collect();
    Json::of(&times)
}

/// The start of the transaction, in seconds since 1970.
fn seconds_now() -> f64 {
    const MICROSECONDS_FROM_1970_TO_2000: i64 = 946_684_800_000_000;
    let microseconds_since_2000: pg_sys::TimestampTz = now().into();
    // A double holds whole microseconds until the year 2255, and so this is the double nearest to the time.
    (microseconds_since_2000 + MICROSECONDS_FROM_1970_TO_2000) as f64 / 1e6
}

/// What a move adds to the variables: the values that were found elsewhere and need no confirmation. The digits stay as
/// they are.
fn found_elsewhere(filled: &[FilledField]) -> Result<BTreeMap<&str, Box<RawValue>>> {
    let mut values: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for field in filled.iter().filter(|f| f.source != FieldSource::Session && !f.needs_confirmation) {
        values.insert(&field.field, Json::raw_of_field(&field.field, &field.value)?);
    }
    Ok(values)
}
