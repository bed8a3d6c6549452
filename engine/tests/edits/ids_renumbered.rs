//! Ids are positions, and a step is inserted.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "ids_renumbered",
        "1=start>2; 2=ask>3; 3=offer>4; 4=pay!>5; 5=pack>6; 6=done",
        "1=start>2; 2=ask>3; 3=note>4; 4=offer>5; 5=pay!>6; 6=pack>7; 7=done",
    )
}

#[test]
fn before() {
    edit().customer("1", &[]).lands_silently_at("1");
}

#[test]
fn at() {
    edit().customer("1 2", &[]).lands_silently_at("2");
}

#[test]
fn past() {
    edit().customer("1 2 3", &[]).lands_silently_at("4");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("1 2 3 4 5", &[]).lands_silently_at("6");
}
