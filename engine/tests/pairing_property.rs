//! The rules of pairing as a property of random pairs of versions, worked out naively from their text.
//!
//! Which of several twins belong together is left to the engine where only their neighbours tell: that they are paired
//! off, and stay among themselves, is not.

mod common;

use common::flow::{flow, step_mut};
use common::property::{Tally, property};
use common::two::Two;
use scenario_engine::definition::{Definition, Step, step_content_hash};
use scenario_engine::diff::{PairKind, TransformationMap, diff};
use scenario_engine::graph::Graph;
use std::collections::{BTreeMap, BTreeSet};

type Set = BTreeSet<usize>;
type Pair = (usize, usize);

/// Two versions, read as the rules speak of them.
struct Naive<'a> {
    old: &'a [Step],
    new: &'a [Step],
    old_hash: Vec<String>,
    new_hash: Vec<String>,
}

impl Naive<'_> {
    fn of(two: &Two) -> Naive<'_> {
        let hashes = |d: &Definition| d.steps.iter().map(step_content_hash).collect();
        Naive {
            old: &two.before.steps,
            new: &two.after.steps,
            old_hash: hashes(&two.before),
            new_hash: hashes(&two.after),
        }
    }

    fn with(hashes: &[String], hash: &str) -> Vec<usize> {
        (0..hashes.len()).filter(|s| hashes[*s] == hash).collect()
    }

    /// Whether the content of an old step is also in the new version, and several times in one of both.
    fn is_twin(&self, old: usize) -> bool {
        let count = |hashes: &[String]| Naive::with(hashes, &self.old_hash[old]).len();
        let (was, is) = (count(&self.old_hash), count(&self.new_hash));
        is > 0 && was + is > 2
    }

    fn by_id(&self, old: usize) -> Option<usize> {
        self.new.iter().position(|n| n.id == self.old[old].id)
    }

    /// Unpaired new steps that count for an old one: while it waits, those of its own content do not.
    fn counted(&self, old: usize, waits: bool, new_left: &Set) -> Set {
        new_left.iter().copied().filter(|n| !waits || self.new_hash[*n] != self.old_hash[old]).collect()
    }

    /// Rule a: the only step of that name on both sides.
    fn by_name(&self, old: usize, waits: bool, left: &(Set, Set)) -> Option<usize> {
        let name = &self.old[old].name;
        let others = left.0.iter().filter(|o| **o != old && self.old[**o].name == *name).count();
        let counted = self.counted(old, waits, &left.1);
        let named: Vec<usize> = counted.into_iter().filter(|n| self.new[*n].name == *name).collect();
        match named.as_slice() {
            [only] if !name.is_empty() && others == 0 => Some(*only),
            _ => None,
        }
    }

    /// Rule b: an equal id with support.
    fn by_id_and_more(&self, old: usize, waits: bool, left: &(Set, Set)) -> Option<usize> {
        let new = self.by_id(old).filter(|n| left.1.contains(n))?;
        let (was, is) = (&self.old[old], &self.new[new]);
        let others = |same: &dyn Fn(&Step) -> bool| {
            let olds = left.0.iter().filter(|o| **o != old && same(&self.old[**o])).count();
            let news = self.counted(old, waits, &left.1).into_iter().filter(|n| *n != new && same(&self.new[*n]));
            olds + news.count()
        };
        let text = |s: &Step| s.description.clone().unwrap_or_default();
        let fields = |s: &Step| s.collects_profile_fields.iter().cloned().collect::<BTreeSet<_>>();
        let words = |s: &Step| format!("{} {}", s.name, text(s)).trim().to_owned();
        let by_words = !was.name.is_empty() && was.name == is.name
            || !words(was).is_empty() && strsim::sorensen_dice(&words(was), &words(is)) >= 0.5;
        let by_description =
            !text(was).is_empty() && text(was) == text(is) && others(&|s: &Step| text(s) == text(was)) == 0;
        let by_fields =
            !fields(was).is_empty() && fields(was) == fields(is) && others(&|s: &Step| fields(s) == fields(was)) == 0;
        let flag_changed = was.is_checkpoint != is.is_checkpoint;
        (by_words || !flag_changed && (by_description || by_fields)).then_some(new)
    }
}

#[test]
fn steps_are_paired_by_the_rules() {
    let tally = Tally::default();
    property("steps_are_paired_by_the_rules", |dice| {
        let two = Two::random(dice);
        let naive = Naive::of(&two);
        check(&two, &naive, &tally).map_err(|why| two.explain(why))
    });
    tally.tell("pairs");
    tally.at_least(5.0, "twins");
    tally.at_least(1.0, "a twin that waited was paired as edited");
    tally.at_least(10.0, "edited");
}

