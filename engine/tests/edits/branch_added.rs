//! A fork gets one branch more, before the others.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "branch_added",
        "start>choose; choose?vip>vip:lounge|offer; lounge>offer; offer>pay; pay!>pack; pack>done; done",
        "start>choose; choose?vip>age < 18:stop|vip:lounge|offer; stop; lounge>offer; offer>pay; \
         pay!>pack; pack>done; done",
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
    let customer = || edit().customer("start choose offer", &[("vip", "false")]);
    let young = customer().gets_asked_for(&["age"]).knowing("age", "17").gets_redirected_to("stop");
    assert!(young.is_finished());
    customer().knowing("age", "17").gets_redirected_to("stop");
    customer().gets_asked_for(&["age"]).knowing("age", "31").lands_silently_at("offer");
    customer().knowing("age", "31").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    let customer = || edit().customer("start choose offer pay pack", &[("vip", "false")]);
    customer().lands_with_a_warning_at("pack");
    customer().knowing("age", "17").lands_with_a_warning_at("pack");
    customer().knowing("age", "31").lands_silently_at("pack");
}
