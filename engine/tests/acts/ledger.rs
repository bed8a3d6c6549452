//! Which contents stand for one act, what a landing would undo, and "undone" against the same thing tried naively.

use crate::common::dice::Dice;
use crate::common::flow::step_mut;
use crate::common::notation::line;
use crate::common::oracle::Gait;
use crate::common::property::{Tally, property};
use crate::common::scenario::Taste;
use crate::common::scene::Scene;
use crate::common::undone::Move;
use crate::common::world::World;
use scenario_engine::acts::{
    ActPair, Acts, DeployedPairs, Ground, LandingActs, PairSource, PreviousVersion, Publication, accepted,
    landing_acts_of,
};
use scenario_engine::definition::Definition;
use scenario_engine::diff::Pairing;
use scenario_engine::graph::Graph;
use std::collections::BTreeSet;

/// The acts once these versions were published one after the other without a plan, and all pairs that are kept.
fn published(versions: &[Definition]) -> (Vec<Graph>, Acts, Vec<ActPair>) {
    let graphs: Vec<Graph> = versions.iter().map(Graph::compile).collect();
    let (mut acts, mut kept) = (Acts::default(), Vec::new());
    for (place, graph) in graphs.iter().enumerate() {
        let pairing = place.checked_sub(1).map(|before| Pairing::of(&graphs[before], graph));
        let before = pairing.as_ref().map(|pairing| PreviousVersion {
            version: place as i32,
            graph: &graphs[place - 1],
            pairing,
        });
        let separated = BTreeSet::new();
        let version = place as i32 + 1;
        let changed = acts.published(&Publication { version, graph, before, separated: &separated });
        acts = changed.acts;
        kept.extend(changed.pairs);
    }
    (graphs, acts, kept)
}

fn hash<'a>(graph: &'a Graph, step: &str) -> &'a str {
    &graph.node(graph.find(step).expect("a step")).content_hash
}

fn described(text: &str, step: &str, description: &str) -> Definition {
    let mut version = line(text);
    step_mut(&mut version, step).description = Some(description.into());
    version
}

#[test]
fn an_edited_step_stays_the_same_act_through_all_versions() {
    let text = "a>pay; pay=Payment!>e; e";
    let versions = [line(text), described(text, "pay", "by card"), described(text, "pay", "by card or cash")];
    let (graphs, acts, kept) = published(&versions);
    assert!(acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[2], "pay")));
    assert!(!acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[0], "a")));
    assert_eq!(kept.len(), 2, "pairs of equal content are not kept");
    assert!(kept.iter().all(|pair| pair.source == PairSource::Succession));
    assert_eq!(acts.revision(), 3);
    assert_eq!(acts.worked_out(&kept, 3), acts, "the pairs that are kept explain the acts");
    assert_eq!(Acts::from_rows(3, acts.rows().cloned()), acts, "the rows are the acts");
}

#[test]
fn the_order_of_joining_does_not_matter() {
    let text = "a>pay; pay=Payment!>e; e";
    let versions = [line(text), described(text, "pay", "by card"), described(text, "pay", "by card or cash")];
    let (_, acts, mut kept) = published(&versions);
    kept.reverse();
    assert_eq!(acts.worked_out(&kept, acts.revision()), acts);
}

#[test]
fn an_act_is_flagged_if_any_published_version_flags_it() {
    let versions = [line("a>pay; pay=Payment>e; e"), line("a>pay; pay=Payment!>e; e"), line("a>pay; pay=Payment>e; e")];
    let (graphs, acts, _) = published(&versions);
    assert!(graphs.iter().all(|graph| acts.is_flagged(hash(graph, "pay"))));
    assert!(!acts.is_flagged(hash(&graphs[0], "a")));
    assert_eq!(acts.flagged().count(), 1);
    assert_eq!(acts.flagged_contents().count(), 2);
}

#[test]
fn a_step_that_returns_in_other_words_is_the_act_that_it_was() {
    let dropped = "a>e; e";
    // By name, by id with other signs, and not at all.
    for (again, is_same) in [
        (described("a>p9; p9=Payment!>e; e", "p9", "with a card"), true),
        (described("a>pay; pay=Payments!>e; e", "pay", "with a card"), true),
        (described("a>p9; p9=Charge!>e; e", "p9", "with a card"), false),
        (described("a>pay; pay=Goodbye!>e; e", "pay", "all the best"), false),
    ] {
        let id = again.steps[1].id.clone();
        let (graphs, acts, kept) = published(&[line("a>pay; pay=Payment!>e; e"), line(dropped), again]);
        assert_eq!(acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[2], &id)), is_same, "{id}");
        assert_eq!(kept.iter().any(|pair| pair.source == PairSource::Return), is_same);
    }
}

