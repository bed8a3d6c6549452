//! Decisions that hold in later versions ("Decisions" in docs/behaviour.md).

use super::facts::{Facts, Session, SubmittedDecision};
use super::history::Relation;
use crate::acts::Acts;
use crate::diff::{ForkChange, Pairing, fork_change};
use crate::graph::Graph;
use std::collections::{BTreeMap, BTreeSet};

/// Somebody's answers, in the words of the newest version. An answer that was given under an older version holds as
/// long as its fork, found by its pair or else by its act, is unchanged and the chosen branch is still there; of two
/// for one fork, the one of the newer version.
pub(super) fn holding<F: Facts>(
    submitted: Vec<SubmittedDecision>,
    relation: &Relation,
    session: &Session,
    new_version: i32,
    acts: &Acts,
    facts: &mut F,
) -> Result<Vec<SubmittedDecision>, F::Error> {
    let (mut holding, older): (Vec<_>, Vec<_>) =
        submitted.into_iter().partition(|decision| decision.scenario_version == new_version);
    let mut answered: BTreeSet<String> = holding.iter().map(|d| d.fork_step_id.clone()).collect();
    let mut by_version: BTreeMap<i32, Vec<SubmittedDecision>> = BTreeMap::new();
    for decision in older {
        by_version.entry(decision.scenario_version).or_default().push(decision);
    }
    for (version, decisions) in by_version.into_iter().rev() {
        let found = if version == session.scenario_version && relation.old_is_whole {
            translated(&decisions, &relation.old, &relation.new, relation.pairing.clone(), acts)
        } else if version == session.scenario_version {
            Vec::new()
        } else {
            let Some(graph) = facts.kept_graph(version)? else { continue };
            let pairing = match facts.deployed_pairs(version, new_version)? {
                Some(pairs) => {
                    Pairing::from_ids(&graph, &relation.new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())))
                }
                None => Pairing::of(&graph, &relation.new),
            };
            translated(&decisions, &graph, &relation.new, pairing, acts)
        };
        for decision in found {
            if answered.insert(decision.fork_step_id.clone()) {
                holding.push(SubmittedDecision { scenario_version: new_version, ..decision });
            }
        }
    }
    Ok(holding)
}

/// Of the answers given under one version, those that still hold.
fn translated(
    decisions: &[SubmittedDecision],
    old: &Graph,
    new: &Graph,
    mut pairing: Pairing,
    acts: &Acts,
) -> Vec<SubmittedDecision> {
    // The pairs of a chain do not lead over a version that dropped the fork; its act does.
    if crate::mutant!("decisions/taken-up-again", true, false) {
        pairing.add_same_content(old, new);
        pairing.add_same(old, new, |step| acts.act_of(&step.content_hash));
    }
    let translate = |decision: &SubmittedDecision| {
        let fork = pairing.new_of(old.find(&decision.fork_step_id)?)?;
        let target = pairing.new_of(old.find(&decision.target_step_id)?)?;
        let unchanged = crate::mutant!(
            "decisions/fork-unchanged",
            fork_change(old, new, &pairing, fork) == ForkChange::Unchanged,
            true
        );
        let holds = unchanged && new.node(fork).branches.iter().any(|branch| branch.to == target);
        crate::mutant!("decisions/hold-in-later-versions", holds, false).then(|| SubmittedDecision {
            fork_step_id: new.node(fork).id.clone(),
            target_step_id: new.node(target).id.clone(),
            ..decision.clone()
        })
    };
    decisions.iter().filter_map(translate).collect()
}
