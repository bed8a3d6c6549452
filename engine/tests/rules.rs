//! Each rule of SPEC 7.2 to 7.5, 8 and 10 in one small example, after the order flow of section 2.

mod common;

use common::flow::{flow, step_mut};
use common::world::{World, asked, brief, sure};
use scenario_engine::definition::Definition;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::field::{FieldDefinition, RequiredLevel};
use scenario_engine::plan::{OnCheckpointBlock, PinReason, PlanStatus, Policy, Scope};
use scenario_engine::reconcile::{
    Action, BlockRule, Candidate, CompletedAction, Decision, Effect, Event, FieldSource, OnUndecided,
    SubmittedDecision, WaitingFor,
};
use std::rc::Rc;

/// A session that came by these steps and whose every anchor is replayed in full.
fn replayed(old: &str, new: &str, steps: &[&str]) -> World {
    let mut world = World::planned(flow(old), flow(new));
    world.set_policy_everywhere(&Policy { force_scenario: Some(MigrationScenario::ReRoute), ..Policy::default() });
    world.walked(steps);
    world
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn has(decision: &Decision, event: Event, step: &str) -> bool {
    decision.trace.iter().any(|e| e.event == event && e.step_id.as_deref() == Some(step))
}

// ---------------------------------------------------------------------------------------------------------------------
// The order flow of section 2

const ORDER: &str = "
    welcome -> checkout
    checkout (address) -> payment
    payment !checkpoint -> shipping
    shipping -> done
    done !end";

const ORDER_WITH_AGE_CHECK: &str = "
    welcome -> age_check
    age_check (age) -> reject if age < 18; checkout
    checkout (address) -> payment
    payment !checkpoint -> shipping
    shipping -> done
    done !end
    reject !end";

#[test]
fn order_flow() {
    let table = [
        // came by                              known   first     once asked for the age: 15         19
        ("welcome", None, "teleport welcome", "", ""),
        ("welcome checkout", None, "collect age", "teleport reject", "teleport checkout"),
        ("welcome checkout", Some(15), "teleport reject", "", ""),
        ("welcome checkout", Some(19), "teleport checkout", "", ""),
        // Before payment is done, it is no passed checkpoint; the checkpoint is passed by being at it.
        ("welcome checkout payment", Some(15), "continue at payment", "", ""),
        ("welcome checkout payment shipping", Some(15), "continue at shipping", "", ""),
        ("welcome checkout payment shipping", None, "collect age", "continue at shipping", "teleport shipping"),
        // Finished sessions are left in peace.
        ("welcome checkout payment shipping done", Some(19), "continue", "", ""),
    ];
    for (came_by, age, first, child, adult) in table {
        for (answer, then) in [("15", child), ("19", adult)] {
            let mut world = World::planned(flow(ORDER), flow(ORDER_WITH_AGE_CHECK));
            world.walked(&words(came_by));
            if let Some(age) = age {
                world.profile.insert("age".into(), sure(&age.to_string()));
            }
            let decision = world.reconcile();
            assert_eq!(brief(&decision), first, "{came_by}, {age:?}");
            if !then.is_empty() {
                assert_eq!(decision.effect, Effect::Wait(WaitingFor::Customer));
                world.knows("age", answer);
                assert_eq!(brief(&world.reconcile()), then, "{came_by}, answered {answer}");
            }
        }
    }
}

#[test]
fn order_flow_scenarios_of_the_anchors() {
    let world = World::planned(flow(ORDER), flow(ORDER_WITH_AGE_CHECK));
    let map = &world.maps[&world.plans[0].plan_id];
    let scenarios: Vec<&str> = map.anchors.iter().map(|a| a.migration_scenario.as_str()).collect();
    assert_eq!(scenarios, ["clean_graft", "re_route", "re_route", "re_route", "re_route"]);
}

#[test]
fn a_block_names_checkpoint_rule_and_target() {
    let mut world = World::planned(flow(ORDER), flow(ORDER_WITH_AGE_CHECK));
    world.walked(&words("welcome checkout payment shipping"));
    world.knows("age", "15");
    let decision = world.reconcile();
    let warning = decision.checkpoint_warning().expect("a warning");
    for part in ["Payment", "Payment is done", "age < 18", "Age check", "Reject"] {
        assert!(warning.contains(part), "{part} in: {warning}");
    }
    assert_eq!(decision.checkpoint_blocks[0].rule, BlockRule::VisitedAfterFork);
    assert_eq!(decision.effect, Effect::Move);
}

// ---------------------------------------------------------------------------------------------------------------------
// 7.3: the path

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

// ---------------------------------------------------------------------------------------------------------------------
// 7.3: duties

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
    let done = CompletedAction { scenario_version: 1, step_id: "b".into(), step_content_hash: "another".into() };
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

// ---------------------------------------------------------------------------------------------------------------------
// 7.3: onward

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
    let new = "a -> p if vip; q if age < 18\n p -> g\n g -> away if plan == \"gold\"; b\n q (country) -> b\n b -> c\n c\n away";
    let mut world = replayed(old, new, &words("a b c"));
    for (field, value) in [("vip", "false"), ("age", "19"), ("plan", "\"gold\"")] {
        world.knows(field, value);
    }
    assert_eq!(brief(&world.reconcile()), "teleport c", "by `p`, and not redirected at `g`");
}

