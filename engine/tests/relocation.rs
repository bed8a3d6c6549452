//! Where the sessions of a deleted step go: the order of the candidates.

mod common;

use common::plain::Plain;
use common::property::{cases, property};
use common::short::short;
use common::two::Two;
use common::world::{World, brief};
use scenario_engine::diff::{KEPT_CANDIDATES, Pairing, Relocations, TransformationMap, behind_untaken, diff, untaken};
use scenario_engine::graph::Graph;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;

fn map(old: &str, new: &str) -> TransformationMap {
    diff(&Graph::compile(&short(old)), &Graph::compile(&short(new)))
}

/// The candidates of the only deleted step.
fn candidates(old: &str, new: &str) -> String {
    let map = map(old, new);
    assert_eq!(map.deleted_steps.len(), 1);
    let ids: Vec<&str> = map.deleted_steps[0].candidates.iter().map(|c| c.new_step_id.as_str()).collect();
    ids.join(" ")
}

const CASE_22: [&str; 2] = ["a>d; d>vip:stop|pay; stop; pay!>e; e", "a>pay; stop; pay!>e; e"];

#[test]
fn case_22_a_way_on_comes_before_an_end() {
    assert_eq!(candidates(CASE_22[0], CASE_22[1]), "pay a stop e");
    let mut world = World::planned(short(CASE_22[0]), short(CASE_22[1]));
    world.walked(&["a", "d"]);
    assert_eq!(brief(&world.reconcile()), "teleport pay", "not to the end, whatever the order of the document is");
}

#[test]
fn what_a_transition_leads_to_that_is_not_taken_comes_last() {
    let arrives = |vip: Option<&str>, old: &str, new: &str| {
        let mut world = World::planned(short(old), short(new));
        world.walked(&["a", "d"]);
        vip.into_iter().for_each(|value| world.knows("vip", value));
        brief(&world.reconcile())
    };
    let (old, new) = ("a>d; d>vip:lounge|pay; lounge>e; pay!>e; e", "a>pay; lounge>e; pay!>e; e");
    assert_eq!(arrives(None, old, new), "teleport lounge", "in transition order, as long as nothing is known");
    assert_eq!(arrives(Some("true"), old, new), "teleport lounge");
    assert_eq!(arrives(Some("false"), old, new), "teleport pay");
    // After one that is true, an end or not.
    assert_eq!(arrives(Some("true"), CASE_22[0], CASE_22[1]), "teleport a", "pay is known not to be theirs");
    assert_eq!(arrives(Some("false"), CASE_22[0], CASE_22[1]), "teleport pay");
}

#[test]
fn transitions_that_are_not_taken_are_false_or_after_a_true_one() {
    let graph = Graph::compile(&short("d>vip:x|!vip:y|age < 18:z|w|v; x; y; z; w; v"));
    let flags = |vip: Option<bool>, age: Option<i64>| {
        let known = |field: &str| match field {
            "vip" => vip.map(Into::into),
            _ => age.map(Into::into),
        };
        let truth = |branch: &scenario_engine::graph::Branch| branch.condition.evaluate(&mut |f| Ok(known(f)));
        let flags: Result<Vec<bool>, Infallible> = untaken(&graph.node(0).branches, truth);
        flags.expect("no error").iter().map(|f| if *f { '-' } else { '+' }).collect::<String>()
    };
    assert_eq!(flags(None, None), "++++-");
    assert_eq!(flags(Some(true), None), "+----");
    assert_eq!(flags(Some(false), None), "-+---");
    assert_eq!(flags(None, Some(15)), "+++--");
    assert_eq!(flags(None, Some(30)), "++-+-");
}

#[test]
fn only_what_nothing_else_leads_to_is_behind_an_untaken_transition() {
    let behind = |text: &str, deleted: &str, flags: &[bool]| {
        let graph = Graph::compile(&short(text));
        let set = behind_untaken(&graph, graph.find(deleted).expect("a step"), flags);
        set.ones().map(|s| graph.node(s).id.clone()).collect::<Vec<_>>().join(" ")
    };
    let diamond = "a>d; d>vip:x|y; x>m; y>m; m>e; e";
    assert_eq!(behind(diamond, "d", &[false, false]), "");
    assert_eq!(behind(diamond, "d", &[true, false]), "x", "m and e are also reached over y");
    assert_eq!(behind(diamond, "d", &[true, true]), "x y m e");
    assert_eq!(behind("a>d; d>vip:x|x; x", "d", &[true, false]), "", "two transitions to one step");
    assert_eq!(behind("a>d; d>vip:a|y; y", "d", &[true, false]), "", "before the deleted step in any case");
    assert_eq!(behind("a>d|z; d>vip:x|y; x; y; z>x", "d", &[true, false]), "x", "a step beside it counts for itself");
    assert_eq!(behind("a>d; d>vip:x|y; x; y; z>x", "d", &[true, false]), "x z", "found only by turning back");
}