fn check(two: &Two, naive: &Naive<'_>, tally: &Tally) -> Result<(), String> {
    let mut kind: BTreeMap<Pair, PairKind> = BTreeMap::new();
    let (mut olds, mut news) = (Set::new(), Set::new());
    for anchor in &two.map.anchors {
        let old = naive.old.iter().position(|s| s.id == anchor.old_step_id).expect("old");
        let new = naive.new.iter().position(|s| s.id == anchor.new_step_id).expect("new");
        kind.insert((old, new), anchor.pairing);
        ensure!(olds.insert(old) && news.insert(new), "{old} and {new}: one of them is in two pairs");
        ensure!(
            anchor.anchor_content_hash == naive.old_hash[old] && anchor.anchor_name == naive.old[old].name,
            "{old} does not carry its own hash and name"
        );
    }
    let of_kind = |which: PairKind| -> BTreeSet<Pair> {
        kind.iter().filter(|(_, kind)| **kind == which).map(|(pair, _)| *pair).collect()
    };
    // By content, once on each side.
    let all: (Set, Set) = ((0..naive.old.len()).collect(), (0..naive.new.len()).collect());
    let mut left = all.clone();
    let take = |left: &mut (Set, Set), pairs: &BTreeSet<Pair>| {
        for (old, new) in pairs {
            left.0.remove(old);
            left.1.remove(new);
        }
    };
    let once = |old: &usize| match Naive::with(&naive.new_hash, &naive.old_hash[*old]).as_slice() {
        [only] if !naive.is_twin(*old) => Some((*old, *only)),
        _ => None,
    };
    let by_content: BTreeSet<Pair> = all.0.iter().filter_map(once).collect();
    ensure!(of_kind(PairKind::Content) == by_content, "by content: {by_content:?} expected");
    take(&mut left, &by_content);
    // Twins of equal ids.
    let twin_of_own_id = |old: &usize| {
        let new = naive.by_id(*old).filter(|n| naive.new_hash[*n] == naive.old_hash[*old])?;
        naive.is_twin(*old).then_some((*old, new))
    };
    let same_ids: BTreeSet<Pair> = all.0.iter().filter_map(twin_of_own_id).collect();
    take(&mut left, &same_ids);
    let twins = of_kind(PairKind::Twin);
    ensure!(same_ids.is_subset(&twins), "twins of equal ids are not paired: {same_ids:?}");
    let same_content = |(old, new): &Pair| naive.old_hash[*old] == naive.new_hash[*new];
    ensure!(twins.iter().all(|pair| naive.is_twin(pair.0) && same_content(pair)), "a twin of another content");
    // Twins that wait: rule 3 would accept the step of their id.
    let waits: Set = left
        .0
        .iter()
        .copied()
        .filter(|o| naive.is_twin(*o))
        .filter(|o| naive.by_id_and_more(*o, true, &left).is_some())
        .collect();
    let edited = of_kind(PairKind::Edited);
    // Whoever waited and became a twin after all did so after the rule by which the awaited step was taken, or after
    // both.
    let taken_by = |new: usize| edited.iter().find(|(_, n)| *n == new).map(|(o, _)| *o);
    let late: BTreeSet<Pair> = twins
        .iter()
        .copied()
        .filter(|(o, _)| waits.contains(o))
        .filter(|(o, _)| naive.by_id(*o).is_some_and(|n| twins.iter().all(|(_, taken)| *taken != n)))
        .collect();
    take(&mut left, &twins.difference(&late).copied().collect());
    for old in left.0.iter().filter(|o| naive.is_twin(**o) && !waits.contains(o)) {
        let free = left.1.iter().any(|n| naive.new_hash[*n] == naive.old_hash[*old]);
        ensure!(!free, "twin {old} is not paired off");
    }
    // Names, then ids. The steps that are unpaired when a rule begins are those that it looks at.
    let by_name: BTreeSet<Pair> =
        left.0.iter().filter_map(|o| Some((*o, naive.by_name(*o, waits.contains(o), &left)?))).collect();
    take(&mut left, &by_name);
    let freed: BTreeSet<Pair> =
        late.iter().copied().filter(|(o, _)| naive.by_id(*o).is_some_and(|n| !left.1.contains(&n))).collect();
    take(&mut left, &freed);
    let by_id: BTreeSet<Pair> =
        left.0.iter().filter_map(|o| Some((*o, naive.by_id_and_more(*o, waits.contains(o), &left)?))).collect();
    take(&mut left, &by_id);
    let expected: BTreeSet<Pair> = by_name.union(&by_id).copied().collect();
    ensure!(edited == expected, "edited pairs {edited:?} instead of {expected:?}; waited: {waits:?}");
    take(&mut left, &late);
    for old in left.0.iter().filter(|o| naive.is_twin(**o)) {
        let free = left.1.iter().any(|n| naive.new_hash[*n] == naive.old_hash[*old]);
        ensure!(!free, "twin {old} is left over beside a twin");
    }
    for (old, _) in &late {
        let by = naive.by_id(*old).and_then(taken_by);
        ensure!(by.is_none_or(|by| by != *old), "{old} did not take the step that it waited for");
    }
    // Every group of twins is reported.
    let groups: BTreeSet<&String> = all.0.iter().filter(|o| naive.is_twin(**o)).map(|o| &naive.old_hash[*o]).collect();
    let reported: Vec<_> = two.map.catalogue.ambiguities.iter().collect();
    ensure!(reported.iter().map(|a| &a.content_hash).collect::<BTreeSet<_>>() == groups, "{reported:?}");
    for ambiguity in reported {
        let ids = |steps: &[Step], hashes: &[String]| -> Vec<String> {
            Naive::with(hashes, &ambiguity.content_hash).iter().map(|s| steps[*s].id.clone()).collect()
        };
        ensure!(ambiguity.old_step_ids == ids(naive.old, &naive.old_hash), "{ambiguity:?}");
        ensure!(ambiguity.new_step_ids == ids(naive.new, &naive.new_hash), "{ambiguity:?}");
        tally.count("twins");
    }
    // What is left is deleted and inserted.
    let names = |steps: &[Step], left: &Set| left.iter().map(|s| steps[*s].id.clone()).collect::<Vec<_>>();
    let deleted: Vec<String> = two.map.deleted_steps.iter().map(|d| d.step_id.clone()).collect();
    ensure!(deleted == names(naive.old, &left.0), "deleted: {deleted:?}");
    let inserted = &two.map.catalogue.inserted_step_ids;
    ensure!(*inserted == names(naive.new, &left.1), "inserted: {inserted:?}");
    if edited.iter().any(|(o, _)| waits.contains(o)) {
        tally.count("a twin that waited was paired as edited");
    }
    if twins.iter().any(|(o, _)| waits.contains(o)) {
        tally.count("a twin that waited took what was left");
    }
    if !edited.is_empty() {
        tally.count("edited");
    }
    Ok(())
}

