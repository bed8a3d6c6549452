//! Small cases that real edits contain and in which customers came to harm, each under its number; what a replay alone
//! decides is in `rules`.

use crate::common::flow::step_mut;
use crate::common::notation::line;
use crate::common::world::{World, brief};
use scenario_engine::acts::{
    Arrival, LastMove, SinceMigration, UndoneBy, is_already_done, may_go_back, passed_at_start,
};
use scenario_engine::diff::MigrationScenario;
use scenario_engine::plan::{
    OnCheckpointBlock, PinReason, PlanRef, PlanStatus, Policy, Scope, StoredPin, Way, find_way, pin_has_ended,
};
use scenario_engine::reconcile::{BlockRule, Decision, Effect, SubmittedDecision};
use uuid::Uuid;

/// Versions with a plan from each to the next, and a session of the first that came by these steps.
pub fn chain(versions: &[&str], steps: &str) -> World {
    let mut world = World::chained(versions.iter().map(|text| line(text)).collect());
    world.walked(&steps.split_whitespace().collect::<Vec<_>>());
    world
}

pub fn held(decision: &Decision) -> bool {
    let pinned = decision.pin.is_some_and(|pin| pin.reason == PinReason::Undone);
    let warned = decision.checkpoint_warning().is_some();
    pinned && warned && decision.effect == Effect::Pin && decision.execute_step_ids.is_empty()
}

fn accepting(world: &World, version: i32, step: &str) -> Policy {
    Policy { accept_repeat: vec![world.hash_of(version, step)], ..Policy::default() }
}

#[test]
fn case_1_a_payment_that_moved_behind_the_customers_step() {
    let mut world = chain(&["a>pay; pay!>c; c>e; e", "a>c; c>pay; pay!>e; e"], "a pay c");
    let decision = world.reconcile();
    assert!(held(&decision), "{decision:#?}");
    let warning = decision.checkpoint_warning().expect("a warning");
    assert!(warning.contains("\"pay\"") && warning.contains("\"c\""), "{warning}");
    assert!(decision.reason.contains("accept_repeat") && decision.reason.contains("move_session"));
    // Whatever the policy forces.
    for force in [MigrationScenario::CleanGraft, MigrationScenario::GapFill, MigrationScenario::ReRoute] {
        world.set_policy_everywhere(&Policy { force_scenario: Some(force), ..Policy::default() });
        assert!(held(&world.reconcile()), "{force:?}");
    }
    // Turning the rule of order off does not lift the promise.
    world.settings.block_teleport_past_checkpoint = false;
    assert!(held(&world.reconcile()));
    // Who has not paid goes on.
    let mut world = chain(&["a>pay; pay!>c; c>e; e", "a>c; c>pay; pay!>e; e"], "a");
    assert_eq!(brief(&world.reconcile()), "teleport a");
}

#[test]
fn case_3_a_redirect_to_before_another_payment_of_the_same_content() {
    let versions = ["a>pay; pay=Pay!>m; m>e; e", "a>pay; pay=Pay!>age >= 18:x|m; m>e; x>pay2; pay2=Pay!>e; e"];
    let mut world = chain(&versions, "a pay m");
    world.knows("age", "30");
    let decision = world.reconcile();
    assert_eq!(brief(&decision), "continue at m");
    assert_eq!(decision.checkpoint_blocks[0].rule, BlockRule::TargetReachesCheckpoint);
}

#[test]
fn case_3_a_relocation_onto_another_payment_of_the_same_content() {
    let versions = ["a>vip:pay|pay2; pay=Pay!>m; pay2=Pay!>m; m>e; e>x; x", "a>pay2; pay2=Pay!>x; x"];
    let map = &chain(&versions, "a pay m").maps[&Uuid::from_u128(1)];
    let deleted = map.deleted_steps.iter().find(|step| step.step_id == "m").expect("a deleted step");
    assert_eq!(deleted.candidates[0].new_step_id, "pay2");
    assert_eq!(brief(&chain(&versions, "a pay m").reconcile()), "teleport x");
    // A payment that was ahead of them anyway undoes nothing.
    let versions = ["a>pay; pay=Pay!>m; m>pay2; pay2=Pay!>e; e>x; x", "a>pay2; pay2=Pay!>e; e>x; x"];
    assert_eq!(brief(&chain(&versions, "a pay m").reconcile()), "teleport pay2");
}

