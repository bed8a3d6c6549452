//! The condition of a branch changes.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "condition_changed",
        "start>choose; choose?age>age < 18:stop|offer; stop; offer>pay; pay!>pack; pack>done; done",
        "start>choose; choose?age>age < 21:stop|offer; stop; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    edit().customer("start choose", &[]).lands_silently_at("choose");
}

#[test]
fn past() {
    let aged = |age: &str| edit().customer("start choose offer", &[("age", age)]);
    assert!(aged("19").gets_redirected_to("stop").is_finished());
    aged("30").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    let aged = |age: &str| edit().customer("start choose offer pay pack", &[("age", age)]);
    aged("19").lands_with_a_warning_at("pack");
    aged("30").lands_silently_at("pack");
}
