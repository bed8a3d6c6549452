//! Only tags, layout, the order of steps and the spelling of a condition change.

use crate::customer::Edit;
use crate::silence::tagged;

fn edit() -> Edit {
    Edit::of(
        "only_metadata",
        "start>choose; choose?age>age < 18:stop|offer; stop; offer>pay; pay!>pack; pack>done; done",
        "start>choose; offer>pay; done; choose?age>(age < 18):stop|offer; pack>done; pay!>pack; stop",
    )
}

#[test]
fn before() {
    edit().with(tagged).customer("start", &[]).lands_silently_at("start");
}

#[test]
fn at() {
    edit().with(tagged).customer("start choose", &[]).lands_silently_at("choose");
}

#[test]
fn past() {
    for age in ["17", "31"] {
        edit().with(tagged).customer("start choose offer", &[("age", age)]).lands_silently_at("offer");
    }
}

#[test]
fn past_a_checkpoint() {
    for age in ["17", "31"] {
        edit().with(tagged).customer("start choose offer pay pack", &[("age", age)]).lands_silently_at("pack");
    }
}
