//! Examples of chains, one for each rule.

use crate::common::flow::{flow, step_mut};
use crate::common::world::{World, brief};
use scenario_engine::definition::Definition;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::plan::{OnCheckpointBlock, PinReason, PlanStatus, Policy, Scope};
use scenario_engine::reconcile::{BlockRule, Effect};

fn chain(versions: &[&str], steps: &str) -> World {
    let mut world = World::chained(versions.iter().map(|v| flow(v)).collect());
    world.walked(&steps.split_whitespace().collect::<Vec<_>>());
    world
}

#[test]
fn a_field_that_only_a_version_between_wanted_is_not_asked_for() {
    let mut world = chain(&["a -> c\n c", "a -> x\n x (age, vip) -> c\n c", "a -> y\n y (country) -> c\n c"], "a c");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect country");
    assert_eq!(decision.plan_ids.len(), 2);
    world.knows("country", "\"FR\"");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.scenario_version), ("teleport c", Some(3)));
}

#[test]
fn the_strongest_scenario_of_the_links_counts() {
    let versions = ["a -> c\n c", "a -> f\n f -> away if age < 18; c\n c\n away", "a -> c\n c\n away"];
    let decision = chain(&versions, "a c").reconcile();
    assert_eq!(decision.migration_scenario, Some(MigrationScenario::ReRoute));
    assert_eq!(brief(&decision), "teleport c", "the fork is gone again");
    let decision = chain(&["a -> c\n c", "a -> c\n c -> d\n d", "a -> c\n c -> e\n e"], "a c").reconcile();
    assert_eq!(decision.migration_scenario, Some(MigrationScenario::CleanGraft));
}

#[test]
fn the_policies_of_all_links_count() {
    let versions = ["a -> c\n c", "a -> c\n c -> d\n d", "a -> c\n c -> e\n e"];
    for link in 0..2 {
        let mut world = chain(&versions, "a c");
        let plan = world.plans[link].plan_id;
        let scope = Scope { include_channels: vec!["sms".into()], ..Scope::default() };
        world.set_policy(plan, "c", Policy { scope, ..Policy::default() });
        let decision = world.reconcile();
        assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::Pin), "link {link}");
        assert_eq!(decision.scenario_version, Some(1));
    }
    let old = ["a -> pay\n pay !checkpoint -> c\n c"; 2];
    let new = "a -> f\n f -> away if age < 18; pay\n pay !checkpoint -> c\n c\n away";
    for link in 0..2 {
        let mut world = chain(&[old[0], old[1], new], "a pay c");
        let plan = world.plans[link].plan_id;
        world.set_policy(plan, "c", Policy { on_checkpoint_block: OnCheckpointBlock::Pin, ..Policy::default() });
        world.knows("age", "15");
        assert_eq!(world.reconcile().effect, Effect::Pin, "link {link}");
    }
}

#[test]
fn a_direct_plan_is_preferred_to_a_chain() {
    let mut world = chain(&["a -> c\n c", "a -> x\n x (age) -> c\n c", "a -> c\n c -> d\n d"], "a c");
    let direct = world.deploy(1, 3);
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.plan_ids.as_slice()), ("teleport c", [direct].as_slice()));
}

#[test]
fn a_cancelled_link_pins_and_a_missing_one_falls_back() {
    let versions = ["a -> c\n c", "a -> c\n c -> d\n d", "a -> x\n x (age) -> c\n c"];
    let mut world = chain(&versions, "a c");
    world.plans[0].status = PlanStatus::Cancelled;
    assert_eq!(world.reconcile().effect, Effect::Pin);
    world.plans.remove(0);
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.plan_ids.len()), ("collect age", 0));
}

/// A checkpoint that the versions between renamed, edited or removed is still a checkpoint that they passed.
#[test]
fn checkpoints_are_followed_through_all_versions() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let newest = "a -> f\n f -> away if age < 18; pay\n pay !checkpoint -> c\n c\n away";
    let renamed = |text: &str| {
        let mut version = flow(text);
        step_mut(&mut version, "pay").name = "Settle the bill".into();
        version
    };
    let edited = |text: &str| {
        let mut version = renamed(text);
        step_mut(&mut version, "pay").description = Some("Anything else".into());
        version
    };
    let no_longer = |text: &str| {
        let mut version = flow(text);
        step_mut(&mut version, "pay").is_checkpoint = false;
        version
    };
    let removed = |text: &str| flow(&text.replace("\n pay !checkpoint -> c", "").replace("pay", "c"));
    let table: [(&str, Vec<Definition>, &str, BlockRule); 4] = [
        ("renamed", vec![flow(old), renamed(old), renamed(newest)], "continue at c", BlockRule::VisitedAfterFork),
        ("edited twice", vec![flow(old), renamed(old), edited(newest)], "continue at c", BlockRule::VisitedAfterFork),
        (
            "a checkpoint no longer",
            vec![flow(old), flow(old), no_longer(newest)],
            "continue at c",
            BlockRule::VisitedAfterFork,
        ),
        ("removed", vec![flow(old), removed(old), removed(newest)], "continue at c", BlockRule::VisitedAfterFork),
    ];
    for (name, versions, expected, rule) in table {
        let mut world = World::chained(versions);
        world.walked(&["a", "pay", "c"]);
        world.knows("age", "15");
        let decision = world.reconcile();
        assert_eq!(brief(&decision), expected, "{name}");
        assert_eq!(decision.checkpoint_blocks[0].rule, rule, "{name}");
    }
}

