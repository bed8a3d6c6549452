//! Properties of the diff on random pairs of versions, worked out naively from the text of the rules. Pairing is in
//! `pairing_property.rs`.

mod common;

use common::oracle::{Pairs, unchanged};
use common::plain::Plain;
use common::property::property;
use common::scenario::{Taste, definition, show};
use common::two::Two;
use scenario_engine::diff::{
    Anchor, Catalogue, ForkKind, MigrationScenario, PairKind, Side, TransformationMap, TransitionChange, diff,
};
use scenario_engine::graph::Graph;
use serde_json::Value;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn a_version_and_itself_are_all_clean_grafts() {
    property("a_version_and_itself_are_all_clean_grafts", |dice| {
        let taste = if dice.chance(50) { Taste::ALL } else { Taste { twins: 90, ..Taste::ALL } };
        let version = definition(dice, &taste);
        let graph = Graph::compile(&version);
        let map = diff(&graph, &graph);
        let fail = |why: &str| Err(format!("{why}\n{}{map:#?}", show(&version)));
        if map.anchors.len() != version.steps.len() || !map.deleted_steps.is_empty() {
            return fail("not every step is its own anchor");
        }
        for anchor in &map.anchors {
            if anchor.old_step_id != anchor.new_step_id
                || anchor.migration_scenario != MigrationScenario::CleanGraft
                || !anchor.upstream.is_empty()
                || !anchor.downstream.is_empty()
            {
                return fail("something changed");
            }
        }
        Ok(())
    });
}

#[test]
fn new_step_ids_change_no_pairing_by_content() {
    property("new_step_ids_change_no_pairing_by_content", |dice| {
        let two = Two::random(dice);
        let mut renamed = two.after.clone();
        let position: BTreeMap<String, usize> =
            two.after.steps.iter().enumerate().map(|(at, s)| (s.id.clone(), at)).collect();
        let other = |id: &str| format!("other-{}", position[id]);
        renamed.entry_step_id = other(&renamed.entry_step_id);
        for step in &mut renamed.steps {
            step.id = other(&step.id);
            step.transitions.iter_mut().for_each(|t| t.to_step_id = other(&t.to_step_id));
        }
        let again = diff(&Graph::compile(&two.before), &Graph::compile(&renamed));
        let by_content = |map: &TransformationMap, id: &dyn Fn(&str) -> String| -> BTreeSet<(String, String)> {
            let content = map.anchors.iter().filter(|a| a.pairing == PairKind::Content);
            content.map(|a| (a.old_step_id.clone(), id(&a.new_step_id))).collect()
        };
        let (was, is) = (by_content(&two.map, &other), by_content(&again, &|id| id.to_owned()));
        ensure!(was == is, "{}", two.explain(format!("{was:?} became {is:?}")));
        Ok(())
    });
}

