//! What the steps that no rule has paired yet have in common, and which of them are one step ("Pairing steps" in
//! docs/behaviour.md).

use super::pairing::Pairing;
use crate::graph::{Graph, Node, StepIx};
use std::collections::HashMap;

/// Wording counts as similar from this Sørensen–Dice coefficient on.
const SIMILAR_WORDING: f64 = 0.5;

/// How many of the steps that are unpaired at a moment, of both versions together, say the same.
pub(super) struct Unpaired<'a> {
    old: &'a Graph,
    new: &'a Graph,
    descriptions: HashMap<&'a str, usize>,
    fields: HashMap<Vec<&'a str>, usize>,
    /// Of the new version alone.
    contents: HashMap<&'a str, usize>,
}

impl<'a> Unpaired<'a> {
    pub(super) fn of(pairing: &Pairing, old: &'a Graph, new: &'a Graph) -> Unpaired<'a> {
        let mut unpaired =
            Unpaired { old, new, descriptions: HashMap::new(), fields: HashMap::new(), contents: HashMap::new() };
        let olds = old.nodes().iter().enumerate().filter(|(o, _)| pairing.new_of(*o).is_none());
        let news = new.nodes().iter().enumerate().filter(|(n, _)| pairing.old_of(*n).is_none());
        for (_, node) in news.clone() {
            *unpaired.contents.entry(&node.content_hash).or_default() += 1;
        }
        for (_, node) in olds.chain(news) {
            *unpaired.descriptions.entry(&node.description).or_default() += 1;
            *unpaired.fields.entry(fields(node)).or_default() += 1;
        }
        unpaired
    }

    /// Whether an unpaired old step and the unpaired new step of its id are one step that was edited, rather than an id
    /// used anew. It takes a sign of their own: a text or fields that other unpaired steps have too are none. `waits`:
    /// the old step is a twin that waits, so the new steps of its content do not count.
    pub(super) fn same_step_edited(&self, old_step: StepIx, new_step: StepIx, waits: bool) -> bool {
        let (was, is) = (self.old.node(old_step), self.new.node(new_step));
        if (!was.name.is_empty() && was.name == is.name) || similar_wording(was, is) {
            return true;
        }
        if was.is_checkpoint != is.is_checkpoint {
            return false;
        }
        let own_content = if waits { self.contents.get(was.content_hash.as_str()).copied().unwrap_or(0) } else { 0 };
        let theirs_alone = |count: Option<&usize>| count.is_some_and(|count| *count == 2 + own_content);
        let same_description = !was.description.is_empty() && was.description == is.description;
        let same_fields = !was.collects.is_empty() && fields(was) == fields(is);
        (same_description && theirs_alone(self.descriptions.get(was.description.as_str())))
            || (same_fields && theirs_alone(self.fields.get(&fields(was))))
    }
}

fn fields(node: &Node) -> Vec<&str> {
    let mut fields: Vec<&str> = node.collects.iter().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

/// Two steps that say nothing at all are not alike.
fn similar_wording(was: &Node, is: &Node) -> bool {
    let wording = |node: &Node| format!("{} {}", node.name, node.description);
    let (was, is) = (wording(was), wording(is));
    !was.trim().is_empty() && strsim::sorensen_dice(&was, &is) >= SIMILAR_WORDING
}
