//! "Fallback".

use crate::common::flow::{flow, step_mut};
use crate::common::world::{World, brief};
use crate::words;
use scenario_engine::definition::Definition;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::reconcile::Effect;

fn without_plan(old: Definition, new: Definition, steps: &str) -> World {
    let mut world = World::new(vec![old, new]);
    world.walked(&words(steps));
    world
}

#[test]
fn without_a_plan_the_step_is_found_again_by_its_content() {
    let new = flow("a2 -> x\n x (age) -> c2\n c2");
    let mut new = new;
    for (was, is) in [("a2", "a"), ("c2", "c")] {
        let content = flow("a\n c").steps.into_iter().find(|s| s.id == is).expect("a step");
        let step = step_mut(&mut new, was);
        (step.name, step.description) = (content.name, content.description);
    }
    let mut world = without_plan(flow("a -> c\n c"), new, "a c");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect age");
    assert_eq!((decision.migration_scenario, decision.plan_ids.len()), (Some(MigrationScenario::ReRoute), 0));
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "teleport c2");
}

#[test]
fn without_a_plan_the_step_is_found_again_as_edited() {
    let mut new = flow("a -> c\n c -> d\n d");
    step_mut(&mut new, "c").description = Some("What c says now".into());
    assert_eq!(brief(&without_plan(flow("a -> c\n c"), new, "a c").reconcile()), "teleport c");
}

#[test]
fn without_a_pair_it_goes_back_along_the_history() {
    let old = "a -> b\n b -> pay\n pay !checkpoint -> d\n d -> gone\n gone";
    let table = [
        ("a -> b\n b -> pay\n pay !checkpoint -> d\n d", "a b gone", "teleport b"),
        ("a -> b\n b -> pay\n pay !checkpoint -> d\n d", "a b pay d gone", "teleport d"),
        ("d -> a\n a -> b\n b -> pay\n pay !checkpoint", "a b pay d gone", "continue"),
        ("other\n another", "a b gone", "exit_scenario"),
    ];
    for (new, came_by, expected) in table {
        let mut world = without_plan(flow(old), flow(new), came_by);
        assert_eq!(brief(&world.reconcile()), expected, "{new}, {came_by}");
    }
}

#[test]
fn a_session_whose_checksum_is_not_its_versions_falls_back() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> x\n x (age) -> c\n c"));
    world.walked(&words("a c"));
    world.session.matches_version = false;
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.plan_ids.len()), ("collect age", 0));
    // Also within the published version: it is found again there.
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> c\n c -> d\n d"));
    world.session.matches_version = false;
    world.arrive(2, "c");
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn a_history_alone_tells_that_a_visited_step_was_not_edited() {
    // The stand-in for the old version knows no fields; the hash says that `b` is as it was.
    let version = "a -> b\n b (age) -> c\n c";
    let mut world = World::planned(flow(version), flow("a -> b\n b (age) -> c\n c -> d\n d"));
    world.walked(&words("a b c"));
    world.session.matches_version = false;
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn a_checksum_mismatch_is_gone_by_hash_and_name_of_the_history() {
    // The kept version is not what they walked: its step of that id means another thing.
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> x\n x -> y\n y"));
    world.walked(&words("a c"));
    world.session.matches_version = false;
    let y = flow("y").steps.remove(0);
    let hash = scenario_engine::definition::step_content_hash(&y);
    world.session.step_content_hash = Some(hash.clone());
    world.visits[1].step_content_hash = hash;
    world.visits[1].step_name = "Y".into();
    assert_eq!(brief(&world.reconcile()), "teleport y");
}

#[test]
fn a_session_of_the_published_version_stays() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> x\n x (age) -> c\n c"));
    world.visits.clear();
    world.arrive(2, "c");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::Settle));
}

#[test]
fn an_id_that_comes_back_for_the_content_of_the_current_step_is_its_counterpart() {
    let first = flow("hz -> ez\n ez -> dz\n dz -> gz\n gz");
    let mut second = flow("hu -> eu\n eu -> du\n du -> gu\n gu");
    for (id, was) in [("hu", "hz"), ("eu", "ez"), ("du", "dz"), ("gu", "gz")] {
        let content = first.steps.iter().find(|step| step.id == was).expect("a step").clone();
        let step = step_mut(&mut second, id);
        (step.name, step.description) = (content.name, content.description);
    }
    let mut world = World::new(vec![first, second, flow("hz -> ez\n ez -> dz\n dz")]);
    world.walked(&words("ez"));
    world.session.scenario_version = 2;
    world.arrive(2, "eu");
    world.session.matches_version = false;
    assert_eq!(brief(&world.reconcile()), "teleport ez");
}
