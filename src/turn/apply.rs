//! What a decision writes, in one place (SPEC 7, 8, 13): session, visit (by trigger), profile, audit row. All of it is in the
//! caller's transaction, under the session's lock.

use super::announce;
use crate::error::{Error, Result};
use crate::json::Json;
use crate::store::attempts::{self, Attempt, TO_BE_CONFIRMED};
use crate::store::audit::{self, Entry};
use crate::store::facts::SessionFacts;
use crate::store::profiles::{self, Learnt};
use crate::store::sessions::{self, Move, Place, State, Wait};
use crate::store::sql_id;
use crate::store::undo;
use pgrx::Uuid;
use scenario_engine::reconcile::{Decision, Effect, Facts, FieldSource, FilledField, WaitingFor, same_json};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Instant;

/// A decision on its way into the tables.
pub(super) struct Application<'a> {
    pub tenant_id: Uuid,
    pub session_id: Uuid,
    /// As it was when the decision was made.
    pub state: &'a State,
    pub place: &'a Place,
    pub decision: &'a Decision,
    /// When the work on this turn began.
    pub started: Instant,
}

impl Application<'_> {
    /// Writes what the decision's effect says, and nothing for [`Effect::None`].
    pub(super) fn apply(&self, facts: &mut SessionFacts) -> Result<()> {
        match self.decision.effect {
            Effect::None => Ok(()),
            Effect::Pin | Effect::Settle => self.pin(),
            Effect::Move => self.migrate(facts),
            Effect::Wait(waiting_for) => self.wait(waiting_for),
            Effect::Exit => self.exit(),
        }
    }

    fn next_revision(&self) -> i32 {
        self.state.revision + 1
    }

    /// A session that was moved to the published version by somebody else only has that written down: nothing was done to it.
    fn pin(&self) -> Result<()> {
        let version = self.decision.published_version;
        let is_there = version == self.place.scenario_version;
        let revision = if is_there { self.state.revision } else { self.next_revision() };
        sessions::pin(self.tenant_id, self.session_id, version, revision)?;
        if is_there { Ok(()) } else { self.record("pin", Some(&self.place.step_id)) }
    }

    fn exit(&self) -> Result<()> {
        undo::keep(self.tenant_id, self.session_id, self.last_plan(), false, Json("{}".to_owned()))?;
        sessions::exit(self.tenant_id, self.session_id, self.next_revision())?;
        self.record(self.decision.action.as_str(), None)
    }

    fn migrate(&self, facts: &mut SessionFacts) -> Result<()> {
        let decision = self.decision;
        let target = decision.target.as_ref().ok_or_else(|| Error::internal("a decision to move has no target"))?;
        let within_version = decision.published_version == self.place.scenario_version;
        let step_content_hash = if within_version {
            let graph = facts.graph(decision.published_version)?;
            graph.find(&target.step_id).map(|step| graph.node(step).content_hash.clone())
        } else {
            None
        };
        let variables = variables_of(&decision.fields_filled)?;
        undo::keep(self.tenant_id, self.session_id, self.last_plan(), true, variables.clone())?;
        sessions::migrate(
            self.tenant_id,
            self.session_id,
            Move {
                scenario_version: decision.published_version,
                scenario_checksum: &self.place.published_checksum,
                step_id: &target.step_id,
                step_content_hash: step_content_hash.as_deref(),
                plan_id: self.last_plan(),
                revision: self.next_revision(),
                variables,
            },
        )?;
        self.learn()?;
        self.record(decision.action.as_str(), Some(&target.step_id))
    }

    /// Nothing is written when the same was asked before: not one row for every turn of a customer who does not answer.
    fn wait(&self, waiting_for: WaitingFor) -> Result<()> {
        let decision = self.decision;
        let known_request = self.is_known_request(waiting_for)?;
        let marked = self.state.pending_plan_id.filter(|plan_id| self.is_on_the_way(*plan_id));
        let plan_id = marked.or(self.last_plan());
        self.learn()?;
        if known_request && plan_id == self.state.pending_plan_id {
            return Ok(());
        }
        sessions::wait(
            self.tenant_id,
            self.session_id,
            &Wait {
                waiting_for: waiting_for.as_str(),
                plan_id,
                target_version: decision.published_version,
                anchor_hash: decision.anchor_content_hash.as_deref(),
                revision: if known_request { self.state.revision } else { self.next_revision() },
            },
        )?;
        if known_request { Ok(()) } else { self.record(decision.action.as_str(), Some(&self.place.step_id)) }
    }

    /// Whether the session's last audit row is this request: the same kind, for the same version, of the same fields.
    fn is_known_request(&self, waiting_for: WaitingFor) -> Result<bool> {
        if self.state.waiting_for.as_deref() != Some(waiting_for.as_str()) {
            return Ok(false);
        }
        let last = audit::request(self.tenant_id, self.session_id, self.state.revision)?;
        Ok(last.is_some_and(|last| {
            last.to_version == Some(self.decision.published_version) && last.fields_asked == asked(self.decision)
        }))
    }

    fn is_on_the_way(&self, plan_id: Uuid) -> bool {
        self.decision.plan_ids.iter().any(|id| sql_id(*id) == plan_id)
    }

    fn last_plan(&self) -> Option<Uuid> {
        self.decision.plan_ids.last().map(|id| sql_id(*id))
    }

    /// Keeps what was found in the conversation, so that the next scenario does not look again (SPEC 8): in the customer's
    /// profile. A session without a customer has only its variables, where a move puts them; what is to be confirmed first
    /// is kept as an attempt, which [`SessionFacts`] finds again. So it is where the application has a profile of its own, which
    /// need not know ours.
    fn learn(&self) -> Result<()> {
        let filled = self.decision.fields_filled.iter();
        let mut found: Vec<&FilledField> =
            filled.filter(|f| f.source == FieldSource::Extraction || f.needs_confirmation).collect();
        // Two sessions of one customer write the same rows: in the same order, so that neither waits for the other in a circle.
        found.sort_by(|a, b| a.field.cmp(&b.field));
        for field in found {
            if field.source == FieldSource::Extraction
                && let Some(customer_id) = self.state.customer_id
            {
                profiles::put(
                    self.tenant_id,
                    customer_id,
                    Learnt {
                        field: &field.field,
                        value: Json(field.value.clone()),
                        source: field.source.as_str(),
                        confidence: field.confidence,
                        needs_confirmation: field.needs_confirmation,
                        quote: field.quote.as_deref(),
                        session_id: self.session_id,
                    },
                )?;
            }
            if field.needs_confirmation && !self.state.has_profile() {
                self.keep_waiting(field)?;
            }
        }
        Ok(())
    }

    /// The very value that the customer is asked about: what a source says may be another by the time they answer.
    fn keep_waiting(&self, field: &FilledField) -> Result<()> {
        let (tenant_id, session_id) = (self.tenant_id, self.session_id);
        if let Some(waiting) = attempts::to_be_confirmed(tenant_id, session_id, &field.field)? {
            if same_json(waiting.value.as_str(), &field.value) {
                return Ok(());
            }
            attempts::forget_waiting(tenant_id, session_id, &field.field)?;
        }
        let attempt =
            Attempt { value: Json(field.value.clone()), confidence: field.confidence, quote: field.quote.clone() };
        attempts::insert(tenant_id, session_id, &field.field, &attempt, TO_BE_CONFIRMED)
    }

    /// The audit row, and what else is told of it.
    fn record(&self, action: &'static str, step_after: Option<&str>) -> Result<()> {
        let decision = self.decision;
        let reason = super::result::reason(decision);
        let undone = decision.undone.iter().map(|landing| landing.checkpoint_name.as_str());
        let blocks = decision.checkpoint_blocks.iter().map(|block| block.checkpoint_name.as_str());
        let checkpoints: Vec<&str> = undone.chain(blocks).collect();
        audit::insert(
            self.tenant_id,
            Entry {
                session_id: self.session_id,
                revision: self.next_revision(),
                scenario_id: self.place.scenario_id,
                plan_ids: decision.plan_ids.iter().map(|id| sql_id(*id)).collect(),
                from_version: self.place.scenario_version,
                to_version: decision.published_version,
                migration_scenario: decision.migration_scenario.map(|s| s.as_str()),
                anchor_content_hash: decision.anchor_content_hash.as_deref(),
                step_before: &self.place.step_id,
                step_after,
                action,
                fields_filled: super::result::sources(&decision.fields_filled),
                fields_asked: asked(decision),
                checkpoint: (!checkpoints.is_empty()).then(|| checkpoints.join(", ")),
                blocked_by_checkpoint: !checkpoints.is_empty(),
                reason: &reason,
                microseconds: i64::try_from(self.started.elapsed().as_micros()).unwrap_or(i64::MAX),
            },
        )?;
        announce::announce(self)
    }
}

/// Fields that the customer is asked for, then those to confirm.
fn asked(decision: &Decision) -> Vec<String> {
    let names = decision.collect_fields.iter().map(|f| &f.field);
    names.chain(decision.confirm_fields.iter().map(|f| &f.field)).cloned().collect()
}

/// What a move adds to the variables: what was found elsewhere and needs nobody's word. The digits stay as they are.
fn variables_of(filled: &[FilledField]) -> Result<Json> {
    let mut values: BTreeMap<&str, Box<RawValue>> = BTreeMap::new();
    for field in filled.iter().filter(|f| f.source != FieldSource::Session && !f.needs_confirmation) {
        let value = RawValue::from_string(field.value.clone())
            .map_err(|error| Error::internal(format!("the value of field {} is no JSON: {error}", field.field)))?;
        values.insert(&field.field, value);
    }
    Ok(Json::of(&values))
}
