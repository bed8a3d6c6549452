//! A step becomes a checkpoint.

use crate::customer::Edit;

/// A later version in which the step comes after `offer`.
const BEHIND_OFFER: &str = "start>offer; offer>ask; ask!>pay; pay!>pack; pack>done; done";

fn edit() -> Edit {
    Edit::of(
        "step_becomes_a_checkpoint",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask!>offer; offer>pay; pay!>pack; pack>done; done",
    )
}

#[test]
fn before() {
    let customer = edit().customer("start", &[]).is_silently_at("start");
    customer.then(BEHIND_OFFER).is_silently_at("start");
}

#[test]
fn at() {
    let customer = edit().customer("start ask", &[]).is_silently_at("ask");
    customer.then("start>ask; ask!>offer; offer>again:ask|pay; pay!>pack; pack>done; done").is_held();
}

#[test]
fn past() {
    let customer = edit().customer("start ask offer", &[]).is_silently_at("offer");
    customer.then(BEHIND_OFFER).is_held();
}

#[test]
fn past_a_checkpoint() {
    let customer = || edit().customer("start ask offer pay pack", &[]).is_silently_at("pack");
    customer().then("start>offer; offer>pay; pay!>pack; pack>ask; ask!>done; done").is_held();
    customer().then("start>ask; ask!>offer; offer>pack; pack>pay; pay!>done; done").is_held();
}
