//! A step collects one field more.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "field_added",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask?age>offer; offer>pay; pay!>pack; pack>done; done",
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
    let customer = edit().customer("start ask offer", &[]).gets_asked_for(&["age"]);
    customer.knowing("age", "31").lands_silently_at("offer");
    edit().customer("start ask offer", &[]).knowing("age", "31").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    let customer = edit().customer("start ask offer pay pack", &[]).gets_asked_for(&["age"]);
    customer.knowing("age", "31").lands_silently_at("pack");
    edit().customer("start ask offer pay pack", &[]).knowing("age", "31").lands_silently_at("pack");
}
