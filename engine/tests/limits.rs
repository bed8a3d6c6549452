//! The diff at the limits: 10,000 steps, 100,000 transitions.

mod common;

use common::scenario::way;
use scenario_engine::definition::{Definition, Step};
use scenario_engine::diff::{KEPT_CANDIDATES, MigrationScenario, TransformationMap, diff};
use scenario_engine::graph::Graph;
use std::time::{Duration, Instant};

const STEPS: usize = 10_000;

fn line(count: usize, name: impl Fn(usize) -> String) -> Definition {
    let steps = (0..count).map(|at| Step {
        id: format!("s{at}"),
        name: name(at),
        collects_profile_fields: if at % 100 == 7 { vec!["age".into()] } else { Vec::new() },
        transitions: (at + 1 < count).then(|| way(&format!("s{}", at + 1))).into_iter().collect(),
        ..Step::default()
    });
    Definition { name: "Line".into(), description: None, entry_step_id: "s0".into(), steps: steps.collect() }
}

/// Diffs in a thread with the stack of a PostgreSQL backend, and looks at the clock: what is
/// cubic would take hours.
fn in_small_stack(before: Definition, after: Definition) -> TransformationMap {
    let work = move || {
        let (old, new) = (Graph::compile(&before), Graph::compile(&after));
        let start = Instant::now();
        let map = diff(&old, &new);
        (map, start.elapsed())
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    let (map, took) = thread.join().expect("no stack overflow, no panic");
    println!("{} anchors in {took:?}", map.anchors.len());
    assert!(took < Duration::from_secs(120), "{took:?}");
    map
}

#[test]
fn a_line_of_ten_thousand_steps() {
    let before = line(STEPS, |at| format!("Step {at}"));
    let mut after = before.clone();
    after.steps[0].transitions[0].to_step_id = "new".into();
    after.steps.push(Step {
        id: "new".into(),
        name: "New".into(),
        collects_profile_fields: vec!["country".into()],
        transitions: vec![way("s1")],
        ..Step::default()
    });
    let map = in_small_stack(before.clone(), after);
    assert_eq!(map.anchors.len(), STEPS);
    assert_eq!(map.anchors[STEPS - 1].migration_scenario, MigrationScenario::GapFill);
    assert_eq!(map.anchors[STEPS - 1].upstream.inserted_steps.len(), 1);
    assert_eq!(map.anchors[0].migration_scenario, MigrationScenario::CleanGraft);
    // Every second step reworded beyond recognition: thousands of changes at thousands of anchors stay small by
    // reference.
    let mut other = before.clone();
    for (at, step) in other.steps.iter_mut().enumerate().filter(|(at, _)| at % 2 == 1) {
        (step.id, step.name) = (format!("other{at}"), format!("Another {at}"));
    }
    let became: Vec<String> = other.steps.iter().map(|s| s.id.clone()).collect();
    for (at, step) in other.steps.iter_mut().enumerate().take(STEPS - 1) {
        step.transitions[0].to_step_id = became[at + 1].clone();
    }
    let map = in_small_stack(before, other);
    assert_eq!((map.anchors.len(), map.deleted_steps.len()), (STEPS / 2, STEPS / 2));
    let candidates: usize = map.deleted_steps.iter().map(|d| d.candidates.len()).sum();
    assert_eq!(candidates, STEPS / 2 * KEPT_CANDIDATES);
    assert!(map.to_document().is_err(), "too many changes for one document");
}

#[test]
fn a_cycle_of_ten_thousand_steps() {
    let mut before = line(STEPS, |at| format!("Step {at}"));
    before.steps[STEPS - 1].transitions = vec![way("s0")];
    let mut after = before.clone();
    after.steps[STEPS / 2].transitions.push(way("s3"));
    let map = in_small_stack(before.clone(), after);
    assert_eq!(map.anchors.len(), STEPS);
    assert!(
        map.anchors
            .iter()
            .enumerate()
            .all(|(at, a)| (a.migration_scenario == MigrationScenario::ReRoute) == (at != STEPS / 2))
    );
    let map = in_small_stack(before.clone(), before);
    assert!(map.anchors.iter().all(|a| a.migration_scenario == MigrationScenario::CleanGraft));
}

#[test]
fn ten_thousand_steps_that_say_the_same() {
    let same = line(STEPS, |_| "Twin".into());
    let map = in_small_stack(same.clone(), same.clone());
    assert!(map.anchors.iter().all(|a| a.old_step_id == a.new_step_id));
    let mut other_ids = same.clone();
    for (at, step) in other_ids.steps.iter_mut().enumerate() {
        step.id = format!("t{at}");
        step.transitions.iter_mut().for_each(|t| t.to_step_id = format!("t{}", at + 1));
    }
    other_ids.entry_step_id = "t0".into();
    let map = in_small_stack(same, other_ids);
    assert_eq!(map.anchors.len(), STEPS);
}

#[test]
fn every_step_leads_to_every_other() {
    let mut before = line(300, |at| format!("Step {at}"));
    for step in &mut before.steps {
        step.transitions = (0..300).map(|to| way(&format!("s{to}"))).collect();
    }
    let mut after = before.clone();
    after.steps[10].transitions.reverse();
    after.steps.remove(299);
    after.steps.iter_mut().for_each(|s| s.transitions.retain(|t| t.to_step_id != "s299"));
    let map = in_small_stack(before, after);
    assert_eq!(map.anchors.len(), 299);
    assert_eq!(map.deleted_steps[0].candidates.len(), KEPT_CANDIDATES);
}

#[test]
fn versions_of_ten_thousand_strangers() {
    let before = line(STEPS, |at| format!("Step {at}"));
    let mut after = line(STEPS, |at| format!("Other {at}"));
    for (at, step) in after.steps.iter_mut().enumerate() {
        step.id = format!("o{at}");
        step.transitions.iter_mut().for_each(|t| t.to_step_id = format!("o{}", at + 1));
    }
    after.entry_step_id = "o0".into();
    let map = in_small_stack(before, after);
    assert_eq!((map.anchors.len(), map.deleted_steps.len()), (0, STEPS));
}
