//! Actions that were executed ahead of their place, at the request of a version that the session was to come to: they
//! are already done on arrival, and the checkpoints among them are passed.

use crate::cases::{chain, held};
use crate::common::notation::line;
use crate::common::world::{World, brief};
use scenario_engine::acts::{
    Acts, Arrival, LastMove, StepRecord, executed_in_place, is_already_done, is_executed_ahead, passed_at_start,
};
use scenario_engine::graph::Graph;
use scenario_engine::reconcile::{BlockRule, Decision};

/// Visits of version 1, one for each word, and an action of a version that was recorded during the last of them.
fn place(visits: &str, (version, step): (i32, &str)) -> Option<i32> {
    let visits: Vec<StepRecord<'_>> = visits.split(' ').zip(1..).map(|(id, visit)| record(visit, 1, id)).collect();
    executed_in_place(record(visits.len() as i32, version, step), visits.iter().copied(), &Acts::default())
}

/// The content of a step is its id.
fn record(visit_no: i32, scenario_version: i32, step_id: &str) -> StepRecord<'_> {
    StepRecord { visit_no, scenario_version, step_id, content_hash: step_id }
}

#[test]
fn an_action_is_executed_in_its_place_or_ahead_of_it() {
    assert_eq!(place("a act", (1, "act")), Some(2));
    assert_eq!(place("a act", (2, "act")), Some(2), "at another step of the act");
    assert_eq!(place("a act b", (1, "act")), Some(2), "reported late");
    assert_eq!(place("act b act b", (1, "act")), Some(3), "at the last visit");
    assert_eq!(place("a b", (2, "act")), None);
    assert_eq!(place("act b", (2, "act")), None, "they have left that step: another round");
    assert_eq!(place("a b", (1, "act")), None);
}

#[test]
fn an_action_that_was_executed_ahead_is_done_at_the_first_arrival_since() {
    let acts = Acts::default();
    let is_done = |arrivals: &[(i32, &str)]| is_executed_ahead("act", &[(2, "act")], arrivals, &acts);
    assert!(is_done(&[(1, "a"), (2, "b"), (3, "c")]));
    assert!(is_done(&[(1, "act"), (2, "b")]), "a round that came before it was executed");
    assert!(!is_done(&[(1, "a"), (2, "b"), (3, "act"), (4, "b")]), "the next round");
    assert!(!is_executed_ahead("other", &[(2, "act")], &[(1, "a")], &acts));
}

#[test]
fn a_version_that_dropped_the_act_tells_nothing_of_it() {
    let [looped, straight, dropped] =
        ["act*>b; b>again:act|e; e", "act*>b; b>e; e", "x>b; b>e; e"].map(|text| Graph::compile(&line(text)));
    let content = looped.node(looped.find("act").expect("a step")).content_hash.clone();
    // The step at hand has no pair: it was dropped in between.
    let is_done = |old: &Graph| {
        let place = old.find("b").expect("a step");
        let last_move = LastMove {
            done_before: std::slice::from_ref(&content),
            place_before: Some((old, place)),
            pair_before: None,
            arrived_since: &[],
        };
        is_already_done(&Arrival { content_hash: &content, last_move: Some(last_move) }, &Acts::default())
    };
    assert!(!is_done(&looped), "a way led to the act: the round is due");
    assert!(is_done(&straight));
    assert!(!is_done(&dropped));
}

const BARE: &str = "start>offer; offer>fin; fin>done; done";
const CHARGING: &str = "start>pay; pay=Charge the card!*>offer; offer>fin; fin>done; done";

/// A customer at `offer` for whom the second version's payment was executed; they came into it, and then a third one
/// was published.
fn charged(third: &str) -> World {
    let mut world = World::chained([BARE, CHARGING, third].map(line).to_vec());
    world.published = 2;
    world.walked(&["start", "offer"]);
    world.complete(2, "pay");
    assert_eq!(brief(&world.reconcile()), "teleport offer");
    world.arrive(2, "offer");
    world.published = 3;
    world
}

fn rules(decision: &Decision) -> Vec<BlockRule> {
    decision.checkpoint_blocks.iter().map(|block| block.rule).collect()
}

