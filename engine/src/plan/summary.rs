//! What an operator is told before approving a plan (SPEC section 5): counted, not guessed.

use super::policy::Policy;
use crate::condition::ConditionKind;
use crate::diff::{Anchor, MigrationScenario, PairKind, TransformationMap};
use crate::graph::Graph;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};

/// Sessions at one old step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnchorCounts {
    pub sessions: u64,
    /// Of these, those with a checkpoint in their history.
    pub passed_checkpoint: u64,
}

/// What [`summarize`] looks at.
pub struct SummaryInput<'a> {
    pub map: &'a TransformationMap,
    /// By anchor content hash; anchors without one have the default policy.
    pub policies: &'a HashMap<String, Policy>,
    pub sessions_by_old_step: &'a HashMap<String, AnchorCounts>,
    pub old: &'a Graph,
    pub new: &'a Graph,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum WarningSeverity {
    Critical,
    Warning,
    Info,
}

#[derive(Debug, Serialize)]
struct Warning {
    severity: WarningSeverity,
    code: &'static str,
    anchor_content_hash: Option<String>,
    anchor_name: Option<String>,
    message: String,
    sessions: u64,
}

/// The summary document: `anchors` by migration scenario, `steps_deleted`, `sessions` in all and by anchor, `fields_to_collect`
/// with the anchors that need them and why, and `warnings`.
pub fn summarize(input: &SummaryInput<'_>) -> Value {
    let map = input.map;
    let counts = |step: &str| input.sessions_by_old_step.get(step).copied().unwrap_or_default();
    let mut by_scenario: BTreeMap<&str, u64> =
        [("clean_graft", 0), ("gap_fill", 0), ("re_route", 0)].into_iter().collect();
    let mut sessions_by_scenario = by_scenario.clone();
    let mut by_anchor = Vec::new();
    let mut total = 0;
    for anchor in &map.anchors {
        let scenario = effective_scenario(input, anchor);
        let at = counts(&anchor.old_step_id);
        *by_scenario.entry(scenario.as_str()).or_default() += 1;
        *sessions_by_scenario.entry(scenario.as_str()).or_default() += at.sessions;
        total += at.sessions;
        if at.sessions > 0 {
            by_anchor.push(json!({
                "anchor_content_hash": anchor.anchor_content_hash,
                "anchor_name": anchor.anchor_name,
                "old_step_id": anchor.old_step_id,
                "new_step_id": anchor.new_step_id,
                "migration_scenario": scenario,
                "sessions": at.sessions,
            }));
        }
    }
    let mut deleted = Vec::new();
    for step in &map.deleted_steps {
        let at = counts(&step.step_id);
        total += at.sessions;
        deleted.push(json!({
            "step_id": step.step_id,
            "name": step.name,
            "sessions": at.sessions,
            "goes_to_step_id": step.candidates.first().map(|c| &c.new_step_id),
        }));
    }
    let index = FieldIndex::of(map);
    json!({
        "anchors": { "total": map.anchors.len(), "by_scenario": by_scenario },
        "steps_inserted": map.catalogue.inserted_step_ids.len(),
        "steps_edited": map.anchors.iter().filter(|a| a.pairing == PairKind::Edited).count(),
        "steps_deleted": map.deleted_steps.len(),
        "deleted_steps": deleted,
        "sessions": { "total": total, "by_scenario": sessions_by_scenario, "by_anchor": by_anchor },
        "fields_to_collect": fields_to_collect(input, &index),
        "warnings": warnings(input, &index),
    })
}

fn effective_scenario(input: &SummaryInput<'_>, anchor: &Anchor) -> MigrationScenario {
    let forced = input.policies.get(&anchor.anchor_content_hash).and_then(|p| p.force_scenario);
    forced.unwrap_or(anchor.migration_scenario)
}

/// Where the changes want a field: ascending positions in the catalogue.
#[derive(Default)]
struct WantedAt {
    inserted: Vec<u32>,
    edited: Vec<u32>,
    forks: Vec<u32>,
}

/// Every field that some change wants. Anchors are asked field by field rather than change by change: thousands of changes
/// upstream of thousands of anchors want only so many fields.
struct FieldIndex<'a>(BTreeMap<&'a str, WantedAt>);