#[test]
fn what_returns_is_told_by_the_last_words() {
    let named = |name: &str| described(&format!("a>pay; pay={name}!>e; e"), "pay", "with a card");
    for (before, last) in [("Payment", "Charge"), ("Charge", "Payment")] {
        for name in [before, last] {
            let again = described(&format!("a>p9; p9={name}!>e; e"), "p9", "in cash");
            let (graphs, acts, _) = published(&[named(before), named(last), line("a>e; e"), again]);
            assert!(acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[1], "pay")));
            assert_eq!(acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[3], "p9")), name == last, "{name}");
        }
    }
}

#[test]
fn only_what_the_version_before_lacks_returns_and_only_as_a_step_that_is_unpaired() {
    // The payment is still there: another step of its name is another act.
    let twice = described("a>pay; pay=Payment!>p2; p2=Payment!>e; e", "p2", "once more");
    let (graphs, acts, _) = published(&[line("a>pay; pay=Payment!>e; e"), line("a>pay; pay=Payment!>e; e"), twice]);
    assert!(!acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[2], "p2")));
    // The name of the payment goes to a step that the version before has.
    let other = described("a>x; x=Confirm>e; e", "x", "read this");
    let named = described("a>x; x=Payment>e; e", "x", "read this");
    let (graphs, acts, _) = published(&[line("a>pay; pay=Payment!>e; e"), other, named]);
    assert!(acts.are_same(hash(&graphs[1], "x"), hash(&graphs[2], "x")));
    assert!(!acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[2], "x")));
}

#[test]
fn what_is_separated_by_hand_stays_apart() {
    let versions = [line("a>pay; pay=Payment!>e; e"), line("a>e; e")];
    let (_, acts, _) = published(&versions);
    let again = Graph::compile(&described("a>pay; pay=Payment!>e; e", "pay", "another kind"));
    let before_graph = Graph::compile(&versions[1]);
    let pairing = Pairing::of(&before_graph, &again);
    for (separated, is_same) in [(BTreeSet::new(), true), (BTreeSet::from(["pay".to_owned()]), false)] {
        let before = Some(PreviousVersion { version: 2, graph: &before_graph, pairing: &pairing });
        let after = acts.published(&Publication { version: 3, graph: &again, before, separated: &separated }).acts;
        let first = Graph::compile(&versions[0]);
        assert_eq!(after.are_same(hash(&first, "pay"), hash(&again, "pay")), is_same);
    }
}

#[test]
fn deploying_other_pairs_works_the_acts_out_again() {
    let versions = [line("a>pay; pay=Payment!>e; e"), described("a>pay; pay=Payment!>e; e", "pay", "by card")];
    let (graphs, acts, kept) = published(&versions);
    let deploy = |pairs: &[(&str, &str)], separated: &BTreeSet<String>, kept: &[ActPair]| {
        let pairing = Pairing::from_ids(&graphs[0], &graphs[1], pairs.iter().copied());
        let plan = DeployedPairs {
            from_version: 1,
            to_version: 2,
            is_succession: true,
            from: &graphs[0],
            to: &graphs[1],
            pairing: &pairing,
            separated,
        };
        acts.deployed(&plan, kept)
    };
    let none = BTreeSet::new();
    assert_eq!(deploy(&[("a", "a"), ("pay", "pay"), ("e", "e")], &none, &kept), None, "the same pairs change nothing");
    let separated = BTreeSet::from(["pay".to_owned()]);
    let apart = deploy(&[("a", "a"), ("e", "e")], &separated, &kept).expect("a change");
    assert_eq!((apart.acts.revision(), apart.pairs.len()), (acts.revision() + 1, 0));
    assert!(!apart.acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[1], "pay")));
    let together = deploy(&[("a", "a"), ("pay", "pay"), ("e", "e")], &none, &apart.pairs).expect("a change");
    assert_eq!(together.pairs, kept);
}

#[test]
fn a_plan_between_other_versions_joins_too() {
    // Through the version between nobody can tell that the charge is the payment; a plan from the first version says
    // so.
    let versions = [line("a>pay; pay=Payment!>e; e"), line("a>e; e"), line("a>p9; p9=Charge!>e; e")];
    let (graphs, acts, kept) = published(&versions);
    let pairing = Pairing::from_ids(&graphs[0], &graphs[2], [("pay", "p9")]);
    assert!(acts.with_plan(&graphs[0], &graphs[2], &pairing).are_same(hash(&graphs[0], "pay"), hash(&graphs[2], "p9")));
    let separated = BTreeSet::new();
    let plan = DeployedPairs {
        from_version: 1,
        to_version: 3,
        is_succession: false,
        from: &graphs[0],
        to: &graphs[2],
        pairing: &pairing,
        separated: &separated,
    };
    let changed = acts.deployed(&plan, &kept).expect("a change");
    assert!(changed.acts.are_same(hash(&graphs[0], "pay"), hash(&graphs[2], "p9")));
    assert_eq!(changed.pairs.iter().filter(|pair| pair.source == PairSource::Plan).count(), 1);
}

