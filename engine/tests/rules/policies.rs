//! "Policies", "Pins" and "Plans": who is let in.

use crate::common::flow::flow;
use crate::common::world::{World, brief};
use crate::words;
use scenario_engine::plan::{PlanStatus, Policy, Scope};
use scenario_engine::reconcile::{Effect, WaitingFor};

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
