//! Content hash of a step and checksum of a version (SPEC section 3).

use super::canonical;
use super::model::{Definition, Step, Transition};
use sha2::{Digest, Sha256};

/// What a step means, as the first 16 hex digits of SHA-256 over the canonical JSON of its `name`, `description` (null as
/// `""`), `rule_ids` and `collects_profile_fields` (sorted by code point, repetitions kept), `is_checkpoint`,
/// `checkpoint_description` (null as `""`) and `performs_action` (SPEC section 3).
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

/// Checksum of a version: tells whether a session's version is the one that is stored (SPEC sections 3 and 10).
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
    out.push('{');
    canonical::key(out, "condition_fields");
    canonical::array(out, &transition.condition_fields, |out, field| canonical::string(out, field));
    canonical::key(out, "condition_text");
    canonical::string(out, &transition.condition_text);
    canonical::key(out, "priority");
    out.push_str(&transition.priority.to_string());
    canonical::key(out, "to_step_id");
    canonical::string(out, &transition.to_step_id);
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
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
