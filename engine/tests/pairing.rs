//! Which step of the new version is which of the old one: each rule by a case of its own. `diff.rs` holds the rules as
//! a property.

mod common;

use common::short::short;
use common::world::{World, brief};
use scenario_engine::definition::{Definition, Step};
use scenario_engine::diff::{PairKind, TransformationMap, diff};
use scenario_engine::graph::Graph;

fn map(old: &Definition, new: &Definition) -> TransformationMap {
    diff(&Graph::compile(old), &Graph::compile(new))
}

/// The pairs as text, in document order of the old version: `a=b` by content, `a~b` as twins, `a≈b` as edited.
fn pairs(old: &Definition, new: &Definition) -> String {
    let sign = |kind| match kind {
        PairKind::Content => '=',
        PairKind::Twin => '~',
        PairKind::Edited => '≈',
    };
    let pairs = map(old, new).anchors;
    let words: Vec<String> =
        pairs.iter().map(|a| format!("{}{}{}", a.old_step_id, sign(a.pairing), a.new_step_id)).collect();
    words.join(" ")
}

fn paired(old: &str, new: &str) -> String {
    pairs(&short(old), &short(new))
}

/// The version with the description of one step set.
fn described(mut version: Definition, id: &str, text: &str) -> Definition {
    let step: &mut Step = version.steps.iter_mut().find(|s| s.id == id).expect("the step");
    step.description = Some(text.into());
    version
}

// ---------------------------------------------------------------------------------------------------------------------
// Edited: names before ids

#[test]
fn case_4_numbered_steps_are_told_by_their_names() {
    let old = short("1=Cart>2; 2=Pay with card!>3; 3=Packing>4; 4=Done");
    let new = short("1=Cart>2; 2=Pay with voucher!>3; 3=Pay with card!>4; 4=Packing>5; 5=Done");
    let new = described(new, "3", "By credit card or debit card");
    assert_eq!(pairs(&old, &new), "1=1 2≈3 3=4 4=5");
    let mut world = World::planned(old, new);
    world.walked(&["1", "2"]);
    assert_eq!(brief(&world.reconcile()), "teleport 3", "not back to a payment by voucher");
}

#[test]
fn a_name_that_several_unpaired_steps_have_is_no_name_to_go_by() {
    // Each twin's description was edited and the ids were swapped: the wording of both is the same, so the ids decide.
    let side = |first: &str, second: &str, edit: &str| {
        let version = short(&format!("a>{first}; {first}=Ask>{second}; {second}=Ask>e; e"));
        let version = described(version, first, &format!("for the shipping address{edit}"));
        described(version, second, &format!("for the invoice number{edit}"))
    };
    assert_eq!(pairs(&side("p", "q", ""), &side("p", "q", ", please")), "a=a p≈p q≈q e=e");
    assert_eq!(pairs(&side("p", "q", ""), &side("x", "y", ", please")), "a=a e=e");
}

#[test]
fn a_step_without_a_name_is_not_paired_by_it() {
    assert_eq!(paired("a>b; b=?f>e; e", "a>c; c=?g>e; e"), "a=a e=e");
    assert_eq!(paired("a>b; b=?f>e; e", "a>b; b=?g>e; e"), "a=a e=e", "an id that says nothing else");
}

// ---------------------------------------------------------------------------------------------------------------------
// Edited: equal ids need support

#[test]
fn an_equal_id_is_supported_by_similar_wording() {
    assert_eq!(paired("a>b; b=Confirm the order>e; e", "a>b; b=Confirm your order>e; e"), "a=a b≈b e=e");
    assert_eq!(paired("a>b; b=Confirm the order>e; e", "a>b; b=Voucher>e; e"), "a=a e=e");
}

#[test]
fn an_equal_id_is_supported_by_a_description_that_no_other_unpaired_step_has() {
    let version = |name: &str| described(short(&format!("a>b; b={name}>e; e")), "b", "1:1");
    assert_eq!(pairs(&version("Xylophone"), &version("Wait a bit")), "a=a b≈b e=e");
    // The same words on a step that was inserted: they are a phrase of the house.
    let with_another =
        |name: &str| described(described(short(&format!("a>b; b={name}>n; n=Quiz>e; e")), "b", "1:1"), "n", "1:1");
    assert_eq!(pairs(&version("Xylophone"), &with_another("Wait a bit")), "a=a e=e");
    // On a step that is a pair by content already, they do not count.
    let both =
        |name: &str| described(described(short(&format!("a>b; b={name}>n; n=Quiz>e; e")), "b", "1:1"), "n", "1:1");
    assert_eq!(pairs(&both("Xylophone"), &both("Wait a bit")), "a=a b≈b n=n e=e");
}

#[test]
fn an_equal_id_is_supported_by_fields_that_no_other_unpaired_step_has() {
    assert_eq!(paired("a>b; b=Xylophone?f?g>e; e", "a>b; b=Wait a bit?g?f>e; e"), "a=a b≈b e=e");
    assert_eq!(paired("a>b; b=Xylophone?f>e; e", "a>b; b=Wait a bit?f>n; n=Quiz?f>e; e"), "a=a e=e");
    assert_eq!(paired("a>b; b=Xylophone>e; e", "a>b; b=Wait a bit>e; e"), "a=a e=e", "no fields are none to go by");
}

