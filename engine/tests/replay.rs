//! Properties of reconciliation on random pairs of versions. Chains are in `composite`, examples of each rule in
//! `rules`.
//!
//! **The oracle of replay**: where every fork is decided by data and the history has no jumps, walking the new version
//! afresh from its entry with the same data is the truth. What that presupposes, as this file takes it:
//!
//! 1. The customer started at the old entry and went by transitions, each the first whose condition held for their
//!    data. The data did not change on the way (so no step is visited twice), and are the data of the walk afresh.
//! 2. What the visited steps before the current one collect is known. Of the other fields some are known, some not.
//! 3. Their step has a counterpart (nobody is relocated), and the new entry leads to it.
//! 4. Each fork that the walk afresh comes to is decided by what is known, or needs fields first (then just these and
//!    those collected so far are to be asked, and the walk goes on with the answers); natural language decides nothing,
//!    and a fork where no branch is true has no truth. A step with one transition is no fork; its condition must be
//!    true.
//! 5. A fork that the customer visited and that did not change is not decided by data but by their choice, so it
//!    belongs to the oracle only where both say the same: the branch that they took is still there and still leads on.
//!    Where the step that it leads to is no part of the path any more, another branch may lead straight to the path,
//!    which comes first.
//! 6. The walk afresh ends: it comes to the landing step, or takes a branch from which no step of the path that it has
//!    not passed can be reached without coming back through the fork. (A branch back onto the path from whose end the
//!    landing step can only be reached through the fork again is neither.)
//! 7. The landing undoes no act that they have passed.
//! 8. Leaving the path is a redirect unless a checkpoint forbids it, so there the history has no checkpoint. Nor has it
//!    one where a fork is undecided and one of its branches leaves the path: nobody is asked where every redirect is
//!    blocked.

mod common;

use common::data::everything;
use common::dice::Dice;
use common::oracle::{Afresh, Case, Gait, Met};
use common::property::{Tally, property};
use common::scenario::Taste;
use common::scene::{Scene, keeps_its_promises};
use common::world::{asked, raw};
use scenario_engine::diff::MigrationScenario;
use scenario_engine::plan::{PlanRef, PlanStatus, Policy};
use scenario_engine::reconcile::{Action, Effect, Event, FieldSource, NeededFor};
use std::cell::Cell;
use std::collections::BTreeSet;

