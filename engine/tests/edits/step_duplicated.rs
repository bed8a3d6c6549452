//! A step gets a copy behind it.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "step_duplicated",
        "start>ask; ask?age>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask?age>ask2; ask2=ask?age>offer; offer>pay; pay!>pack; pack>done; done",
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
