//! A step is moved behind `offer`.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "step_moved",
        "start>ask; ask?age>offer; offer>pay; pay!>pack; pack>done; done",
        "start>offer; offer>ask; ask?age>pay; pay!>pack; pack>done; done",
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
    edit().customer("start ask offer", &[("age", "31")]).lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start ask offer pay pack", &[("age", "31")]).lands_silently_at("pack");
}
