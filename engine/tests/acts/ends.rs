//! Terminal steps: nothing leads on from one, also where an editor has left transitions at it.

use crate::cases::held;
use crate::common::flow::step_mut;
use crate::common::notation::line;
use crate::common::world::{World, brief};
use scenario_engine::acts::{Acts, passed_at_start};
use scenario_engine::definition::Definition;
use scenario_engine::graph::Graph;

/// The flow with a step that is terminal and keeps its transitions.
fn ended(text: &str, step: &str) -> Definition {
    let mut version = line(text);
    step_mut(&mut version, step).is_terminal = true;
    version
}

#[test]
fn nothing_leads_on_from_a_terminal_step_that_keeps_transitions() {
    // The payment could not come before: `stop` leads to it on paper alone.
    let mut world = World::chained(vec![
        ended("start>pay; pay!>b; b>stop; stop>pay", "stop"),
        line("start>b; b>more:pay|stop; pay!>stop; stop"),
    ]);
    world.walked(&["start", "pay", "b"]);
    assert!(held(&world.reconcile()));
    // Nor does the new end lead back to it.
    let mut world = World::chained(vec![
        line("start>pay; pay!>b; b>stop; stop"),
        ended("start>pay; pay!>b; b>stop; stop>start", "stop"),
    ]);
    world.walked(&["start", "pay", "b"]);
    assert_eq!(brief(&world.reconcile()), "teleport b");
    // An action that lies behind an end was not ahead of the customer.
    let old = Graph::compile(&ended("start>act; act*>b; b>stop; stop>act", "stop"));
    let [act, b] = ["act", "b"].map(|id| old.find(id).expect("a step"));
    assert!(old.reaches(act, b) && !old.reaches_onward(b, act));
    // Who begins at a step to which only an end leads may have passed anything.
    let graph = Graph::compile(&ended("start>stop; stop>later; later>fin; pay!>fin; fin", "stop"));
    let passed = passed_at_start(&graph, graph.find("later").expect("a step"), &Acts::default());
    assert_eq!(passed.iter().map(|p| p.step_id.as_str()).collect::<Vec<_>>(), ["pay"]);
}
