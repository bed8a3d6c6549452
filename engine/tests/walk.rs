//! The walk of a replay: the path, each way on from a step, and what an unsure walk does. Each rule by a case of its
//! own; `replay.rs` holds the rules against a walk afresh.

mod common;

use common::flow::flow;
use common::oracle::Gait;
use common::property::property;
use common::scenario::Taste;
use common::scene::Scene;
use common::short::short;
use common::world::{World, brief};
use scenario_engine::diff::MigrationScenario;
use scenario_engine::field::{FieldDefinition, RequiredLevel};
use scenario_engine::plan::{OnCheckpointBlock, Policy};
use scenario_engine::reconcile::{Decision, Effect, Event, OnUndecided, SubmittedDecision};
use std::rc::Rc;

/// A session that came by these steps and whose every anchor is replayed in full.
fn walked(old: &str, new: &str, steps: &str) -> World {
    let mut world = World::planned(short(old), short(new));
    world.set_policy_everywhere(&Policy { force_scenario: Some(MigrationScenario::ReRoute), ..Policy::default() });
    world.walked(&steps.split_whitespace().collect::<Vec<_>>());
    world
}

fn knowing(mut world: World, known: &[(&str, &str)]) -> World {
    known.iter().for_each(|(field, value)| world.knows(field, value));
    world
}

/// Whether the trace tells this of a step, in the `why` of an event.
fn tells(decision: &Decision, step: &str, why: &str) -> bool {
    decision.trace.iter().any(|event| {
        event.step_id.as_deref() == Some(step) && event.detail.get("why").is_some_and(|w| w.to_string().contains(why))
    })
}

fn events(decision: &Decision, event: Event) -> Vec<&str> {
    decision.trace.iter().filter(|e| e.event == event).filter_map(|e| e.step_id.as_deref()).collect()
}

// ---------------------------------------------------------------------------------------------------------------------
// The path

