//! Content hash of a step and checksum of a version ("Content hash" in docs/behaviour.md).

use super::canonical;
use super::model::{Definition, Step, Transition};
use sha2::{Digest, Sha256};

/// What a step means, as the first 16 hex digits of SHA-256 over the canonical JSON of its `name`, `description` (null
/// as `""`), `rule_ids` and `collects_profile_fields` (sorted by code point, repetitions kept), `is_checkpoint`,
/// `checkpoint_description` (null as `""`) and `performs_action`.
///
/// Neither the id, nor the transitions, nor any other key has a part in it. In Python, with `s` the step:
///
/// ```python
/// hashlib.sha256(json.dumps({"name": s.name, "description": s.description or "", "rule_ids": sorted(s.rule_ids),
///     "collects_profile_fields": sorted(s.collects_profile_fields), "is_checkpoint": s.is_checkpoint,
///     "checkpoint_description": s.checkpoint_description or "", "performs_action": s.performs_action},
///     sort_keys=True).encode()).hexdigest()[:16]
/// ```
///
/// Returns 16 lower-case hex digits. Never fails.
pub fn step_content_hash(step: &Step) -> String {
    let mut out = String::with_capacity(256);
    out.push('{');
    canonical::key(&mut out, "checkpoint_description");
    canonical::string(&mut out, step.checkpoint_description.as_deref().unwrap_or(""));
    canonical::key(&mut out, "collects_profile_fields");
    canonical::array(&mut out, sorted(&step.collects_profile_fields), canonical::string);
    canonical::key(&mut out, "description");
    canonical::string(&mut out, step.description.as_deref().unwrap_or(""));
    canonical::key(&mut out, "is_checkpoint");
    canonical::boolean(&mut out, step.is_checkpoint);
    canonical::key(&mut out, "name");
    canonical::string(&mut out, &step.name);
    canonical::key(&mut out, "performs_action");
    canonical::boolean(&mut out, step.performs_action);
    canonical::key(&mut out, "rule_ids");
    canonical::array(&mut out, sorted(&step.rule_ids), canonical::string);
    out.push('}');
    digest(&out)
}

/// Checksum of a version: tells whether a session's version is the one that is stored ("Content hash" and
/// "Fallback" in docs/behaviour.md).
///
/// The first 16 hex digits of SHA-256 over the canonical JSON of
///
/// ```json
/// {"entry_step_id": "…", "steps": [STEP, …], "version": 3}
/// STEP = {"content_hash": "…", "id": "…", "transitions": [TRANSITION, …]}
/// TRANSITION = {"condition_fields": ["…"], "condition_text": "…", "priority": 0, "to_step_id": "…"}
/// ```
///
/// with steps sorted by id (code points), transitions and their fields in document order, `content_hash` as
/// [`step_content_hash`] gives it.
///
/// Arguments: the definition and the number of its version. Returns 16 lower-case hex digits. Never fails.
pub fn checksum(definition: &Definition, version: i32) -> String {
    let mut steps: Vec<&Step> = definition.steps.iter().collect();
    steps.sort_by(|a, b| a.id.cmp(&b.id));
    let mut out = String::with_capacity(64 + steps.len() * 128);
    out.push('{');
    canonical::key(&mut out, "entry_step_id");
    canonical::string(&mut out, &definition.entry_step_id);
    canonical::key(&mut out, "steps");
    canonical::array(&mut out, steps, step);
    canonical::key(&mut out, "version");
    out.push_str(&version.to_string());
    out.push('}');
    digest(&out)
}

/// Digest of a definition: tells whether anything in it has changed that pg_scenario reads.
///
/// The first 32 hex digits of SHA-256 over the canonical JSON of every known key, in document order. Unlike the
/// checksum it covers also required actions, terminal steps, names and descriptions of the scenario, and the order of
/// the steps; layout, tags and other unknown keys have no part in it. A graph is compiled from known keys alone, so
/// definitions with the same digest have the same graph.
///
/// Returns 32 lower-case hex digits. Never fails.
pub fn definition_digest(definition: &Definition) -> String {
    // Exhaustive, here and below: a key that becomes known cannot be forgotten.
    let Definition { name, description, entry_step_id, steps } = definition;
    let mut out = String::with_capacity(64 + steps.len() * 512);
    out.push('{');
    canonical::key(&mut out, "description");
    optional(&mut out, description.as_deref());
    canonical::key(&mut out, "entry_step_id");
    canonical::string(&mut out, entry_step_id);
    canonical::key(&mut out, "name");
    canonical::string(&mut out, name);
    canonical::key(&mut out, "steps");
    canonical::array(&mut out, steps, whole_step);
    out.push('}');
    hex(&out, 16)
}