/// Gives the steps the content of one another, so that they are twins.
fn twins(version: &mut Definition, ids: &[&str]) {
    for id in ids {
        let step = step_mut(version, id);
        (step.name, step.description) = ("Twin".into(), None);
    }
}

fn pair_of<'a>(map: &'a TransformationMap, old: &str) -> Option<&'a str> {
    map.anchors.iter().find(|a| a.old_step_id == old).map(|a| a.new_step_id.as_str())
}

#[test]
fn twins_are_told_by_their_neighbours() {
    let mut before = flow("a -> t1\n t1 -> b\n b -> t2\n t2 -> c\n c");
    twins(&mut before, &["t1", "t2"]);
    // Other ids, in the other order.
    let mut after = flow("a -> y\n x -> c\n b -> x\n y -> b\n c");
    twins(&mut after, &["x", "y"]);
    let map = diff(&Graph::compile(&before), &Graph::compile(&after));
    assert_eq!((pair_of(&map, "t1"), pair_of(&map, "t2")), (Some("y"), Some("x")));
}

#[test]
fn twins_among_twins_are_told_by_neighbours_that_are_pairs_already() {
    let both = "a -> p1 if vip; p2\n p1 -> q1\n p2 -> q2\n q1 -> c\n q2 -> c\n c";
    let mut before = flow(both);
    // The second row of twins has other ids, in the other order; the first kept its own.
    let mut after = flow("a -> p1 if vip; p2\n p1 -> y\n p2 -> x\n x -> c\n y -> c\n c");
    for (version, second) in [(&mut before, ["q1", "q2"]), (&mut after, ["x", "y"])] {
        twins(version, &["p1", "p2"]);
        twins(version, &second);
        for id in second {
            step_mut(version, id).name = "Second twin".into();
        }
    }
    let map = diff(&Graph::compile(&before), &Graph::compile(&after));
    assert_eq!((pair_of(&map, "q1"), pair_of(&map, "q2")), (Some("y"), Some("x")));
}