#[test]
fn case_23_a_walk_that_comes_to_the_landing_step_first_ends_there() {
    let mut world = World::planned(short("a>b; b>c; c>e; e"), short("c>b; b>vip:x|again:c|e; x?f0; e; a>e"));
    world.walked(&["a", "b", "c"]);
    assert_eq!(brief(&world.reconcile()), "teleport c");
    world.knows("vip", "true");
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn loops_through_the_landing_step_are_erased() {
    // They were at `c` once before: what lay between does not concern them.
    let (old, new) = ("a>c; c>b; b>c", "a>c; c>b; b>x; x?age>c");
    assert_eq!(brief(&walked(old, new, "a c b c").reconcile()), "teleport c");
}

#[test]
fn a_step_from_which_the_next_one_cannot_be_reached_any_more_is_left_out() {
    // `b` leads past `c` now. They are walked by `c`, which the new version reaches another way.
    let (old, new) = ("a>b; b>c; c>d; d>z; z", "a>vip:b|x; b>d; x?age>c; c>d; d>z; z");
    let decision = knowing(walked(old, new, "a b c d"), &[("vip", "false")]).reconcile();
    assert_eq!(brief(&decision), "collect age");
    assert_eq!(events(&decision, Event::Visited), ["a", "c"]);
}

#[test]
fn a_version_that_is_entered_in_the_middle_of_the_path_is_walked_on_from_there() {
    // From the tape of `composite`: the new version is entered at `s3`, and leads back to `s0` from `s4`. At `s1`
    // their choice was `s2`, not the end that the same fork leads to. The walk took the end, because it had been at
    // `s3` and `s4`.
    let old = "s0>s1; s1>age < 18:s5|s2; s2>s3; s3>s4; s4>age < 18:s5|s5; s5>z; z";
    let new = "s3>s4; s4>age < 18:s5|s0; s0>s1; s1>age < 18:s5|s2; s2>n; n>vip:s0|s3; s5>z; z";
    let world = walked(old, new, "s0 s1 s2 s3 s4 s5");
    let decision = knowing(world, &[("age", "19")]).reconcile();
    assert_eq!(brief(&decision), "collect vip");
}

/// Found in a real edit of a survey: the walk went back for a step of the path that it had skipped, came to other steps
/// of the path first, and went back again, until it was ended after 100,000 steps.
#[test]
fn a_walk_does_not_go_round_for_ever() {
    property("a_walk_does_not_go_round_for_ever", |dice| {
        let taste = Taste { wild: 60, most_steps: 12, ..Taste::ALL };
        let scene = Scene::random(dice, &taste, Gait::Jumping);
        let mut world = scene.world();
        world.set_policy_everywhere(&Policy { force_scenario: Some(MigrationScenario::ReRoute), ..Policy::default() });
        let decision = world.reconcile();
        // A walk expands each of 20 steps at most once for each step of a path of as many, and tells a few lines of
        // each.
        let lines = decision.trace.len();
        ensure!(lines < 2000, "{}", scene.explain(format!("{lines} lines of trace"), None));
        Ok(())
    });
}

// ---------------------------------------------------------------------------------------------------------------------
// A fork that they visited and that did not change

#[test]
fn case_11_nobody_is_redirected_from_where_their_data_do_not_lead() {
    // The branch that they took is gone; the first lead is not for a boy of 17, so neither is what lies behind it.
    let old = "f>age >= 21:g|age < 18:h|c; g>m; h>m; c>m; m>e; e";
    let old = old.replace("age >= 21", "age >= 18");
    let new = "f>age >= 18:g|age < 18:h; g>vip:wine|m; h>m; wine; m>e; e";
    let decision = knowing(walked(&old, new, "f c m"), &[("age", "17"), ("vip", "true")]).reconcile();
    assert_eq!(brief(&decision), "teleport m");
    assert!(tells(&decision, "f", "unsure"), "{:?}", decision.trace);
    assert!(tells(&decision, "g", "unsure"), "{:?}", decision.trace);
    let adult = knowing(walked(&old, new, "f c m"), &[("age", "22"), ("vip", "true")]).reconcile();
    assert_eq!(brief(&adult), "teleport wine");
}

#[test]
fn their_choice_is_straight_to_the_target_then_the_branch_that_they_took_then_the_first_lead() {
    let took = |version: &str| walked("f>age < 18:a|vip:b|c; a>m; b>m; c>m; m>e; e", version, "f b m").reconcile();
    // Straight: `b` is the next step of the path.
    let decision = took("f>age < 18:a|vip:b|c; a?plan>m; b?visits>x; x?country>m; c?plan>m; m>e; e");
    assert_eq!(brief(&decision), "collect country visits", "`b` is another step now, and `x` is new");
    // The branch that they took before they came back to the fork and went straight, which is not possible any more.
    let (old, new) = ("f>age < 18:a|vip:b|m; a>f; b>f; m>e; e", "f>age < 18:a|vip:b; a?plan>m; b?visits>m; m>e; e");
    assert_eq!(brief(&walked(old, new, "f b f m").reconcile()), "collect visits");
    // It is gone: the first lead.
    let decision = took("f>age < 18:a|c; a?plan>m; c?visits>m; m>e; e");
    assert_eq!(brief(&decision), "collect plan");
    assert!(!tells(&decision, "f", "unsure"), "nobody knows that the condition is false");
}

#[test]
fn the_branch_that_they_took_is_followed_where_it_leads_past_a_step_of_the_path() {
    // `c` is not behind `b` any more, so `b` is no step of the path; it is still how they came.
    let old = "f>vip:a|b; a>m; b>c; c>m; m>e; e";
    let new = "f>vip:a|b; a?plan>c; b>m; c>m; m>e; e";
    assert_eq!(brief(&walked(old, new, "f b c m").reconcile()), "teleport m");
}

#[test]
fn the_last_of_several_choices_counts() {
    let old = "f>vip:a|b|m; a>f; b>f; m>e; e";
    let new = "f>vip:a|b; a?plan>m; b?visits>m; m>e; e";
    assert_eq!(brief(&walked(old, new, "f a f b f m").reconcile()), "collect visits");
    assert_eq!(brief(&walked(old, new, "f b f a f m").reconcile()), "collect plan");
}

// ---------------------------------------------------------------------------------------------------------------------
// Unsure

#[test]
fn an_unsure_walk_asks_nothing_at_forks_until_it_reaches_a_step_of_the_path() {
    let old = "a>b; b>c; c>e; e";
    // The only way on is closed. `g` is passed by the first lead whose condition is known to hold.
    let new = "a>vip:p; p>g; g>age < 18:x|plan == \"gold\":y|z; x?country>b; y?visits>b; z>b; b>c; c>e; e";
    let closed = |more: &[(&str, &str)]| knowing(knowing(walked(old, new, "a b c"), &[("vip", "false")]), more);
    assert_eq!(brief(&closed(&[]).reconcile()), "teleport c", "by `z`, whose condition holds");
    assert_eq!(brief(&closed(&[("plan", "\"gold\"")]).reconcile()), "collect visits");
    assert_eq!(brief(&closed(&[("age", "15")]).reconcile()), "collect country");
    // No condition is known to hold: the first lead.
    let new = "a>vip:p; p>g; g>age < 18:x|plan == \"gold\":y; x?country>b; y?visits>b; b>c; c>e; e";
    let world = || knowing(walked(old, new, "a b c"), &[("vip", "false")]);
    assert_eq!(brief(&world().reconcile()), "collect country");
    // Somebody's answer is known; without one nobody is waited for.
    let new = "a>vip:p; p>g; g>they ask for a person:x|y; x?country>b; y?visits>b; b>c; c>e; e";
    let mut world = knowing(walked(old, new, "a b c"), &[("vip", "false")]);
    assert_eq!(brief(&world.reconcile()), "collect visits");
    world.decisions.push(SubmittedDecision {
        scenario_version: 2,
        fork_step_id: "g".into(),
        target_step_id: "x".into(),
    });
    assert_eq!(brief(&world.reconcile()), "collect country");
    // At `b` it is sure again, and says so.
    let new = "a>vip:p; p>b; b>age < 18:away|c; c>e; e; away";
    let decision = knowing(walked(old, new, "a b c"), &[("vip", "false"), ("age", "15")]).reconcile();
    assert_eq!(brief(&decision), "teleport away");
    let at_b = decision.trace.iter().find(|e| e.event == Event::Visited && e.step_id.as_deref() == Some("b"));
    assert_eq!(at_b.expect("a visit").detail.get("sure_again"), Some(&true.into()));
}

#[test]
fn no_true_branch_makes_the_walk_unsure() {
    let new = "a>vip:p|age < 18:q; p>plan == \"gold\":away|b; q>b; b>c; c>z; z; away";
    let known = [("vip", "false"), ("age", "19"), ("plan", "\"gold\"")];
    let decision = knowing(walked("a>b; b>c; c>z; z", new, "a b c"), &known).reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert!(tells(&decision, "a", "no branch is true") && tells(&decision, "p", "unsure"), "{:?}", decision.trace);
}

// ---------------------------------------------------------------------------------------------------------------------
// Unknown, and nothing left to ask

#[test]
fn after_an_unknown_branch_no_later_one_is_looked_at() {
    // `else` does not redirect, nor does a branch that is true.
    let (old, new) = ("a>c; c>e; e", "a>age < 18:c|vip:far|away; c>e; e; far; away");
    let mut world = knowing(walked(old, new, "a c"), &[("vip", "true")]);
    let soft = FieldDefinition { required_level: RequiredLevel::Soft, ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(soft));
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert!(decision.warnings[0].contains("age < 18") && decision.warnings[0].contains("\"a\""), "{decision:?}");
    assert!(tells(&decision, "a", "unsure"));
    // By the first lead, though a later one holds.
    let new = "a>age < 18:x|y; x?country>c; y?visits>c; c>e; e";
    let mut world = walked(old, new, "a c");
    let soft = FieldDefinition { required_level: RequiredLevel::Soft, ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(soft));
    assert_eq!(brief(&world.reconcile()), "collect country");
}

#[test]
fn undecided_talk_stops_the_fork_as_well() {
    let (old, new) = ("a>c; c>e; e", "a>they ask for a person:human|vip:far|c; c>e; e; human; far");
    let mut world = knowing(walked(old, new, "a c"), &[("vip", "true")]);
    assert_eq!(brief(&world.reconcile()), "decide a");
    world.settings.on_undecided = OnUndecided::Stay;
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c", "the branch after it is not looked at");
    assert!(decision.warnings[0].contains("they ask for a person"));
}

#[test]
fn case_24_what_cannot_be_evaluated_is_named() {
    let old = "a?amount>c; c>e; e";
    let new = "a?amount>amount > 100:big|c; c>e; e; big";
    let mut world = World::planned(short(old), short(new));
    world.walked(&["a", "c"]);
    world.knows("amount", "\"120\"");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "teleport c");
    assert_eq!(decision.warnings.len(), 1);
    for part in ["amount > 100", "\"a\"", "cannot be evaluated"] {
        assert!(decision.warnings[0].contains(part), "{part} in: {}", decision.warnings[0]);
    }
    assert!(!decision.reason.contains("lead the customer to the same step"), "{}", decision.reason);
    assert!(!format!("{:?}{:?}", decision.warnings, decision.trace).contains("120"), "no value is told");
    assert!(tells(&decision, "a", "unknown: "), "{:?}", decision.trace);
}