#[test]
fn a_fork_before_an_executed_checkpoint_sends_nobody_away() {
    let fork = "start>check; check>age < 18:stop|pay; stop; pay=Charge the card!*>offer; offer>fin; fin>done; done";
    let mut world = charged(fork);
    world.knows("age", "17");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), rules(&decision)), ("continue at offer", vec![BlockRule::VisitedAfterFork]));
    // A fork at which they stood when it was executed lies before it, too.
    let mut world = World::chained(
        [
            "start>offer; offer>fin; fin>done; done",
            CHARGING,
            "start>pay; pay=Charge the card!*>offer; offer>age < 18:stop|fin; stop; fin>done; done",
        ]
        .map(line)
        .to_vec(),
    );
    world.published = 2;
    world.walked(&["start", "offer"]);
    world.complete(2, "pay");
    world.published = 3;
    world.arrive(1, "fin");
    world.knows("age", "17");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), rules(&decision)), ("continue at fin", vec![BlockRule::VisitedAfterFork]));
}

#[test]
fn who_had_a_checkpoint_executed_is_held_where_it_would_come_again() {
    for third in [
        // In other words, or as a checkpoint alone.
        "start>offer; offer>q9; q9=Take the money!*>fin; fin>done; done",
        "start>offer; offer>pay; pay=Charge the card!>fin; fin>done; done",
    ] {
        assert!(held(&charged(third).reconcile()), "{third}");
    }
    assert_eq!(brief(&charged(CHARGING).reconcile()), "teleport offer");
}

#[test]
fn who_had_a_checkpoint_executed_is_not_thrown_out() {
    let mut world = charged("hello>world; world");
    assert!(world.reconcile().pin.is_some());
    world.plans.clear();
    assert!(world.reconcile().pin.is_some(), "nor without a plan");
}

#[test]
fn a_relocation_leads_nobody_onto_a_checkpoint_that_was_executed() {
    // `offer` is deleted: the payment comes first, then the step behind.
    let world = &mut charged("start>fin; fin>done; done>pay; pay=Charge the card!*>last; last");
    assert!(world.reconcile().pin.is_some());
    let world = &mut charged("start>pay; pay=Charge the card!*>done; done");
    assert_eq!(brief(&world.reconcile()), "teleport done");
}

#[test]
fn a_checkpoint_that_was_executed_for_the_move_does_not_forbid_it() {
    // The new version leads back to the payment: they have paid as it has it, and are told so on the next arrival.
    let looped = "start>pay; pay!*>offer; offer>again:pay|fin; fin>done; done";
    let mut world = chain(&[BARE, looped], "start offer");
    assert_eq!(brief(&world.reconcile()), "execute_action pay");
    world.complete(2, "pay");
    assert_eq!(brief(&world.reconcile()), "teleport offer");
    // The fork after the payment still sends them where they belong.
    let mut world = chain(
        &[BARE, "start>pay; pay!*>check; check>age < 18:stop|offer; stop; offer>fin; fin>done; done"],
        "start offer",
    );
    world.knows("age", "17");
    assert_eq!(brief(&world.reconcile()), "execute_action pay");
    world.complete(2, "pay");
    assert_eq!(brief(&world.reconcile()), "teleport stop");
    // The fork before it does not, if what is known has changed since.
    let before = "start>check; check>age < 18:stop|pay; stop; pay!*>offer; offer>fin; fin>done; done";
    let mut world = chain(&[BARE, before], "start offer");
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "execute_action pay");
    world.complete(2, "pay");
    world.knows("age", "17");
    let decision = world.reconcile();
    assert_eq!((brief(&decision).as_str(), rules(&decision)), ("continue at offer", vec![BlockRule::VisitedAfterFork]));
}

#[test]
fn a_checkpoint_that_was_passed_before_the_session_began_is_not_executed() {
    // They may have come by the payment or not. It is not made twice.
    let versions = [
        "start>gift:offer|pay; pay!*>offer; offer>fin; fin>done; done",
        "start>gift:offer|pay; pay!*>ask; ask?age>offer; offer>fin; fin>done; done",
    ];
    let mut world = chain(&versions, "offer");
    world.knows("gift", "false");
    world.knows("age", "30");
    assert_eq!(brief(&world.reconcile()), "execute_action pay");
    let graph = std::rc::Rc::clone(&world.graphs[0]);
    world.passed_at_start = passed_at_start(&graph, graph.find("offer").expect("a step"), &world.scenario_acts());
    assert_eq!(brief(&world.reconcile()), "teleport offer");
}