#[test]
fn replay_is_the_walk_afresh() {
    let tally = Tally::default();
    let (asked_of_steps, asked_for_forks, plain_rule) = (Cell::new(0), Cell::new(0), Cell::new(0));
    property("replay_is_the_walk_afresh", |dice| {
        let scene = Scene::random(dice, &Taste::DECIDED, Gait::ByData);
        let mut world = scene.world();
        let pairs = scene.pairs(&world);
        let Some(landing) = pairs.new_of[scene.current()] else {
            tally.count("silent: deleted");
            return Ok(());
        };
        let anchor = world.maps[&world.plans[0].plan_id]
            .anchors
            .iter()
            .find(|a| a.old_step_id == scene.old.steps[scene.current()].id)
            .cloned()
            .expect("an anchor");
        let acts = world.scenario_acts();
        let mut known = scene.known.clone();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        let mut questions: BTreeSet<String> = BTreeSet::new();
        let mut collected: BTreeSet<String> = BTreeSet::new();
        for _ in 0..12 {
            let case = Case {
                old: &scene.old,
                new: &scene.new,
                pairs: &pairs,
                history: &scene.history,
                landing,
                known: &known,
                all: &scene.all,
                acts: &acts,
            };
            let afresh = case.afresh();
            let decision = world.reconcile();
            if decision.undone.is_some() {
                // Nobody is held without need.
                let needed = scene.landing_undoes(&pairs, &world, landing);
                ensure!(needed, "{}", scene.explain("held, and the landing undoes nothing".into(), Some(&decision)));
                tally.count("silent: held");
                return Ok(());
            }
            let fail = |why: &str| Err(scene.explain(format!("{why}; the walk afresh: {afresh:?}"), Some(&decision)));
            let names = |steps: &BTreeSet<usize>| -> Vec<String> {
                steps.iter().map(|s| scene.new.steps[*s].id.clone()).collect()
            };
            let wants = |met: &Met| met.lacking.iter().cloned().collect::<Vec<_>>();
            let to_do = |met: &Met| met.actions.difference(&done).copied().collect::<BTreeSet<_>>();
            let (end, met) = match &afresh {
                Afresh::Silent(why) => {
                    tally.count(why);
                    return Ok(());
                }
                Afresh::Undecided(_) if scene.history.iter().any(|s| acts.is_flagged(&scene.old.steps[*s].hash)) => {
                    tally.count("silent: checkpoint");
                    return Ok(());
                }
                Afresh::Undecided(met) => (None, met.clone()),
                Afresh::Lands(met) => (Some(landing), met.clone()),
                Afresh::Leaves { .. } if scene.history.iter().any(|s| acts.is_flagged(&scene.old.steps[*s].hash)) => {
                    tally.count("silent: checkpoint");
                    return Ok(());
                }
                // Who belongs to an end is asked for nothing on the way there.
                Afresh::Leaves { target, met, .. } if scene.new.steps[*target].terminal => {
                    (Some(*target), Met { actions: met.actions.clone(), ..Met::default() })
                }
                Afresh::Leaves { target, met, .. } => (Some(*target), met.clone()),
            };
            if !met.lacking.is_empty() || end.is_none() {
                if decision.action != Action::Collect || asked(&decision) != wants(&met) {
                    return fail("other fields are asked for than the walk afresh lacks");
                }
            } else if !to_do(&met).is_empty() {
                let mut steps = decision.execute_step_ids.clone();
                steps.sort();
                let mut expected = names(&to_do(&met));
                expected.sort();
                if decision.action != Action::ExecuteAction || steps != expected {
                    return fail("other actions are executed than the walk afresh meets");
                }
            } else {
                let there = end.map(|e| scene.new.steps[e].id.as_str());
                if decision.action != Action::Teleport
                    || decision.effect != Effect::Move
                    || decision.target.as_ref().map(|t| t.step_id.as_str()) != there
                {
                    return fail("the session does not go where the walk afresh does");
                }
                let landed = matches!(afresh, Afresh::Lands(_));
                tally.count(if landed { "lands" } else { "leaves" });
                tally.count(anchor.migration_scenario.as_str());
                if decision.trace.iter().any(|e| e.event == Event::Fork) {
                    tally.count("with a fork on the way");
                }
                if !questions.is_empty() {
                    tally.count("with questions");
                }
                if landed {
                    let map = &world.maps[&world.plans[0].plan_id];
                    let inserted = anchor.upstream.inserted_steps.iter();
                    let of_steps = questions.iter().filter(|f| collected.contains(*f)).count();
                    let upstream: BTreeSet<&String> = inserted
                        .flat_map(|p| &map.catalogue.inserted_steps[p].collects_fields)
                        .filter(|f| !scene.known.contains_key(*f))
                        .collect();
                    asked_of_steps.set(asked_of_steps.get() + of_steps);
                    asked_for_forks.set(asked_for_forks.get() + questions.len() - of_steps);
                    plain_rule.set(plain_rule.get() + upstream.len());
                }
                return Ok(());
            }
            done.extend(to_do(&met).iter().filter(|_| decision.action == Action::ExecuteAction));
            for request in &decision.collect_fields {
                if matches!(request.needed_for, NeededFor::Step { .. }) {
                    collected.insert(request.field.clone());
                }
            }
            for field in asked(&decision) {
                known.insert(field.clone(), scene.all[&field].clone());
                questions.insert(field);
            }
            world.answer(&decision, &scene.all, 0);
        }
        Err(scene.explain("it never ends".into(), None))
    });
    tally.tell("the oracle of replay");
    println!(
        "of those that land: {} fields asked that a step collects and {} that a fork reads; the plain rule \"every \
         inserted step upstream\" would have asked for {}, and have decided no fork",
        asked_of_steps.get(),
        asked_for_forks.get(),
        plain_rule.get()
    );
    tally.at_least(35.0, "lands");
    tally.at_least(4.0, "leaves");
    tally.at_least(5.0, "with questions");
    tally.at_least(8.0, "with a fork on the way");
    tally.at_least(10.0, "clean_graft");
    tally.at_least(3.0, "gap_fill");
    tally.at_least(10.0, "re_route");
}

#[test]
fn nobody_is_moved_before_a_checkpoint_that_they_passed() {
    let tally = Tally::default();
    property("nobody_is_moved_before_a_checkpoint_that_they_passed", |dice| {
        let gait = *dice.pick(&[Gait::AnyWay, Gait::Jumping, Gait::ByData]);
        let scene = Scene::random(dice, &Taste::ALL, gait);
        let mut world = scene.world();
        if dice.chance(15) {
            world.plans.clear(); // the fallback promises the same
        } else if dice.chance(20) {
            let force =
                *dice.pick(&[MigrationScenario::ReRoute, MigrationScenario::GapFill, MigrationScenario::CleanGraft]);
            world.set_policy_everywhere(&Policy { force_scenario: Some(force), ..Policy::default() });
        }
        if world.plans.is_empty() {
            // Without a plan the pairs are made anew, from the same two versions.
            let map = world.maps.iter().next().map(|(id, _)| *id).expect("a map");
            let plan = PlanRef {
                plan_id: map,
                from_version: 1,
                to_version: 2,
                status: PlanStatus::Rejected,
                deployment_no: 0,
            };
            world.plans.push(plan);
            tally.count("without a plan");
        }
        let choose = dice.below(3);
        keeps_its_promises(&scene, &mut world, &tally, choose)
    });
    tally.tell("promises");
    tally.at_least(20.0, "moved after a checkpoint");
    tally.at_least(0.2, "redirected after a checkpoint");
    tally.at_least(1.0, "blocked");
    tally.at_least(2.0, "relocated");
    tally.at_least(0.4, "exit_scenario");
    tally.at_least(1.0, "pinned");
    tally.at_least(2.0, "decide");
    tally.at_least(10.0, "collect");
}

