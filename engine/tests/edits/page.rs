//! The table as the page has it, so that page and tests cannot drift apart.

use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../docs/behaviour.md");
const SECTION: &str = "## What an edit does to whom";

/// What the tests have to hold: the modules of this folder and what is in them.
const MODULES: &[(&str, &str)] = &[
    ("wording_of_a_step", include_str!("wording_of_a_step.rs")),
    ("field_added", include_str!("field_added.rs")),
    ("field_removed", include_str!("field_removed.rs")),
    ("step_inserted", include_str!("step_inserted.rs")),
    ("step_deleted", include_str!("step_deleted.rs")),
    ("step_moved", include_str!("step_moved.rs")),
    ("step_split", include_str!("step_split.rs")),
    ("steps_merged", include_str!("steps_merged.rs")),
    ("step_duplicated", include_str!("step_duplicated.rs")),
    ("fork_added", include_str!("fork_added.rs")),
    ("branch_added", include_str!("branch_added.rs")),
    ("branch_removed", include_str!("branch_removed.rs")),
    ("condition_changed", include_str!("condition_changed.rs")),
    ("order_of_branches_changed", include_str!("order_of_branches_changed.rs")),
    ("step_becomes_a_checkpoint", include_str!("step_becomes_a_checkpoint.rs")),
    ("step_becomes_a_required_action", include_str!("step_becomes_a_required_action.rs")),
    ("step_becomes_terminal", include_str!("step_becomes_terminal.rs")),
    ("all_ids_regenerated", include_str!("all_ids_regenerated.rs")),
    ("ids_renumbered", include_str!("ids_renumbered.rs")),
    ("only_metadata", include_str!("only_metadata.rs")),
];
const COLUMNS: [&str; 4] = ["before", "at", "past", "past_a_checkpoint"];

/// The two flows of each row, by its module.
pub fn rows() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    let section = PAGE.split(SECTION).nth(1).expect("the section");
    let row = |text: &'static str| {
        let module = text.split("</b>:").nth(1)?.split("<code>").nth(1)?.split("</code>").next()?;
        let (old, new) = text.split("```text").nth(1)?.split("```").next()?.split_once('→')?;
        Some((module, (old.trim(), new.trim())))
    };
    section.split("<tr><td colspan=\"4\">").skip(1).map(|text| row(text).expect("a row")).collect()
}

#[test]
fn every_cell_has_a_test() {
    let rows: Vec<&str> = rows().into_keys().collect();
    let mut modules: Vec<&str> = MODULES.iter().map(|(module, _)| *module).collect();
    modules.sort_unstable();
    assert_eq!(rows, modules);
    for (module, source) in MODULES {
        for column in COLUMNS {
            let test = format!("#[test]\nfn {column}() {{");
            assert!(source.contains(&test), "{module}::{column}");
        }
        assert!(source.contains(&format!("\"{module}\",")), "{module} does not take its flows from the page");
    }
}