/// Digest of what fields demand of their values: tells whether a schema or a required level has changed.
///
/// Arguments: name, schema as JSON text and required level of each field, in the order of the names. Returns 32
/// lower-case hex digits. Never fails.
pub fn fields_digest<'a>(fields: impl IntoIterator<Item = (&'a str, Option<&'a str>, &'a str)>) -> String {
    let mut out = String::new();
    canonical::array(&mut out, fields, |out, (name, schema, level)| {
        out.push('{');
        canonical::key(out, "name");
        canonical::string(out, name);
        canonical::key(out, "required_level");
        canonical::string(out, level);
        canonical::key(out, "schema");
        optional(out, schema);
        out.push('}');
    });
    hex(&out, 16)
}

fn whole_step(out: &mut String, step: &Step) {
    let Step {
        id,
        name,
        description,
        rule_ids,
        collects_profile_fields,
        performs_action,
        is_required_action,
        is_checkpoint,
        checkpoint_description,
        is_terminal,
        transitions,
    } = step;
    let text = |out: &mut String, text: &String| canonical::string(out, text);
    out.push('{');
    canonical::key(out, "checkpoint_description");
    optional(out, checkpoint_description.as_deref());
    canonical::key(out, "collects_profile_fields");
    canonical::array(out, collects_profile_fields, text);
    canonical::key(out, "description");
    optional(out, description.as_deref());
    canonical::key(out, "id");
    canonical::string(out, id);
    canonical::key(out, "is_checkpoint");
    canonical::boolean(out, *is_checkpoint);
    canonical::key(out, "is_required_action");
    canonical::boolean(out, *is_required_action);
    canonical::key(out, "is_terminal");
    canonical::boolean(out, *is_terminal);
    canonical::key(out, "name");
    canonical::string(out, name);
    canonical::key(out, "performs_action");
    canonical::boolean(out, *performs_action);
    canonical::key(out, "rule_ids");
    canonical::array(out, rule_ids, text);
    canonical::key(out, "transitions");
    canonical::array(out, transitions, transition);
    out.push('}');
}

/// A key that is absent, or null, is null.
fn optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => canonical::string(out, text),
        None => out.push_str("null"),
    }
}

fn step(out: &mut String, step: &Step) {
    out.push('{');
    canonical::key(out, "content_hash");
    canonical::string(out, &step_content_hash(step));
    canonical::key(out, "id");
    canonical::string(out, &step.id);
    canonical::key(out, "transitions");
    canonical::array(out, &step.transitions, transition);
    out.push('}');
}

fn transition(out: &mut String, transition: &Transition) {
    let Transition { to_step_id, condition_text, condition_fields, priority } = transition;
    out.push('{');
    canonical::key(out, "condition_fields");
    canonical::array(out, condition_fields, |out, field| canonical::string(out, field));
    canonical::key(out, "condition_text");
    canonical::string(out, condition_text);
    canonical::key(out, "priority");
    out.push_str(&priority.to_string());
    canonical::key(out, "to_step_id");
    canonical::string(out, to_step_id);
    out.push('}');
}

/// By code point, as Python sorts: the order of UTF-8 bytes is the order of code points.
fn sorted(items: &[String]) -> Vec<&str> {
    let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
    items.sort_unstable();
    items
}

/// The first 16 hex digits of SHA-256.
fn digest(text: &str) -> String {
    hex(text, 8)
}