/// A clean graft is one for every customer who came without jumps, whatever they know and however they chose on the
/// way.
#[test]
fn a_clean_graft_is_what_a_full_replay_would_do() {
    let tally = Tally::default();
    property("a_clean_graft_is_what_a_full_replay_would_do", |dice| {
        let gait = *dice.pick(&[Gait::AnyWay, Gait::ByData]);
        let taste = if dice.chance(50) { Taste::ALL } else { Taste::DECIDED };
        let mut scene = Scene::random(dice, &taste, gait);
        if dice.chance(50) {
            scene.known.clear();
        }
        let mut world = scene.world();
        // Customers at that step: who is relocated to it from a deleted one (4.4) is none.
        if scene.pairs(&world).new_of[scene.current()].is_none() {
            return Ok(());
        }
        let plain = world.reconcile();
        if plain.migration_scenario != Some(MigrationScenario::CleanGraft) || plain.effect != Effect::Move {
            return Ok(());
        }
        tally.count("clean graft");
        if scene.definitions[0] != scene.definitions[1] {
            tally.count("clean graft of a changed version");
        }
        world.set_policy_everywhere(&Policy { force_scenario: Some(MigrationScenario::ReRoute), ..Policy::default() });
        let replayed = world.reconcile();
        ensure!(
            replayed.action == Action::Teleport && replayed.target == plain.target && replayed.fields_filled.is_empty(),
            "{}",
            scene.explain("a clean graft that a full replay would not do".into(), Some(&replayed))
        );
        Ok(())
    });
    tally.tell("clean grafts");
    tally.at_least(25.0, "clean graft of a changed version");
}

/// A field with a value that is valid is never asked for, wherever the value is; one without any always is, if it is
/// hard.
#[test]
fn what_is_known_is_not_asked_for() {
    property("what_is_known_is_not_asked_for", |dice| {
        let scene = Scene::random(dice, &Taste::ALL, Gait::AnyWay);
        let mut world = scene.world();
        world.set_policy_everywhere(&Policy { force_scenario: Some(MigrationScenario::ReRoute), ..Policy::default() });
        for (field, value) in &scene.all {
            world.session.variables.insert(field.clone(), raw(&value.to_string()));
            world.session.variables_set_at.insert(field.clone(), 5.0);
        }
        for known in world.profile.values_mut() {
            known.given_at = *dice.pick(&[None, Some(4.0), Some(5.0), Some(6.0)]);
        }
        let decision = world.reconcile();
        ensure!(
            decision.action != Action::Collect,
            "{}",
            scene.explain("everything is known, and something is asked for".into(), Some(&decision))
        );
        for filled in &decision.fields_filled {
            // Session before conversation, and the profile before the session where it was written later.
            let is_newer = world.profile.get(&filled.field).is_some_and(|known| known.given_at == Some(6.0));
            let expected = if is_newer { FieldSource::Profile } else { FieldSource::Session };
            ensure!(filled.source == expected, "{}", scene.explain(format!("{filled:?}"), Some(&decision)));
            let value = scene.all[&filled.field].to_string();
            ensure!(filled.value == value, "another value: {filled:?}");
        }
        Ok(())
    });
}

/// The conditions of the random scenarios mean to the engine what the tables of the tests say.
#[test]
fn the_questions_are_understood() {
    use common::data::{FIELDS, QUESTIONS, TALK};
    use scenario_engine::condition::{Condition, ConditionKind, Truth};
    let known = FIELDS.into_iter().collect();
    for question in &QUESTIONS {
        let condition = Condition::classify(question.text, &[], &known);
        assert_eq!(condition.kind(), ConditionKind::Expression, "{}", question.text);
        for seed in 0..=255_u8 {
            let tape =
                [seed.wrapping_mul(151), seed.wrapping_mul(59), seed.wrapping_mul(101), seed.wrapping_mul(7), seed];
            let mut data = everything(&mut Dice::new(&tape));
            for (bit, field) in FIELDS.iter().enumerate() {
                if seed >> bit & 1 == 1 {
                    data.remove(*field);
                }
            }
            let truth = condition.evaluate(&mut |field| Ok::<_, ()>(data.get(field).cloned())).expect("no error");
            let expected = (question.truth)(&data);
            match truth {
                Truth::True => assert_eq!(expected, Some(true), "{} {data:?}", question.text),
                Truth::False => assert_eq!(expected, Some(false), "{} {data:?}", question.text),
                Truth::Unknown { missing, error } => {
                    assert_eq!((expected, error), (None, None), "{} {data:?}", question.text);
                    let mut lacking: Vec<&str> =
                        question.reads.iter().copied().filter(|f| !data.contains_key(*f)).collect();
                    lacking.sort_unstable();
                    let mut missing = missing;
                    missing.sort();
                    assert_eq!(missing, lacking, "{} {data:?}", question.text);
                }
            }
        }
    }
    for talk in TALK {
        assert_eq!(Condition::classify(talk, &[], &known).kind(), ConditionKind::Natural, "{talk}");
    }
}
