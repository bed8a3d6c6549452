//! "Replay": the way on from each step, and what decides a fork.

use crate::common::flow::{flow, step_mut};
use crate::common::world::{World, brief};
use crate::{has, replayed, words};
use scenario_engine::diff::MigrationScenario;
use scenario_engine::reconcile::Event;

#[test]
fn where_no_way_leads_on_the_walk_jumps() {
    // `b` became a dead end; `c` can be reached round it.
    let new = "a -> b if vip; x\n b\n x (age) -> c\n c -> d\n d";
    let mut world = replayed("a -> b\n b -> c\n c -> d\n d", new, &words("a b c d"));
    world.knows("vip", "false");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect age");
}

#[test]
fn a_false_condition_on_the_only_way_makes_the_walk_unsure() {
    // Unsure, it keeps to the path at `f`, though the branch that leads elsewhere holds; at `b` it is sure again.
    let old = "a -> b\n b -> c\n c";
    let unsure = "a -> p\n p -> f if vip\n f -> away if age < 18; b\n b -> c\n c\n away";
    let mut world = replayed(old, unsure, &words("a b c"));
    world.knows("age", "15");
    world.knows("vip", "false");
    assert_eq!(brief(&world.reconcile()), "teleport c");
    world.knows("vip", "true");
    assert_eq!(brief(&world.reconcile()), "teleport away");
    let sure_again = "a -> p\n p -> b if vip\n b -> f\n f -> away if age < 18; c\n c\n away";
    let mut world = replayed(old, sure_again, &words("a b c"));
    world.knows("age", "15");
    world.knows("vip", "false");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn who_went_that_way_themselves_is_not_unsure() {
    let old = "a -> b if vip\n b -> c\n c";
    let new = "a -> b if vip\n b -> f\n f -> away if age < 18; c\n c\n away";
    let mut world = replayed(old, new, &words("a b c"));
    world.knows("vip", "false");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn an_unchanged_fork_that_they_visited_keeps_their_choice() {
    let old = "a -> b if vip; c\n b -> d\n c -> d\n d -> e\n e";
    let new = "a -> b if vip; c\n b -> d\n c -> x\n x (age) -> d\n d -> e\n e";
    for (came_by, expected) in [("a c d e", "collect age"), ("a b d e", "teleport e")] {
        for vip in ["true", "false"] {
            let mut world = replayed(old, new, &words(came_by));
            world.knows("vip", vip);
            assert_eq!(brief(&world.reconcile()), expected, "{came_by}, vip {vip}");
        }
    }
}

#[test]
fn an_unchanged_fork_that_they_did_not_visit_is_decided() {
    // `f` is as it was, but they came by another way, which is closed now.
    let old = "a -> f if vip; c\n f -> away if age < 18; c\n c -> d\n d\n away";
    let new = "a -> f\n f -> away if age < 18; c\n c -> d\n d\n away";
    let mut world = replayed(old, new, &words("a c d"));
    assert_eq!(brief(&world.reconcile()), "collect age");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn a_fork_that_lost_branches_is_not_changed() {
    // The branch that they took is gone: along the path, nothing is asked to redirect them.
    let old = "f -> a if vip; b if age < 18; c\n a -> d\n b -> d\n c -> d\n d -> e\n e";
    let new = "f -> b if age < 18; c\n a -> d\n b (country) -> d\n c (visits) -> d\n d -> e\n e";
    let mut world = replayed(old, new, &words("f a d e"));
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "collect country", "the first lead");
    world.session.variables.clear();
    assert_eq!(brief(&world.reconcile()), "collect country", "the field that it reads is not asked for");
}

#[test]
fn the_first_true_branch_of_a_changed_fork_decides() {
    let old = "f -> c\n c\n away\n far";
    let new = "f -> away if age < 18; far if vip; c\n c\n away\n far";
    let table = [("15", "true", "teleport away"), ("19", "true", "teleport far"), ("19", "false", "teleport c")];
    for (age, vip, expected) in table {
        let mut world = replayed(old, new, &words("f c"));
        world.knows("age", age);
        world.knows("vip", vip);
        assert_eq!(brief(&world.reconcile()), expected, "{age} {vip}");
    }
    let mut world = replayed(old, new, &words("f c"));
    world.knows("vip", "true");
    assert_eq!(brief(&world.reconcile()), "collect age", "unknown before the true one");
    world.session.variables.clear();
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away", "nothing after the true one is needed");
}

#[test]
fn higher_priority_is_tried_first() {
    let mut new = flow("f -> c if vip; away if age < 18\n c\n away");
    step_mut(&mut new, "f").transitions[1].priority = 10;
    let mut world = World::planned(flow("f -> c\n c\n away"), new);
    world.walked(&words("f c"));
    world.knows("vip", "true");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn a_branch_to_a_later_step_of_the_path_goes_on_there() {
    let old = "a -> b\n b -> c\n c -> d\n d";
    let new = "a -> c if vip; x\n x (age) -> b\n b -> c\n c -> d\n d";
    let mut world = replayed(old, new, &words("a b c d"));
    world.knows("vip", "true");
    assert_eq!(brief(&world.reconcile()), "teleport d");
    world.knows("vip", "false");
    assert_eq!(brief(&world.reconcile()), "collect age");
}

#[test]
fn no_true_branch_goes_by_the_first_lead_unsure() {
    let old = "a -> b\n b -> c\n c";
    let new = "a -> p if vip; q if age < 18\n p -> g\n g -> away if plan == \"gold\"; b\n q (country) -> b\n b -> c\n c
        away";
    let mut world = replayed(old, new, &words("a b c"));
    for (field, value) in [("vip", "false"), ("age", "19"), ("plan", "\"gold\"")] {
        world.knows(field, value);
    }
    assert_eq!(brief(&world.reconcile()), "teleport c", "by `p`, and not redirected at `g`");
}

#[test]
fn the_walk_ends_where_it_comes_to_the_landing_step() {
    // Found by the oracle: `b` is a step of the path that can be reached over the landing step, by a way back. The walk
    // was led on over `c`, and asked for the fields beyond.
    let old = "a -> b\n b -> c\n c -> x\n x -> b";
    let new = "a -> c if age < 18; b\n b -> c\n c -> x\n x (country) -> b if vip; end\n end";
    let mut world = replayed(old, new, &words("a b c"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert!(!has(&decision, Event::Inserted, "x"));
}

#[test]
fn the_walk_does_not_turn_back_from_a_later_step_of_the_path() {
    // Likewise, for a step before the landing step: at `c` their choice was `d`, not back to `b`.
    let old = "a -> b\n b -> c\n c -> b if vip; d\n d";
    let new = "a -> c if age < 18; b\n b -> c\n c -> b if vip; d\n d";
    let mut world = replayed(old, new, &words("a b c d"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport d");
    assert!(!has(&decision, Event::Visited, "b"));
}

#[test]
fn a_redirect_asks_first_for_what_lies_before_the_fork() {
    let old = "a -> c\n c";
    let new = "a -> x\n x (country) -> f\n f -> away if age < 18; c\n c\n away -> end\n end !end";
    let mut world = replayed(old, new, &words("a c"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect country");
    world.knows("country", "\"FR\"");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport away");
    assert_eq!(decision.user_message.as_deref(), Some(world.settings.reroute_message.as_str()));
}

#[test]
fn a_redirect_to_an_end_asks_nothing() {
    let mut world =
        replayed("a -> c\n c", "a -> x\n x (country) -> f\n f -> away if age < 18; c\n c\n away !end", &words("a c"));
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn a_field_that_only_a_fork_reads_is_asked_for() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> away if age < 18; c\n c\n away"));
    world.walked(&words("a c"));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect age");
    assert_eq!(decision.migration_scenario, Some(MigrationScenario::ReRoute));
}

#[test]
fn what_fails_at_run_time_is_unknown_and_says_so() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> away if age < 18; c\n c\n away"));
    world.walked(&words("a c"));
    world.knows("age", "\"fifteen\"");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    let says_so = |e: &scenario_engine::reconcile::TraceEvent| {
        e.event == Event::Fork && e.detail["why"].as_str().is_some_and(|w| w.contains("unknown"))
    };
    assert!(decision.trace.iter().any(says_so), "{:?}", decision.trace);
    assert!(!format!("{:?}", decision.trace).contains("fifteen"), "a trace never holds a value");
}