#[test]
fn the_walk_ends_where_it_comes_to_the_landing_step() {
    // Found by the oracle: `b` is a step of the path that can be reached over the landing step, by a way back. The walk was led on over
    // `c`, and asked for the fields beyond.
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

// ---------------------------------------------------------------------------------------------------------------------
// force_scenario and re_routing_enabled

const FORK_AND_GAP: &str = "a -> x\n x (country) -> away if age < 18; c\n c\n away";

fn forced(scenario: Option<MigrationScenario>, age: &str) -> World {
    let mut world = World::planned(flow("a -> c\n c"), flow(FORK_AND_GAP));
    world.set_policy_everywhere(&Policy { force_scenario: scenario, ..Policy::default() });
    world.walked(&words("a c"));
    world.knows("age", age);
    world
}

#[test]
fn forced_clean_graft_skips_the_replay() {
    let decision = forced(Some(MigrationScenario::CleanGraft), "15").reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert_eq!(decision.migration_scenario, Some(MigrationScenario::CleanGraft));
}

#[test]
fn forced_gap_fill_leaves_no_path() {
    let mut world = forced(Some(MigrationScenario::GapFill), "15");
    assert_eq!(brief(&world.reconcile()), "collect country");
    world.knows("country", "\"FR\"");
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn forced_re_route_replays_in_full() {
    let mut world = forced(Some(MigrationScenario::ReRoute), "15");
    world.knows("country", "\"FR\"");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn re_routing_disabled_leaves_no_path() {
    let mut world = forced(None, "15");
    world.settings.re_routing_enabled = false;
    world.knows("country", "\"FR\"");
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn without_notification_there_is_no_message() {
    let mut world = forced(None, "15");
    world.settings.notify_user = false;
    let decision = world.reconcile();
    assert_eq!((decision.action, decision.user_message), (Action::Collect, None));
}

// ---------------------------------------------------------------------------------------------------------------------
// 7.4: checkpoints

#[test]
fn a_checkpoint_before_the_fork_does_not_forbid() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> pay\n pay !checkpoint -> f\n f -> away if age < 18; c\n c\n away";
    let mut world = replayed(old, new, &words("a pay c"));
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn a_checkpoint_after_the_fork_forbids() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> f\n f -> away if age < 18; pay\n pay !checkpoint -> c\n c\n away";
    let mut world = replayed(old, new, &words("a pay c"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "continue at c");
    assert_eq!(decision.checkpoint_blocks[0].rule, BlockRule::VisitedAfterFork);
}

#[test]
fn a_target_that_leads_to_the_checkpoint_again_forbids() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> pay\n pay !checkpoint -> f\n f -> again if age < 18; c\n again -> pay\n c\n";
    let mut world = replayed(old, new, &words("a pay c"));
    world.knows("age", "15");
    // `again` leads back to the path, but only through the fork.
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "continue at c");
    assert_eq!(decision.checkpoint_blocks[0].rule, BlockRule::TargetReachesCheckpoint);
}

#[test]
fn a_checkpoint_that_the_new_version_lacks_forbids_nothing_by_itself() {
    let old = "a -> pay\n pay !checkpoint -> b\n b -> c\n c";
    let table = [
        // Nothing there can be the payment.
        ("a -> b\n b -> f\n f -> away if age < 18; c\n c\n away", "teleport away", None),
        // A new checkpoint can be: nobody can tell that it is not.
        (
            "a -> b\n b -> f\n f -> charge if age < 18; c\n c\n charge !checkpoint -> end\n end",
            "continue at c",
            Some(BlockRule::TargetReachesCheckpoint),
        ),
    ];
    for (new, expected, rule) in table {
        let mut world = replayed(old, new, &words("a pay b c"));
        world.knows("age", "15");
        let decision = world.reconcile();
        assert_eq!(brief(&decision), expected);
        assert_eq!(decision.checkpoint_blocks.first().map(|block| block.rule), rule);
    }
}

#[test]
fn all_checkpoints_count_not_only_the_last() {
    // The last one lies before the fork and cannot be reached again; the one before it can.
    let old = "a -> sign\n sign !checkpoint -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> sign\n sign !checkpoint -> pay\n pay !checkpoint -> f\n f -> again if age < 18; c\n again -> sign2\n sign2 -> end\n c\n end";
    let mut new = flow(new);
    // `again` leads to the contract once more, not to the payment.
    let sign = step_mut(&mut new, "sign").clone();
    step_mut(&mut new, "again").transitions[0].to_step_id = "sign".into();
    step_mut(&mut new, "sign").transitions[0].to_step_id = "end".into();
    step_mut(&mut new, "a").transitions[0].to_step_id = "pay".into();
    assert!(sign.is_checkpoint);
    let mut world = World::planned(flow(old), new);
    world.walked(&words("a sign pay c"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "continue at c");
    assert_eq!(decision.checkpoint_blocks[0].checkpoint_step_id, "sign");
}

#[test]
fn a_walk_that_comes_round_to_a_fork_again_is_still_before_the_checkpoint() {
    // Found by the property: behind `pay` the walk comes to `f` once more; they stood there before they paid.
    let new = "f -> away if age < 18; x\n x -> c if vip; pay\n pay !checkpoint -> f\n c\n away";
    let mut world = replayed("f -> pay\n pay !checkpoint -> c\n c", new, &words("f pay c"));
    world.knows("age", "15");
    world.knows("vip", "false");
    assert_eq!(brief(&world.reconcile()), "continue at c");
}

#[test]
fn blocked_gaps_are_still_filled() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> f\n f -> away if age < 18; pay\n pay !checkpoint -> x\n x (country) -> c\n c\n away";
    let mut world = replayed(old, new, &words("a pay c"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "collect country");
    assert_eq!(decision.checkpoint_blocks.len(), 1);
    world.knows("country", "\"FR\"");
    assert_eq!(brief(&world.reconcile()), "continue at c");
}

#[test]
fn a_block_can_pin() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> f\n f -> away if age < 18; pay\n pay !checkpoint -> c\n c\n away";
    let mut world = World::planned(flow(old), flow(new));
    world.set_policy_everywhere(&Policy { on_checkpoint_block: OnCheckpointBlock::Pin, ..Policy::default() });
    world.walked(&words("a pay c"));
    world.knows("age", "15");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::Pin));
    assert_eq!((decision.target.expect("a target").step_id.as_str(), decision.scenario_version), ("c", Some(1)));
    assert_eq!(decision.checkpoint_blocks.len(), 1);
}

