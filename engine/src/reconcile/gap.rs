//! Where the value of a needed field comes from ("Gap fill" in docs/behaviour.md).
//!
//! The order is the session's variables, the customer's profile, the conversation; the first valid value wins. The
//! profile comes first where it was written after the session's value was given: the newer word counts. Each field is
//! looked up at most once in a decision, and only when something depends on it.

use super::decision::{FieldRequest, FilledField, NeededFor, RejectedValue};
use super::facts::{Candidate, Facts, FieldSource, Session};
use super::judge::{Judgement, judge, same_json};
use super::settings::Settings;
use crate::field::{FieldDefinition, RequiredLevel};
use serde_json::Value;
use std::collections::HashMap;
use std::rc::Rc;

/// The fields of one decision: what was looked up, what is needed and found, what is missing.
pub(super) struct Fields<'a> {
    session: &'a Session,
    settings: &'a Settings,
    definitions: HashMap<String, Rc<FieldDefinition>>,
    /// What was found for each field that was looked up.
    found: HashMap<String, Option<FilledField>>,
    pub filled: Vec<FilledField>,
    pub missing: Vec<FieldRequest>,
    /// Values that a source had and that fill no field.
    pub rejected: Vec<RejectedValue>,
    /// Fields that a fork was decided by.
    deciding: Vec<String>,
    /// Fields that the customer has declined, once a field has come that depends on it.
    declined: Option<Vec<String>>,
}

/// Values of one field and source that are kept as rejected: the first, which are the newest.
const MOST_REJECTED: usize = 3;

/// What became of a needed field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Filled(FieldSource),
    Missing,
    GoneWithout,
}

