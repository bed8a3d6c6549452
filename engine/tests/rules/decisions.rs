//! "Decisions".

use crate::common::flow::flow;
use crate::common::world::{World, brief};
use crate::words;
use scenario_engine::reconcile::{Effect, OnUndecided, SubmittedDecision, WaitingFor};

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
