//! A step becomes terminal.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "step_becomes_terminal",
        "start>choose; choose?vip>vip:gift|offer; gift>offer; offer>pay; pay!>pack; pack>done; done",
        "start>choose; choose?vip>vip:gift|offer; gift; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    assert!(edit().customer("start choose gift", &[("vip", "true")]).lands_silently_at("gift").is_finished());
}

#[test]
fn past() {
    edit().customer("start choose offer", &[("vip", "false")]).lands_silently_at("offer");
    edit().customer("start choose gift offer", &[("vip", "true")]).lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start choose offer pay pack", &[("vip", "false")]).lands_silently_at("pack");
    edit().customer("start choose gift offer pay pack", &[("vip", "true")]).lands_silently_at("pack");
}
