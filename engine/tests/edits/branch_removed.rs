//! A branch is removed, and the step to which it led.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "branch_removed",
        "start>choose; choose>vip:lounge|old:tour|offer; lounge>offer; tour>offer; offer>pay; pay!>pack; pack>done; done",
        "start>choose; choose>vip:lounge|offer; lounge>offer; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).is_silently_at("start");
}

#[test]
fn at() {
    edit().customer("start choose", &[]).is_silently_at("choose");
    edit().customer("start choose tour", &[]).is_relocated_to("offer");
}

#[test]
fn past() {
    edit().customer("start choose offer", &[]).is_silently_at("offer");
    edit().customer("start choose lounge offer", &[]).is_silently_at("offer");
    edit().customer("start choose tour offer", &[]).is_silently_at("offer");
    edit().customer("start choose tour offer", &[]).knowing("vip", "true").is_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start choose offer pay pack", &[]).is_silently_at("pack");
    edit().customer("start choose lounge offer pay pack", &[]).is_silently_at("pack");
    edit().customer("start choose tour offer pay pack", &[]).is_silently_at("pack");
    edit().customer("start choose tour offer pay pack", &[]).knowing("vip", "true").is_silently_at("pack");
}
