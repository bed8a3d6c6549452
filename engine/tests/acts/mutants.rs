//! Deliberate errors, listed by rule. Each must be noticed by some test of this binary, which is run once for each of
//! them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

/// The places of the engine that a test can turn wrong: `rule/what`.
const MUTANTS: &[&str] = &[
    // Words
    "graph/nothing-leads-on-from-the-end",
    // The same act
    "acts/returns",
    "acts/separated-by-hand",
    "acts/last-content",
    "acts/paired-steps-do-not-return",
    "acts/present-acts-do-not-return",
    "acts/changed-pairs-replace",
    // Passed
    "passed/flagged-later",
    "middle/unreachable-start-passes-all",
    // Undone
    "undone/landing-is-no-arrival",
    "undone/unpaired-checkpoints-stand-in",
    "undone/reached-by-a-transition",
    "undone/old-place-by-a-transition",
    "undone/own-pair-only",
    "undone/unknown-version-reaches-nothing",
    "undone/accept-repeat",
    "landing/list-is-read",
    "landing/revision-counts",
    "landing/undone-pins",
    "relocation/undone-is-skipped",
    "fallback/undone-is-skipped",
    "nowhere/passed-is-pinned",
    // Blocked redirects
    "redirect/passed-after-the-fork",
    "redirect/unknown-time-blocks",
    "redirect/undone-blocks",
    "redirect/blocked-pins-first",
    // Actions and visits
    "actions/done-by-act",
    "actions/one-an-act",
    "actions/passed-at-start-is-done",
    "visited/by-act",
    "arrival/reachable-is-due",
    "arrival/first-only",
    "arrival/first-since-executed-ahead",
    "arrival/version-without-the-act-tells-nothing",
    // Executed ahead of the place
    "executed/ahead-is-passed",
    "executed/during-the-visit-is-after-it",
    "executed/for-this-move-is-no-harm",
    "executed/met-before-the-fork",
    // Going back
    "revert/the-place-counts",
    "revert/executed-counts",
    // Policies and pins
    "policy/too-young-is-not-yet",
    "policy/unknown-condition-is-not-yet",
    "policy/deleted-steps-own",
    "pin/only-later-plans-end-it",
    "pin/only-own-version-ends-it",
    "finished/left-in-peace",
    // Ways and chains
    "way/last-plan-between-versions",
    "way/latest-of-equally-short",
    "way/cancelled-link-pins",
    "chain/at-most-32",
    "chain/accept-repeat-of-all",
    // Decisions
    "decisions/fork-unchanged",
    "decisions/hold-in-later-versions",
    "decisions/taken-up-again",
    // Summary
    "summary/undone-landings",
    "summary/edited-checkpoints",
];

/// Cases of each property, for each mutant.
const CASES: &str = "200";

#[test]
fn every_mutant_is_killed() {
    assert!(std::env::var_os("SCENARIO_MUTANT").is_none(), "run without SCENARIO_MUTANT");
    let binary = std::env::current_exe().expect("this binary");
    let passes = |mutant: Option<&str>| {
        let mut command = Command::new(&binary);
        command.args(["--quiet", "--skip", "mutants::"]).env("PROPTEST_CASES", CASES);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        if let Some(mutant) = mutant {
            command.env("SCENARIO_MUTANT", mutant);
        }
        command.status().expect("the tests can be run").success()
    };
    assert!(passes(None), "the tests pass without a mutant");
    let alive: Vec<&&str> = MUTANTS.iter().filter(|mutant| passes(Some(mutant))).collect();
    println!("{} of {} mutants are killed", MUTANTS.len() - alive.len(), MUTANTS.len());
    assert!(alive.is_empty(), "no test notices {alive:?}");
}

/// A mutant that is not listed would never be tried, and one that is not there would be noticed by nobody.
#[test]
fn the_list_holds_every_mutant_of_the_source() {
    let listed: BTreeSet<String> = MUTANTS.iter().map(|mutant| (*mutant).to_owned()).collect();
    let mut found = BTreeSet::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert_eq!(found, listed);
}

fn read(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, found);
        } else if !path.ends_with("mutant.rs") {
            let text = std::fs::read_to_string(&path).expect("a file of text");
            for call in text.split("crate::mutant!(").skip(1) {
                let name = call.trim_start().trim_start_matches('"').split('"').next().expect("a name");
                found.insert(name.to_owned());
            }
        }
    }
}
