//! What the summary says of checkpoints: by the rule of the turn, counted.

use crate::common::notation::line;
use crate::common::world::World;
use scenario_engine::plan::{
    AnchorCounts, OtherSessions, PassedGroup, Policy, Summary, SummaryInput, Warning, WarningSeverity, summarize,
};
use std::collections::HashMap;

/// The summary of the plan between two versions, with so many sessions at each step that have passed these steps.
fn summary(versions: [&str; 2], at: &[(&str, &[&str], u64)], policies: &[(&str, Policy)]) -> Summary {
    let world = World::planned(line(versions[0]), line(versions[1]));
    let mut counts: HashMap<String, AnchorCounts> = HashMap::new();
    for (step, passed, sessions) in at {
        let at = counts.entry((*step).to_owned()).or_default();
        at.sessions += sessions;
        if !passed.is_empty() {
            let contents = passed.iter().map(|step| world.hash_of(1, step)).collect();
            at.passed.push(PassedGroup { contents, sessions: *sessions });
        }
    }
    let policies = policies.iter().map(|(step, policy)| (world.hash_of(1, step), policy.clone())).collect();
    summarize(&SummaryInput {
        map: &world.maps[&world.plans[0].plan_id],
        policies: &policies,
        sessions_by_old_step: &counts,
        other_sessions: &OtherSessions::default(),
        plan: &world.plans[0],
        fields: &HashMap::new(),
        old: &world.graphs[0],
        new: &world.graphs[1],
        acts: &world.scenario_acts(),
    })
}

fn of<'a>(summary: &'a Summary, code: &str) -> Vec<&'a Warning> {
    summary.warnings.iter().filter(|warning| warning.code == code).collect()
}

const MOVED: [&str; 2] = ["a>pay; pay!>c; c>e; e", "a>c; c>pay; pay!>e; e"];

#[test]
fn sessions_whose_landing_would_undo_an_act() {
    let at: &[(&str, &[&str], u64)] = &[("c", &["pay"], 7), ("c", &[], 5), ("pay", &["pay"], 2)];
    let found = summary(MOVED, at, &[]);
    let undone = of(&found, "landing_undone");
    assert_eq!((undone.len(), undone[0].sessions), (1, 7), "{undone:?}");
    assert_eq!(undone[0].severity, WarningSeverity::Critical);
    assert!(undone[0].message.contains("pay"), "{}", undone[0].message);
    assert_eq!(undone[0].anchor_name.as_deref(), Some("c"));
    // The operator accepts that they stay, or that they pay again.
    let accepted = summary(MOVED, at, &[("c", Policy { accept_held: true, ..Policy::default() })]);
    assert_eq!(of(&accepted, "landing_undone")[0].severity, WarningSeverity::Warning);
    let world = World::planned(line(MOVED[0]), line(MOVED[1]));
    let again = Policy { accept_repeat: vec![world.hash_of(2, "pay")], ..Policy::default() };
    assert!(of(&summary(MOVED, at, &[("c", again)]), "landing_undone").is_empty());
    // Nobody there has passed it.
    assert!(of(&summary(MOVED, &[("c", &[], 5)], &[]), "landing_undone").is_empty());
}

#[test]
fn an_act_that_the_new_version_leads_back_to() {
    let versions = ["a>pay; pay!>e; e", "a>pay; pay!>q; q>again:a|e; e"];
    let found = summary(versions, &[("pay", &["pay"], 3)], &[]);
    let back = of(&found, "act_comes_again");
    assert_eq!((back.len(), back[0].sessions), (1, 3));
    assert!(of(&summary(["a>pay; pay!>e; e"; 2], &[("pay", &["pay"], 3)], &[]), "act_comes_again").is_empty());
}

#[test]
fn sessions_of_a_deleted_step_that_have_nowhere_to_go() {
    let versions = ["a>pay; pay!>gone; gone>z; z", "a>pay; pay!>y; y"];
    let found = summary(versions, &[("gone", &["pay"], 4), ("gone", &[], 9)], &[]);
    let held = of(&found, "relocation_undone");
    assert_eq!((held.len(), held[0].sessions, held[0].severity), (1, 4, WarningSeverity::Critical));
    let beyond = ["a>pay; pay!>gone; gone>z; z", "a>pay; pay!>z; z"];
    assert!(of(&summary(beyond, &[("gone", &["pay"], 4)], &[]), "relocation_undone").is_empty());
}

#[test]
fn an_edited_checkpoint_names_both_steps() {
    let versions = ["a>p1; p1=Pay by card!?x>e; e", "a>p1; p1=Pay by cards!?x>v; v=Pay by voucher!>e; e"];
    let found = summary(versions, &[("p1", &["p1"], 2)], &[]);
    let edited = of(&found, "checkpoint_edited");
    assert_eq!((edited.len(), edited[0].severity), (1, WarningSeverity::Critical));
    for part in ["\"Pay by card\" (p1)", "\"Pay by cards\" (p1)", "Pay by voucher"] {
        assert!(edited[0].message.contains(part), "{part}: {}", edited[0].message);
    }
    let new = of(&found, "new_checkpoint");
    assert_eq!((new.len(), new[0].sessions), (1, 2));
    let plain = summary(["a>p1; p1=Ask by mail?x>e; e", "a>p1; p1=Ask by mails?x>e; e"], &[], &[]);
    let pair = of(&plain, "edited_pair");
    assert_eq!(pair[0].severity, WarningSeverity::Info);
    assert!(pair[0].message.contains("\"Ask by mail\" (p1)") && pair[0].message.contains("\"Ask by mails\" (p1)"));
}

#[test]
fn the_worst_comes_first() {
    let found = summary(MOVED, &[("c", &["pay"], 7), ("pay", &["pay"], 2)], &[]);
    assert!(found.warnings.is_sorted_by_key(|warning| warning.severity));
    assert_eq!(found.sessions.total, 9);
}

#[test]
fn finished_sessions_that_come_along_are_counted_and_can_be_held() {
    let world = World::planned(line("a>pay; pay!>e; e"), line("a>e; e>pay; pay!>g; g"));
    let passed = PassedGroup { contents: vec![world.hash_of(1, "pay")], sessions: 4 };
    let at_the_end = AnchorCounts { finished: 6, finished_passed: vec![passed], ..AnchorCounts::default() };
    let told = |policy: Policy| {
        let summary = summarize(&SummaryInput {
            map: &world.maps[&world.plans[0].plan_id],
            policies: &HashMap::from([(world.hash_of(1, "e"), policy)]),
            sessions_by_old_step: &HashMap::from([("e".to_owned(), at_the_end.clone())]),
            other_sessions: &OtherSessions { finished: 6, ..OtherSessions::default() },
            plan: &world.plans[0],
            fields: &HashMap::new(),
            old: &world.graphs[0],
            new: &world.graphs[1],
            acts: &world.scenario_acts(),
        });
        let held: u64 = of(&summary, "landing_undone").iter().map(|warning| warning.sessions).sum();
        (summary.sessions.total, summary.sessions.finished, summary.sessions.reopened, held)
    };
    assert_eq!(told(Policy { reopen: true, ..Policy::default() }), (0, 6, 2, 4), "the held ones do not come along");
    assert_eq!(told(Policy::default()), (0, 6, 0, 0));
}
