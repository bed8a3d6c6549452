//! What an operator is told before approving a plan ("Plans" in docs/behaviour.md): each figure and each warning, by a
//! plan that has it.

mod common;

use common::flow::flow;
use scenario_engine::acts::{Acts, PreviousVersion, Publication};
use scenario_engine::diff::{Pairing, diff};
use scenario_engine::field::FieldDefinition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::{
    AnchorCounts, HeldCounts, OtherSessions, PassedGroup, PlanRef, PlanStatus, Summary, SummaryInput, VersionCounts,
    Warning, summarize,
};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

/// Two versions, with the sessions at the steps of the old one.
struct Desk {
    old: Graph,
    new: Graph,
    counts: HashMap<String, AnchorCounts>,
    other_sessions: OtherSessions,
    fields: HashMap<String, FieldDefinition>,
    plan: PlanRef,
}

fn plan_ref(id: u128, from_version: i32, to_version: i32, status: PlanStatus) -> PlanRef {
    PlanRef { plan_id: Uuid::from_u128(id), from_version, to_version, status, deployment_no: id as i64 }
}

impl Desk {
    /// `at`: step, sessions, of which paused.
    fn new(old: &str, new: &str, at: &[(&str, u64, u64)]) -> Desk {
        let counts = at.iter().map(|(step, sessions, paused)| {
            ((*step).to_owned(), AnchorCounts { sessions: *sessions, paused: *paused, ..AnchorCounts::default() })
        });
        Desk {
            old: Graph::compile(&flow(old)),
            new: Graph::compile(&flow(new)),
            counts: counts.collect(),
            other_sessions: OtherSessions::default(),
            fields: HashMap::new(),
            plan: plan_ref(9, 4, 5, PlanStatus::Pending),
        }
    }

    /// So many of the sessions at `step` have passed `checkpoint`.
    fn passed(mut self, step: &str, checkpoint: &str, sessions: u64) -> Desk {
        let contents = vec![self.old.node(self.old.find(checkpoint).expect("a step")).content_hash.clone()];
        self.counts.get_mut(step).expect("sessions").passed.push(PassedGroup { contents, sessions });
        self
    }

    fn declared(mut self, field: &str, schema: &str) -> Desk {
        let definition = FieldDefinition { schema: Some(schema.into()), ..FieldDefinition::undeclared(field) };
        self.fields.insert(field.to_owned(), definition);
        self
    }

    fn summary(&self) -> Summary {
        let (old, new) = (&self.old, &self.new);
        let (map, pairing, separated) = (diff(old, new), Pairing::of(old, new), BTreeSet::new());
        let first = Publication { version: 4, graph: old, before: None, separated: &separated };
        let before = Some(PreviousVersion { version: 4, graph: old, pairing: &pairing });
        let acts = Acts::default().published(&first).acts;
        let acts = acts.published(&Publication { version: 5, graph: new, before, separated: &separated }).acts;
        summarize(&SummaryInput {
            map: &map,
            policies: &HashMap::new(),
            sessions_by_old_step: &self.counts,
            other_sessions: &self.other_sessions,
            plan: &self.plan,
            fields: &self.fields,
            old,
            new,
            acts: &acts,
        })
    }

    /// `severity sessions message` of the warnings of a code.
    fn warned(&self, code: &str) -> Vec<String> {
        let told = |w: &Warning| format!("{} {} {}", w.severity.as_str(), w.sessions, w.message);
        self.summary().warnings.iter().filter(|w| w.code == code).map(told).collect()
    }
}

#[test]
fn paused_sessions_are_counted_with_the_others() {
    let desk = Desk::new("a -> b\n b -> c\n c !end", "a -> c\n c !end", &[("a", 5, 2), ("b", 3, 1)]);
    let sessions = desk.summary().sessions;
    assert_eq!((sessions.total, sessions.paused), (8, 3));
    let by_anchor: Vec<_> = sessions.by_anchor.iter().map(|a| (a.old_step_id.as_str(), a.sessions, a.paused)).collect();
    assert_eq!(by_anchor, [("a", 5, 2)]);
}

#[test]
fn sessions_of_deleted_steps_are_told_with_the_place_that_they_are_taken_to() {
    let (old, new) = ("a -> b\n b -> c\n c -> d\n d !end", "a -> c\n c -> d\n d !end");
    let desk = Desk::new(old, new, &[("b", 3, 0)]);
    assert_eq!(desk.warned("relocated"), ["warning 3 step \"B\" is deleted: sessions are taken to \"C\" (c)"]);
    let summary = desk.summary();
    assert_eq!((summary.sessions.relocated, summary.sessions.exit, summary.sessions.finish), (3, 0, 0));
    let step = &summary.deleted_steps[0];
    assert_eq!((step.relocated[0].step_id.as_str(), step.relocated[0].sessions, step.exit, step.held), ("c", 3, 0, 0));
    // Nobody there, nothing told.
    assert!(Desk::new(old, new, &[]).warned("relocated").is_empty());
}

#[test]
fn who_has_passed_a_checkpoint_goes_elsewhere_or_is_held() {
    // Back before the payment only: those who paid are held.
    let desk = Desk::new(
        "a -> pay\n pay !checkpoint -> b\n b !end",
        "a -> pay\n pay !checkpoint -> e\n e (x) !end",
        &[("b", 5, 0)],
    )
    .passed("b", "pay", 2);
    let summary = desk.summary();
    assert_eq!(summary.sessions.relocated + summary.deleted_steps[0].held, 5, "{summary:?}");
}

