//! A step is deleted.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "step_deleted",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
        "start>offer; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    edit().customer("start ask", &[]).gets_relocated_to("offer");
}

#[test]
fn past() {
    edit().customer("start ask offer", &[]).lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start ask offer pay pack", &[]).lands_silently_at("pack");
}