#[test]
fn the_first_32_are_kept_and_the_search_goes_on_from_the_graphs() {
    // A line of 100 steps after the deleted one.
    let line: Vec<String> = (0..100).map(|at| format!("s{at}>s{}", at + 1)).collect();
    let old = format!("a>d; d>s0; {}; s100", line.join("; "));
    let new = format!("a>s0; {}; s100", line.join("; "));
    let map = map(&old, &new);
    assert_eq!(map.deleted_steps[0].candidates.len(), KEPT_CANDIDATES);
    let (old, new) = (Graph::compile(&short(&old)), Graph::compile(&short(&new)));
    let pairing = Pairing::of(&old, &new);
    let deleted = old.find("d").expect("the deleted step");
    let all: Vec<_> = Relocations::of(&old, &new, &pairing, deleted).collect();
    assert_eq!(all.len(), 102);
    for (kept, place) in map.deleted_steps[0].candidates.iter().zip(&all) {
        assert_eq!((&kept.new_step_id, kept.distance), (&new.node(place.new_step).id, place.distance));
    }
    let last = all.last().expect("a place");
    assert_eq!((new.node(last.new_step).id.as_str(), last.distance), ("s100", 101));
    // At a turn, in the order of the turn.
    let behind = behind_untaken(&old, deleted, &[true]);
    let first = Relocations::of(&old, &new, &pairing, deleted).at_turn(&behind).next().expect("a place");
    assert_eq!(new.node(first.new_step).id, "a");
    assert_eq!(Relocations::of(&old, &new, &pairing, deleted).at_turn(&behind).count(), 102);
}

/// Nearest first by breadth-first search over the old version, successors before predecessors, ends after the others.
#[test]
fn deleted_steps_have_every_anchor_in_reach_nearest_first() {
    let seen = Cell::new(0);
    property("deleted_steps_have_every_anchor_in_reach_nearest_first", |dice| {
        let two = Two::random(dice);
        let (old, new) = (Plain::of(&two.before), Plain::of(&two.after));
        let pairs = two.pairs(&old, &new);
        for deleted in &two.map.deleted_steps {
            seen.set(seen.get() + 1);
            let start = old.find(&deleted.step_id).expect("an old step");
            // Distances by relaxing until nothing changes.
            let mut distance = vec![usize::MAX; old.steps.len()];
            distance[start] = 0;
            for _ in 0..old.steps.len() {
                for from in 0..old.steps.len() {
                    for way in &old.steps[from].ways {
                        distance[way.to] = distance[way.to].min(distance[from].saturating_add(1));
                        distance[from] = distance[from].min(distance[way.to].saturating_add(1));
                    }
                }
            }
            let found: Vec<(usize, usize)> = deleted
                .candidates
                .iter()
                .map(|c| (c.distance as usize, new.find(&c.new_step_id).expect("a new step")))
                .collect();
            let fail = |why: &str| Err(two.explain(format!("{why}: {start}, {found:?}, {distance:?}")));
            let expected: BTreeSet<(usize, usize)> = (0..old.steps.len())
                .filter(|s| distance[*s] < usize::MAX)
                .filter_map(|s| Some((distance[s], pairs.new_of[s]?)))
                .collect();
            if found.len() != expected.len() || found.iter().copied().collect::<BTreeSet<_>>() != expected {
                return fail("other candidates");
            }
            if !found.is_sorted_by_key(|f| f.0) {
                return fail("not nearest first");
            }
            let order: Vec<(usize, bool)> = found.iter().map(|f| (f.0, new.steps[f.1].terminal)).collect();
            if !order.is_sorted() {
                return fail("an end before another step of that distance");
            }
            let next: Vec<usize> = old.steps[start].ways.iter().filter_map(|w| pairs.new_of[w.to]).collect();
            for end in [false, true] {
                let near = found.iter().filter(|f| f.0 == 1 && new.steps[f.1].terminal == end);
                let place = |s: usize| next.iter().position(|n| *n == s).unwrap_or(next.len());
                if !near.map(|f| place(f.1)).is_sorted() {
                    return fail("a predecessor before a successor, or successors in another order");
                }
            }
            let hash = |n: usize| pairs.old_of[n].map(|o| old.steps[o].hash.clone());
            if deleted
                .candidates
                .iter()
                .any(|c| hash(new.find(&c.new_step_id).expect("new")) != Some(c.anchor_content_hash.clone()))
            {
                return fail("a candidate with another anchor's hash");
            }
        }
        Ok(())
    });
    assert!(cases() < 1000 || seen.get() > cases() / 10, "only {} deleted steps", seen.get());
}
