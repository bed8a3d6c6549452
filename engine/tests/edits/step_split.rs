//! A step is split in two.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "step_split",
        "start>ask; ask=Ask for name and age?name?age>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask=Ask for name?name>age; age=Ask for age?age>offer; offer>pay; pay!>pack; pack>done; done",
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
    edit().customer("start ask offer", &[("name", "\"Ada\""), ("age", "31")]).lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start ask offer pay pack", &[("name", "\"Ada\""), ("age", "31")]).lands_silently_at("pack");
}