#[test]
fn case_5_the_new_version_leads_back_to_the_payment() {
    let versions = ["a>pay; pay!>e; e", "a>pay; pay!>q; q>again:a|e; e"];
    let mut world = chain(&versions, "a pay");
    assert!(held(&world.reconcile()));
    let policy = accepting(&world, 1, "pay");
    world.set_policy_everywhere(&policy);
    assert_eq!(brief(&world.reconcile()), "teleport pay");
}

#[test]
fn case_6_another_payment_of_the_same_content_is_no_excuse() {
    let versions = ["a>pay; pay=Pay!>m; m>pay2; pay2=Pay!>e; e", "a>m; m>pay; pay=Pay!>pay2; pay2=Pay!>e; e"];
    assert!(held(&chain(&versions, "a pay m").reconcile()));
    // The payment that was ahead and is ahead again undoes nothing.
    let versions = ["a>pay; pay=Pay!>m; m>pay2; pay2=Pay!>e; e", "a>pay; pay=Pay!>m; m>x; x>pay2; pay2=Pay!>e; e"];
    assert_eq!(brief(&chain(&versions, "a pay m").reconcile()), "teleport m");
}

#[test]
fn case_7_flagged_only_now() {
    let versions = ["a>pay; pay=Payment>m; m>e; e", "a>m; m>pay; pay=Payment!>e; e"];
    assert!(held(&chain(&versions, "a pay m").reconcile()));
}

#[test]
fn case_7_new_words_and_a_new_id() {
    let versions = ["a>pay; pay=Payment!>m; m>e; e", "a>m; m>p2; p2=Charge the card!>e; e"];
    let decision = chain(&versions, "a pay m").reconcile();
    assert!(held(&decision));
    assert_eq!(decision.undone.map(|landing| landing.by), Some(UndoneBy::Again));
}

#[test]
fn case_8_avoidable_before_and_forced_after() {
    let versions = ["a>pay; pay!>m; m>more:pay|e; e", "a>m; m>pay; pay!>e; e"];
    let decision = chain(&versions, "a pay m").reconcile();
    assert!(held(&decision));
    assert_eq!(decision.undone.map(|landing| landing.by), Some(UndoneBy::Forced));
    // Where it was not avoidable before, nothing is undone; nor where it can still be avoided.
    for versions in [
        ["a>pay; pay!>m; m>more:pay|n; n>pay; e", "a>m; m>pay; pay!>e; e"],
        ["a>pay; pay!>m; m>more:pay|e; e", "a>pay; pay!>m; m>x; x>more:pay|e; e"],
    ] {
        assert_eq!(chain(&versions, "a pay m").reconcile().pin, None, "{versions:?}");
    }
}

#[test]
fn case_8_a_way_round_a_loop_for_ever_avoids_and_a_terminal_step_ends() {
    let round = ["a>pay; pay!>m; m>more:pay|l; l>m; e", "a>pay; pay!>m; m>pay; l; e"];
    assert!(held(&chain(&round, "a pay m").reconcile()));
    let mut ends =
        World::chained(vec![line("a>pay; pay!>m; m>more:pay|t; t>pay; e"), line("a>pay; pay!>m; m>pay; t>pay; e")]);
    step_mut(&mut ends.definitions[0], "t").is_terminal = true;
    let mut ends = World::chained(ends.definitions);
    ends.walked(&["a", "pay", "m"]);
    assert!(held(&ends.reconcile()), "a terminal step with ways on is an end");
}

#[test]
fn case_8_arrived_at_by_relocation() {
    let versions = ["a>pay; pay!>b; b>more:pay|e; e", "a>pay; pay!>e; e"];
    assert_eq!(brief(&chain(&versions, "a pay b").reconcile()), "teleport e");
}

fn deployed(deployment_no: i64, from_version: i32, to_version: i32) -> PlanRef {
    let plan_id = Uuid::from_u128(deployment_no as u128);
    PlanRef { plan_id, from_version, to_version, status: PlanStatus::Deployed, deployment_no }
}

