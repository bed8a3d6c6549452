//! The ways on from a session's step: in order, with what is known, without asking anybody.

mod common;

use common::flow::flow;
use common::world::{World, raw, sure};
use scenario_engine::field::{FieldDefinition, RequiredLevel};
use scenario_engine::reconcile::{Candidate, SubmittedDecision, next_steps};
use std::rc::Rc;

fn world(text: &str) -> World {
    World::new(vec![flow(text)])
}

/// `to holds missing taken`, a line each.
fn lines(world: &mut World) -> Vec<String> {
    let (session, settings) = (world.session.clone(), world.settings.clone());
    world.new_turn();
    let next = next_steps(&session, &settings, world).expect("never fails");
    let line = |n: &scenario_engine::reconcile::NextStep| {
        let holds = n.holds.map_or("unknown".to_owned(), |holds| holds.to_string());
        let taken = if n.taken { " taken" } else { "" };
        format!("{} {holds} [{}]{taken}", n.to_step_id, n.missing_fields.join(","))
    };
    next.iter().map(line).collect()
}

const FORK: &str = "a -> x if age < 18; y if plan == \"gold\"; z\n x\n y\n z";

#[test]
fn what_is_unknown_keeps_later_branches_from_being_taken() {
    let mut world = world(FORK);
    assert_eq!(lines(&mut world), ["x unknown [age]", "y unknown [plan]", "z true []"]);
    world.session.variables.insert("age".into(), raw("30"));
    assert_eq!(lines(&mut world), ["x false []", "y unknown [plan]", "z true []"]);
    world.profile.insert("plan".into(), sure("\"silver\""));
    assert_eq!(lines(&mut world), ["x false []", "y false []", "z true [] taken"]);
    world.session.variables.insert("age".into(), raw("17"));
    assert_eq!(lines(&mut world), ["x true [] taken", "y false []", "z true []"]);
}

#[test]
fn values_that_do_not_do_are_none() {
    let mut world = world(FORK);
    let schema = Some(r#"{"type": "integer"}"#.to_owned());
    let age = FieldDefinition { schema, required_level: RequiredLevel::Hard, ..FieldDefinition::undeclared("age") };
    world.fields.insert("age".into(), Rc::new(age));
    let unknown = ["x unknown [age]", "y unknown [plan]", "z true []"];
    world.session.variables.insert("age".into(), raw("\"seventeen\""));
    assert_eq!(lines(&mut world), unknown);
    world.session.variables.clear();
    let expired = Candidate { problem: Some("it has expired".into()), ..sure("17") };
    world.profile.insert("age".into(), expired);
    assert_eq!(lines(&mut world), unknown);
    world.profile.insert("age".into(), Candidate { needs_confirmation: true, ..sure("17") });
    assert_eq!(lines(&mut world), unknown);
    // The conversation is not searched.
    world.profile.clear();
    world.extractions.insert("age".into(), Candidate { confidence: Some(1.0), ..sure("17") });
    assert_eq!(lines(&mut world), unknown);
}

#[test]
fn a_fork_in_natural_language_is_unknown_until_it_is_decided() {
    let mut world = world("a -> x if sounds unhappy; y if sounds happy; z\n x\n y\n z");
    assert_eq!(lines(&mut world), ["x unknown []", "y unknown []", "z true []"]);
    let answer =
        |to: &str| SubmittedDecision { scenario_version: 1, fork_step_id: "a".into(), target_step_id: to.into() };
    world.decisions = vec![answer("y")];
    assert_eq!(lines(&mut world), ["x false []", "y true [] taken", "z true []"]);
    world.decisions = vec![SubmittedDecision { scenario_version: 2, ..answer("y") }];
    assert_eq!(lines(&mut world), ["x unknown []", "y unknown []", "z true []"]);
    world.decisions = vec![answer("z")];
    assert_eq!(lines(&mut world), ["x false []", "y false []", "z true [] taken"]);
}

#[test]
fn an_expression_that_fails_is_unknown_and_lacks_nothing() {
    let mut world = world(FORK);
    world.session.variables.insert("age".into(), raw("\"17\""));
    assert_eq!(lines(&mut world)[0], "x unknown []");
}

#[test]
fn an_end_has_no_way_on() {
    let mut world = world("a -> b\n b !end");
    world.walked(&["a", "b"]);
    assert!(lines(&mut world).is_empty());
    world.session.step_id = "gone".into();
    assert!(lines(&mut world).is_empty());
}
