//! Policies, ways and chains, as far as acts and pins hang on them.

use crate::common::notation::line;
use crate::common::world::{World, brief};
use scenario_engine::plan::{OnCheckpointBlock, PinReason, PlanRef, PlanStatus, Policy, Scope, Way, find_way};
use scenario_engine::reconcile::Effect;
use uuid::Uuid;

fn chain(versions: &[&str], steps: &str) -> World {
    let mut world = World::chained(versions.iter().map(|text| line(text)).collect());
    world.walked(&steps.split_whitespace().collect::<Vec<_>>());
    world
}

#[test]
fn a_policy_names_acts_by_content_hash() {
    let text = r#"{"accept_repeat": ["1c7cef6031f8fbf5"], "accept_held": true, "reopen": true}"#;
    let policy = Policy::parse(text).expect("a policy");
    assert_eq!(policy.accept_repeat, ["1c7cef6031f8fbf5"]);
    assert!(policy.accept_held && policy.reopen);
    assert_eq!(Policy::parse(&policy.to_document()).expect("a policy"), policy);
    let silent = Policy::default().to_document();
    assert!(["accept_repeat", "accept_held", "reopen"].iter().all(|key| !silent.contains(key)), "{silent}");
    for wrong in [r#"["Pay"]"#, r#"["1C7CEF6031F8FBF5"]"#, r#"["1c7cef6031f8fbf"]"#, r#"[1]"#, r#""1c7cef6031f8fbf5""#]
    {
        let error = Policy::parse(&format!(r#"{{"accept_repeat": {wrong}}}"#)).expect_err("no policy");
        assert!(error.findings.iter().any(|finding| finding.contains("accept_repeat")), "{error:?}");
    }
}

#[test]
fn a_repetition_is_accepted_under_any_words_and_in_a_replay() {
    let mut world = chain(&["a>pay; pay!>c; c>e; e", "a>c; c>pay; pay!>e; e"], "a pay c");
    let scenario = scenario_engine::diff::MigrationScenario::ReRoute;
    for version in [1, 2] {
        world.set_policy_everywhere(&Policy {
            accept_repeat: vec![world.hash_of(version, "pay")],
            force_scenario: Some(scenario),
            ..Policy::default()
        });
        assert_eq!(brief(&world.reconcile()), "teleport c");
    }
    world.set_policy_everywhere(&Policy { accept_repeat: vec![world.hash_of(1, "a")], ..Policy::default() });
    assert_eq!(world.reconcile().effect, Effect::Pin, "another act");
}

#[test]
fn what_the_links_of_a_chain_accept_adds_up() {
    let versions = ["a>p; p!>q; q!>c; c>e; e", "a>q; q!>c; c>p; p!>e; e", "a>c; c>q; q!>p; p!>e; e"];
    let mut world = chain(&versions, "a p q c");
    assert_eq!(world.reconcile().effect, Effect::Pin);
    let accept =
        |world: &World, step: &str| Policy { accept_repeat: vec![world.hash_of(1, step)], ..Policy::default() };
    let (first, second) = (world.plans[1].plan_id, world.plans[0].plan_id);
    world.set_policy(first, "c", accept(&world, "p"));
    assert_eq!(world.reconcile().effect, Effect::Pin, "one of two is not enough");
    world.set_policy(second, "c", accept(&world, "q"));
    assert_eq!(brief(&world.reconcile()), "teleport c");
}

#[test]
fn a_link_that_pins_for_blocked_redirects_pins_in_the_chain() {
    let versions = ["a>pay; pay!>m; m>e; e", "a>pay; pay!>m; m>e; e>f; f", "a>age < 18:x|pay; pay!>m; m>e; x; e>f; f"];
    let mut world = chain(&versions, "a pay m");
    world.knows("age", "15");
    assert_eq!(brief(&world.reconcile()), "continue at m");
    let first = world.plans[1].plan_id;
    world.set_policy(first, "m", Policy { on_checkpoint_block: OnCheckpointBlock::Pin, ..Policy::default() });
    assert_eq!(world.reconcile().pin.map(|pin| pin.reason), Some(PinReason::BlockedRedirect));
}

#[test]
fn a_deleted_step_has_a_policy_of_its_own() {
    let out = Policy { scope: Scope { include_channels: vec!["sms".into()], ..Scope::default() }, ..Policy::default() };
    // It is asked before any candidate, and before an exit.
    for (versions, otherwise) in
        [(["a>gone; gone>b; b>e; e", "a>b; b>e; e"], "teleport b"), (["a>gone; gone>z; z", "x>y; y"], "exit_scenario")]
    {
        let mut world = chain(&versions, "a gone");
        assert_eq!(brief(&world.reconcile()), otherwise);
        let plan = world.plans[0].plan_id;
        world.set_policy_of_deleted(plan, "gone", out.clone());
        let decision = world.reconcile();
        assert_eq!(decision.pin.map(|pin| (pin.reason, pin.plan_id)), Some((PinReason::Policy, Some(plan))));
        let later = Scope { session_condition: Some("tier == 1".into()), ..Scope::default() };
        world.set_policy_of_deleted(plan, "gone", Policy { scope: later, ..Policy::default() });
        assert_eq!(world.reconcile().effect, Effect::None);
    }
}

#[test]
fn a_policy_that_leaves_out_by_rollout_says_so() {
    let mut world = chain(&["a>c; c>e; e", "a>c; c>e; e>f; f"], "a c");
    let scope = Scope { rollout_percent: Some(0.0), ..Scope::default() };
    world.set_policy_everywhere(&Policy { scope, ..Policy::default() });
    assert_eq!(world.reconcile().pin.map(|pin| pin.reason), Some(PinReason::Rollout));
}

#[test]
fn candidates_of_a_chain_are_followed_depth_first() {
    // From `gone` first `b`, then `a`. The second version deletes `b`, from where it goes to `c` and `a`: those before
    // `a` itself.
    let versions = ["a>gone; gone>b; b>c; c>e; e", "a>b; b>c; c>e; e", "a>c; c>e; e"];
    let mut world = chain(&versions, "a gone");
    assert_eq!(brief(&world.reconcile()), "teleport c");
    // What the only place of the newest version undoes does not count for a version between.
    world.published = 2;
    assert_eq!(brief(&world.reconcile()), "teleport b");
}

#[test]
fn a_fallback_goes_back_to_the_last_place_that_undoes_nothing() {
    let mut world = World::new(vec![line("a>b; b>pay; pay!>d; d>gone; gone>z; z"), line("a>e; e>d; d>pay; pay!>f; f")]);
    world.walked(&["a", "b", "pay", "d", "gone"]);
    assert_eq!(world.reconcile().pin.map(|pin| pin.reason), Some(PinReason::Undone), "all lead to the payment");
    let mut world = World::new(vec![line("a>b; b>pay; pay!>d; d>gone; gone>z; z"), line("a>e; e; d>pay; pay!>e")]);
    world.walked(&["a", "b", "pay", "d", "gone"]);
    assert_eq!(brief(&world.reconcile()), "teleport a");
}

#[test]
fn a_fallback_finds_the_step_again_by_its_act() {
    // The version between joined the two names; the version that the session walks and the newest do not pair by
    // themselves.
    let mut between = line("a>p; p=Payment!>e; e");
    between.steps[1].description = Some("with a card".into());
    let mut last = line("a>q; q=Charge!>e; e");
    last.steps[1].description = Some("with a card".into());
    last.steps[1].id = "p".into();
    last.steps[0].transitions[0].to_step_id = "p".into();
    let mut first = line("a>first; first=Payment!>e; e");
    first.steps[1].description = None;
    let mut world = World::new(vec![first, between, last]);
    world.walked(&["a", "first"]);
    assert_eq!(brief(&world.reconcile()), "teleport p");
    // Not kept, or with a foreign checksum: by what its history and the kept contents tell.
    world.removed.insert(1);
    assert_eq!(brief(&world.reconcile()), "teleport p");
    world.session.matches_version = false;
    assert_eq!(brief(&world.reconcile()), "teleport p");
}

#[test]
fn where_the_version_is_not_kept_nothing_counts_as_reachable() {
    // With the version at hand, the second payment is ahead of them anyway.
    let text = "a>pay; pay=Pay!>m; m>pay2; pay2=Pay!>e; e";
    let mut world = World::new(vec![line(text), line(text)]);
    world.walked(&["a", "pay", "m"]);
    assert_eq!(brief(&world.reconcile()), "teleport m");
    world.session.matches_version = false;
    assert_eq!(world.reconcile().pin.map(|pin| pin.reason), Some(PinReason::Undone));
}

#[test]
fn the_way_is_by_what_was_deployed_last() {
    let plan = |deployment_no: i64, from_version, to_version, status| PlanRef {
        plan_id: Uuid::from_u128(deployment_no as u128),
        from_version,
        to_version,
        status,
        deployment_no,
    };
    use PlanStatus::{Cancelled, Deployed};
    let ids = |plans: &[PlanRef], to| match find_way(plans, 1, to) {
        Way::Plans(chain) => chain.iter().map(|plan| plan.deployment_no).collect(),
        Way::Cancelled(plan) => vec![-plan.deployment_no],
        Way::None => Vec::new(),
    };
    // In whatever order they come.
    assert_eq!(ids(&[plan(1, 1, 2, Cancelled), plan(2, 1, 2, Deployed)], 2), [2]);
    assert_eq!(ids(&[plan(1, 1, 2, Deployed), plan(2, 1, 2, Cancelled)], 2), [-2]);
    let two = [plan(1, 1, 2, Deployed), plan(2, 1, 3, Deployed), plan(3, 3, 4, Deployed), plan(4, 2, 4, Deployed)];
    assert_eq!(ids(&two, 4), [1, 4]);
    assert_eq!(ids(&two, 5), [0_i64; 0]);
}

#[test]
fn the_keys_of_a_policy_are_merged_into_another() {
    let policy = |text: &str| Policy::parse(text).expect("a policy");
    let before = policy(r#"{"exclude_channels": ["sms"], "rollout_percent": 12.5, "update_downstream": false}"#);
    let merged = |text: &str| before.merged_with(text).expect("a policy");
    assert_eq!(merged("{}"), before);
    assert_eq!(
        merged(r#"{"scope": {"rollout_percent": null}, "update_downstream": null, "accept_held": true}"#),
        policy(r#"{"exclude_channels": ["sms"], "accept_held": true}"#),
        "a null sets the default, also in the scope"
    );
    assert!(before.merged_with(r#"{"rollout": 5}"#).is_err(), "an unknown key is one in a merge, too");
}

#[test]
fn a_policy_that_contradicts_itself_is_refused() {
    for (text, part) in [
        (r#"{"min_session_age_days": 9, "max_session_age_days": 2}"#, "no session is let in"),
        (r#"{"include_channels": ["sms", "web"], "exclude_channels": ["web"]}"#, "\"web\" is in \"include_channels\""),
        (r#"{"include_current_nodes": ["Pay"], "exclude_current_nodes": ["Pay"]}"#, "\"exclude_current_nodes\""),
    ] {
        let error = Policy::parse(text).expect_err("no policy");
        assert!(error.findings.iter().any(|finding| finding.contains(part)), "{error:?}");
    }
    let excluding = Policy::parse(r#"{"exclude_channels": ["web"]}"#).expect("a policy");
    assert!(excluding.merged_with(r#"{"include_channels": ["web"]}"#).is_err(), "with what is set");
    for fine in [
        r#"{"min_session_age_days": 2, "max_session_age_days": 2}"#,
        r#"{"include_channels": ["sms"], "exclude_channels": ["web"]}"#,
    ] {
        assert!(Policy::parse(fine).is_ok(), "{fine}");
    }
}
