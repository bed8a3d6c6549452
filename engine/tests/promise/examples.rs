//! The checker on examples that a person can judge: what it calls harm, and what not.

use crate::check::{Harm, StepInVersion, harm};
use crate::world::{Cond, Step, Uid, Version, Way};

/// A version of the notation `id=Name!*.{act}>cond:to|to; …`, the entry first; a point marks an end. An id is the same
/// step in every version.
fn version(text: &str) -> Version {
    let uid = |id: &str| id.bytes().fold(7, |sum: Uid, byte| sum.wrapping_mul(31).wrapping_add(Uid::from(byte)));
    let step = |text: &str| {
        let (head, ways) = text.split_once('>').unwrap_or((text, ""));
        let (head, act) = head.split_once('{').unwrap_or((head, "0}"));
        let (label, flags) = head.split_at(head.find(['!', '*', '.']).unwrap_or(head.len()));
        let (id, name) = label.split_once('=').unwrap_or((label, label));
        let way = |text: &str| match text.split_once(':') {
            Some((_, to)) => Way { to: uid(to), cond: Cond::Talk(0) },
            None => Way { to: uid(text), cond: Cond::Always },
        };
        Step {
            uid: uid(id),
            act: act.trim_end_matches('}').parse().expect("an act"),
            id: id.to_owned(),
            name: name.to_owned(),
            words: String::new(),
            field: None,
            checkpoint: flags.contains('!'),
            required: flags.contains('*'),
            end: flags.contains('.'),
            ways: ways.split('|').filter(|w| !w.is_empty()).map(way).collect(),
        }
    };
    let steps: Vec<Step> = text.split("; ").map(step).collect();
    Version { entry: steps[0].uid, steps }
}

/// The harm of a move from the first version to the last to somebody who did act 1.
fn judged_over(versions: &[&str], from: &str, to: &str) -> Option<Harm> {
    let chain: Vec<Version> = versions.iter().map(|text| version(text)).collect();
    let place = |version: usize, id: &str| StepInVersion { version, step: chain[version].find_id(id).expect("a step") };
    harm(&chain, place(0, from), place(chain.len() - 1, to), 1)
}

fn judged(old: &str, new: &str, from: &str, to: &str) -> Option<Harm> {
    judged_over(&[old, new], from, to)
}

#[test]
fn an_act_that_comes_again_is_harm() {
    let paid = "a>pay; pay!{1}>c; c>e; e";
    assert_eq!(judged(paid, "a>c; c>pay; pay!{1}>e; e", "c", "c"), Some(Harm::Possible));
    assert_eq!(judged(paid, "a>pay; pay!{1}>c; c>e; e", "c", "c"), None);
    assert_eq!(judged(paid, "a>pay; pay!{1}>c; c>e; e", "c", "a"), Some(Harm::Possible));
    let twice = "a>pay; pay!{1}>m; m>pay2; pay2!{2}>e; e";
    assert_eq!(judged(twice, "a>m; m>pay; pay!{1}>pay2; pay2!{2}>e; e", "m", "m"), Some(Harm::Possible));
    assert_eq!(judged(twice, "a>pay; pay!{1}>m; m>e; e", "m", "m"), None);
}

#[test]
fn the_same_act_at_another_step_is_the_same_act() {
    let new = "a>pay; pay!{1}>m; m>e; x>pay2; pay2!{1}>e; e";
    assert_eq!(judged("a>pay; pay!{1}>m; m>e; e", new, "m", "x"), Some(Harm::Possible));
    assert_eq!(judged("a>pay; pay!{1}>m; m>e; e", new, "m", "m"), None);
}

#[test]
fn to_stay_at_the_act_is_no_arrival_but_to_be_led_back_is_harm() {
    let paid = "a>pay; pay!{1}>e; e";
    assert_eq!(judged(paid, "a>pay; pay!{1}>q; q>e; e", "pay", "pay"), None);
    assert_eq!(judged(paid, "a>pay; pay!{1}>q; q>again:a|e; e", "pay", "pay"), Some(Harm::Possible));
    assert_eq!(judged("1=Cart>2; 2=Card!{1}>3; 3", "1=Cart>2; 2=Voucher!{2}>3; 3=Card!{1}>4; 4", "2", "3"), None);
    let by_id = judged("1=Cart>2; 2=Card!{1}>3; 3", "1=Cart>2; 2=Voucher!{2}>3; 3=Card!{1}>4; 4", "3", "2");
    assert_eq!(by_id, Some(Harm::Possible));
}

#[test]
fn to_stay_at_an_act_that_was_renamed_on_the_way_is_no_arrival() {
    let (old, renamed) = ("s1=Ship!{1}>s2; s2>s1|s4; s4", "s8=Ship now!{1}");
    assert_eq!(judged_over(&[old, "s8=Ship!{1}", renamed], "s1", "s8"), None);
    assert_eq!(judged_over(&[old, "s8=Ship now!{1}", renamed], "s1", "s8"), Some(Harm::Forced));
    assert_eq!(judged_over(&[old, "s8=Ship!{1}", renamed], "s2", "s8"), Some(Harm::Forced));
}

#[test]
fn an_act_that_can_be_avoided_no_more_is_harm() {
    let old = "a>pay; pay!{1}>m; m>more:pay|e; e";
    assert_eq!(judged(old, "a>m; m>pay; pay!{1}>e; e", "m", "m"), Some(Harm::Forced));
    assert_eq!(judged(old, "a>pay; pay!{1}>e; e", "m", "pay"), Some(Harm::Forced));
    assert_eq!(judged(old, "a>pay; pay!{1}>e; e", "m", "e"), None);
    // To go round for ever is to avoid it.
    assert_eq!(judged("a>pay; pay!{1}>m; m>more:pay|m", "a>m; m>pay; pay!{1}>e; e", "m", "m"), Some(Harm::Forced));
}

#[test]
fn nothing_comes_through_an_end() {
    let paid = "a>pay; pay!{1}>c; c>e; e.>pay";
    assert_eq!(judged(paid, "a>c; c>pay; pay!{1}>e; e", "c", "c"), Some(Harm::Possible));
    assert_eq!(judged("a>pay; pay!{1}>c; c>e; e", paid, "c", "c"), None);
}

#[test]
fn the_next_round_of_a_loop_is_no_harm() {
    let old = "a>b; b>pay; pay!{1}>r; r>again:a|e; e";
    assert_eq!(judged(old, "a>pay; pay!{1}>r; r>again:a|e; e", "b", "pay"), None);
}