/// The changes and the migration scenario of every anchor, by trying.
#[test]
fn the_changes_of_an_anchor_are_those_of_the_text() {
    let stronger = Cell::new(0);
    let anchors = Cell::new(0);
    property("the_changes_of_an_anchor_are_those_of_the_text", |dice| {
        let two = Two::random(dice);
        let (old, new) = (Plain::of(&two.before), Plain::of(&two.after));
        let pairs = two.pairs(&old, &new);
        let edited: BTreeSet<usize> = two
            .map
            .anchors
            .iter()
            .filter(|a| a.pairing == PairKind::Edited)
            .filter_map(|a| new.find(&a.new_step_id))
            .collect();
        let transitions = changed_transitions(&old, &new, &pairs);
        for anchor in &two.map.anchors {
            anchors.set(anchors.get() + 1);
            let (o, n) = (old.find(&anchor.old_step_id).expect("old"), new.find(&anchor.new_step_id).expect("new"));
            let sides = [
                (&anchor.upstream, old.upstream(o), new.upstream(n), None),
                (&anchor.downstream, old.downstream(o), new.downstream(n), Some(n)),
            ];
            for (number, (side, was, is, own)) in sides.into_iter().enumerate() {
                let facts = Facts { old: &old, new: &new, pairs: &pairs, edited: &edited, was: &was, is: &is };
                let found = Found::of(side, &two.map.catalogue, &new, &old);
                let fail = |what: &str, expected: &dyn std::fmt::Debug| {
                    let side = ["upstream", "downstream"][number];
                    Err(two.explain(format!("{what} {side} of {o}: expected {expected:?}, found {found:?}")))
                };
                if found.inserted != facts.inserted() {
                    return fail("inserted steps", &facts.inserted());
                }
                if found.removed != facts.removed() {
                    return fail("removed steps", &facts.removed());
                }
                // A pair that moved to this side is inserted there; as an edited one it need not be told again.
                let (must, may) = (facts.edited_kept(), facts.edited_on_side());
                if !(must.is_subset(&found.edited) && found.edited.is_subset(&may)) {
                    return fail("edited steps", &must);
                }
                if found.forks != facts.forks() {
                    return fail("new forks", &facts.forks());
                }
                let sources =
                    |s: &usize| Some(*s) == own || is.contains(s) || pairs.old_of[*s].is_some_and(|o| was.contains(&o));
                let mut expected: Vec<_> = transitions.iter().filter(|t| sources(&t.0)).cloned().collect();
                expected.sort();
                if found.transitions != expected {
                    return fail("modified transitions", &expected);
                }
                if number == 0 {
                    let least = facts.least_scenario(&transitions);
                    if anchor.migration_scenario < least
                        || (anchor.migration_scenario == MigrationScenario::ReRoute
                            && least != MigrationScenario::ReRoute)
                    {
                        return fail("migration scenario", &(least, anchor.migration_scenario));
                    }
                    if anchor.migration_scenario > least {
                        stronger.set(stronger.get() + 1);
                    }
                }
            }
        }
        Ok(())
    });
    println!(
        "{} of {} anchors are replayed though the rules do not name the cause (a loop's way back)",
        stronger.get(),
        anchors.get()
    );
    assert!(
        stronger.get() * 50 <= anchors.get().max(1000),
        "replayed without need: {} of {}",
        stronger.get(),
        anchors.get()
    );
}

/// (source, old target, new target, change), by index.
type Changed = (usize, Option<usize>, Option<usize>, TransitionChange);

fn changed_transitions(old: &Plain, new: &Plain, pairs: &Pairs) -> Vec<Changed> {
    let mut changes = Vec::new();
    for n in 0..new.steps.len() {
        let Some(o) = pairs.old_of[n] else { continue };
        let mut was = old.steps[o].ways.clone();
        let mut is = new.steps[n].ways.clone();
        // Equal in all goes out, then equal targets are modified, the rest is removed or added.
        is.retain(|i| {
            let same = was.iter().position(|w| {
                pairs.new_of[w.to] == Some(i.to) && (w.kind, &w.text) == (i.kind, &i.text) && w.priority == i.priority
            });
            same.map(|at| was.remove(at)).is_none()
        });
        for i in is {
            match was.iter().position(|w| pairs.new_of[w.to] == Some(i.to)) {
                Some(at) => changes.push((n, Some(was.remove(at).to), Some(i.to), TransitionChange::Modified)),
                None => changes.push((n, None, Some(i.to), TransitionChange::Added)),
            }
        }
        changes.extend(was.into_iter().map(|w| (n, Some(w.to), None, TransitionChange::Removed)));
    }
    changes
}

/// One side of one anchor as the map has it, by index.
#[derive(Debug)]
struct Found {
    inserted: BTreeSet<usize>,
    edited: BTreeSet<usize>,
    removed: BTreeSet<usize>,
    forks: BTreeMap<usize, ForkKind>,
    transitions: Vec<Changed>,
}

