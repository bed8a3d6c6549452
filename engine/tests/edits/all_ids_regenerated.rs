//! Every step gets another id.

use crate::customer::Edit;

fn edit() -> Edit {
    Edit::of(
        "all_ids_regenerated",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
        "k7=start>k3; k3=ask>k9; k9=offer>k1; k1=pay!>k4; k4=pack>k2; k2=done",
    )
}

#[test]
fn before() {
    edit().customer("start", &[]).lands_silently_at("k7");
}

#[test]
fn at() {
    edit().customer("start ask", &[]).lands_silently_at("k3");
}

#[test]
fn past() {
    edit().customer("start ask offer", &[]).lands_silently_at("k9");
}

#[test]
fn past_a_checkpoint() {
    edit().customer("start ask offer pay pack", &[]).lands_silently_at("k4");
}