#[test]
fn sessions_with_nowhere_to_go_leave_the_scenario() {
    let desk = Desk::new("a -> b\n b !end\n i -> j\n j !end", "a -> b\n b !end", &[("i", 4, 0)]);
    assert_eq!(desk.summary().sessions.exit, 4);
    assert_eq!(desk.warned("sessions_would_exit"), ["critical 4 step \"I\" is deleted: sessions leave the scenario"]);
    assert_eq!(desk.warned("deleted_step_nowhere_to_go").len(), 2);
    // Those who have passed a checkpoint are held instead.
    let desk = Desk::new("a -> b\n b !end\n i !checkpoint -> j\n j !end", "a -> b\n b !end", &[("j", 4, 0)]);
    let summary = desk.passed("j", "i", 3).summary();
    let step = summary.deleted_steps.iter().find(|step| step.step_id == "j").expect("deleted");
    assert_eq!((summary.sessions.exit, step.exit, step.held), (1, 1, 3));
}

#[test]
fn sessions_that_the_plan_would_finish_are_told() {
    let desk = Desk::new("a -> b\n b -> c\n c !end", "a -> b\n b !end", &[("b", 2, 0), ("c", 3, 0), ("a", 1, 0)]);
    let finished = "warning 2 sessions at \"B\" would be finished: it is an end in the new version";
    assert_eq!(desk.warned("finished_by_plan"), [finished]);
    assert_eq!(desk.summary().sessions.finish, 2, "c was an end before");
    let desk = Desk::new("a -> b\n b -> c\n c !end", "c !end", &[("b", 2, 0)]);
    assert_eq!(desk.summary().sessions.finish, 2);
    assert!(desk.warned("relocated")[0].ends_with("taken to \"C\" (c), which is an end"));
}

#[test]
fn the_ends_that_new_forks_can_lead_to_are_told() {
    let new = "a -> f\n f -> x if age < 18; b\n x -> no\n no !end\n b -> c\n c !end";
    let desk = Desk::new("a -> b\n b -> c\n c !end", new, &[("b", 4, 0), ("a", 2, 0)]);
    assert_eq!(desk.warned("fork_ends"), ["info 4 new fork \"F\" can lead to the ends No, C"]);
    assert!(Desk::new("a -> b\n b !end", "a -> b\n b !end", &[]).warned("fork_ends").is_empty());
    let round = Desk::new("a -> b\n b -> a", "a -> f\n f -> b if age < 18; a\n b -> a", &[("b", 1, 0)]);
    assert_eq!(round.warned("fork_ends"), ["info 1 new fork \"F\" can lead to no end"]);
}

#[test]
fn conditions_with_literals_that_do_not_fit_are_told() {
    let new = "a -> f\n f -> x if age < 18; y if plan == \"gold\"; b\n x !end\n y !end\n b !end";
    let desk = Desk::new("a -> b\n b !end", new, &[("b", 1, 0)]).declared("age", r#"{"type": "string"}"#);
    let age = "warning 0 step \"F\": the condition age < 18 cannot be decided as it is meant: values of age are of \
               type string, and 18 is a number";
    assert_eq!(desk.warned("not_evaluable"), [age]);
    let desk = desk.declared("age", r#"{"type": "integer"}"#).declared("plan", r#"{"enum": ["silver"]}"#);
    let told = desk.warned("not_evaluable");
    assert!(told.len() == 1 && told[0].contains("\"gold\" can never be plan"), "{told:?}");
    assert!(desk.declared("plan", r#"{"type": "string"}"#).warned("not_evaluable").is_empty());
}

#[test]
fn a_new_checkpoint_without_a_pair_is_told() {
    let desk = Desk::new("a -> b\n b !end", "a -> b\n b -> pay\n pay !checkpoint -> e\n e !end", &[("b", 1, 0)]);
    let told = desk.warned("new_checkpoint");
    assert!(told.len() == 1 && told[0].contains("\"Pay\" (pay) is new"), "{told:?}");
}

#[test]
fn older_versions_come_along_stay_or_have_no_way() {
    let mut desk = Desk::new("a -> b\n b !end", "a -> b\n b !end", &[]);
    let of = |version, sessions, paused, pinned| {
        let held = HeldCounts { sessions: u64::from(version == 2) * 3, accepted: u64::from(version == 2) };
        VersionCounts { version, sessions, paused, pinned, held }
    };
    desk.other_sessions = OtherSessions {
        finished: 6,
        foreign_checksum: 2,
        older: vec![of(1, 10, 1, 0), of(2, 7, 0, 3), of(3, 5, 2, 1), of(0, 0, 0, 0)],
        plans: vec![
            plan_ref(1, 2, 4, PlanStatus::Deployed),
            plan_ref(2, 3, 4, PlanStatus::Cancelled),
            // The plan itself, as it is.
            plan_ref(9, 4, 5, PlanStatus::Pending),
        ],
    };
    let sessions = desk.summary().sessions;
    assert_eq!((sessions.finished, sessions.foreign_checksum), (6, 2));
    let older = &sessions.older_versions;
    let by_version: Vec<_> =
        older.by_version.iter().map(|v| (v.version, v.come_along, v.held, v.stay_pinned, v.without_a_way)).collect();
    assert_eq!(by_version, [(1, 0, 0, 0, 10), (2, 1, 3, 3, 0), (3, 0, 0, 5, 0)]);
    let all = (older.sessions, older.come_along, older.held, older.stay_pinned, older.without_a_way);
    assert_eq!(all, (22, 1, 3, 8, 10));
    let summary = desk.summary();
    let held: Vec<_> = summary.warnings.iter().filter(|warning| warning.code == "older_version_undone").collect();
    let told: Vec<_> = held.iter().map(|warning| (warning.severity.as_str(), warning.sessions)).collect();
    assert_eq!(told, [("critical", 2), ("warning", 1)]);
    assert!(held[0].message.contains("version 2"), "{}", held[0].message);
}
