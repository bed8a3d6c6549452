//! Whether a value that somebody found fills a field: one judgement for the sources of a turn and for
//! `record_extraction` ("Gap fill" in docs/behaviour.md).

use super::facts::{Candidate, FieldSource};
use super::settings::Settings;
use crate::field::{FieldDefinition, RequiredLevel};
use serde_json::Value;

const DENIED: &str = "the customer has said that this value is wrong";
const NOBODY_CONFIRMS: &str = "it would have to be confirmed, and a soft field is never asked about";
const DECLINED: &str = "it would have to be confirmed, and the customer has declined the field";

/// What a candidate is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The value fills the field.
    Used,
    /// The value fills the field once the customer has confirmed it.
    ToConfirm,
    /// The value does not fill the field: every reason, as sentences for people, without the value.
    Refused(Refusal),
}

impl Judgement {
    /// For a value that is in doubt, of a field that the customer has declined.
    pub(super) fn declined() -> Judgement {
        Judgement::Refused(Refusal { is_passed_over: false, reasons: vec![DECLINED.to_owned()] })
    }
}

/// Why a candidate is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The value is none, or the customer has said that it is wrong, so an older value of the same source can still be
    /// right.
    pub is_passed_over: bool,
    pub reasons: Vec<String>,
}

/// Judges a candidate for a field.
///
/// * `source`: the confidence counts for an extracted value only.
/// * `in_session`: the session's own value of the field, as JSON text. Nobody confirms again what the session already
///   says.
/// * `denied`: values of the field that the customer has said are wrong, as JSON text.
pub fn judge(
    definition: &FieldDefinition,
    candidate: &Candidate,
    source: FieldSource,
    in_session: Option<&str>,
    denied: &[String],
    settings: &Settings,
) -> Judgement {
    if denied.iter().any(|value| same_json(value, &candidate.value)) {
        return Judgement::Refused(Refusal { is_passed_over: true, reasons: vec![DENIED.to_owned()] });
    }
    let mut reasons = match &candidate.problem {
        Some(problem) => vec![problem.clone()],
        None => definition.validate_value(&candidate.value).err().unwrap_or_default(),
    };
    let is_passed_over = !reasons.is_empty();
    // A value that its source does not rate is certain.
    let confidence = match source {
        FieldSource::Extraction => candidate.confidence.unwrap_or(1.0),
        FieldSource::Profile | FieldSource::Session => 1.0,
    };
    if confidence < settings.extraction_confidence_threshold {
        let (is, should_be) = (exactly(confidence), exactly(settings.extraction_confidence_threshold));
        reasons.push(format!("confidence {is} is below {should_be}"));
    }
    if !reasons.is_empty() {
        return Judgement::Refused(Refusal { is_passed_over, reasons });
    }
    let is_doubted = candidate.needs_confirmation || confidence < settings.confirmation_threshold;
    let is_settled = in_session.is_some_and(|known| same_json(known, &candidate.value));
    match (is_doubted && !is_settled, definition.required_level) {
        (false, _) => Judgement::Used,
        (true, RequiredLevel::Strict | RequiredLevel::Hard) => Judgement::ToConfirm,
        (true, RequiredLevel::Soft) => {
            Judgement::Refused(Refusal { is_passed_over: false, reasons: vec![NOBODY_CONFIRMS.to_owned()] })
        }
    }
}

/// Two decimals where they say all, else every digit: a rounded number could contradict the comparison that it
/// explains.
fn exactly(number: f64) -> String {
    let short = format!("{number:.2}");
    if short.parse() == Ok(number) { short } else { number.to_string() }
}

