//! "Policies" and "Settings": forced scenarios, and what settings turn off.

use crate::common::flow::flow;
use crate::common::world::{World, brief};
use crate::words;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::plan::Policy;
use scenario_engine::reconcile::Action;

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
