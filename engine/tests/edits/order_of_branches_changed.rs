//! Two branches change places.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "order_of_branches_changed",
        "start>choose; choose?age?vip>vip:lounge|age < 18:stop|offer; lounge>offer; stop; \
         offer>pay; pay!>pack; pack>done; done",
        "start>choose; choose?age?vip>age < 18:stop|vip:lounge|offer; lounge>offer; stop; \
         offer>pay; pay!>pack; pack>done; done",
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
    let vip = |age: &str| edit().customer("start choose lounge offer", &[("age", age), ("vip", "true")]);
    assert!(vip("17").gets_redirected_to("stop").is_finished());
    vip("30").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    let vip = |age: &str| edit().customer("start choose lounge offer pay pack", &[("age", age), ("vip", "true")]);
    vip("17").lands_with_a_warning_at("pack");
    vip("30").lands_silently_at("pack");
}