#[test]
fn case_10_a_pin_holds_against_later_links_of_a_chain() {
    let mut plans = vec![deployed(1, 1, 2)];
    let pin = |reason, plan_id, reconciled_deployments| StoredPin { reason, plan_id, reconciled_deployments };
    let reverted = pin(PinReason::Reverted, None, 1);
    assert!(!pin_has_ended(&reverted, 1, &plans));
    plans.push(deployed(2, 2, 3));
    assert!(!pin_has_ended(&reverted, 1, &plans), "a plan from another version");
    plans.push(deployed(3, 1, 3));
    assert!(pin_has_ended(&reverted, 1, &plans), "a later plan from its own version");
    assert!(!pin_has_ended(&pin(PinReason::Policy, None, 3), 1, &plans), "it was there when the session was pinned");
    // Pinned by a cancelled link further on: a later plan between its versions ends it, others do not.
    plans = vec![deployed(1, 1, 2), PlanRef { status: PlanStatus::Cancelled, ..deployed(2, 2, 3) }];
    let by_link = pin(PinReason::Cancelled, Some(Uuid::from_u128(2)), 3);
    plans.push(deployed(4, 3, 4));
    assert!(!pin_has_ended(&by_link, 1, &plans));
    plans.push(deployed(5, 2, 3));
    assert!(pin_has_ended(&by_link, 1, &plans));
}

#[test]
fn case_10_a_cancelled_link_pins_and_nobody_falls_back() {
    let mut world = chain(&["a>c; c>e; e", "a>c; c>e; e>f; f", "a>c; c>e; e>g; g"], "a c");
    let cancelled = world.plans.iter().position(|plan| plan.from_version == 2).expect("a plan");
    world.plans[cancelled].status = PlanStatus::Cancelled;
    let decision = world.reconcile();
    assert_eq!(decision.effect, Effect::Pin);
    let pin = decision.pin.expect("a pin");
    assert_eq!((pin.reason, pin.plan_id), (PinReason::Cancelled, Some(world.plans[cancelled].plan_id)));
    assert!(matches!(find_way(&world.plans, 1, 3), Way::Cancelled(_)));
}

#[test]
fn case_12_done_and_then_reworded_while_the_customer_waits() {
    let mut world = chain(&["a>c; c>e; e", "a>act; act*>c; c>e; e"], "a c");
    assert_eq!(brief(&world.reconcile()), "execute_action act");
    world.complete(2, "act");
    let mut reworded = line("a>act; act*>c; c>e; e");
    step_mut(&mut reworded, "act").description = Some("in other words".into());
    let mut definitions = world.definitions.clone();
    definitions.push(reworded);
    let mut later = World::chained(definitions);
    later.walked(&["a", "c"]);
    assert_eq!(brief(&later.reconcile()), "execute_action act");
    later.completed = world.completed;
    assert_eq!(brief(&later.reconcile()), "teleport c");
}

#[test]
fn case_12_done_and_dropped_and_taken_up_again() {
    let done = "a>act; act*>c; c>e; e";
    let mut other_words = line(done);
    step_mut(&mut other_words, "act").description = Some("in other words".into());
    let question = "a>act; act?age>c; c>e; e";
    for (first, last) in [(line(done), line(done)), (line(done), other_words), (line(question), line(question))] {
        let mut world = World::chained(vec![first, line("a>c; c>e; e"), last]);
        world.published = 2;
        world.walked(&["a", "act", "c"]);
        let decision = world.reconcile();
        assert_eq!(brief(&decision), "teleport c");
        world.apply(&decision);
        world.published = 3;
        assert_eq!(brief(&world.reconcile()), "teleport c");
        // The same in one go.
        world.visits.truncate(3);
        (world.session.scenario_version, world.session.step_content_hash) = (1, Some(world.hash_of(1, "c")));
        assert_eq!(brief(&world.reconcile()), "teleport c");
    }
}

#[test]
fn case_12_what_the_step_at_hand_asks_is_not_answered_yet() {
    // Found by the property: a twin comes before the step where the customer stands.
    let versions = ["a=Ask?age>e; e", "b=Ask?age>a; a=Ask?age>e; e"];
    assert_eq!(brief(&chain(&versions, "a").reconcile()), "collect age");
    // Whoever answered it in an earlier round has answered it.
    let versions = ["a=Ask?age>c; c>e; e", "b=Ask?age>a; a=Ask?age>c; c>e; e"];
    assert_eq!(brief(&chain(&versions, "a c").reconcile()), "teleport c");
}