/// The first bytes of SHA-256, in hex.
fn hex(text: &str, bytes: usize) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    Sha256::digest(text.as_bytes()).iter().take(bytes).flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{parse, parse_step};

    /// Step and hash, computed by Python's `json` and `hashlib` as the rustdoc of [`step_content_hash`] shows.
    const BY_PYTHON: [(&str, &str); 16] = [
        (r#"{"name": "Welcome", "description": "Greet"}"#, "1c7cef6031f8fbf5"),
        (r#"{"name": "Caf\u00e9 \ud83d\ude00", "description": "Greet"}"#, "00bf98932365faec"),
        (r#"{"name": ""}"#, "128a97ab7bfc11a0"),
        (r#"{"name": "Cafe\u0301", "description": "combining"}"#, "f3f2b839c787c827"),
        (
            r#"{"name": "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",
                "description": "\u05e9\u05dc\u05d5\u05dd \u200f\u202eabc"}"#,
            "8d6d4ea96918371c",
        ),
        (
            concat!(
                r#"{"name": "\u65e5\u672c\u8a9e \ud55c\uad6d\uc5b4 \u0e44\u0e17\u0e22","#,
                r#""description": "\u0939\u093f\u0928\u094d\u0926\u0940 "#,
                r#"\u0395\u03bb\u03bb\u03b7\u03bd\u03b9\u03ba\u03ac \u0420\u0443\u0441\u0441\u043a\u0438\u0439"}"#
            ),
            "44653928a85157b6",
        ),
        (
            r#"{"name": "\u0001\u0007\b\t\n\u000b\f\r\u001f\u007f\u0080\u009f",
                "description": "\u2028\u2029\ufeff\ufffd\uffff"}"#,
            "94b01be095bef958",
        ),
        (r#"{"name": "\"'`\\/ \" '", "description": "\\u0041 \\n {\"a\": 1}"}"#, "3d33920111de03e5"),
        (
            r#"{"name": "\ud800\udc00\udbff\udfff\ud83d\udc68\u200d\ud83d\udc69\u200d\ud83d\udc67",
                "description": "\ud7ff\ue000"}"#,
            "f82b39189dffad64",
        ),
        (
            r#"{"name": "sorted", "rule_ids": ["b", "a", "B", "A", "\u00e9", "z", "\ud83d\ude00", "\uffff", "aa", "a",
                "10", "9", ""], "collects_profile_fields": ["zip", "age", "\u00c2ge", "age"]}"#,
            "39a441d2d9078c8b",
        ),
        (
            r#"{"name": "order", "rule_ids": ["\ud800\udc00", "\uffff", "\ue000"],
                "collects_profile_fields": ["\u00df", "ss", "SS"]}"#,
            "cca3e0d59dca4b66",
        ),
        (
            r#"{"name": "Pay", "description": "Take the money", "is_checkpoint": true,
                "checkpoint_description": "paid 5 \u20ac", "performs_action": true}"#,
            "4635bcccb6309c67",
        ),
        (r#"{"name": "Pay", "is_checkpoint": true}"#, "69e8d2d1ddcd98ab"),
        (r#"{"name": "Pay", "performs_action": true}"#, "91e9bd89ab096b37"),
        (r#"{"name": "Pay", "checkpoint_description": "not a checkpoint"}"#, "bba725c3722d7ac5"),
        (r#"{"name": " leading and trailing ", "description": "\u00a0\u3000"}"#, "2ae714996aecd7c4"),
    ];

    #[test]
    fn hashes_are_those_of_python() {
        for (step, hash) in BY_PYTHON {
            assert_eq!(step_content_hash(&parse_step(step).unwrap()), hash, "{step}");
        }
    }

    #[test]
    fn nulls_are_empty() {
        let step = r#"{"id": "x", "name": "Pay", "description": null, "rule_ids": null, "collects_profile_fields": null,
            "is_checkpoint": null, "checkpoint_description": null, "performs_action": null, "unknown": [1e400]}"#;
        let plain = parse_step(r#"{"name": "Pay", "description": "", "checkpoint_description": ""}"#).unwrap();
        assert_eq!(step_content_hash(&parse_step(step).unwrap()), step_content_hash(&plain));
    }

    #[test]
    fn checksums_are_those_of_python() {
        let text = r#"{"name": "Flow", "entry_step_id": "é", "steps": [
            {"id": "é", "name": "Start", "transitions": [
                {"to_step_id": "b", "condition_text": "age < 18 && name == \"Zoë\"",
                 "condition_fields": ["name", "age"], "priority": -3},
                {"to_step_id": "é"}]},
            {"id": "b", "name": "End", "is_terminal": true}]}"#;
        let definition = parse(text).unwrap();
        assert_eq!(checksum(&definition, 1), "35a6d38d23b4ab01");
        assert_eq!(checksum(&definition, i32::MAX), "475d7b7ea0ac24b6");
        let mut turned = definition.clone();
        turned.steps.reverse();
        assert_eq!(checksum(&turned, 1), checksum(&definition, 1));
        turned.steps[1].transitions.reverse();
        assert_ne!(checksum(&turned, 1), checksum(&definition, 1));
    }

    const WHOLE: &str = r#"{"name": "Flow", "description": "d", "entry_step_id": "a", "steps": [
        {"id": "a", "name": "Ask", "description": "s", "rule_ids": ["r", "q"],
         "collects_profile_fields": ["age", "zip"],
         "performs_action": false, "is_required_action": false, "is_checkpoint": false, "checkpoint_description": "c",
         "is_terminal": false, "transitions": [
            {"to_step_id": "b", "condition_text": "age < 18", "condition_fields": ["age"], "priority": 1},
            {"to_step_id": "c"}]},
        {"id": "b", "name": "B", "is_terminal": true}, {"id": "c", "name": "C", "is_terminal": true}]}"#;

    #[test]
    fn every_known_key_has_a_part_in_the_digest() {
        let digest = |text: &str| definition_digest(&parse(text).unwrap());
        let whole = digest(WHOLE);
        assert_eq!(whole.len(), 32);
        for (from, to) in [
            (r#""name": "Flow""#, r#""name": "Flows""#),
            (r#""description": "d""#, r#""description": null"#),
            (r#""entry_step_id": "a""#, r#""entry_step_id": "b""#),
            (r#""name": "Ask""#, r#""name": "Asks""#),
            (r#""description": "s""#, r#""description": """#),
            (r#"["r", "q"]"#, r#"["q", "r"]"#),
            (r#"["age", "zip"]"#, r#"["zip", "age"]"#),
            (r#""performs_action": false"#, r#""performs_action": true"#),
            (r#""is_required_action": false"#, r#""is_required_action": true"#),
            (r#""is_checkpoint": false"#, r#""is_checkpoint": true"#),
            (r#""checkpoint_description": "c""#, r#""checkpoint_description": "e""#),
            (r#""is_terminal": false"#, r#""is_terminal": true"#),
            (r#""to_step_id": "b""#, r#""to_step_id": "a""#),
            (r#""condition_text": "age < 18""#, r#""condition_text": "age < 19""#),
            (r#""condition_fields": ["age"]"#, r#""condition_fields": []"#),
            (r#""priority": 1"#, r#""priority": 0"#),
            (r#"{"id": "b", "name": "B", "is_terminal": true}, "#, ""),
        ] {
            assert!(WHOLE.contains(from), "{from}");
            let mut changed = WHOLE.replacen(from, to, 1);
            if to.is_empty() {
                changed = changed.replace(r#""to_step_id": "b""#, r#""to_step_id": "c""#);
            }
            assert_ne!(digest(&changed), whole, "{from} -> {to}");
        }
    }

    #[test]
    fn schema_and_level_have_a_part_in_the_digest_of_fields() {
        let digest = |schema: Option<&str>, level: &str| fields_digest([("age", schema, level)]);
        let of = digest(Some("{}"), "hard");
        assert_eq!(of, digest(Some("{}"), "hard"));
        for other in [digest(None, "hard"), digest(Some("{}"), "soft"), digest(Some("true"), "hard"), fields_digest([])]
        {
            assert_ne!(of, other);
        }
    }

    #[test]
    fn other_keys_and_the_spelling_of_json_have_no_part_in_the_digest() {
        let whole = definition_digest(&parse(WHOLE).unwrap());
        let more = WHOLE
            .replace(r#""id": "a","#, r#""layout": {"x": 1e400}, "tags": ["new"], "id": "\u0061","#)
            .replace(r#""priority": 1"#, r#""priority": 1, "color": "red""#)
            .replacen('{', r#"{"layout": [], "#, 1);
        assert_ne!(more, WHOLE);
        assert_eq!(definition_digest(&parse(&more).unwrap()), whole);
    }
}
