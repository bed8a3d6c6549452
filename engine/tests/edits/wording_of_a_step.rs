//! The wording of a step changes.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "wording_of_a_step",
        "start>ask; ask=Ask for the age>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask=Ask for their age>offer; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    edit().customer("start ask", &[]).lands_silently_at("ask");
}

#[test]
fn past() {
    edit().customer("start ask offer", &[]).lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start ask offer pay pack", &[]).lands_silently_at("pack");
}
