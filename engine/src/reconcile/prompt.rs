//! What the customer is told: one message that asks for several fields reads like a sentence.

use super::decision::{FieldRequest, FilledField};

/// The names of the fields, as one says them: "age and country".
const FIELDS: &str = "{fields}";
/// The questions themselves, as they would stand after the opening.
const QUESTIONS: &str = "{questions}";
/// Characters of a value that a customer is shown to confirm it; of a longer one they are told the field only.
const MAX_SHOWN: usize = 100;

/// The message of a `collect`.
///
/// `setting` is an opening, after which the questions stand: every field's own prompt, then the fields that have none
/// in one sentence, then what is to be confirmed. If it contains `{fields}` or `{questions}` it is the whole message,
/// and these are replaced.
pub(super) fn collect_message(setting: &str, asked: &[FieldRequest], to_confirm: &[FilledField]) -> String {
    let questions = questions(asked, to_confirm);
    if setting.contains(FIELDS) || setting.contains(QUESTIONS) {
        // In one pass: a field's own text may contain the placeholders.
        let names: Vec<String> = asked
            .iter()
            .map(|f| spoken(f.display_name.as_deref(), &f.field))
            .chain(to_confirm.iter().map(|f| spoken(f.display_name.as_deref(), &f.field)))
            .collect();
        return filled_in(setting.trim(), &[(FIELDS, &enumeration(&names)), (QUESTIONS, &questions)]);
    }
    let opening = setting.trim();
    if opening.is_empty() { questions } else { format!("{opening} {questions}") }
}

fn questions(asked: &[FieldRequest], to_confirm: &[FilledField]) -> String {
    let mut sentences: Vec<String> = Vec::new();
    let (with_prompt, without): (Vec<_>, Vec<_>) =
        asked.iter().partition(|f| f.prompt.as_ref().is_some_and(|p| !p.trim().is_empty()));
    sentences.extend(with_prompt.iter().filter_map(|f| f.prompt.as_ref()).map(|p| p.trim().to_owned()));
    if !without.is_empty() {
        let names: Vec<String> = without.iter().map(|f| spoken(f.display_name.as_deref(), &f.field)).collect();
        sentences.push(format!("Please tell us your {}.", enumeration(&names)));
    }
    if !to_confirm.is_empty() {
        let names: Vec<String> = to_confirm
            .iter()
            .map(|f| {
                let name = spoken(f.display_name.as_deref(), &f.field);
                shown(&f.value).map_or(name.clone(), |value| format!("{name} ({value})"))
            })
            .collect();
        sentences.push(format!("Please confirm your {}.", enumeration(&names)));
    }
    sentences.join(" ")
}

/// The template with each placeholder replaced, wherever it stands.
fn filled_in(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        text += &rest[..at];
        rest = &rest[at..];
        match values.iter().find(|(placeholder, _)| rest.starts_with(placeholder)) {
            Some((placeholder, value)) => {
                text += value;
                rest = &rest[placeholder.len()..];
            }
            None => {
                text.push('{');
                rest = &rest[1..];
            }
        }
    }
    text + rest
}

/// A value as a customer can read it; `None` for a list, an object, or a long text.
fn shown(value: &str) -> Option<String> {
    let text = match serde_json::from_str(value).ok()? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Bool(true) => "yes".to_owned(),
        serde_json::Value::Bool(false) => "no".to_owned(),
        serde_json::Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.trim().is_empty() && text.chars().nth(MAX_SHOWN).is_none()).then_some(text)
}

/// A field's name as one would say it: its display name, or `date_of_birth` as "date of birth".
fn spoken(display_name: Option<&str>, field: &str) -> String {
    match display_name {
        Some(name) if !name.trim().is_empty() => name.trim().to_owned(),
        _ => field.replace(['_', '-'], " "),
    }
}

/// "a", "a and b", "a, b and c".
fn enumeration(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::decision::NeededFor;
    use super::super::facts::FieldSource;
    use super::*;

    fn request(field: &str, display_name: Option<&str>, prompt: Option<&str>) -> FieldRequest {
        FieldRequest {
            field: field.into(),
            display_name: display_name.map(Into::into),
            prompt: prompt.map(Into::into),
            extraction_hint: None,
            schema: None,
            needed_for: NeededFor::Step { step_id: "s".into(), step_name: "S".into() },
            rejected: Vec::new(),
        }
    }

    #[test]
    fn several_fields_read_like_a_sentence() {
        let asked = [request("age", None, None), request("country", Some("country of residence"), None)];
        let message = collect_message("One moment:", &asked, &[]);
        assert_eq!(message, "One moment: Please tell us your age and country of residence.");
        let three = [request("a_b", None, None), request("c", None, None), request("d", None, None)];
        assert_eq!(collect_message("", &three, &[]), "Please tell us your a b, c and d.");
    }

    #[test]
    fn a_collection_prompt_is_used_where_there_is_one() {
        let asked = [request("age", None, Some("How old are you?")), request("country", None, None)];
        assert_eq!(collect_message("", &asked, &[]), "How old are you? Please tell us your country.");
    }

    fn found(field: &str, display_name: Option<&str>, value: &str) -> FilledField {
        FilledField {
            field: field.into(),
            display_name: display_name.map(Into::into),
            value: value.into(),
            source: FieldSource::Extraction,
            confidence: Some(0.9),
            quote: None,
            given_at: None,
            needed_for: None,
            needs_confirmation: true,
        }
    }

    #[test]
    fn what_is_to_be_confirmed_is_shown() {
        let long = format!("\"{}\"", "x".repeat(200));
        let to_confirm = [
            found("age", Some("age in years"), "34"),
            found("country", None, "\"KE\""),
            found("vip", None, "true"),
            found("children", None, "[1]"),
            found("life_story", None, &long),
        ];
        assert_eq!(
            collect_message("", &[request("name", None, None)], &to_confirm),
            "Please tell us your name. Please confirm your age in years (34), country (KE), vip (yes), children and \
         life story."
        );
    }

    #[test]
    fn a_setting_with_placeholders_is_the_whole_message() {
        let asked = [request("age", None, Some("How old are you, {fields}?")), request("country", None, None)];
        let to_confirm = [found("name", None, "\"Ann {questions}\"")];
        for (setting, message) in [
            ("We need your {fields}.", "We need your age, country and name."),
            (
                "Hello! {questions} {Thank} you {",
                "Hello! How old are you, {fields}? Please tell us your country. Please confirm your name (Ann \
                 {questions}). {Thank} you {",
            ),
        ] {
            assert_eq!(collect_message(setting, &asked, &to_confirm), message);
        }
    }
}
