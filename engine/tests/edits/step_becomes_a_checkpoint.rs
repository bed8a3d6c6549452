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
    let customer = edit().customer("start", &[]).lands_silently_at("start");
    customer.then(BEHIND_OFFER).lands_silently_at("start");
}

#[test]
fn at() {
    let customer = edit().customer("start ask", &[]).lands_silently_at("ask");
    customer.then("start>ask; ask!>offer; offer>again:ask|pay; pay!>pack; pack>done; done").stays_on_their_version();
}

#[test]
fn past() {
    let customer = edit().customer("start ask offer", &[]).lands_silently_at("offer");
    customer.then(BEHIND_OFFER).stays_on_their_version();
}

#[test]
fn past_a_checkpoint() {
    let customer = || edit().customer("start ask offer pay pack", &[]).lands_silently_at("pack");
    customer().then("start>offer; offer>pay; pay!>pack; pack>ask; ask!>done; done").stays_on_their_version();
    customer().then("start>ask; ask!>offer; offer>pack; pack>pay; pay!>done; done").stays_on_their_version();
}