// ---------------------------------------------------------------------------------------------------------------------
// Forks whose redirects are blocked

const PAID: &str = "a>pay; pay!>m; m>e; e";

#[test]
fn case_19_a_fork_whose_redirects_are_all_blocked_asks_nothing() {
    for condition in ["age < 18", "they ask for a person"] {
        let new = format!("a>{condition}:x|pay; pay!>m; m>e; e; x");
        let decision = walked(PAID, &new, "a pay m").reconcile();
        assert_eq!((brief(&decision).as_str(), decision.effect), ("continue at m", Effect::Move), "{condition}");
        assert!(decision.checkpoint_warning().expect("a warning").contains(condition));
        assert!(tells(&decision, "a", "forbid every redirect"), "{:?}", decision.trace);
    }
}

#[test]
fn a_blocked_fork_is_passed_without_a_warning_where_what_is_known_decides() {
    let new = "a>age < 18:x|pay; pay!>m; m>e; e; x";
    let adult = knowing(walked(PAID, new, "a pay m"), &[("age", "30")]).reconcile();
    assert_eq!((brief(&adult).as_str(), adult.checkpoint_blocks.len()), ("teleport m", 0));
    let child = knowing(walked(PAID, new, "a pay m"), &[("age", "15")]).reconcile();
    assert_eq!((brief(&child).as_str(), child.checkpoint_blocks.len()), ("continue at m", 1));
}

