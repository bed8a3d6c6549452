//! A step collects one field less.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "field_removed",
        "start>ask; ask?age>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
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
    let customer = edit().customer("start ask offer", &[("age", "31")]).lands_silently_at("offer");
    assert_eq!(customer.world.session.variables["age"].get(), "31");
}

#[test]
fn past_a_checkpoint() {
    let customer = edit().customer("start ask offer pay pack", &[("age", "31")]).lands_silently_at("pack");
    assert_eq!(customer.world.session.variables["age"].get(), "31");
}
