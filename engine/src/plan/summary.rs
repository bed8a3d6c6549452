//! What an operator is told before approving a plan ("Plans" in docs/behaviour.md): counted, not guessed.

use super::fields::{FieldIndex, FieldToCollect, fields_to_collect};
use super::held::JudgedLanding;
use super::led_elsewhere::{DeletedStepSessions, RelocationFigures, sessions_of_deleted_step};
use super::other_sessions::{OlderFigures, older_figures};
use super::summary_input::SummaryInput;
use super::warnings::{Warning, warnings};
use crate::acts::{Ground, LandingActs, landing_acts};
use crate::diff::{DeletedStep, MigrationScenario, PairKind, Pairing};
use crate::graph::StepIx;
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
    pub by_scenario: CountsByScenario,
}

/// A count for each migration scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CountsByScenario {
    pub clean_graft: u64,
    pub gap_fill: u64,
    pub re_route: u64,
}

impl CountsByScenario {
    /// The count of one scenario.
    pub fn of(&self, scenario: MigrationScenario) -> u64 {
        match scenario {
            MigrationScenario::CleanGraft => self.clean_graft,
            MigrationScenario::GapFill => self.gap_fill,
            MigrationScenario::ReRoute => self.re_route,
        }
    }

    /// All of them together.
    pub fn total(&self) -> u64 {
        self.clean_graft + self.gap_fill + self.re_route
    }

    fn add(&mut self, scenario: MigrationScenario, count: u64) {
        *match scenario {
            MigrationScenario::CleanGraft => &mut self.clean_graft,
            MigrationScenario::GapFill => &mut self.gap_fill,
            MigrationScenario::ReRoute => &mut self.re_route,
        } += count;
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SessionFigures {
    /// Live sessions on the plan's old version.
    pub total: u64,
    /// Those of them that are paused.
    pub paused: u64,
    /// Those of them that are taken from a deleted step to another one.
    pub relocated: u64,
    /// Those of them that would leave the scenario.
    pub exit: u64,
    /// Those of them that stay on their version, since the move would undo what they have passed.
    pub held: u64,
    /// Those of the held ones that stand at an anchor.
    #[serde(skip)]
    pub held_by_scenario: CountsByScenario,
    /// Those of them that would land at an end, though they do not stand at one.
    pub finish: u64,
    /// Finished sessions of the old version.
    pub finished: u64,
    /// Those of them that come along, since a policy reopens them and nothing holds them; all others are left in peace.
    pub reopened: u64,
    /// Live sessions of the old version whose checksum is foreign: they fall back.
    pub foreign_checksum: u64,
    pub older_versions: OlderFigures,
    pub by_scenario: CountsByScenario,
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
    let ids = map.anchors.iter().map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str()));
    let pairing = Pairing::from_ids(input.old, input.new, ids);
    let ground = Ground::new(input.old, true, input.new, &pairing, input.acts);
    let deleted: Vec<DeletedStepSessions> =
        map.deleted_steps.iter().map(|step| sessions_of_deleted_step(input, step, &ground)).collect();
    let lists = landing_acts(&ground);
    let index = FieldIndex::of(map);
    let mut anchors_by_scenario = CountsByScenario::default();
    for anchor in &map.anchors {
        anchors_by_scenario.add(input.effective_scenario(anchor), 1);
    }
    Summary {
        anchors: AnchorFigures { total: map.anchors.len(), by_scenario: anchors_by_scenario },
        steps_inserted: map.catalogue.inserted_step_ids.len(),
        steps_edited: map.anchors.iter().filter(|a| a.pairing == PairKind::Edited).count(),
        steps_deleted: map.deleted_steps.len(),
        deleted_steps: map
            .deleted_steps
            .iter()
            .zip(&deleted)
            .map(|(step, to)| deleted_figures(input, step, to))
            .collect(),
        sessions: session_figures(input, &ground, &lists, &deleted),
        fields_to_collect: fields_to_collect(input, &index),
        warnings: warnings(input, &index, &ground, &lists, &deleted),
    }
}

fn session_figures(
    input: &SummaryInput<'_>,
    ground: &Ground<'_>,
    lists: &BTreeMap<StepIx, LandingActs>,
    deleted: &[DeletedStepSessions],
) -> SessionFigures {
    let mut figures = SessionFigures {
        finished: input.other_sessions.finished,
        foreign_checksum: input.other_sessions.foreign_checksum,
        older_versions: older_figures(input.other_sessions, input.plan),
        ..SessionFigures::default()
    };
    for anchor in &input.map.anchors {
        let migration_scenario = input.effective_scenario(anchor);
        let sessions = input.sessions_at(&anchor.old_step_id);
        let paused = input.paused_at(&anchor.old_step_id);
        figures.by_scenario.add(migration_scenario, sessions);
        figures.total += sessions;
        figures.paused += paused;
        figures.finish += input.finished_by(anchor);
        let landing = JudgedLanding::of(input, anchor, ground, lists);
        let held = |groups| landing.as_ref().map_or(0, |landing| landing.held(groups));
        let held_here = held(input.passed_at(&anchor.old_step_id));
        figures.held += held_here;
        figures.held_by_scenario.add(migration_scenario, held_here);
        figures.reopened +=
            input.reopened_at(anchor).map_or(0, |counts| counts.finished.saturating_sub(held(&counts.finished_passed)));
        if sessions > 0 {
            figures.by_anchor.push(SessionsAtAnchor {
                anchor_content_hash: anchor.anchor_content_hash.clone(),
                anchor_name: anchor.anchor_name.clone(),
                old_step_id: anchor.old_step_id.clone(),
                new_step_id: anchor.new_step_id.clone(),
                migration_scenario,
                sessions,
                paused,
            });
        }
    }
    for (step, sessions) in input.map.deleted_steps.iter().zip(deleted) {
        figures.total += input.sessions_at(&step.step_id);
        figures.paused += input.paused_at(&step.step_id);
        figures.relocated += sessions.relocated.values().sum::<u64>();
        figures.exit += sessions.exit;
        figures.held += sessions.held;
        let was_terminal = input.old.find(&step.step_id).is_some_and(|step| input.old.node(step).is_terminal);
        if !was_terminal {
            let to_ends = sessions.relocated.iter().filter(|(to, _)| input.new.node(**to).is_terminal);
            figures.finish += to_ends.map(|(_, count)| count).sum::<u64>();
        }
    }
    figures
}

fn deleted_figures(input: &SummaryInput<'_>, step: &DeletedStep, sessions: &DeletedStepSessions) -> DeletedFigures {
    let relocated = sessions.relocated.iter().map(|(to, count)| {
        let node = input.new.node(*to);
        RelocationFigures { step_id: node.id.clone(), name: node.name.clone(), sessions: *count }
    });
    DeletedFigures {
        step_id: step.step_id.clone(),
        name: step.name.clone(),
        sessions: input.sessions_at(&step.step_id),
        goes_to_step_id: step.candidates.first().map(|c| c.new_step_id.clone()),
        relocated: relocated.collect(),
        exit: sessions.exit,
        held: sessions.held,
    }
}