#[test]
fn blocks_can_be_turned_off() {
    let old = "a -> pay\n pay !checkpoint -> c\n c";
    let new = "a -> f\n f -> away if age < 18; pay\n pay !checkpoint -> c\n c\n away";
    let mut world = replayed(old, new, &words("a pay c"));
    world.settings.block_teleport_past_checkpoint = false;
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

#[test]
fn a_deleted_step_is_left_for_the_first_place_beyond_all_checkpoints() {
    let old = "a -> pay\n pay !checkpoint -> gone\n gone -> a2\n a2 -> c\n c";
    let table = [
        ("a -> pay\n pay !checkpoint -> a2\n a2 -> c\n c", "teleport a2"),
        ("a -> a2\n a2 -> pay\n pay !checkpoint -> c\n c", "teleport c"),
        ("a -> a2\n a2 -> c\n c -> pay\n pay !checkpoint", "continue"),
    ];
    for (new, expected) in table {
        let mut world = World::planned(flow(old), flow(new));
        world.walked(&words("a pay gone"));
        let decision = world.reconcile();
        assert_eq!(brief(&decision), expected, "{new}");
        // Who has passed a checkpoint is not thrown out.
        if expected == "continue" {
            assert_eq!((decision.effect, decision.scenario_version), (Effect::Pin, Some(1)));
            assert_eq!(decision.pin.map(|pin| pin.reason), Some(PinReason::Undone));
        }
    }
}

#[test]
fn who_has_passed_nothing_and_has_nowhere_to_go_leaves_with_a_message() {
    let mut world = World::planned(flow("a -> gone\n gone"), flow("other"));
    world.walked(&words("a gone"));
    let decision = world.reconcile();
    assert_eq!((decision.effect, decision.scenario_version), (Effect::Exit, None));
    assert_eq!(decision.user_message.as_deref(), Some(world.settings.exit_message.as_str()));
}

#[test]
fn a_deleted_step_goes_to_its_successor_before_its_predecessor() {
    let mut world = World::planned(flow("a -> gone\n gone -> b\n b"), flow("a -> b\n b"));
    world.walked(&words("a gone"));
    assert_eq!(brief(&world.reconcile()), "teleport b");
}

#[test]
fn sessions_at_a_deleted_step_follow_the_policy_of_the_anchor_that_they_go_to() {
    let mut world = World::planned(flow("a -> gone\n gone -> b\n b"), flow("a -> b\n b"));
    world.walked(&words("a gone"));
    let plan = world.plans[0].plan_id;
    world.set_policy(plan, "a", Policy { update_downstream: false, ..Policy::default() });
    assert_eq!(brief(&world.reconcile()), "teleport b");
    world.set_policy(plan, "b", Policy { update_downstream: false, ..Policy::default() });
    assert_eq!(world.reconcile().effect, Effect::Pin);
}

// ---------------------------------------------------------------------------------------------------------------------
// 7.5: decisions

const TALK: &str = "a -> human if the customer sounds unhappy; c\n c\n human";

fn undecided() -> World {
    let mut world = World::planned(flow("a -> c\n c"), flow(TALK));
    world.walked(&words("a c"));
    world
}

fn decided(target: &str) -> SubmittedDecision {
    SubmittedDecision { scenario_version: 2, fork_step_id: "a".into(), target_step_id: target.into() }
}

#[test]
fn a_natural_language_fork_is_decided_by_somebody() {
    let decision = undecided().reconcile();
    assert_eq!((brief(&decision).as_str(), decision.effect), ("decide a", Effect::Wait(WaitingFor::Decision)));
    let branches: Vec<(&str, &str)> =
        decision.decisions[0].branches.iter().map(|b| (b.target_step_id.as_str(), b.condition_text.as_str())).collect();
    assert_eq!(branches, [("human", "the customer sounds unhappy"), ("c", "")]);
    for (target, expected) in [("human", "teleport human"), ("c", "teleport c")] {
        let mut world = undecided();
        world.decisions.push(decided(target));
        assert_eq!(brief(&world.reconcile()), expected);
    }
}

#[test]
fn another_versions_decision_does_not_count() {
    let mut world = undecided();
    world.decisions.push(SubmittedDecision { scenario_version: 1, ..decided("human") });
    assert_eq!(brief(&world.reconcile()), "decide a");
}

#[test]
fn undecided_can_mean_to_stay() {
    let mut world = undecided();
    world.settings.on_undecided = OnUndecided::Stay;
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert_eq!(decision.warnings.len(), 1);
}

#[test]
fn fields_and_actions_come_before_decisions() {
    let new = "a -> x\n x (age) !required -> f\n f -> human if the customer sounds unhappy; c\n c\n human";
    let mut world = World::planned(flow("a -> c\n c"), flow(new));
    world.walked(&words("a c"));
    assert_eq!(brief(&world.reconcile()), "collect age");
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "execute_action x");
    world.complete(2, "x");
    assert_eq!(brief(&world.reconcile()), "decide f");
}