#[test]
fn case_12_one_execution_for_each_act() {
    let mut world = chain(&["a>c; c>e; e", "a>x; x=Call*>y; y=Call*>c; c>e; e"], "a c");
    let decision = world.reconcile();
    assert_eq!(decision.execute_step_ids, ["x"]);
    world.complete(2, "x");
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn case_13_held_before_anything_is_executed() {
    let versions = ["a>pay; pay!>m; m>act; act*>e; e", "a>act; act*>m; m>pay; pay!>e; e"];
    assert!(held(&chain(&versions, "a pay m").reconcile()));
    // Nor asked, nor decided.
    let asks = ["a>pay; pay!>m; m>e; e", "a>q; q?age>h; h>the customer sounds unhappy:e|m; m>pay; pay!>e; e"];
    assert!(held(&chain(&asks, "a pay m").reconcile()));
}

#[test]
fn case_13_pinned_for_a_blocked_redirect_before_anything_more_is_asked() {
    let versions = ["a>pay; pay!>m; m>e; e", "a>age < 18:x|act; act*>pay; pay!>q; q?country>m; m>e; x; e"];
    let mut world = chain(&versions, "a pay m");
    world.knows("age", "15");
    let policy = Policy { on_checkpoint_block: OnCheckpointBlock::Pin, ..Policy::default() };
    world.set_policy_everywhere(&policy);
    let decision = world.reconcile();
    assert_eq!(decision.pin.map(|pin| pin.reason), Some(PinReason::BlockedRedirect));
    assert!(decision.is_blocked_by_checkpoint());
}

#[test]
fn case_15_an_arrival_at_an_action_that_was_done() {
    let world = chain(&["a>act; act=Call*>b; b>e; e", "a>b; b>act; act=Call*>e; e"], "a");
    let acts = world.scenario_acts();
    let old = &*world.graphs[0];
    let (call, b) = (world.hash_of(2, "act"), world.hash_of(2, "b"));
    let done = [world.hash_of(1, "act")];
    let at = |step: &str| old.find(step).map(|step| (old, step));
    let told = |done_before: &[String], place_before, arrived_since: &[String]| {
        let last_move = Some(LastMove { done_before, place_before, pair_before: old.find("act"), arrived_since });
        is_already_done(&Arrival { content_hash: &call, last_move }, &acts)
    };
    assert!(told(&done, at("b"), std::slice::from_ref(&b)), "it was behind them, and comes again");
    assert!(told(&done, None, &[]), "nobody knows where they were");
    assert!(!told(&[], at("b"), &[]), "it was never done");
    assert!(!told(&done, at("a"), &[]), "it was ahead of them anyway");
    assert!(!told(&done, at("b"), &[b, call.clone()]), "the next round of a loop");
    assert!(!is_already_done(&Arrival { content_hash: &call, last_move: None }, &acts), "never moved");
}

#[test]
fn case_16_going_back() {
    let world = chain(&["a>b; b>pay; pay!>act; act*>e; e>x; x", "a>n; n>pay; pay!>act; act*>e; e>x; x"], "a b");
    let acts = world.scenario_acts();
    let old = &*world.graphs[0];
    let place = |step: &str| old.find(step).expect("a step");
    let [pay, act, n] = ["pay", "act", "n"].map(|step| world.hash_of(2, step));
    let back = |to: &str, arrivals: &[(String, bool)], executed: &[String]| {
        may_go_back(old, place(to), &SinceMigration { arrivals, executed }, &acts).is_ok()
    };
    assert!(back("b", &[(n.clone(), false)], &[]), "nothing irreversible");
    assert!(!back("b", &[(pay.clone(), true)], &[]), "the payment is ahead of the old place");
    assert!(!back("pay", &[(pay.clone(), true)], &[]), "it is the old place");
    assert!(back("e", &[(pay.clone(), true)], &[]), "it is behind the old place");
    assert!(!back("b", &[], std::slice::from_ref(&act)), "executed while it waited to land");
    assert!(back("e", &[], &[act]), "and that is behind the old place");
    assert!(!back("b", &[(pay, false)], &[]), "flagged in some version is enough");
}

const TALK: &str = "a>the customer sounds unhappy:human|c; c>e; human>e; e";

#[test]
fn case_18_a_decision_holds_in_later_versions() {
    let later = "a>the customer sounds unhappy:human|c; c>e; human>e; e>f; f";
    let swapped = "a>they ask for a person:human|c; c>e; human>e; e>f; f";
    let gone = "a>the customer sounds unhappy:other|c; c>e; other>e; e>f; f";
    for (last, target, expected) in [
        (later, "human", "teleport human"),
        (later, "c", "teleport c"),
        (swapped, "human", "decide a"),
        (gone, "human", "decide a"),
    ] {
        let mut world = chain(&["a>c; c>e; e", TALK, last], "a c");
        let answer = SubmittedDecision { scenario_version: 2, fork_step_id: "a".into(), target_step_id: target.into() };
        world.decisions.push(answer);
        assert_eq!(brief(&world.reconcile()), expected, "{last}");
        // Of two, the one of the newer version.
        world.decisions.push(SubmittedDecision {
            scenario_version: 3,
            fork_step_id: "a".into(),
            target_step_id: "c".into(),
        });
        assert_eq!(brief(&world.reconcile()), "teleport c");
    }
}

#[test]
fn case_12_a_question_that_was_dropped_and_is_taken_up_again_is_decided() {
    let asks = "a>f; f=Mood>the customer sounds sad:x|m; m>e; x>e; e";
    let plain = "a>m; m>e; x>e; e";
    for (between, last, expected) in [
        (plain, asks, "teleport x"),
        ("a>m; m>e; e", asks, "teleport x"),
        (plain, "a>g; g=Mood>the customer sounds sad:x|m; m>e; x>e; e", "teleport x"),
        (plain, "a>f; f=Moods>the customer sounds sad:x|m; m>e; x>e; e", "teleport x"),
        (plain, "a>f; f=Weather>the customer sounds sad:x|m; m>e; x>e; e", "decide f"),
        (plain, "a>f; f=Mood>the customer sounds angry:x|m; m>e; x>e; e", "decide f"),
        (plain, "a>f; f=Mood>the customer sounds sad:y|m; m>e; x>e; y=Other>e; e", "decide f"),
        (plain, "a>f; f=Mood>the customer sounds sad:x|the customer sounds angry:e|m; m>e; x>e; e", "decide f"),
        (plain, "a>f; f=Mood>the customer sounds sad:m|x; m>e; x>e; e", "decide f"),
        (plain, "a>f; f=Mood>g; g=Mood>the customer sounds sad:x|m; m>e; x>e; e", "decide g"),
    ] {
        // The answer comes before the next version, or after the customer has landed in it; or both versions come
        // before the next turn.
        for (lands_in_second, lands_between) in [(true, true), (false, true), (true, false), (false, false)] {
            let mut world = chain(&["a>m; m>e; e", asks, between, last], "a m");
            let decided = |target: &str| SubmittedDecision {
                scenario_version: 2,
                fork_step_id: "f".into(),
                target_step_id: target.into(),
            };
            if lands_in_second {
                world.published = 2;
                assert_eq!(brief(&world.reconcile()), "decide f");
                world.decisions = vec![decided("m")];
                let landing = world.reconcile();
                assert_eq!(brief(&landing), "teleport m");
                world.apply(&landing);
            }
            if lands_between {
                world.published = 3;
                let landing = world.reconcile();
                assert_eq!(brief(&landing), "teleport m");
                world.apply(&landing);
            }
            world.published = 4;
            if lands_in_second {
                let expected = if expected == "teleport x" { "teleport m" } else { expected };
                assert_eq!(brief(&world.reconcile()), expected, "{between} {last}");
            }
            world.decisions = vec![decided("x")];
            assert_eq!(brief(&world.reconcile()), expected, "{between} {last}");
        }
    }
}

#[test]
fn case_20_finished_sessions_are_left_in_peace() {
    let versions = ["a>e; e", "a>q; q?age>vip:x|e; x; e>f; f"];
    let mut world = chain(&versions, "a e");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::None));
    // Without a plan, too.
    world.plans.clear();
    assert_eq!(world.reconcile().effect, Effect::None);
    let mut world = chain(&versions, "a e");
    world.plans[0].status = PlanStatus::Cancelled;
    assert_eq!(world.reconcile().effect, Effect::None);
    // A policy can take them along.
    let mut world = chain(&versions, "a e");
    world.set_policy_everywhere(&Policy { reopen: true, ..Policy::default() });
    assert_eq!(brief(&world.reconcile()), "collect age vip");
}

