//! Each rule of the turn in one small example. The names in the heads of the modules are sections of docs/behaviour.md.

mod checkpoints;
#[path = "../common/mod.rs"]
mod common;
mod decisions;
mod fallback;
mod forced;
mod forks;
mod gap_fill;
mod order_flow;
mod path;
mod policies;

use common::flow::flow;
use common::world::World;
use scenario_engine::diff::MigrationScenario;
use scenario_engine::plan::Policy;
use scenario_engine::reconcile::{Decision, Event};

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
