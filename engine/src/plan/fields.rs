//! Which fields the new version wants, and of whom.

use super::summary_input::SummaryInput;
use crate::condition::ConditionKind;
use crate::diff::{Anchor, MigrationScenario, Ranges, TransformationMap};
use serde::Serialize;
use std::collections::BTreeMap;

/// A field that customers may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldToCollect {
    pub field: String,
    /// At most so many are asked: those whose own path wants it, and who do not have it.
    pub sessions_at_most: u64,
    pub because: Vec<FieldReason>,
    pub anchors: Vec<FieldAnchor>,
}

/// A change that wants a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldReason {
    pub kind: FieldReasonKind,
    pub step_id: String,
    pub name: String,
}

impl FieldReason {
    fn of(kind: FieldReasonKind, step_id: &str, name: &str) -> FieldReason {
        FieldReason { kind, step_id: step_id.to_owned(), name: name.to_owned() }
    }
}

/// What kind of change wants a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldReasonKind {
    InsertedStep,
    EditedStep,
    NewFork,
}

/// An anchor whose sessions may be asked for a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldAnchor {
    pub anchor_content_hash: String,
    pub anchor_name: String,
    pub sessions: u64,
}

/// Where the changes want a field: ascending positions in the catalogue.
#[derive(Default)]
pub(super) struct WantedAt {
    inserted: Vec<u32>,
    edited: Vec<u32>,
    forks: Vec<u32>,
}

/// Every field that some change wants. Anchors are asked field by field rather than change by change: thousands of
/// changes upstream of thousands of anchors want only so many fields.
pub(super) struct FieldIndex<'a>(pub(super) BTreeMap<&'a str, WantedAt>);

impl<'a> FieldIndex<'a> {
    pub(super) fn of(map: &'a TransformationMap) -> FieldIndex<'a> {
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

    pub(super) fn collects(wanted: &WantedAt, anchor: &Anchor) -> bool {
        let side = &anchor.upstream;
        side.inserted_steps.contains_any(&wanted.inserted) || side.edited_steps.contains_any(&wanted.edited)
    }
}

/// Field by field: which inserted or edited steps and which new forks want it, and at which anchors, of how many
/// sessions.
pub(super) fn fields_to_collect(input: &SummaryInput<'_>, index: &FieldIndex<'_>) -> Vec<FieldToCollect> {
    let catalogue = &input.map.catalogue;
    let needs_replay = |a: &&Anchor| input.effective_scenario(a) != MigrationScenario::CleanGraft;
    let asking: Vec<&Anchor> = input.map.anchors.iter().filter(needs_replay).collect();
    let mut fields = Vec::new();
    for (field, wanted) in &index.0 {
        let anchors: Vec<&Anchor> = asking.iter().copied().filter(|a| FieldIndex::wants(wanted, a)).collect();
        if anchors.is_empty() {
            continue;
        }
        let on_some = |positions: &[u32], of: fn(&Anchor) -> &Ranges| -> Vec<usize> {
            let positions = positions.iter().filter(|p| anchors.iter().any(|a| of(a).contains_any(&[**p])));
            positions.map(|p| *p as usize).collect()
        };
        let mut because = Vec::new();
        for position in on_some(&wanted.inserted, |a| &a.upstream.inserted_steps) {
            let step = &catalogue.inserted_steps[position];
            because.push(FieldReason::of(FieldReasonKind::InsertedStep, &step.step_id, &step.name));
        }
        for position in on_some(&wanted.edited, |a| &a.upstream.edited_steps) {
            let step = &catalogue.edited_steps[position];
            because.push(FieldReason::of(FieldReasonKind::EditedStep, &step.new_step_id, &step.name));
        }
        for position in on_some(&wanted.forks, |a| &a.upstream.new_forks) {
            let fork = &catalogue.new_forks[position];
            let reason = FieldReason::of(FieldReasonKind::NewFork, &fork.step_id, &fork.name);
            if !because.contains(&reason) {
                because.push(reason);
            }
        }
        let at = |anchor: &Anchor| FieldAnchor {
            anchor_content_hash: anchor.anchor_content_hash.clone(),
            anchor_name: anchor.anchor_name.clone(),
            sessions: input.sessions_at(&anchor.old_step_id),
        };
        let anchors: Vec<FieldAnchor> = anchors.into_iter().map(at).collect();
        fields.push(FieldToCollect {
            field: (*field).to_owned(),
            sessions_at_most: anchors.iter().map(|a| a.sessions).sum(),
            because,
            anchors,
        });
    }
    fields
}
