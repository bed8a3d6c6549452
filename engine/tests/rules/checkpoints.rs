//! "Acts and checkpoints", "Blocked redirects" and "Deleted steps".

use crate::common::flow::{flow, step_mut};
use crate::common::world::{World, brief};
use crate::{replayed, words};
use scenario_engine::plan::{OnCheckpointBlock, PinReason, Policy};
use scenario_engine::reconcile::{BlockRule, Effect};

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
    let new = "a -> sign\n sign !checkpoint -> pay\n pay !checkpoint -> f\n f -> again if age < 18; c\n again -> sign2
        sign2 -> end\n c\n end";
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
