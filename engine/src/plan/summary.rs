//! What an operator is told before approving a plan ("Plans" in docs/behaviour.md): counted, not guessed.

use super::elsewhere::{OlderFigures, older_figures};
use super::fields::{FieldIndex, FieldToCollect, fields_to_collect};
use super::leading::{Leaving, RelocationFigures, leaving};
use super::summary_input::SummaryInput;
use super::warnings::{Warning, warnings};
use crate::acts::Ground;
use crate::diff::{MigrationScenario, PairKind, Pairing};
use crate::graph::{Graph, StepIx};
use serde::Serialize;
use std::collections::BTreeMap;

/// The summary of a plan. Its JSON is what `migration_summary` shows below the plan's header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub anchors: AnchorFigures,
    pub steps_inserted: usize,
    pub steps_edited: usize,
    pub steps_deleted: usize,
    pub deleted_steps: Vec<DeletedFigures>,
    pub sessions: SessionFigures,
    pub fields_to_collect: Vec<FieldToCollect>,
    /// The worst first.
    pub warnings: Vec<Warning>,
}

/// How many anchors there are, and how many of each migration scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnchorFigures {
    pub total: usize,
    pub by_scenario: BTreeMap<&'static str, u64>,
}

/// A deleted step and its sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeletedFigures {
    pub step_id: String,
    pub name: String,
    pub sessions: u64,
    /// The first candidate: where its sessions go that have passed no checkpoint.
    pub goes_to_step_id: Option<String>,
    pub relocated: Vec<RelocationFigures>,
    pub exit: u64,
    pub held: u64,
}

/// The sessions that the plan concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionFigures {
    /// Live sessions on the plan's old version.
    pub total: u64,
    /// Those of them that are paused.
    pub paused: u64,
    /// Those of them that are taken from a deleted step to another one.
    pub relocated: u64,
    /// Those of them that would leave the scenario.
    pub exit: u64,
    /// Those of them that would land at an end, though they do not stand at one.
    pub finish: u64,
    /// Finished sessions of the old version.
    pub finished: u64,
    /// Those of them that come along, since a policy reopens them; all others are left in peace.
    pub reopened: u64,
    /// Live sessions of the old version whose checksum is foreign: they fall back.
    pub foreign_checksum: u64,
    pub older_versions: OlderFigures,
    pub by_scenario: BTreeMap<&'static str, u64>,
    /// Anchors that have sessions.
    pub by_anchor: Vec<SessionsAtAnchor>,
}

/// The sessions at one anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionsAtAnchor {
    pub anchor_content_hash: String,
    pub anchor_name: String,
    pub old_step_id: String,
    pub new_step_id: String,
    pub migration_scenario: MigrationScenario,
    pub sessions: u64,
    pub paused: u64,
}

/// Counts and warns. Pure: the same input gives the same summary.
pub fn summarize(input: &SummaryInput<'_>) -> Summary {
    let map = input.map;
    let scenarios = [MigrationScenario::CleanGraft, MigrationScenario::GapFill, MigrationScenario::ReRoute];
    let mut by_scenario: BTreeMap<&str, u64> = scenarios.into_iter().map(|s| (s.as_str(), 0)).collect();
    let mut sessions_by_scenario = by_scenario.clone();
    let ids = map.anchors.iter().map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str()));
    let pairing = Pairing::from_ids(input.old, input.new, ids);
    let ground = Ground::new(input.old, true, input.new, &pairing, input.acts);
    let mut by_anchor = Vec::new();
    let (mut total, mut paused, mut relocated, mut exit, mut finish, mut reopened) = (0, 0, 0, 0, 0, 0);
    for anchor in &map.anchors {
        let migration_scenario = input.effective_scenario(anchor);
        let sessions = input.sessions_at(&anchor.old_step_id);
        *by_scenario.entry(migration_scenario.as_str()).or_default() += 1;
        *sessions_by_scenario.entry(migration_scenario.as_str()).or_default() += sessions;
        total += sessions;
        paused += input.paused_at(&anchor.old_step_id);
        finish += input.finished_by(anchor);
        reopened += input.reopened_at(anchor).map_or(0, |counts| counts.finished);
        if sessions > 0 {
            by_anchor.push(SessionsAtAnchor {
                anchor_content_hash: anchor.anchor_content_hash.clone(),
                anchor_name: anchor.anchor_name.clone(),
                old_step_id: anchor.old_step_id.clone(),
                new_step_id: anchor.new_step_id.clone(),
                migration_scenario,
                sessions,
                paused: input.paused_at(&anchor.old_step_id),
            });
        }
    }
    let mut deleted_steps = Vec::new();
    let mut all_leaving: Vec<Leaving> = Vec::new();
    for step in &map.deleted_steps {
        let sessions = input.sessions_at(&step.step_id);
        let leaving = leaving(input, step, &ground);
        let places: Vec<RelocationFigures> =
            leaving.places.iter().map(|(place, n)| relocation_figures(input.new, *place, *n)).collect();
        total += sessions;
        paused += input.paused_at(&step.step_id);
        relocated += leaving.places.values().sum::<u64>();
        exit += leaving.exit;
        let old_end = input.old.find(&step.step_id).is_some_and(|step| input.old.node(step).is_terminal);
        let to_ends = leaving.places.iter().filter(|(place, _)| !old_end && input.new.node(**place).is_terminal);
        finish += to_ends.map(|(_, sessions)| sessions).sum::<u64>();
        deleted_steps.push(DeletedFigures {
            relocated: places,
            exit: leaving.exit,
            held: leaving.held,
            step_id: step.step_id.clone(),
            name: step.name.clone(),
            sessions,
            goes_to_step_id: step.candidates.first().map(|c| c.new_step_id.clone()),
        });
        all_leaving.push(leaving);
    }
    let index = FieldIndex::of(map);
    Summary {
        anchors: AnchorFigures { total: map.anchors.len(), by_scenario },
        steps_inserted: map.catalogue.inserted_step_ids.len(),
        steps_edited: map.anchors.iter().filter(|a| a.pairing == PairKind::Edited).count(),
        steps_deleted: map.deleted_steps.len(),
        deleted_steps,
        sessions: SessionFigures {
            total,
            paused,
            relocated,
            exit,
            finish,
            finished: input.elsewhere.finished,
            reopened,
            foreign_checksum: input.elsewhere.foreign_checksum,
            older_versions: older_figures(input.elsewhere, input.plan),
            by_scenario: sessions_by_scenario,
            by_anchor,
        },
        fields_to_collect: fields_to_collect(input, &index),
        warnings: warnings(input, &index, &ground, &all_leaving),
    }
}

fn relocation_figures(new: &Graph, step: StepIx, sessions: u64) -> RelocationFigures {
    let node = new.node(step);
    RelocationFigures { step_id: node.id.clone(), name: node.name.clone(), sessions }
}