impl Found {
    fn of(side: &Side, catalogue: &Catalogue, new: &Plain, old: &Plain) -> Found {
        let n = |id: &String| new.find(id).expect("a new step");
        let o = |id: &String| old.find(id).expect("an old step");
        let mut transitions: Vec<Changed> = side
            .modified_transitions
            .iter()
            .map(|p| &catalogue.modified_transitions[p])
            .map(|t| (n(&t.from_step_id), t.old_to_step_id.as_ref().map(o), t.new_to_step_id.as_ref().map(n), t.change))
            .collect();
        transitions.sort();
        Found {
            inserted: side.inserted_steps.iter().map(|p| n(&catalogue.inserted_steps[p].step_id)).collect(),
            edited: side.edited_steps.iter().map(|p| n(&catalogue.edited_steps[p].new_step_id)).collect(),
            removed: side.removed_step_ids.iter().map(|p| o(&catalogue.removed_step_ids[p])).collect(),
            forks: side.new_forks.iter().map(|p| &catalogue.new_forks[p]).map(|f| (n(&f.step_id), f.kind)).collect(),
            transitions,
        }
    }
}

/// The rules for one side of one anchor.
struct Facts<'a> {
    old: &'a Plain,
    new: &'a Plain,
    pairs: &'a Pairs,
    edited: &'a BTreeSet<usize>,
    /// On that side in the old version.
    was: &'a BTreeSet<usize>,
    /// On that side in the new version.
    is: &'a BTreeSet<usize>,
}

impl Facts<'_> {
    fn kept(&self, step: usize) -> bool {
        self.pairs.old_of[step].is_some_and(|o| self.was.contains(&o))
    }

    fn inserted(&self) -> BTreeSet<usize> {
        self.is.iter().copied().filter(|s| !self.kept(*s)).collect()
    }

    fn removed(&self) -> BTreeSet<usize> {
        let gone = |o: &usize| self.pairs.new_of[*o].is_none_or(|n| !self.is.contains(&n));
        self.was.iter().copied().filter(gone).collect()
    }

    fn edited_on_side(&self) -> BTreeSet<usize> {
        self.is.intersection(self.edited).copied().collect()
    }

    fn edited_kept(&self) -> BTreeSet<usize> {
        self.edited_on_side().into_iter().filter(|s| self.kept(*s)).collect()
    }

    fn forks(&self) -> BTreeMap<usize, ForkKind> {
        let mut forks = BTreeMap::new();
        for &step in self.is.iter().filter(|s| self.new.steps[**s].ways.len() >= 2) {
            if !self.kept(step) {
                forks.insert(step, ForkKind::Inserted);
            } else if !unchanged(self.old, self.new, self.pairs, step) {
                let mut targets: Vec<Option<usize>> = match self.pairs.old_of[step] {
                    Some(o) => self.old.steps[o].ways.iter().map(|w| self.pairs.new_of[w.to]).collect(),
                    None => Vec::new(),
                };
                let added = self.new.steps[step].ways.iter().any(|w| {
                    let old = targets.iter().position(|t| *t == Some(w.to));
                    old.map(|at| targets.remove(at)).is_none()
                });
                forks.insert(step, if added { ForkKind::Widened } else { ForkKind::Changed });
            }
        }
        forks
    }

    /// The migration scenario by the letter of its rules.
    fn least_scenario(&self, transitions: &[Changed]) -> MigrationScenario {
        let step = |s: &usize| &self.new.steps[*s];
        if !self.forks().is_empty() {
            return MigrationScenario::ReRoute;
        }
        let duty = |s: &usize| !step(s).collects.is_empty() || step(s).required;
        let adds = |s: &usize| {
            let was = self.pairs.old_of[*s].map(|o| &self.old.steps[o].collects);
            step(s).collects.iter().any(|f| was.is_none_or(|w| !w.contains(f)))
        };
        if self.inserted().iter().any(duty) || self.edited_kept().iter().any(adds) {
            return MigrationScenario::GapFill;
        }
        let lost = transitions.iter().any(|(from, to, _, change)| {
            *change == TransitionChange::Removed
                && self.is.contains(from)
                && self.kept(*from)
                && to.is_some_and(|t| self.pairs.new_of[t].is_some())
        });
        if self.pairs.new_of[self.old.entry] != Some(self.new.entry) {
            return MigrationScenario::GapFill;
        }
        let meets = self.is.iter().any(|s| duty(s) || step(s).ways.len() >= 2);
        if (lost || !self.removed().is_empty()) && meets {
            return MigrationScenario::GapFill;
        }
        MigrationScenario::CleanGraft
    }
}

