//! Gap fill (SPEC section 8): where the value of a needed field comes from.
//!
//! Profile, then the session's variables, then the conversation; the first valid value wins. Each field is looked up at most
//! once a decision, and only when something hangs on it.

use super::decision::{FieldRequest, FieldSource, FilledField, NeededFor, RejectedValue};
use super::facts::{Candidate, Facts, Session};
use super::settings::Settings;
use crate::field::{FieldDefinition, RequiredLevel};
use serde_json::Value;
use std::collections::HashMap;
use std::rc::Rc;

/// What was found for a field.
#[derive(Debug, Clone)]
pub(super) enum Found {
    Value(FilledField),
    Nothing { rejected: Vec<RejectedValue> },
}

/// The fields of one decision: what was looked up, what is needed and found, what is missing.
pub(super) struct Fields<'a> {
    session: &'a Session,
    settings: &'a Settings,
    definitions: HashMap<String, Rc<FieldDefinition>>,
    found: HashMap<String, Found>,
    pub filled: Vec<FilledField>,
    pub missing: Vec<FieldRequest>,
    /// Fields that a fork was decided by.
    deciding: Vec<String>,
}

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
            deciding: Vec::new(),
        }
    }

    /// The value for a condition; the field does not thereby become one that is needed.
    pub(super) fn value<F: Facts>(&mut self, field: &str, facts: &mut F) -> Result<Option<Value>, F::Error> {
        self.look_up(field, facts)?;
        Ok(match self.found.get(field) {
            Some(Found::Value(filled)) => serde_json::from_str(&filled.value).ok(),
            _ => None,
        })
    }

    /// The field is needed: it is filled, or asked for, or (soft) gone without. Says which.
    pub(super) fn need<F: Facts>(&mut self, field: &str, why: NeededFor, facts: &mut F) -> Result<Need, F::Error> {
        self.look_up(field, facts)?;
        if let Some(filled) = self.filled.iter().find(|f| f.field == field) {
            return Ok(Need::Filled(filled.source));
        }
        let definition = self.definition(field, facts)?;
        match self.found.get(field) {
            Some(Found::Value(filled)) => {
                let filled = filled.clone();
                let source = filled.source;
                self.filled.push(filled);
                Ok(Need::Filled(source))
            }
            _ if definition.required_level == RequiredLevel::Soft => Ok(Need::GoneWithout),
            found => {
                let rejected = match found {
                    Some(Found::Nothing { rejected }) => rejected.clone(),
                    _ => Vec::new(),
                };
                if !self.missing.iter().any(|m| m.field == field) {
                    self.missing.push(FieldRequest {
                        field: field.to_owned(),
                        display_name: definition.display_name.clone(),
                        prompt: definition.collection_prompt.clone(),
                        extraction_hint: definition.extraction_hint.clone(),
                        schema: definition.schema.clone(),
                        needed_for: why,
                        rejected,
                    });
                }
                Ok(Need::Missing)
            }
        }
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
        let mut rejected = Vec::new();
        let mut found = None;
        for source in [FieldSource::Profile, FieldSource::Session, FieldSource::Extraction] {
            let candidate = match source {
                FieldSource::Profile => facts.profile(field)?,
                FieldSource::Session => self.variable(field),
                FieldSource::Extraction if self.settings.extraction_enabled => facts.extraction(&definition)?,
                FieldSource::Extraction => None,
            };
            let Some(candidate) = candidate else { continue };
            match self.judge(&definition, source, candidate) {
                Ok(filled) => {
                    found = Some(filled);
                    break;
                }
                Err(reasons) => rejected.push(RejectedValue { source, reasons }),
            }
        }
        let found = match found {
            Some(filled) => Found::Value(filled),
            None => Found::Nothing { rejected },
        };
        self.found.insert(field.to_owned(), found);
        Ok(())
    }

    /// A variable that is null has no value.
    fn variable(&self, field: &str) -> Option<Candidate> {
        let raw = self.session.variables.get(field)?.get();
        (raw != "null").then(|| Candidate {
            value: raw.to_owned(),
            confidence: None,
            needs_confirmation: false,
            quote: None,
        })
    }

    /// The session has the same value already: the customer has confirmed it, or the backend knows it by itself. A source of the
    /// application's that goes on to doubt it does not make the customer say it again.
    fn is_settled(&self, definition: &FieldDefinition, candidate: &Candidate) -> bool {
        self.variable(&definition.field_name).is_some_and(|known| same_json(&known.value, &candidate.value))
    }

    fn judge(
        &self,
        definition: &FieldDefinition,
        source: FieldSource,
        candidate: Candidate,
    ) -> Result<FilledField, Vec<String>> {
        let extracted = source == FieldSource::Extraction;
        let confidence = f64::from(candidate.confidence.unwrap_or(1.0));
        // Confidences are kept as real: 0.85 written as real must count as 0.85.
        let at_least = |threshold: f64| confidence + 1e-6 >= threshold;
        if extracted && !at_least(self.settings.extraction_confidence_threshold) {
            return Err(vec![format!(
                "confidence {confidence:.2} is below {:.2}",
                self.settings.extraction_confidence_threshold
            )]);
        }
        definition.validate_value(&candidate.value)?;
        let unsure = extracted && !at_least(self.settings.confirmation_threshold);
        let needs_confirmation = (candidate.needs_confirmation || unsure) && !self.is_settled(definition, &candidate);
        if needs_confirmation && definition.required_level == RequiredLevel::Soft {
            return Err(vec!["it would have to be confirmed, and a soft field is never asked about".to_owned()]);
        }
        Ok(FilledField {
            field: definition.field_name.clone(),
            display_name: definition.display_name.clone(),
            value: candidate.value,
            source,
            confidence: candidate.confidence,
            quote: candidate.quote,
            needs_confirmation,
        })
    }
}

/// Whether two JSON texts say the same. Numbers are compared as they are written: none is made a double for it.
pub fn same_json(a: &str, b: &str) -> bool {
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    a == b || value(a).is_some_and(|a| value(b).is_some_and(|b| a == b))
}