#[test]
fn a_fork_whose_branches_lead_to_one_step_needs_nobody() {
    let new = "a -> c if the customer sounds unhappy; c\n c\n human";
    let mut world = World::planned(flow("a -> c\n c\n human"), flow(new));
    world.walked(&words("a c"));
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

// ---------------------------------------------------------------------------------------------------------------------
// 8: gap fill

#[test]
fn the_first_source_that_has_a_valid_value_wins() {
    let schema = r#"{"type": "integer", "minimum": 0}"#;
    let said = |value: &str, confidence: f64| Candidate { confidence: Some(confidence), ..sure(value) };
    // profile, session, extraction (value, confidence) → what happens
    type Row = (Option<&'static str>, Option<&'static str>, Option<(&'static str, f64)>, &'static str);
    let table: [Row; 15] = [
        (Some("30"), Some("31"), Some(("32", 1.0)), "session 31"),
        (Some("30"), None, Some(("32", 1.0)), "profile 30"),
        (Some("-1"), Some("31"), Some(("32", 1.0)), "session 31"),
        (None, Some("31"), Some(("32", 1.0)), "session 31"),
        (Some("-1"), Some("\"x\""), Some(("32", 1.0)), "extraction 32"),
        (None, Some("null"), Some(("32", 0.95)), "extraction 32"),
        (None, None, Some(("32", 0.95)), "extraction 32"),
        (None, None, Some(("32", 0.94)), "confirm"),
        (None, None, Some(("32", 0.90)), "confirm"),
        (None, None, Some(("32", 0.85)), "confirm"),
        (None, None, Some(("32", 0.84)), "ask"),
        (None, None, Some(("32", 0.80)), "ask"),
        (None, None, Some(("-1", 1.0)), "ask"),
        (Some("-1"), Some("-2"), Some(("-3", 1.0)), "ask"),
        (None, None, None, "ask"),
    ];
    for level in [RequiredLevel::Hard, RequiredLevel::Soft] {
        for (profile, session, extraction, expected) in &table {
            let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
            world.walked(&words("a c"));
            let field = FieldDefinition {
                schema: Some(schema.into()),
                required_level: level,
                ..FieldDefinition::undeclared("age")
            };
            world.fields.insert("age".into(), Rc::new(field));
            profile.map(|v| world.profile.insert("age".into(), sure(v)));
            session.iter().for_each(|v| world.knows("age", v));
            extraction.map(|(v, c)| world.extractions.insert("age".into(), said(v, c)));
            let decision = world.reconcile();
            let filled: Vec<String> =
                decision.fields_filled.iter().map(|f| format!("{} {}", f.source.as_str(), f.value)).collect();
            let case = format!("{level:?} {profile:?} {session:?} {extraction:?}: {}", brief(&decision));
            match (*expected, level) {
                ("ask", RequiredLevel::Hard) => assert_eq!(brief(&decision), "collect age", "{case}"),
                ("confirm", RequiredLevel::Hard) => {
                    assert_eq!(brief(&decision), "collect age?", "{case}");
                    assert_eq!(decision.effect, Effect::Wait(WaitingFor::Confirmation), "{case}");
                }
                // A soft field is never asked about: gone without.
                ("ask" | "confirm", RequiredLevel::Soft) => {
                    assert_eq!((brief(&decision).as_str(), filled.len()), ("teleport c", 0), "{case}");
                }
                (value, _) => {
                    assert_eq!(brief(&decision), "teleport c", "{case}");
                    assert_eq!(filled, [value], "{case}");
                }
            }
        }
    }
}

#[test]
fn an_invalid_value_says_why() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
    world.walked(&words("a c"));
    let field = FieldDefinition { schema: Some(r#"{"type": "integer"}"#.into()), ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(field));
    world.knows("age", "\"old\"");
    let decision = world.reconcile();
    let rejected = &decision.collect_fields[0].rejected;
    assert_eq!((rejected.len(), rejected[0].source), (1, FieldSource::Session));
    assert!(!rejected[0].reasons.is_empty());
}

#[test]
fn extraction_can_be_turned_off() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> b\n b (age) -> c\n c"));
    world.walked(&words("a c"));
    world.extractions.insert("age".into(), Candidate { confidence: Some(1.0), ..sure("32") });
    world.settings.extraction_enabled = false;
    assert_eq!(brief(&world.reconcile()), "collect age");
}

#[test]
fn nobody_is_redirected_on_a_soft_field_that_is_not_known() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> c if age >= 18; away\n c\n away"));
    world.walked(&words("a c"));
    let field = FieldDefinition { required_level: RequiredLevel::Soft, ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(field));
    assert_eq!(brief(&world.reconcile()), "teleport c");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport away");
}

// ---------------------------------------------------------------------------------------------------------------------
// 7.2: policies, and plans that pin

#[test]
fn a_policy_lets_in_or_pins() {
    type Change = fn(&mut Scope);
    use Effect::{Move, None as Later, Pin};
    let table: [(&str, Change, Effect); 22] = [
        ("everybody", |_| {}, Move),
        ("its channel", |s| s.include_channels = vec!["sms".into(), "whatsapp".into()], Move),
        ("another channel", |s| s.include_channels = vec!["sms".into()], Pin),
        ("not its channel", |s| s.exclude_channels = vec!["whatsapp".into()], Pin),
        ("not another channel", |s| s.exclude_channels = vec!["sms".into()], Move),
        ("its step", |s| s.include_current_nodes = vec!["C".into()], Move),
        ("a step by id", |s| s.include_current_nodes = vec!["c".into()], Pin),
        ("not its step", |s| s.exclude_current_nodes = vec!["C".into()], Pin),
        ("not another step", |s| s.exclude_current_nodes = vec!["A".into()], Move),
        ("young enough", |s| s.max_session_age_days = Some(3.0), Move),
        ("too old", |s| s.max_session_age_days = Some(2.9), Pin),
        ("old enough", |s| s.min_session_age_days = Some(3.0), Move),
        ("too young", |s| s.min_session_age_days = Some(3.1), Later),
        ("its variable", |s| s.session_condition = Some("tier == \"gold\"".into()), Move),
        ("another value", |s| s.session_condition = Some("tier == \"free\"".into()), Pin),
        ("a variable that it lacks", |s| s.session_condition = Some("team == \"red\"".into()), Later),
        ("decided without it", |s| s.session_condition = Some("team == \"red\" || tier == \"gold\"".into()), Move),
        ("a type that does not fit", |s| s.session_condition = Some("tier > 3".into()), Later),
        ("no rollout", |s| s.rollout_percent = Some(0.0), Pin),
        ("all of the rollout", |s| s.rollout_percent = Some(100.0), Move),
        (
            "one filter of two",
            |s| {
                s.include_channels = vec!["whatsapp".into()];
                s.max_session_age_days = Some(1.0);
            },
            Pin,
        ),
        (
            "both filters",
            |s| {
                s.include_channels = vec!["whatsapp".into()];
                s.max_session_age_days = Some(9.0);
            },
            Move,
        ),
    ];
    for new in ["a -> c\n c -> d\n d", "a -> x\n x (vip) -> c\n c"] {
        for (name, change, effect) in table {
            let mut world = World::planned(flow("a -> c\n c"), flow(new));
            let mut policy = Policy::default();
            change(&mut policy.scope);
            world.set_policy_everywhere(&policy);
            world.walked(&words("a c"));
            world.knows("tier", "\"gold\"");
            let decision = world.reconcile();
            let waits = effect == Move && decision.effect == Effect::Wait(WaitingFor::Customer);
            assert!(decision.effect == effect || waits, "{name}: {:?} {}", decision.effect, decision.reason);
            if effect != Move {
                assert_eq!((brief(&decision).as_str(), decision.scenario_version), ("continue", Some(1)), "{name}");
                assert!(decision.fields_filled.is_empty(), "{name}");
            }
        }
    }
}

#[test]
fn update_downstream_false_pins() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> c\n c -> d\n d"));
    world.set_policy_everywhere(&Policy { update_downstream: false, ..Policy::default() });
    world.walked(&words("a c"));
    assert_eq!(world.reconcile().effect, Effect::Pin);
}