impl<'a> Fields<'a> {
    pub(super) fn new(session: &'a Session, settings: &'a Settings) -> Fields<'a> {
        Fields {
            session,
            settings,
            definitions: HashMap::new(),
            found: HashMap::new(),
            filled: Vec::new(),
            missing: Vec::new(),
            rejected: Vec::new(),
            deciding: Vec::new(),
            declined: None,
        }
    }

    /// The value for a condition; the field does not thereby become one that is needed.
    pub(super) fn value<F: Facts>(&mut self, field: &str, facts: &mut F) -> Result<Option<Value>, F::Error> {
        self.look_up(field, facts)?;
        let found = self.found.get(field).and_then(Option::as_ref);
        Ok(found.and_then(|filled| serde_json::from_str(&filled.value).ok()))
    }

    /// The same, for a look without a turn: a value that the customer is still to confirm is none.
    pub(super) fn sure_value<F: Facts>(&mut self, field: &str, facts: &mut F) -> Result<Option<Value>, F::Error> {
        let value = self.value(field, facts)?;
        let is_doubted = self.found.get(field).and_then(Option::as_ref).is_some_and(|found| found.needs_confirmation);
        Ok(value.filter(|_| !is_doubted))
    }

    /// The field is needed: it is filled, or asked for, or (soft or declined) gone without. Says which.
    pub(super) fn need<F: Facts>(&mut self, field: &str, why: NeededFor, facts: &mut F) -> Result<Need, F::Error> {
        self.look_up(field, facts)?;
        if let Some(filled) = self.filled.iter().find(|f| f.field == field) {
            return Ok(Need::Filled(filled.source));
        }
        if let Some(filled) = self.found.get(field).and_then(Option::as_ref) {
            let source = filled.source;
            self.filled.push(FilledField { needed_for: Some(why), ..filled.clone() });
            return Ok(Need::Filled(source));
        }
        let definition = self.definition(field, facts)?;
        if !self.may_ask(&definition, facts)? {
            return Ok(Need::GoneWithout);
        }
        if !self.missing.iter().any(|m| m.field == field) {
            self.missing.push(FieldRequest {
                field: field.to_owned(),
                display_name: definition.display_name.clone(),
                prompt: definition.collection_prompt.clone(),
                extraction_hint: definition.extraction_hint.clone(),
                schema: definition.schema.clone(),
                needed_for: why,
                rejected: self.rejected.iter().filter(|r| r.field == field).cloned().collect(),
            });
        }
        Ok(Need::Missing)
    }

    /// A fork is decided by the field.
    pub(super) fn decides(&mut self, field: &str) {
        if !self.deciding.iter().any(|f| f == field) {
            self.deciding.push(field.to_owned());
        }
    }

    /// Values that the customer must confirm; `only_deciding`: of those, the ones that a fork was decided by.
    pub(super) fn to_confirm(&self, only_deciding: bool) -> Vec<FilledField> {
        let counts = |f: &&FilledField| f.needs_confirmation && (!only_deciding || self.deciding.contains(&f.field));
        self.filled.iter().filter(counts).cloned().collect()
    }

    fn definition<F: Facts>(&mut self, field: &str, facts: &mut F) -> Result<Rc<FieldDefinition>, F::Error> {
        if let Some(definition) = self.definitions.get(field) {
            return Ok(Rc::clone(definition));
        }
        let definition = match facts.field_definition(field)? {
            Some(definition) => definition,
            None => Rc::new(FieldDefinition::undeclared(field)),
        };
        self.definitions.insert(field.to_owned(), Rc::clone(&definition));
        Ok(definition)
    }

    fn look_up<F: Facts>(&mut self, field: &str, facts: &mut F) -> Result<(), F::Error> {
        if self.found.contains_key(field) {
            return Ok(());
        }
        let definition = self.definition(field, facts)?;
        let (said_here, profile) = (self.variable(field), facts.profile(field)?);
        let mut order = [(FieldSource::Session, said_here), (FieldSource::Profile, profile)];
        if is_newer(order[1].1.as_ref(), order[0].1.as_ref()) {
            order.reverse();
        }
        let mut found = None;
        for (source, candidate) in order {
            if found.is_none() {
                found = self.first_that_fits(&definition, source, candidate.into_iter().collect(), facts)?;
            }
        }
        if found.is_none() && self.settings.extraction_enabled {
            let candidates = facts.extraction(&definition)?;
            found = self.first_that_fits(&definition, FieldSource::Extraction, candidates, facts)?;
        }
        self.found.insert(field.to_owned(), found);
        Ok(())
    }

    /// Whether the customer may be asked about the field. A strict one cannot be declined.
    fn may_ask<F: Facts>(&mut self, definition: &FieldDefinition, facts: &mut F) -> Result<bool, F::Error> {
        match definition.required_level {
            RequiredLevel::Strict => Ok(true),
            RequiredLevel::Soft => Ok(false),
            RequiredLevel::Hard => {
                if self.declined.is_none() {
                    self.declined = Some(facts.declined()?);
                }
                Ok(!self.declined.iter().flatten().any(|field| *field == definition.field_name))
            }
        }
    }

    /// The first candidate of a source that the customer has not denied, if it fits. What does not fit is kept as
    /// rejected.
    fn first_that_fits<F: Facts>(
        &mut self,
        definition: &FieldDefinition,
        source: FieldSource,
        candidates: Vec<Candidate>,
        facts: &mut F,
    ) -> Result<Option<FilledField>, F::Error> {
        if candidates.is_empty() {
            return Ok(None);
        }
        let field = &definition.field_name;
        let denied = match source {
            // The session's variables are what the customer said last.
            FieldSource::Session => Vec::new(),
            FieldSource::Profile | FieldSource::Extraction => facts.denied(field, source)?,
        };
        let in_session = self.variable(field).map(|known| known.value);
        for candidate in candidates {
            let mut judgement = judge(definition, &candidate, source, in_session.as_deref(), &denied, self.settings);
            if judgement == Judgement::ToConfirm && !self.may_ask(definition, facts)? {
                judgement = Judgement::declined();
            }
            match judgement {
                Judgement::Refused(refusal) => {
                    let is_last = !refusal.is_passed_over;
                    self.reject(RejectedValue { field: field.clone(), source, reasons: refusal.reasons, candidate });
                    if is_last {
                        return Ok(None);
                    }
                }
                judgement => {
                    return Ok(Some(FilledField {
                        field: field.clone(),
                        display_name: definition.display_name.clone(),
                        value: candidate.value,
                        source,
                        confidence: candidate.confidence,
                        quote: candidate.quote,
                        given_at: candidate.given_at,
                        needed_for: None,
                        needs_confirmation: judgement == Judgement::ToConfirm,
                    }));
                }
            }
        }
        Ok(None)
    }

    /// Keeps a value that does not do, each value once and the newest ones only.
    fn reject(&mut self, rejected: RejectedValue) {
        let same_place = |r: &&RejectedValue| r.field == rejected.field && r.source == rejected.source;
        let kept: Vec<&RejectedValue> = self.rejected.iter().filter(same_place).collect();
        let is_kept = kept.iter().any(|r| same_json(&r.candidate.value, &rejected.candidate.value));
        if !is_kept && kept.len() < MOST_REJECTED {
            self.rejected.push(rejected);
        }
    }

    /// A variable that is null has no value.
    fn variable(&self, field: &str) -> Option<Candidate> {
        let raw = self.session.variables.get(field)?.get();
        (raw != "null").then(|| Candidate {
            value: raw.to_owned(),
            given_at: self.session.variables_set_at.get(field).copied(),
            ..Candidate::default()
        })
    }
}

/// Whether the profile's value was written after the session's value was given. A profile that does not tell when is
/// not newer; a session's value without a time is older than any.
fn is_newer(profile: Option<&Candidate>, said_here: Option<&Candidate>) -> bool {
    let Some(written_at) = profile.and_then(|profile| profile.given_at) else { return false };
    said_here.is_none_or(|said| said.given_at.is_none_or(|given_at| written_at > given_at))
}
