//! The order flow, before and after an age check is inserted.

use crate::common::flow::flow;
use crate::common::world::{World, brief, sure};
use crate::words;
use scenario_engine::reconcile::{BlockRule, Effect, WaitingFor};

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