#[test]
fn behind_a_blocked_fork_the_walk_is_unsure() {
    // `p` lies behind the fork, on the way to the payment: they are not there by their data.
    let new = "a>age < 18:x|p; p>vip:y|pay; pay!>m; m>e; e; x; y";
    let decision = knowing(walked(PAID, new, "a pay m"), &[("vip", "true")]).reconcile();
    assert_eq!((brief(&decision).as_str(), decision.checkpoint_blocks.len()), ("continue at m", 1));
    assert!(tells(&decision, "p", "the walk is unsure"), "{:?}", decision.trace);
}

#[test]
fn a_fork_that_can_redirect_unblocked_is_asked_about() {
    // Behind the payment, `x` leads back to it and `y` does not.
    let new = "a>pay; pay!>q; q>age < 18:x|vip:y|m; x>pay; y; m>e; e";
    let world = || walked(PAID, new, "a pay m");
    assert_eq!(brief(&world().reconcile()), "collect age");
    let decision = knowing(world(), &[("age", "15")]).reconcile();
    assert_eq!((brief(&decision).as_str(), decision.checkpoint_blocks.len()), ("continue at m", 1));
    assert_eq!(brief(&knowing(world(), &[("age", "30")]).reconcile()), "collect vip");
    assert_eq!(brief(&knowing(world(), &[("age", "30"), ("vip", "true")]).reconcile()), "teleport y");
}

#[test]
fn a_fork_without_a_way_elsewhere_is_decided_as_always() {
    // Which of the two gaps is theirs, only their age tells.
    let new = "a>age < 18:g|h; g?country>pay; h?visits>pay; pay!>m; m>e; e";
    assert_eq!(brief(&walked(PAID, new, "a pay m").reconcile()), "collect age");
}

#[test]
fn a_block_that_pins_pins_only_where_the_branch_is_known_to_be_taken() {
    let new = "a>n; n?plan>o; o>age < 18:x|pay; pay!>m; m>e; e; x";
    let pinning = |known: &[(&str, &str)]| {
        let mut world = World::planned(short(PAID), short(new));
        world.set_policy_everywhere(&Policy { on_checkpoint_block: OnCheckpointBlock::Pin, ..Policy::default() });
        world.walked(&["a", "pay", "m"]);
        knowing(world, known).reconcile()
    };
    let decision = pinning(&[("age", "15")]);
    assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::Pin), "and not asked for the plan");
    assert_eq!(brief(&pinning(&[])), "collect plan");
    let decision = pinning(&[("plan", "\"gold\"")]);
    assert_eq!((brief(&decision).as_str(), decision.effect), ("continue at m", Effect::Move), "nobody knows it");
}

// ---------------------------------------------------------------------------------------------------------------------
// Classification

#[test]
fn another_entry_is_a_gap_to_look_for() {
    let world = World::planned(flow("a -> c\n c"), flow("n -> a\n a -> c\n c"));
    let scenarios: Vec<_> = world.maps[&world.plans[0].plan_id].anchors.iter().map(|a| a.migration_scenario).collect();
    assert_eq!(scenarios, [MigrationScenario::GapFill, MigrationScenario::GapFill]);
}

#[test]
fn a_way_that_was_removed_is_a_gap_to_look_for_where_something_can_be_met() {
    let scenario = |old: &str, new: &str, step: &str| {
        let world = World::planned(short(old), short(new));
        let map = &world.maps[&world.plans[0].plan_id];
        map.anchors.iter().find(|a| a.old_step_id == step).expect("an anchor").migration_scenario
    };
    // The short way is gone, and `b` asks for something.
    assert_eq!(scenario("a>vip:c|b; b?age>c; c", "a>b; b?age>c; c", "c"), MigrationScenario::GapFill);
    assert_eq!(scenario("a>vip:c|b; b>c; c", "a>b; b>c; c", "c"), MigrationScenario::CleanGraft);
    // A step that was upstream is gone.
    assert_eq!(scenario("a>x; x>b; b?age>c; c", "a>b; b?age>c; c", "c"), MigrationScenario::GapFill);
    assert_eq!(scenario("a>x; x>b; b>c; c", "a>b; b>c; c", "c"), MigrationScenario::CleanGraft);
}
