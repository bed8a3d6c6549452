//! A fork is added behind `ask`.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "fork_added",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask>check; check>age < 18:stop|offer; stop; offer>pay; pay!>pack; pack>done; done",
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
    let customer = || edit().customer("start ask offer", &[]);
    let young = customer().gets_asked_for(&["age"]).knowing("age", "17").gets_redirected_to("stop");
    assert!(young.is_finished());
    customer().knowing("age", "17").gets_redirected_to("stop");
    customer().gets_asked_for(&["age"]).knowing("age", "31").lands_silently_at("offer");
    customer().knowing("age", "31").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    let customer = || edit().customer("start ask offer pay pack", &[]);
    customer().lands_with_a_warning_at("pack");
    customer().knowing("age", "17").lands_with_a_warning_at("pack");
    customer().knowing("age", "31").lands_silently_at("pack");
}