#[test]
fn a_checkpoint_and_a_step_that_is_none_pair_by_words_alone() {
    assert_eq!(paired("a>b; b=Xylophone!?f>e; e", "a>b; b=Wait a bit?f>e; e"), "a=a e=e");
    assert_eq!(paired("a>b; b=Xylophone!?f>e; e", "a>b; b=Wait a bit!?f>e; e"), "a=a b≈b e=e");
    assert_eq!(paired("a>b; b=Pay the order>e; e", "a>b; b=Pay your order!>e; e"), "a=a b≈b e=e");
    // Names before ids, whatever the flag is.
    assert_eq!(paired("a>b; b=Pay>e; e", "a>c; c=Pay!>e; e"), "a=a b≈c e=e");
    let version = |flag: &str, name: &str| described(short(&format!("a>b; b={name}{flag}>e; e")), "b", "1:1");
    assert_eq!(pairs(&version("!", "Xylophone"), &version("", "Wait a bit")), "a=a e=e");
}

// ---------------------------------------------------------------------------------------------------------------------
// Twins that wait

#[test]
fn case_2_a_twin_whose_id_lives_on_with_other_words_is_no_twin_of_an_inserted_step() {
    let (old, new) =
        ("a=Confirm>pay; pay!>b; b=Confirm>e; e", "a=Confirm>n; n=Confirm>pay; pay!>b; b=Confirm delivery>e; e");
    assert_eq!(paired(old, new), "a~a pay=pay b≈b e=e");
    let mut world = World::planned(short(old), short(new));
    world.walked(&["a", "pay", "b"]);
    assert_eq!(brief(&world.reconcile()), "teleport b", "not to before the payment");
    let ambiguities = map(&short(old), &short(new)).catalogue.ambiguities;
    assert_eq!((ambiguities.len(), ambiguities[0].new_step_ids.join(" ")), (1, "a n".into()), "it is reported");
}

#[test]
fn a_twin_whose_id_was_used_anew_does_not_wait() {
    // `b` says something else altogether: the twin went to `n`.
    assert_eq!(paired("a=Ask>b; b=Ask>e; e", "a=Ask>n; n=Ask>b; b=Voucher>e; e"), "a~a b~n e=e");
    assert_eq!(paired("a=Ask>b; b=Ask>e; e", "x=Ask>y; y=Ask>e; e"), "a~x b~y e=e", "ids that live on nowhere");
}

#[test]
fn a_twin_that_waits_in_vain_takes_what_is_left_of_its_twins() {
    // The new `b` is the pair of the old `c`, whose name it has: names come before ids.
    let old = described(short("a=Confirm>b; b=Confirm>c; c=Confirm the delivery>e; e"), "c", "x");
    let new = described(short("a=Confirm>n; n=Confirm>b; b=Confirm the delivery>e; e"), "b", "y");
    assert_eq!(pairs(&old, &new), "a~a b~n c≈b e=e");
    // The awaited step is a twin of others, and becomes the pair of one of them.
    let old = "a=Confirm>b; b=Confirm>x; x=Confirm it>y; y=Confirm it>e; e";
    let new = "a=Confirm>n; n=Confirm>b; b=Confirm it>z; z=Confirm it>e; e";
    assert_eq!(paired(old, new), "a~a b~n x~b y~z e=e");
}

#[test]
fn while_a_twin_waits_the_new_steps_of_its_content_are_not_counted() {
    // The name "Confirm" is the old `b`'s, the inserted twin's and the new `c`'s. Without the twin it is unique: by
    // name.
    let old = short("a=Confirm>b; b=Confirm>e; e");
    let new = described(short("a=Confirm>n; n=Confirm>b; b=Confirm now>c; c=Confirm>e; e"), "c", "that all is well");
    assert_eq!(pairs(&old, &new), "a~a b≈c e=e");
    // Fields: those of the inserted twin do not count against the old `b` either.
    let (old, new) = ("a=Ask?f>b; b=Ask?f>e; e", "a=Ask?f>n; n=Ask?f>b; b=Xylophone?f>e; e");
    assert_eq!(paired(old, new), "a~a b≈b e=e");
    let new = "a=Ask?f>n; n=Ask?f>b; b=Xylophone?f>c; c=Quiz?f>e; e";
    assert_eq!(paired(old, new), "a~a b~n e=e", "another step has the fields, so nothing supports the id");
}

#[test]
fn twins_of_equal_ids_pair_first_wherever_they_stand() {
    assert_eq!(paired("a=Ask>b; b=Ask>e; e", "b=Ask>a; a=Ask>e; e"), "a~a b~b e=e");
    assert_eq!(paired("a=Ask>m; m>b; b=Ask>e; e", "x=Ask>m; m>b; b=Ask>e; e"), "a~x m=m b~b e=e");
}

#[test]
fn a_twin_that_is_left_over_is_judged_as_edited_like_any_other_step() {
    // Two old twins, one of which is left; its id does not live on, so nobody waits.
    assert_eq!(paired("a=Ask>b; b=Ask>e; e", "x=Ask>e; e"), "b~x e=e");
    assert_eq!(paired("a=Ask now>b; b=Ask now>e; e", "x=Ask now>b; b=Ask>e; e"), "a~x b≈b e=e");
}
