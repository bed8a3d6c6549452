//! What an operator is warned of before approving a plan.

use super::evaluable::{Misfit, misfits};
use super::fields::FieldIndex;
use super::held::JudgedLanding;
use super::led_elsewhere::{DeletedStepSessions, ForkEnds, fork_ends};
use super::other_sessions::{HeldCounts, VersionCounts};
use super::policy::Policy;
use super::summary_input::{PassedGroup, SummaryInput};
use crate::acts::{Acts, Ground, LandingActs};
use crate::condition::ConditionKind;
use crate::diff::{Anchor, CatalogueFork, DeletedStep, MigrationScenario, PairKind};
use crate::graph::{Node, StepIx};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningSeverity {
    Critical,
    Warning,
    Info,
}

impl WarningSeverity {
    pub fn as_str(self) -> &'static str {
        match self {
            WarningSeverity::Critical => "critical",
            WarningSeverity::Warning => "warning",
            WarningSeverity::Info => "info",
        }
    }
}

/// One warning, with the number of sessions that it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    pub severity: WarningSeverity,
    pub code: &'static str,
    pub anchor_content_hash: Option<String>,
    pub anchor_name: Option<String>,
    pub message: String,
    pub sessions: u64,
}

impl Warning {
    /// About the sessions at an anchor or a deleted step.
    fn at(
        (content_hash, name): (&str, &str),
        severity: WarningSeverity,
        code: &'static str,
        message: String,
        sessions: u64,
    ) -> Warning {
        Warning {
            anchor_content_hash: Some(content_hash.to_owned()),
            anchor_name: Some(name.to_owned()),
            ..Warning::of_plan(severity, code, message, sessions)
        }
    }

    /// About no anchor.
    fn of_plan(severity: WarningSeverity, code: &'static str, message: String, sessions: u64) -> Warning {
        Warning { severity, code, anchor_content_hash: None, anchor_name: None, message, sessions }
    }
}

/// Warnings of a kind that the whole version can have thousands of: so many are listed.
const MOST_LISTED: usize = 50;

/// Names for a message: some, and how many more.
fn some_of(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..SHOWN].join(", ")),
        _ => names.join(", "),
    }
}

/// All warnings, the worst first; within a severity in document order.
pub(super) fn warnings(
    input: &SummaryInput<'_>,
    index: &FieldIndex<'_>,
    ground: &Ground<'_>,
    lists: &BTreeMap<StepIx, LandingActs>,
    deleted: &[DeletedStepSessions],
) -> Vec<Warning> {
    let mut found: Vec<Warning> = Vec::new();
    for anchor in &input.map.anchors {
        landing_warnings(input, anchor, ground, lists, &mut found);
        anchor_warnings(input, anchor, index, &mut found);
    }
    for (step, sessions) in input.map.deleted_steps.iter().zip(deleted) {
        deleted_warnings(input, step, sessions, &mut found);
    }
    found.extend(input.other_sessions.older.iter().flat_map(held_on_older_version));
    found.extend(fork_ends(input, MOST_LISTED).into_iter().map(ends_of_fork));
    found.extend(misfits(input.new, input.fields, MOST_LISTED).into_iter().map(not_evaluable));
    for id in &input.map.catalogue.inserted_step_ids {
        if let Some(node) = input.new.find(id).map(|step| input.new.node(step)).filter(|node| node.is_checkpoint) {
            found.push(new_checkpoint(input, node));
        }
    }
    for twins in &input.map.catalogue.ambiguities {
        let first = twins.old_step_ids.first().and_then(|id| input.old.find(id));
        found.push(Warning {
            severity: WarningSeverity::Info,
            code: "twin_steps",
            anchor_content_hash: Some(twins.content_hash.clone()),
            anchor_name: first.map(|s| input.old.node(s).name.clone()),
            message: format!(
                "steps with the same content ({} before, {} now) were paired by id, neighbours and order",
                twins.old_step_ids.join(", "),
                twins.new_step_ids.join(", ")
            ),
            sessions: twins.old_step_ids.iter().map(|id| input.sessions_at(id)).sum(),
        });
    }
    found.sort_by_key(|w| w.severity); // stable
    found
}

/// The policy of an anchor or a deleted step.
fn policy_of<'a>(input: &SummaryInput<'a>, content_hash: &str) -> Option<&'a Policy> {
    input.policies.get(content_hash)
}

/// How bad it is that sessions are held: an operator can accept it.
fn held(policy: Option<&Policy>) -> WarningSeverity {
    if policy.is_some_and(|p| p.accept_held) { WarningSeverity::Warning } else { WarningSeverity::Critical }
}