#[test]
fn a_checkpoint_that_a_version_between_dropped_is_known_again() {
    // Version 2 has no payment; version 3 has it again, and a fork behind it that leads back to it.
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let newest = "a -> pay\n pay !checkpoint -> f\n f -> again if age < 18; c\n again -> pay\n c";
    let mut world = chain(&[old, "a -> c\n c", newest], "a pay c");
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "continue at c");
}

#[test]
fn a_step_that_is_deleted_on_the_way_leads_to_the_first_place_that_is_left() {
    let versions = ["a -> gone\n gone -> b\n b -> c\n c", "a -> b\n b -> c\n c", "a -> c\n c"];
    assert_eq!(brief(&chain(&versions, "a gone").reconcile()), "teleport c");
}

#[test]
fn a_step_that_is_dropped_and_taken_up_again_is_the_same_step() {
    let versions = ["a -> b\n b -> c\n c", "a -> c\n c", "a -> x\n x (age) -> b\n b -> c\n c"];
    let mut world = chain(&versions, "a b");
    assert_eq!(brief(&world.reconcile()), "collect age");
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "teleport b");
}

/// A history that goes through several versions: what was visited in an older one counts.
#[test]
fn visits_of_older_versions_count() {
    let mut new_ids = flow("a2 -> b2\n b2 -> c2\n c2");
    for step in &mut new_ids.steps {
        let was = flow("a\n b\n c").steps.into_iter().find(|s| step.id.starts_with(&s.id)).expect("a step");
        (step.name, step.description) = (was.name, was.description);
        if was.id == "b" {
            (step.is_checkpoint, step.checkpoint_description) = (true, Some("B is done".into()));
        }
    }
    let first = flow("a -> b\n b !checkpoint -> c\n c");
    let third = flow("a -> f\n f -> away if age < 18; b\n b !checkpoint -> c\n c\n away");
    let mut world = World::chained(vec![first, new_ids, third]);
    world.walked(&["a", "b"]);
    world.arrive(2, "b2");
    world.arrive(2, "c2");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "continue at c");
}

/// Version 2 inserts a step that asks for nothing, version 3 makes it a required action: clean grafts, each for its own
/// customers.
#[test]
fn clean_grafts_together_do_not_hide_an_action() {
    let versions = ["a -> c\n c", "a -> b\n b -> c\n c", "a -> b\n b !required -> c\n c"];
    let mut world = chain(&versions, "a c");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "execute_action b");
    assert_eq!(decision.migration_scenario, Some(MigrationScenario::GapFill));
    let mut from_the_second = chain(&versions[1..], "a b c");
    assert_eq!(brief(&from_the_second.reconcile()), "teleport c");
}

/// Of two twins that the customer passed in the first version, the second dropped one. Both were passed before the
/// place of the fork, and the redirect leads to neither of them.
#[test]
fn a_visit_of_a_dropped_twin_is_not_taken_for_the_other() {
    let twins = |text: &str| {
        let mut version = flow(text);
        for step in version.steps.iter_mut().filter(|s| s.id == "pay" || s.id == "twin") {
            (step.name, step.description) = ("Pay".into(), Some("What pay says".into()));
            step.checkpoint_description = Some("Pay is done".into());
        }
        version
    };
    let first = twins("pay !checkpoint -> mid\n mid -> twin\n twin !checkpoint -> c\n c");
    let second = twins("mid -> twin\n twin !checkpoint -> c\n c");
    let third = twins("mid -> twin\n twin !checkpoint -> f\n f -> away if age < 18; c\n c\n away");
    let mut world = World::chained(vec![first, second, third]);
    world.walked(&["pay", "mid", "twin", "c"]);
    world.arrive(2, "c");
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport away");
}

/// Of two twins the one that the customer passed is deleted, and their own step, too: they are not relocated to the
/// other, where the irreversible act would be done again.
#[test]
fn the_twin_of_a_deleted_checkpoint_is_as_good_as_the_checkpoint() {
    let twins = |text: &str| {
        let mut version = flow(text);
        let twin = step_mut(&mut version, "twin");
        (twin.name, twin.description) = ("Pay".into(), Some("What pay says".into()));
        twin.checkpoint_description = Some("Pay is done".into());
        version
    };
    let old = twins("pay !checkpoint -> c if vip; twin\n twin !checkpoint -> c\n c");
    let mut world = World::chained(vec![old, twins("twin !checkpoint")]);
    world.walked(&["pay", "c"]);
    assert_eq!(world.reconcile().pin.map(|pin| pin.reason), Some(PinReason::Undone));
}