#[test]
fn case_25_paid_and_nowhere_to_go() {
    let versions = ["a>pay; pay!>gone; gone", "x>y; y"];
    let mut world = chain(&["a>pay; pay!>gone; gone>z; z", versions[1]], "a pay gone");
    let decision = world.reconcile();
    assert_eq!(decision.pin.map(|pin| pin.reason), Some(PinReason::Undone));
    world.plans.clear();
    let decision = world.reconcile();
    assert_eq!(decision.pin.map(|pin| (pin.reason, pin.plan_id)), Some((PinReason::Undone, None)));
    let mut world = chain(&["a>pay; pay!>gone; gone>z; z", versions[1]], "a gone");
    assert_eq!(brief(&world.reconcile()), "exit_scenario");
}

#[test]
fn case_26_begun_in_the_middle_after_paying_elsewhere() {
    let new = "a>f; f>age < 18:x|pay; pay!>m; m>n; n>e; x; e";
    for (old, rule) in [
        ("a>pay; pay!>m; m>n; n>e; e", BlockRule::VisitedAfterFork),
        ("a>vip:pay|m; pay!>m; m>n; n>e; e", BlockRule::OrderUnknown),
        // The entry does not lead to where they began.
        ("a>pay; pay!>e; m>n; n>e; e", BlockRule::OrderUnknown),
    ] {
        for steps in ["m", "m n"] {
            let mut world = chain(&[old, new], steps);
            world.set_policy_everywhere(&Policy {
                force_scenario: Some(MigrationScenario::ReRoute),
                ..Policy::default()
            });
            world.knows("age", "15");
            assert_eq!(brief(&world.reconcile()), "teleport x", "nothing is known of a payment");
            let first = world.graphs[0].find("m").expect("a step");
            world.passed_at_start = passed_at_start(&world.graphs[0], first, &world.scenario_acts());
            let decision = world.reconcile();
            let stays = steps.split(' ').next_back().expect("a step");
            assert_eq!(brief(&decision), format!("continue at {stays}"), "{old}");
            assert_eq!(decision.checkpoint_blocks[0].rule, rule, "{old}");
        }
    }
    let entry = line("a!>pay; pay!>e; e");
    let graph = scenario_engine::graph::Graph::compile(&entry);
    assert_eq!(
        passed_at_start(&graph, graph.entry(), &Default::default()),
        [],
        "who begins at the entry has passed nothing"
    );
}