/// The same bytes, these keys and no others; and a plan that was stored by reference gives the same document.
#[test]
fn the_document_is_deterministic_and_survives_being_stored() {
    property("the_document_is_deterministic_and_survives_being_stored", |dice| {
        let two = Two::random(dice);
        let document = two.map.to_document().map_err(|e| e.to_string())?;
        let again = diff(&Graph::compile(&two.before), &Graph::compile(&two.after)).to_document();
        ensure!(again.as_ref() == Ok(&document), "{}", two.explain("other bytes"));
        let json: Value = serde_json::from_str(&document).map_err(|e| e.to_string())?;
        shape(&json).map_err(|why| two.explain(why))?;
        // As the database keeps it: the catalogue with the plan, each side with its anchor.
        let stored = TransformationMap {
            catalogue: stored(&two.map.catalogue),
            anchors: two
                .map
                .anchors
                .iter()
                .map(|a| Anchor { upstream: stored(&a.upstream), downstream: stored(&a.downstream), ..a.clone() })
                .collect(),
            deleted_steps: two.map.deleted_steps.clone(),
        };
        ensure!(stored.to_document() == Ok(document), "{}", two.explain("another document after being stored"));
        Ok(())
    });
}

fn stored<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    serde_json::from_str(&serde_json::to_string(value).expect("JSON")).expect("the same value")
}

fn shape(document: &Value) -> Result<(), String> {
    keys(document, "anchors deleted_steps inserted_step_ids ambiguities")?;
    for anchor in items(document, "anchors")? {
        keys(
            anchor,
            "anchor_content_hash anchor_name old_step_id new_step_id pairing migration_scenario upstream_changes \
             downstream_changes",
        )?;
        word(anchor, "pairing", "content twin edited")?;
        word(anchor, "migration_scenario", "clean_graft gap_fill re_route")?;
        for side in [&anchor["upstream_changes"], &anchor["downstream_changes"]] {
            keys(side, "inserted_steps edited_steps removed_step_ids new_forks modified_transitions")?;
            for step in items(side, "inserted_steps")? {
                keys(step, "step_id name collects_fields has_rules is_required_action is_checkpoint")?;
            }
            for step in items(side, "edited_steps")? {
                keys(step, "old_step_id new_step_id name added_fields")?;
            }
            for fork in items(side, "new_forks")? {
                keys(fork, "step_id name kind branches")?;
                word(fork, "kind", "inserted widened changed")?;
                for branch in items(fork, "branches")? {
                    keys(branch, "target_step_id target_step_name condition_text condition_kind condition_fields")?;
                    word(branch, "condition_kind", "always expression natural")?;
                }
            }
            for transition in items(side, "modified_transitions")? {
                keys(transition, "from_step_id old_to_step_id new_to_step_id change")?;
                word(transition, "change", "added removed modified")?;
            }
        }
    }
    for deleted in items(document, "deleted_steps")? {
        keys(deleted, "step_id name candidates")?;
        for candidate in items(deleted, "candidates")? {
            keys(candidate, "new_step_id anchor_content_hash distance")?;
        }
    }
    for ambiguity in items(document, "ambiguities")? {
        keys(ambiguity, "content_hash old_step_ids new_step_ids")?;
    }
    Ok(())
}

fn items<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value[key].as_array().ok_or_else(|| format!("{key} is no list"))
}

fn keys(value: &Value, expected: &str) -> Result<(), String> {
    let found: BTreeSet<&str> = value.as_object().into_iter().flat_map(|o| o.keys().map(String::as_str)).collect();
    let expected: BTreeSet<&str> = expected.split_whitespace().collect();
    if found == expected { Ok(()) } else { Err(format!("keys {found:?} instead of {expected:?}")) }
}

fn word(value: &Value, key: &str, allowed: &str) -> Result<(), String> {
    match value[key].as_str() {
        Some(word) if allowed.split_whitespace().any(|w| w == word) => Ok(()),
        _ => Err(format!("{key} is {}", value[key])),
    }
}