/// Whether two JSON texts say the same. Numbers are compared as they are written: none is made a double for it.
pub fn same_json(a: &str, b: &str) -> bool {
    let value = |text: &str| serde_json::from_str::<Value>(text).ok();
    a == b || value(a).is_some_and(|a| value(b).is_some_and(|b| a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extracted(confidence: f64) -> Candidate {
        Candidate { value: "34".into(), confidence: Some(confidence), ..Candidate::default() }
    }

    fn judged(candidate: &Candidate, settings: &Settings) -> Judgement {
        judge(&FieldDefinition::undeclared("age"), candidate, FieldSource::Extraction, None, &[], settings)
    }

    fn reasons(judgement: Judgement) -> Vec<String> {
        match judgement {
            Judgement::Refused(refusal) => refusal.reasons,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_printed_confidence_never_contradicts_the_comparison() {
        for (confidence, threshold, expected) in [
            (0.8, 0.85, "confidence 0.80 is below 0.85"),
            (0.849, 0.85, "confidence 0.849 is below 0.85"),
            (0.85, 0.8500001, "confidence 0.85 is below 0.8500001"),
            (0.0, 1.0, "confidence 0.00 is below 1.00"),
            (f64::from(0.95_f32), 0.95, "confidence 0.949999988079071 is below 0.95"),
        ] {
            let settings = Settings { extraction_confidence_threshold: threshold, ..Settings::default() };
            assert_eq!(reasons(judged(&extracted(confidence), &settings)), [expected]);
            let settings = Settings { extraction_confidence_threshold: confidence, ..Settings::default() };
            assert!(!matches!(judged(&extracted(confidence), &settings), Judgement::Refused(_)), "{confidence}");
        }
    }

    #[test]
    fn every_reason_is_told() {
        let schema = Some(r#"{"type": "string"}"#.to_owned());
        let definition = FieldDefinition { schema, ..FieldDefinition::undeclared("age") };
        let (candidate, settings) = (extracted(0.5), Settings::default());
        let judgement = judge(&definition, &candidate, FieldSource::Extraction, None, &[], &settings);
        let reasons = reasons(judgement);
        assert_eq!(reasons.len(), 2);
        assert!(reasons[0].contains("string") && reasons[1] == "confidence 0.50 is below 0.85", "{reasons:?}");
    }

    #[test]
    fn the_confidence_of_a_profile_value_decides_nothing() {
        let definition = FieldDefinition::undeclared("age");
        for source in [FieldSource::Profile, FieldSource::Session] {
            let judgement = judge(&definition, &extracted(0.1), source, None, &[], &Settings::default());
            assert_eq!(judgement, Judgement::Used);
        }
    }

    #[test]
    fn a_denied_value_is_refused_however_it_is_written() {
        let definition = FieldDefinition::undeclared("plan");
        let candidate = Candidate { value: r#"{"a": 1, "b": "\u0041"}"#.into(), ..extracted(1.0) };
        let denied = [r#"{"b":"A","a":1}"#.to_owned()];
        let settings = Settings::default();
        let judgement = judge(&definition, &candidate, FieldSource::Extraction, None, &denied, &settings);
        assert_eq!(judgement, Judgement::Refused(Refusal { is_passed_over: true, reasons: vec![DENIED.to_owned()] }));
    }

    #[test]
    fn nobody_confirms_what_the_session_says_already() {
        let mut definition = FieldDefinition::undeclared("age");
        for (level, unsettled) in [
            (RequiredLevel::Strict, Judgement::ToConfirm),
            (RequiredLevel::Hard, Judgement::ToConfirm),
            (
                RequiredLevel::Soft,
                Judgement::Refused(Refusal { is_passed_over: false, reasons: vec![NOBODY_CONFIRMS.to_owned()] }),
            ),
        ] {
            definition.required_level = level;
            for (in_session, expected) in
                [(None, &unsettled), (Some("35"), &unsettled), (Some(" 34 "), &Judgement::Used)]
            {
                let candidate = Candidate { needs_confirmation: true, ..extracted(0.9) };
                let settings = Settings::default();
                let judgement = judge(&definition, &candidate, FieldSource::Extraction, in_session, &[], &settings);
                assert_eq!(judgement, *expected, "{level:?} {in_session:?}");
            }
        }
    }
}
