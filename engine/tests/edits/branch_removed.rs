//! A branch is removed, and the step to which it led.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "branch_removed",
        "start>choose; choose>vip:lounge|old:tour|offer; lounge>offer; tour>offer; offer>pay; \
         pay!>pack; pack>done; done",
        "start>choose; choose>vip:lounge|offer; lounge>offer; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    edit().customer("start choose", &[]).lands_silently_at("choose");
    edit().customer("start choose tour", &[]).gets_relocated_to("offer");
}

#[test]
fn past() {
    edit().customer("start choose offer", &[]).lands_silently_at("offer");
    edit().customer("start choose lounge offer", &[]).lands_silently_at("offer");
    edit().customer("start choose tour offer", &[]).lands_silently_at("offer");
    edit().customer("start choose tour offer", &[]).knowing("vip", "true").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start choose offer pay pack", &[]).lands_silently_at("pack");
    edit().customer("start choose lounge offer pay pack", &[]).lands_silently_at("pack");
    edit().customer("start choose tour offer pay pack", &[]).lands_silently_at("pack");
    edit().customer("start choose tour offer pay pack", &[]).knowing("vip", "true").lands_silently_at("pack");
}