fn acts_of<'a>(group: &'a PassedGroup, acts: &'a Acts) -> impl Iterator<Item = &'a str> {
    group.contents.iter().map(|hash| acts.act_of(hash))
}

/// What the anchor's landings would undo, and whether its own act comes again.
fn landing_warnings(
    input: &SummaryInput<'_>,
    anchor: &Anchor,
    ground: &Ground<'_>,
    lists: &BTreeMap<StepIx, LandingActs>,
    found: &mut Vec<Warning>,
) {
    let acts = input.acts;
    let Some(landing) = JudgedLanding::of(input, anchor, ground, lists) else { return };
    let about = (&*anchor.anchor_content_hash, &*anchor.anchor_name);
    let mut warn = |severity, code, message, sessions| {
        found.push(Warning::at(about, severity, code, message, sessions));
    };
    let groups = input.landing_at(anchor);
    let sessions = landing.held(groups.clone());
    if crate::mutant!("summary/undone-landings", sessions > 0, false) {
        let names: BTreeSet<&str> = groups
            .flat_map(|group| &group.contents)
            .filter(|hash| landing.holds_for(hash))
            .map(|hash| acts.said(hash).map_or(hash.as_str(), |row| row.name.as_str()))
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        let message = format!(
            "sessions at \"{}\" have passed what they would come to again in the new version ({}): they are held \
             on their version",
            anchor.anchor_name,
            some_of(&names)
        );
        warn(held(policy_of(input, &anchor.anchor_content_hash)), "landing_undone", message, sessions);
    }
    let own = acts.act_of(&anchor.anchor_content_hash);
    if acts.is_flagged(&anchor.anchor_content_hash) && landing.holds_for(&anchor.anchor_content_hash) {
        let passed = input.sessions_by_old_step.values().flat_map(|counts| &counts.passed);
        let passed = passed.filter(|group| acts_of(group, acts).any(|act| act == own));
        let message = format!("the new version leads back to \"{}\" after it was passed", anchor.anchor_name);
        warn(WarningSeverity::Warning, "act_comes_again", message, passed.map(|group| group.sessions).sum());
    }
}

/// Where the sessions of a deleted step go, and which of them have nowhere to go.
fn deleted_warnings(
    input: &SummaryInput<'_>,
    step: &DeletedStep,
    sessions: &DeletedStepSessions,
    found: &mut Vec<Warning>,
) {
    let about = (&*step.content_hash, &*step.name);
    let mut warn = |severity, code, message, sessions| {
        found.push(Warning::at(about, severity, code, message, sessions));
    };
    let name = &step.name;
    for (to, count) in &sessions.relocated {
        let node = input.new.node(*to);
        let end = if node.is_terminal { ", which is an end" } else { "" };
        let message = format!("step \"{name}\" is deleted: sessions are taken to \"{}\" ({}){end}", node.name, node.id);
        warn(WarningSeverity::Warning, "relocated", message, *count);
    }
    if step.candidates.is_empty() {
        let message = format!(
            "step \"{name}\" is deleted and nothing near it is left: its sessions exit, those that have passed \
             a checkpoint are held"
        );
        let all = input.sessions_at(&step.step_id);
        warn(WarningSeverity::Critical, "deleted_step_nowhere_to_go", message, all);
    } else if sessions.held > 0 {
        let message = format!(
            "step \"{name}\" is deleted, and every place near it would undo a checkpoint that its sessions have \
             passed: those are held"
        );
        warn(held(policy_of(input, &step.content_hash)), "relocation_undone", message, sessions.held);
    }
    if sessions.exit > 0 {
        let message = format!("step \"{name}\" is deleted: sessions leave the scenario");
        warn(WarningSeverity::Critical, "sessions_would_exit", message, sessions.exit);
    }
}

/// Sessions of an older version whom the chain through the plan would bring to an act again.
fn held_on_older_version(counts: &VersionCounts) -> Vec<Warning> {
    let HeldCounts { sessions, accepted } = counts.held;
    let by_severity =
        [(WarningSeverity::Critical, sessions.saturating_sub(accepted)), (WarningSeverity::Warning, accepted)];
    let warnings = by_severity.into_iter().filter(|(_, sessions)| *sessions > 0).map(|(severity, sessions)| {
        let message = format!(
            "sessions on version {} have passed what they would come to again by the chain through this plan: they \
             are held on their version",
            counts.version
        );
        Warning::of_plan(severity, "older_version_undone", message, sessions)
    });
    warnings.collect()
}