#[test]
fn a_rollout_is_a_stable_growing_share() {
    let let_in = |percent: f64| -> Vec<u128> {
        let admitted = |id: &u128| {
            let mut world = World::planned(flow("a -> c\n c"), flow("a -> c\n c -> d\n d"));
            world.session.session_id =
                uuid::Uuid::from_u128(id.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
            world.set_policy_everywhere(&Policy {
                scope: Scope { rollout_percent: Some(percent), ..Scope::default() },
                ..Policy::default()
            });
            world.walked(&words("a c"));
            world.reconcile().effect == Effect::Move
        };
        (0..1000).filter(admitted).collect()
    };
    let (ten, fifty) = (let_in(10.0), let_in(50.0));
    assert!((60..140).contains(&ten.len()), "{}", ten.len());
    assert!((440..560).contains(&fifty.len()), "{}", fifty.len());
    assert!(ten.iter().all(|id| fifty.contains(id)), "who was in stays in");
}

#[test]
fn a_cancelled_plan_pins() {
    let mut world = World::planned(flow("a -> c\n c"), flow("a -> x\n x (age) -> c\n c"));
    world.walked(&words("a c"));
    world.plans[0].status = PlanStatus::Cancelled;
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::Pin));
}

// ---------------------------------------------------------------------------------------------------------------------
// 10: fallback

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
