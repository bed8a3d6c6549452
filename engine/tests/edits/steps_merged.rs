//! Two steps become one.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "steps_merged",
        "start>ask; ask=Ask for name?name>age; age=Ask for age?age>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask=Ask for name and age?name?age>offer; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    edit().customer("start ask", &[]).lands_silently_at("ask");
    let customer = edit().customer("start ask age", &[("name", "\"Ada\"")]).gets_asked_for(&["age"]);
    customer.knowing("age", "31").gets_relocated_to("offer");
}

#[test]
fn past() {
    edit().customer("start ask age offer", &[("name", "\"Ada\""), ("age", "31")]).lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start ask age offer pay pack", &[("name", "\"Ada\""), ("age", "31")]).lands_silently_at("pack");
}