impl<'a> FieldIndex<'a> {
    fn of(map: &'a TransformationMap) -> FieldIndex<'a> {
        let mut index: BTreeMap<&str, WantedAt> = BTreeMap::new();
        for (position, step) in (0..).zip(&map.catalogue.inserted_steps) {
            for field in &step.collects_fields {
                index.entry(field).or_default().inserted.push(position);
            }
        }
        for (position, step) in (0..).zip(&map.catalogue.edited_steps) {
            for field in &step.added_fields {
                index.entry(field).or_default().edited.push(position);
            }
        }
        for (position, fork) in (0..).zip(&map.catalogue.new_forks) {
            let read = fork.branches.iter().filter(|b| b.condition_kind == ConditionKind::Expression);
            for field in read.flat_map(|b| &b.condition_fields) {
                let forks = &mut index.entry(field).or_default().forks;
                if forks.last() != Some(&position) {
                    forks.push(position);
                }
            }
        }
        FieldIndex(index)
    }

    /// Whether a step before the anchor collects the field, or a fork before it reads it.
    fn wants(wanted: &WantedAt, anchor: &Anchor) -> bool {
        let side = &anchor.upstream;
        Self::collects(wanted, anchor) || side.new_forks.contains_any(&wanted.forks)
    }

    fn collects(wanted: &WantedAt, anchor: &Anchor) -> bool {
        let side = &anchor.upstream;
        side.inserted_steps.contains_any(&wanted.inserted) || side.edited_steps.contains_any(&wanted.edited)
    }
}

/// Field by field: which inserted or edited steps and which new forks want it, and at which anchors, of how many sessions.
fn fields_to_collect(input: &SummaryInput<'_>, index: &FieldIndex<'_>) -> Value {
    let catalogue = &input.map.catalogue;
    let asking: Vec<&Anchor> = input
        .map
        .anchors
        .iter()
        .filter(|anchor| effective_scenario(input, anchor) != MigrationScenario::CleanGraft)
        .collect();
    let mut fields = Vec::new();
    for (field, wanted) in &index.0 {
        let anchors: Vec<&Anchor> = asking.iter().copied().filter(|a| FieldIndex::wants(wanted, a)).collect();
        if anchors.is_empty() {
            continue;
        }
        let on_some = |positions: &[u32], of: fn(&Anchor) -> &crate::diff::Ranges| -> Vec<usize> {
            let positions = positions.iter().filter(|p| anchors.iter().any(|a| of(a).contains_any(&[**p])));
            positions.map(|p| *p as usize).collect()
        };
        let mut because = Vec::new();
        for position in on_some(&wanted.inserted, |a| &a.upstream.inserted_steps) {
            let step = &catalogue.inserted_steps[position];
            because.push(json!({"kind": "inserted_step", "step_id": step.step_id, "name": step.name}));
        }
        for position in on_some(&wanted.edited, |a| &a.upstream.edited_steps) {
            let step = &catalogue.edited_steps[position];
            because.push(json!({"kind": "edited_step", "step_id": step.new_step_id, "name": step.name}));
        }
        for position in on_some(&wanted.forks, |a| &a.upstream.new_forks) {
            let fork = &catalogue.new_forks[position];
            let entry = json!({"kind": "new_fork", "step_id": fork.step_id, "name": fork.name});
            if !because.contains(&entry) {
                because.push(entry);
            }
        }
        let sessions = |a: &Anchor| input.sessions_by_old_step.get(&a.old_step_id).map_or(0, |c| c.sessions);
        fields.push(json!({
            "field": field,
            "sessions_at_most": anchors.iter().map(|a| sessions(a)).sum::<u64>(),
            "because": because,
            "anchors": anchors.iter().map(|a| json!({
                "anchor_content_hash": a.anchor_content_hash,
                "anchor_name": a.anchor_name,
                "sessions": sessions(a),
            })).collect::<Vec<_>>(),
        }));
    }
    Value::Array(fields)
}

/// Names for a message: some, and how many more.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

fn warnings(input: &SummaryInput<'_>, index: &FieldIndex<'_>) -> Value {
    let mut found: Vec<Warning> = Vec::new();
    for anchor in &input.map.anchors {
        anchor_warnings(input, anchor, index, &mut found);
    }
    let sessions = |step: &str| input.sessions_by_old_step.get(step).copied().unwrap_or_default();
    for step in input.map.deleted_steps.iter() {
        let at = sessions(&step.step_id);
        match step.candidates.first() {
            None => found.push(Warning {
                severity: WarningSeverity::Critical,
                code: "deleted_step_nowhere_to_go",
                anchor_content_hash: Some(step.content_hash.clone()),
                anchor_name: Some(step.name.clone()),
                message: format!("step \"{}\" is deleted and nothing near it is left: its sessions exit", step.name),
                sessions: at.sessions,
            }),
            Some(_) if at.passed_checkpoint > 0 && !any_candidate_beyond_checkpoints(input, step) => {
                found.push(Warning {
                    severity: WarningSeverity::Critical,
                    code: "sessions_would_exit",
                    anchor_content_hash: Some(step.content_hash.clone()),
                    anchor_name: Some(step.name.clone()),
                    message: format!(
                        "step \"{}\" is deleted, and every place near it may lie before a checkpoint that its sessions \
                         passed: those exit",
                        step.name
                    ),
                    sessions: at.passed_checkpoint,
                });
            }
            Some(_) => {}
        }
    }
    for twins in &input.map.catalogue.ambiguities {
        found.push(Warning {
            severity: WarningSeverity::Info,
            code: "twin_steps",
            anchor_content_hash: Some(twins.content_hash.clone()),
            anchor_name: twins
                .old_step_ids
                .first()
                .and_then(|id| input.old.find(id))
                .map(|s| input.old.node(s).name.clone()),
            message: format!(
                "steps with the same content ({} before, {} now) were paired by id, neighbours and order",
                twins.old_step_ids.join(", "),
                twins.new_step_ids.join(", ")
            ),
            sessions: twins.old_step_ids.iter().map(|id| sessions(id).sessions).sum(),
        });
    }
    found.sort_by_key(|w| w.severity); // stable: document order within a severity
    serde_json::to_value(found).unwrap_or_default()
}

/// Whether some candidate of a deleted step comes to none of the checkpoints any more that lead to the step. As in the turn, the
/// place of a checkpoint that the new version does not have is told by the old one.
fn any_candidate_beyond_checkpoints(input: &SummaryInput<'_>, step: &crate::diff::DeletedStep) -> bool {
    let SummaryInput { map, old, new, .. } = *input;
    let Some(deleted) = old.find(&step.step_id) else { return true };
    let counterparts: HashMap<&str, &str> =
        map.anchors.iter().map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str())).collect();
    let came_from: HashMap<&str, &str> = counterparts.iter().map(|(was, now)| (*now, *was)).collect();
    let comes_again = |place: usize, checkpoint: usize| match counterparts
        .get(old.node(checkpoint).id.as_str())
        .and_then(|now| new.find(now))
    {
        Some(counterpart) => new.reaches(place, counterpart),
        None => came_from
            .get(new.node(place).id.as_str())
            .and_then(|was| old.find(was))
            .is_none_or(|was| old.reaches(was, checkpoint)),
    };
    let passed: Vec<usize> =
        (0..old.len()).filter(|n| old.node(*n).is_checkpoint && old.reaches(*n, deleted)).collect();
    step.candidates
        .iter()
        .filter_map(|c| new.find(&c.new_step_id))
        .any(|place| !passed.iter().any(|checkpoint| comes_again(place, *checkpoint)))
}