fn list(acts: &[&str], revision: i32) -> LandingActs {
    LandingActs { revision, acts: acts.iter().map(|a| (*a).to_owned()).collect(), ..LandingActs::default() }
}

#[test]
fn a_list_clears_only_what_it_was_made_for() {
    let none = BTreeSet::new();
    assert!(list(&[], 3).clears(3, &none));
    assert!(!list(&[], 2).clears(3, &none), "another revision");
    assert!(!list(&["pay"], 3).clears(3, &none));
    assert!(list(&["pay"], 3).clears(3, &BTreeSet::from(["pay".to_owned()])));
    assert!(!LandingActs { lacking: true, ..list(&[], 3) }.clears(3, &none));
    assert!(!LandingActs { cut: true, ..list(&[], 3) }.clears(3, &none));
}

#[test]
fn a_list_that_is_too_long_is_cut_and_says_so() {
    let line_of = |steps: &[usize]| {
        let ids: Vec<String> = steps.iter().map(|n| format!("p{n:02}")).collect();
        let mut text = String::from("a>");
        for id in &ids {
            text += &format!("{id}; {id}!>");
        }
        text + "m; m>z; z"
    };
    let forward: Vec<usize> = (0..40).collect();
    let old = line(&line_of(&forward));
    // Everything comes after `m` now.
    let mut new = old.clone();
    step_mut(&mut new, "a").transitions[0].to_step_id = "m".into();
    step_mut(&mut new, "m").transitions[0].to_step_id = "p00".into();
    step_mut(&mut new, "p39").transitions[0].to_step_id = "z".into();
    let world = World::planned(old, new);
    let lists = world.landing_lists(&world.plans[0], &world.scenario_acts());
    assert_eq!((lists["m"].acts.len(), lists["m"].cut), (32, true));
}

/// The list of an anchor says the same as the judgement of each act, and the judgement says the same as trying every
/// way.
#[test]
fn lists_and_judgements_agree_with_trying_every_way() {
    let tally = Tally::default();
    property("lists_and_judgements_agree_with_trying_every_way", |dice: &mut Dice<'_>| {
        let taste = Taste { checkpoints: 40, ..Taste::ALL };
        let scene = Scene::random(dice, &taste, Gait::AnyWay);
        let world = scene.world();
        let pairs = scene.pairs(&world);
        let acts = world.scenario_acts();
        let (old, new) = (&world.graphs[0], &world.graphs[1]);
        let ids = world.maps[&world.plans[0].plan_id].anchors.iter();
        let ids: Vec<(&str, &str)> = ids.map(|a| (a.old_step_id.as_str(), a.new_step_id.as_str())).collect();
        let pairing = Pairing::from_ids(old, new, ids.iter().copied());
        let is_whole = !dice.chance(10);
        let ground = Ground::new(old, is_whole, new, &pairing, &acts);
        for (from, stand) in scene.old.steps.iter().enumerate() {
            for (to, place) in scene.new.steps.iter().enumerate() {
                let (from_ix, to_ix) = (old.find(&stand.id), new.find(&place.id).expect("a step"));
                let judged = Move {
                    from: is_whole.then_some((&scene.old, from)),
                    to: &scene.new,
                    place: to,
                    stays_at_its_step: pairs.new_of[from] == Some(to),
                    old_of: &|step| pairs.old_of[step],
                    acts: &acts,
                };
                let flagged: Vec<&str> = acts.flagged().collect();
                for act in &flagged {
                    let undone = ground.undoes(from_ix, to_ix, act);
                    if undone.is_some() != judged.undoes(act) {
                        let name = acts.said(act).map(|row| row.name.clone());
                        let why = format!("{} to {}, {name:?}: {undone:?}, whole {is_whole}", stand.id, place.id);
                        return Err(scene.explain(why, None));
                    }
                    tally.count(match undone {
                        Some(scenario_engine::acts::UndoneBy::Again) => "again",
                        Some(scenario_engine::acts::UndoneBy::Forced) => "forced",
                        None => "nothing",
                    });
                }
                if is_whole && pairs.new_of[from] == Some(to) {
                    let list = landing_acts_of(&ground, from_ix.expect("a step"), to_ix);
                    let accept = accepted(&acts, &[]);
                    for act in &flagged {
                        let listed = list.holds([*act], &accept, |act| ground.has_step(act));
                        if listed != ground.undoes(from_ix, to_ix, act).is_some() {
                            return Err(scene.explain(format!("{} lists {list:?}, {act}", stand.id), None));
                        }
                    }
                }
            }
        }
        Ok(())
    });
    tally.tell("undone");
    tally.at_least(50.0, "again");
    tally.at_least(5.0, "forced");
}
