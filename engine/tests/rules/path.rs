//! "Replay": the path of the customer, and what its steps ask of them.

use crate::common::flow::{flow, step_mut};
use crate::common::world::{World, asked, brief};
use crate::{has, replayed, words};
use scenario_engine::diff::MigrationScenario;
use scenario_engine::reconcile::{CompletedAction, Effect, Event, WaitingFor};

#[test]
fn a_clean_graft_asks_the_world_for_one_row_only() {
    let mut world = World::planned(flow("a -> b\n b (age) -> c\n c"), flow("a -> b\n b (age) -> c\n c -> d\n d"));
    world.walked(&["a", "b", "c"]);
    world.visits.clear(); // it would be exited if the history were looked at
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn without_history_the_path_is_the_landing_step_alone() {
    let mut world = replayed("a -> b\n b -> c\n c", "a -> x\n x (age) -> b\n b -> c\n c", &["c"]);
    assert_eq!(brief(&world.reconcile()), "collect age");
    world.visits.clear();
    assert_eq!(brief(&world.reconcile()), "collect age");
}

#[test]
fn loops_of_the_history_are_erased() {
    // They went round by `detour`, and came back: nothing that the new version asks on that round concerns them.
    let old = "a -> detour if vip; b\n detour -> a\n b";
    let new = "a -> detour if vip; b\n detour -> x\n x (age) -> a\n b";
    let mut world = replayed(old, new, &words("a detour a b"));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport b");
    assert!(!has(&decision, Event::Visited, "detour"));
}

#[test]
fn where_the_entry_does_not_lead_the_path_starts_at_its_first_step() {
    let mut world =
        replayed("a -> b\n b -> c\n c", "other (vip) -> a2\n a2\n a -> x\n x (age) -> b\n b -> c\n c", &words("a b c"));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect age");
    assert!(!has(&decision, Event::Inserted, "other"));
}

#[test]
fn visited_steps_that_do_not_lie_on_the_way_are_no_part_of_the_path() {
    // `b` does not lead to `c` any more.
    let mut world = replayed("a -> b\n b -> c\n c", "a -> c\n b (age) -> d\n c\n d", &words("a b c"));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert!(!has(&decision, Event::Visited, "b"));
}

#[test]
fn a_visited_step_asks_only_for_what_an_edit_added() {
    let mut new = flow("a -> b\n b (age, country) -> c\n c");
    step_mut(&mut new, "b").description = Some("What b says now".into());
    let mut world = World::planned(flow("a -> b\n b (age) -> c\n c"), new);
    world.walked(&words("a b c"));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect country");
    assert!(has(&decision, Event::Edited, "b"));
}

#[test]
fn an_unvisited_step_asks_for_its_fields() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (country, age) -> c\n c"));
    world.walked(&words("a c"));
    let decision = world.reconcile();
    assert_eq!(decision.migration_scenario, Some(MigrationScenario::GapFill));
    assert_eq!(asked(&decision), ["age", "country"]);
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "collect country");
    world.knows("country", "null");
    assert_eq!(brief(&world.reconcile()), "collect country");
    world.knows("country", "\"FR\"");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert_eq!(decision.fields_filled.len(), 2);
}

#[test]
fn a_required_action_is_executed_once() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) !required -> c\n c"));
    world.walked(&words("a c"));
    // Fields before actions (7.3, result).
    assert_eq!(brief(&world.reconcile()), "collect age");
    world.knows("age", "30");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.effect), ("execute_action b", Effect::Wait(WaitingFor::Action)));
    let step_content_hash = "another".to_owned();
    let done = CompletedAction { scenario_version: 1, step_id: "b".into(), step_content_hash, visit_no: 1 };
    world.completed.push(done);
    assert_eq!(brief(&world.reconcile()), "execute_action b", "another version's step of that id is another step");
    world.completed.clear();
    world.complete(2, "b");
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn a_required_action_that_they_visited_is_not_executed_again() {
    let mut world = replayed("a -> b\n b -> c\n c", "a -> b\n b !required -> c\n c", &words("a b c"));
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn who_jumped_over_a_step_then_may_jump_over_it_now() {
    let old = "a -> b\n b (age) !required -> c\n c -> d\n d";
    let new = "a -> b\n b (age, vip) !required -> x\n x (country) -> c\n c -> d\n d";
    let mut world = replayed(old, new, &words("a c d"));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect country");
    assert!(has(&decision, Event::PassedBefore, "b"));
}

#[test]
fn a_step_beyond_where_they_are_was_not_jumped_over() {
    // Relocated over `x`, from which the payment could be made again: the old version had not let them past it yet.
    let old = "a -> pay\n pay !checkpoint -> gone\n gone -> x\n x (age) -> b\n b";
    let new = "a -> x\n x (age) -> pay if vip; b\n pay !checkpoint\n b";
    let mut world = World::planned(flow(old), flow(new));
    world.walked(&words("a pay gone"));
    world.knows("vip", "false");
    assert_eq!(brief(&world.reconcile()), "collect age");
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "teleport b");
}

#[test]
fn a_step_that_an_old_way_avoided_was_not_jumped_over() {
    // They went round `b`; the new version leads everybody over it.
    let old = "a -> b if vip; c\n b (age) -> c\n c -> d\n d";
    let mut world = replayed(old, "a -> b\n b (age) -> c\n c -> d\n d", &words("a c d"));
    assert_eq!(brief(&world.reconcile()), "collect age");
}