fn anchor_warnings(input: &SummaryInput<'_>, anchor: &Anchor, index: &FieldIndex<'_>, found: &mut Vec<Warning>) {
    let catalogue = &input.map.catalogue;
    let at = input.sessions_by_old_step.get(&anchor.old_step_id).copied().unwrap_or_default();
    let scenario = effective_scenario(input, anchor);
    let mut warn = |severity, code, message: String, sessions| {
        found.push(Warning {
            severity,
            code,
            anchor_content_hash: Some(anchor.anchor_content_hash.clone()),
            anchor_name: Some(anchor.anchor_name.clone()),
            message,
            sessions,
        });
    };
    if anchor.pairing == PairKind::Edited {
        let message = format!(
            "step \"{}\" ({}) was edited and is taken for the same step as {}",
            anchor.anchor_name, anchor.old_step_id, anchor.new_step_id
        );
        warn(WarningSeverity::Info, "edited_pair", message, at.sessions);
    }
    let forks: Vec<_> =
        anchor.upstream.new_forks.iter().filter_map(|position| catalogue.new_forks.get(position)).collect();
    if scenario == MigrationScenario::ReRoute && !forks.is_empty() && at.passed_checkpoint > 0 {
        let names: Vec<&str> = forks.iter().map(|f| f.name.as_str()).collect();
        let message = format!(
            "sessions at \"{}\" passed a checkpoint that a new fork could redirect them behind ({}): redirects will be blocked",
            anchor.anchor_name,
            some_of(&names)
        );
        warn(WarningSeverity::Warning, "checkpoint_conflict", message, at.passed_checkpoint);
    }
    let natural: Vec<&str> = forks
        .iter()
        .filter(|f| f.branches.iter().any(|b| b.condition_kind == ConditionKind::Natural))
        .map(|f| f.name.as_str())
        .collect();
    if scenario == MigrationScenario::ReRoute && !natural.is_empty() {
        let message = format!(
            "sessions at \"{}\" may wait for somebody to decide a natural-language fork ({})",
            anchor.anchor_name,
            some_of(&natural)
        );
        warn(WarningSeverity::Warning, "natural_language_fork", message, at.sessions);
    }
    if scenario != MigrationScenario::CleanGraft {
        let fields: Vec<&str> = index
            .0
            .iter()
            .filter(|(_, wanted)| FieldIndex::collects(wanted, anchor))
            .map(|(field, _)| *field)
            .collect();
        if !fields.is_empty() {
            let message = format!("sessions at \"{}\" may be asked for {}", anchor.anchor_name, some_of(&fields));
            warn(WarningSeverity::Info, "data_collection", message, at.sessions);
        }
    }
}
