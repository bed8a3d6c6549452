//! A step is inserted behind `ask`.

use crate::customer::Edit;
use scenario_engine::definition::Definition;

/// The inserted step without its question, and perhaps with a required action.
fn extra(mut new: Definition, is_required_action: bool) -> Definition {
    let step = new.steps.iter_mut().find(|step| step.id == "extra").expect("the step");
    step.collects_profile_fields.clear();
    (step.performs_action, step.is_required_action) = (is_required_action, is_required_action);
    new
}

fn edit() -> Edit {
    Edit::of(
        "step_inserted",
        "start>ask; ask>offer; offer>pay; pay!>pack; pack>done; done",
        "start>ask; ask>extra; extra?age>offer; offer>pay; pay!>pack; pack>done; done",
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
    let customer = edit().customer("start ask offer", &[]).gets_asked_for(&["age"]);
    customer.knowing("age", "31").lands_silently_at("offer");
    edit().customer("start ask offer", &[]).knowing("age", "31").lands_silently_at("offer");
}

#[test]
fn past_a_checkpoint() {
    let customer = edit().customer("start ask offer pay pack", &[]).gets_asked_for(&["age"]);
    customer.knowing("age", "31").lands_silently_at("pack");
    edit().customer("start ask offer pay pack", &[]).knowing("age", "31").lands_silently_at("pack");
}

#[test]
fn a_step_without_a_duty_is_silence() {
    let plain = |steps: &str, at: &str| {
        let customer = edit().with(|new| extra(new, false)).customer(steps, &[]);
        customer.lands_silently_at(at);
    };
    plain("start", "start");
    plain("start ask", "ask");
    plain("start ask offer", "offer");
    plain("start ask offer pay pack", "pack");
}

#[test]
fn a_required_action_takes_the_place_of_the_question() {
    let required = |steps: &str| edit().with(|new| extra(new, true)).customer(steps, &[]);
    required("start").lands_silently_at("start");
    required("start ask").lands_silently_at("ask");
    required("start ask offer").executes(&["extra"]).lands_silently_at("offer");
    required("start ask offer pay pack").executes(&["extra"]).lands_silently_at("pack");
}