#[test]
fn case_26_the_fork_behind_which_they_began_may_redirect() {
    // The payment was certainly before they began, so before the fork that they visited themselves.
    let mut world = chain(&["a>pay; pay!>m; m>n; n>e; e", "a>pay; pay!>m; m>age < 18:x|n; n>e; x; e"], "m n");
    let first = world.graphs[0].find("m").expect("a step");
    world.passed_at_start = passed_at_start(&world.graphs[0], first, &world.scenario_acts());
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "teleport x");
}

#[test]
fn case_29_a_filter_that_can_still_become_true() {
    type Change = fn(&mut Scope);
    let filters: [Change; 2] =
        [|s| s.session_condition = Some("tier == \"gold\"".into()), |s| s.min_session_age_days = Some(5.0)];
    for change in filters {
        let mut world = chain(&["a>c; c>e; e", "a>c; c>e; e>f; f"], "a c");
        let mut policy = Policy::default();
        change(&mut policy.scope);
        world.set_policy_everywhere(&policy);
        let decision = world.reconcile();
        assert_eq!((brief(&decision).as_str(), decision.effect), ("continue", Effect::None));
        assert!(decision.reason.starts_with("not yet"), "{}", decision.reason);
        world.knows("tier", "\"gold\"");
        world.session.age_days = 6.0;
        assert_eq!(brief(&world.reconcile()), "teleport c");
        // What is certain outweighs it.
        world.session.age_days = 3.0;
        world.session.variables.clear();
        policy.scope.include_channels = vec!["sms".into()];
        world.set_policy_everywhere(&policy);
        assert_eq!(world.reconcile().pin.map(|pin| pin.reason), Some(PinReason::Policy));
    }
}
