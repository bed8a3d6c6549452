//! Whether a move undoes an act that a session has passed: one definition for landings, redirects, relocations,
//! fallbacks, chains and moves by hand ("Acts and checkpoints" in docs/behaviour.md).

use super::ledger::Acts;
use crate::diff::Pairing;
use crate::graph::{Graph, StepIx};
use fixedbitset::FixedBitSet;
use serde::Serialize;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// How a move undoes an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoneBy {
    /// A step of the act comes again that could not come from the old place.
    Again,
    /// Some way on from the old place avoided the act, and none does from the new one.
    Forced,
}

/// Two versions, their pairs and the acts: what a move is judged on.
pub struct Ground<'a> {
    /// The version that the session walks.
    pub old: &'a Graph,
    /// `old` is that version itself. If it is not kept, or the session's checksum is foreign, `old` is a stand-in:
    /// nothing counts as reachable in it, and every act as avoidable.
    pub old_is_whole: bool,
    pub new: &'a Graph,
    pub pairing: &'a Pairing,
    pub acts: &'a Acts,
    index: OnceCell<Index>,
    avoiding: RefCell<HashMap<String, Rc<Avoiding>>>,
}

/// The steps of each act.
struct Index {
    old: HashMap<String, Vec<StepIx>>,
    new: HashMap<String, Vec<StepIx>>,
    /// Checkpoints of the new version without a pair in the old one.
    unpaired: Vec<StepIx>,
}

/// For both versions, the steps of which some way on, themselves included, avoids an act.
struct Avoiding {
    old: FixedBitSet,
    new: FixedBitSet,
}

impl<'a> Ground<'a> {
    pub fn new(old: &'a Graph, old_is_whole: bool, new: &'a Graph, pairing: &'a Pairing, acts: &'a Acts) -> Ground<'a> {
        let avoiding = RefCell::new(HashMap::new());
        Ground { old, old_is_whole, new, pairing, acts, index: OnceCell::new(), avoiding }
    }

    /// Whether a move from the old place to the new one undoes the act.
    ///
    /// * `from`: the old place; `None` if it is not known, and then nothing could be reached from it.
    /// * `to`: the new place. Landing on the pair of `from` is no arrival there.
    /// * `act`: as [`Acts::act_of`] names it.
    pub fn undoes(&self, from: Option<StepIx>, to: StepIx, act: &str) -> Option<UndoneBy> {
        let steps = self.steps_of(act);
        if steps.is_empty() {
            return None;
        }
        let arrives = crate::mutant!(
            "undone/landing-is-no-arrival",
            from.is_none_or(|old| self.pairing.new_of(old) != Some(to)),
            true
        );
        if steps.iter().any(|step| self.comes(to, *step, arrives) && !self.could_come(from, *step)) {
            return Some(UndoneBy::Again);
        }
        let forced = (arrives && steps.contains(&to)) || !self.is_avoidable_anew(to, act);
        (forced && self.was_avoidable(from, act)).then_some(UndoneBy::Forced)
    }

    /// The steps of the new version that stand for the act; if it has none there, every checkpoint that has no pair.
    pub fn steps_of(&self, act: &str) -> &[StepIx] {
        let index = self.index();
        match index.new.get(act) {
            Some(steps) => steps,
            None => crate::mutant!("undone/unpaired-checkpoints-stand-in", &index.unpaired, &[]),
        }
    }

    /// Whether the new version has a step of the act.
    pub fn has_step(&self, act: &str) -> bool {
        self.index().new.contains_key(act)
    }

    fn comes(&self, to: StepIx, step: StepIx, arrives: bool) -> bool {
        (arrives && step == to)
            || crate::mutant!(
                "undone/reached-by-a-transition",
                self.new.reaches_onward(to, step),
                to != step && self.new.reaches(to, step)
            )
    }

    /// Whether that very step's own pair could be reached from the old place.
    fn could_come(&self, from: Option<StepIx>, step: StepIx) -> bool {
        let (true, Some(from)) = (self.old_is_whole, from) else {
            return crate::mutant!("undone/unknown-version-reaches-nothing", false, true);
        };
        let could = |pair: StepIx| {
            crate::mutant!(
                "undone/old-place-by-a-transition",
                self.old.reaches_onward(from, pair),
                self.old.reaches(from, pair)
            )
        };
        crate::mutant!(
            "undone/own-pair-only",
            self.pairing.old_of(step).is_some_and(could),
            self.index()
                .old
                .get(self.acts.act_of(&self.new.node(step).content_hash))
                .is_some_and(|twins| twins.iter().any(|twin| could(*twin)))
        )
    }

    fn was_avoidable(&self, from: Option<StepIx>, act: &str) -> bool {
        match from {
            Some(from) if self.old_is_whole => {
                self.old.node(from).is_end() || {
                    let avoiding = self.avoiding(act);
                    self.old.successors(from).any(|next| avoiding.old.contains(next))
                }
            }
            _ => true,
        }
    }

    fn is_avoidable_anew(&self, to: StepIx, act: &str) -> bool {
        self.new.node(to).is_end() || {
            let avoiding = self.avoiding(act);
            self.new.successors(to).any(|next| avoiding.new.contains(next))
        }
    }

    fn avoiding(&self, act: &str) -> Rc<Avoiding> {
        if let Some(known) = self.avoiding.borrow().get(act) {
            return Rc::clone(known);
        }
        let old = self.index().old.get(act).map(Vec::as_slice).unwrap_or_default();
        let avoiding = Rc::new(Avoiding { old: avoiding(self.old, old), new: avoiding(self.new, self.steps_of(act)) });
        self.avoiding.borrow_mut().insert(act.to_owned(), Rc::clone(&avoiding));
        avoiding
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index {
            old: by_act(self.old, self.acts),
            new: by_act(self.new, self.acts),
            unpaired: (0..self.new.len())
                .filter(|step| self.new.node(*step).is_checkpoint && self.pairing.old_of(*step).is_none())
                .collect(),
        })
    }
}

fn by_act(graph: &Graph, acts: &Acts) -> HashMap<String, Vec<StepIx>> {
    let mut steps: HashMap<String, Vec<StepIx>> = HashMap::new();
    for (step, node) in graph.nodes().iter().enumerate() {
        steps.entry(acts.act_of(&node.content_hash).to_owned()).or_default().push(step);
    }
    steps
}

/// The steps from which some way, themselves included, leads to an end or round a loop for ever without any of
/// `avoided`. One walk backwards from `avoided`: a step is lost when all its ways on are.
fn avoiding(graph: &Graph, avoided: &[StepIx]) -> FixedBitSet {
    let mut left = FixedBitSet::with_capacity(graph.len());
    left.insert_range(..);
    let mut ways: Vec<usize> = (0..graph.len()).map(|step| graph.successors(step).count()).collect();
    let mut lost: Vec<StepIx> = avoided.to_vec();
    for step in avoided {
        left.set(*step, false);
    }
    while let Some(step) = lost.pop() {
        for &from in graph.predecessors(step) {
            ways[from] -= 1;
            if ways[from] == 0 && left.contains(from) {
                left.set(from, false);
                lost.push(from);
            }
        }
    }
    left
}