/// Which ends a new fork can lead to.
fn ends_of_fork(fork: ForkEnds<'_>) -> Warning {
    let ends = if fork.ends.is_empty() { "no end".to_owned() } else { format!("the ends {}", some_of(&fork.ends)) };
    let message = format!("new fork \"{}\" can lead to {ends}", fork.fork);
    Warning::of_plan(WarningSeverity::Info, "fork_ends", message, fork.sessions)
}

/// A condition that cannot be decided as it is meant, whoever comes to it.
fn not_evaluable(misfit: Misfit) -> Warning {
    Warning::of_plan(WarningSeverity::Warning, "not_evaluable", misfit.message, 0)
}

/// A new checkpoint that no older step is paired with may be an old act in new words.
fn new_checkpoint(input: &SummaryInput<'_>, node: &Node) -> Warning {
    let passed = input.sessions_by_old_step.values().map(|counts| counts.passed_checkpoint()).sum();
    let message = format!(
        "checkpoint \"{}\" ({}) is new: if it is an old act in new words, customers who have passed that may come \
             to it again; \"update_downstream\": false in the policy of an anchor keeps its customers on their version",
        node.name, node.id
    );
    Warning::of_plan(WarningSeverity::Warning, "new_checkpoint", message, passed)
}

/// An anchor whose step was edited, with both names; a checkpoint among them is critical.
fn edited_pair(input: &SummaryInput<'_>, anchor: &Anchor) -> Option<(WarningSeverity, &'static str, String)> {
    if anchor.pairing != PairKind::Edited {
        return None;
    }
    let (old, new) = input.old.find(&anchor.old_step_id).zip(input.new.find(&anchor.new_step_id))?;
    let (old, new) = (input.old.node(old), input.new.node(new));
    let pair = format!(
        "step \"{}\" ({}) was edited and is taken for the same step as \"{}\" ({})",
        old.name, old.id, new.name, new.id
    );
    if !crate::mutant!("summary/edited-checkpoints", old.is_checkpoint || new.is_checkpoint, false) {
        return Some((WarningSeverity::Info, "edited_pair", pair));
    }
    let others: Vec<&str> = input
        .map
        .catalogue
        .inserted_step_ids
        .iter()
        .filter_map(|id| input.new.find(id))
        .map(|step| input.new.node(step))
        .filter(|node| node.is_checkpoint)
        .map(|node| node.name.as_str())
        .collect();
    let doubt = if others.is_empty() {
        "".to_owned()
    } else {
        format!("; other new checkpoints could have been meant ({})", some_of(&others))
    };
    let message = format!(
        "checkpoint: {pair}{doubt}; if it is another act, accept_repeat in the policies lets those who have passed the \
         old one come to it, and \"update_downstream\": false keeps an anchor's customers on their version"
    );
    Some((WarningSeverity::Critical, "checkpoint_edited", message))
}

fn anchor_warnings(input: &SummaryInput<'_>, anchor: &Anchor, index: &FieldIndex<'_>, found: &mut Vec<Warning>) {
    let catalogue = &input.map.catalogue;
    let sessions = input.sessions_at(&anchor.old_step_id);
    let passed = input.sessions_by_old_step.get(&anchor.old_step_id).map_or(0, |at| at.passed_checkpoint());
    let scenario = input.effective_scenario(anchor);
    let about = (&*anchor.anchor_content_hash, &*anchor.anchor_name);
    let mut warn = |severity, code, message, sessions| {
        found.push(Warning::at(about, severity, code, message, sessions));
    };
    if let Some((severity, code, message)) = edited_pair(input, anchor) {
        warn(severity, code, message, sessions);
    }
    let finished = input.finished_by(anchor);
    if finished > 0 {
        let message =
            format!("sessions at \"{}\" would be finished: it is an end in the new version", anchor.anchor_name);
        warn(WarningSeverity::Warning, "finished_by_plan", message, finished);
    }
    let forks: Vec<&CatalogueFork> =
        anchor.upstream.new_forks.iter().filter_map(|position| catalogue.new_forks.get(position)).collect();
    if scenario == MigrationScenario::ReRoute && !forks.is_empty() && passed > 0 {
        let names: Vec<&str> = forks.iter().map(|f| f.name.as_str()).collect();
        let message = format!(
            "sessions at \"{}\" passed a checkpoint that a new fork could redirect them behind ({}): redirects \
             will be blocked",
            anchor.anchor_name,
            some_of(&names)
        );
        warn(WarningSeverity::Warning, "checkpoint_conflict", message, passed);
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
        warn(WarningSeverity::Warning, "natural_language_fork", message, sessions);
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
            warn(WarningSeverity::Info, "data_collection", message, sessions);
        }
    }
}
