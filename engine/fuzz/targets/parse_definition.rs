//! Any bytes as a scenario document: it is refused with findings, or it can be hashed, compiled and compared with
//! itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scenario_engine::definition::{checksum, parse, step_content_hash, validate};
use scenario_engine::diff::{MigrationScenario, diff};
use scenario_engine::graph::Graph;

fuzz_target!(|text: &str| {
    let findings = validate(text);
    let definition = match parse(text) {
        Ok(definition) => definition,
        Err(errors) => {
            assert!(!errors.is_empty() && !findings.is_empty());
            return;
        }
    };
    let hashes: Vec<String> = definition.steps.iter().map(step_content_hash).collect();
    assert!(hashes.iter().all(|h| h.len() == 16));
    assert_eq!(checksum(&definition, 1).len(), 16);
    let graph = Graph::compile(&definition);
    let map = diff(&graph, &graph);
    assert_eq!(map.anchors.len(), definition.steps.len());
    assert!(map.anchors.iter().all(|a| {
        a.migration_scenario == MigrationScenario::CleanGraft && a.upstream.is_empty() && a.downstream.is_empty()
    }));
});
