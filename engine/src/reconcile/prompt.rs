//! What the customer is told: one message that asks for several fields reads like a sentence.

use super::decision::{FieldRequest, FilledField};

/// The message of a `collect`: the opening, then every field's own prompt, then the fields that have none in one sentence, then
/// what is to be confirmed.
pub(super) fn collect_message(opening: &str, asked: &[FieldRequest], to_confirm: &[FilledField]) -> String {
    let mut sentences: Vec<String> = Vec::new();
    if !opening.trim().is_empty() {
        sentences.push(opening.trim().to_owned());
    }
    let (with_prompt, without): (Vec<_>, Vec<_>) =
        asked.iter().partition(|f| f.prompt.as_ref().is_some_and(|p| !p.trim().is_empty()));
    sentences.extend(with_prompt.iter().filter_map(|f| f.prompt.as_ref()).map(|p| p.trim().to_owned()));
    if !without.is_empty() {
        let names: Vec<String> = without.iter().map(|f| spoken(f.display_name.as_deref(), &f.field)).collect();
        sentences.push(format!("Please tell us your {}.", enumeration(&names)));
    }
    if !to_confirm.is_empty() {
        let names: Vec<String> = to_confirm.iter().map(|f| spoken(None, &f.field)).collect();
        sentences.push(format!("Please confirm your {}.", enumeration(&names)));
    }
    sentences.join(" ")
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
}
