//! The session's history on the two graphs: which old step each visit was at, and what that step is now.

use super::facts::{CompletedAction, Facts, Session, Visit};
use crate::acts::{Acts, PassedAtStart};
use crate::diff::{Pairing, compose_pairs};
use crate::graph::{Graph, Node, StepIx};
use fixedbitset::FixedBitSet;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// Two versions and how their steps pair: all that a replay walks on.
#[derive(Debug)]
pub(super) struct Relation {
    pub old: Rc<Graph>,
    pub new: Rc<Graph>,
    pub pairing: Pairing,
    /// `old` is the version itself, not a stand-in made from the history.
    pub old_is_whole: bool,
}

/// One visit, found again.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub visit_no: i32,
    pub step_id: String,
    pub step_name: String,
    pub content_hash: String,
    /// The step in the version that the session walks.
    pub old: Option<StepIx>,
    /// Its counterpart in the version that the session is to walk.
    pub new: Option<StepIx>,
    /// It was flagged as a checkpoint in its version, or its act is in some published one.
    pub is_checkpoint: bool,
    pub checkpoint_description: Option<String>,
}

/// All visits, oldest first; the last is the current step's.
#[derive(Debug)]
pub(super) struct History {
    pub stops: Vec<Stop>,
    /// New steps that were visited at any time: by their counterpart, or, where the version that the session walks has
    /// none, by any step of the same act.
    pub visited: FixedBitSet,
    /// Acts of the visited steps.
    acts: HashSet<String>,
}

impl History {
    pub(super) fn load<F: Facts>(
        session: &Session,
        visits: Vec<Visit>,
        relation: &Relation,
        acts: &Acts,
        facts: &mut F,
    ) -> Result<History, F::Error> {
        let names = StepNames::load(session, &visits, facts)?;
        let mut visited = FixedBitSet::with_capacity(relation.new.len());
        let mut by_hash: HashMap<&str, Vec<StepIx>> = HashMap::new();
        for (ix, node) in relation.old.nodes().iter().enumerate() {
            by_hash.entry(&node.content_hash).or_default().push(ix);
        }
        let act = |visit: &Visit| acts.act_of(&visit.step_content_hash).to_owned();
        // What the step at hand asks, the customer has not answered yet.
        let before_current = visits.len().saturating_sub(1);
        let answered: HashSet<String> = visits[..before_current].iter().map(act).collect();
        let visited_acts: HashSet<String> = visits.iter().map(act).collect();
        for (n, node) in relation.new.nodes().iter().enumerate() {
            let is_new = relation.pairing.old_of(n).is_none();
            if is_new && crate::mutant!("visited/by-act", answered.contains(acts.act_of(&node.content_hash)), false) {
                visited.insert(n);
            }
        }
        let stops = visits
            .into_iter()
            .map(|visit| {
                let old = find_again(session, &visit, &relation.old, &names, &by_hash);
                let new = old.and_then(|o| relation.pairing.new_of(o));
                if let Some(n) = new {
                    visited.insert(n);
                }
                Stop {
                    is_checkpoint: visit.is_checkpoint
                        || crate::mutant!("passed/flagged-later", acts.is_flagged(&visit.step_content_hash), false),
                    visit_no: visit.visit_no,
                    step_id: visit.step_id,
                    step_name: visit.step_name,
                    content_hash: visit.step_content_hash,
                    old,
                    new,
                    checkpoint_description: visit.checkpoint_description,
                }
            })
            .collect();
        Ok(History { stops, visited, acts: visited_acts })
    }

    /// The last visit of a new step's counterpart.
    pub(super) fn last_visit(&self, step: StepIx) -> Option<i32> {
        self.stops.iter().rev().find(|stop| stop.new == Some(step)).map(|stop| stop.visit_no)
    }

    /// Whether the customer themselves went from one step straight to the other.
    pub(super) fn went(&self, from: StepIx, to: StepIx) -> bool {
        self.stops.windows(2).any(|pair| pair[0].new == Some(from) && pair[1].new == Some(to))
    }
}

/// Which required actions are done: executed, visited, or passed before a session that began in the middle, under
/// whatever version and id.
pub(super) struct DoneActions<'a> {
    acts: &'a Acts,
    done: HashSet<String>,
}

impl<'a> DoneActions<'a> {
    pub(super) fn of(
        completed: &[CompletedAction],
        history: &History,
        at_start: &[PassedAtStart],
        acts: &'a Acts,
    ) -> DoneActions<'a> {
        let executed = completed.iter().map(|action| acts.act_of(&action.step_content_hash));
        let at_start = at_start.iter().map(|passed| acts.act_of(&passed.content_hash));
        let at_start = at_start.filter(|_| crate::mutant!("actions/passed-at-start-is-done", true, false));
        let visited = history.acts.iter().map(String::as_str);
        let done = executed.chain(at_start).chain(visited).map(str::to_owned).collect();
        DoneActions { acts, done }
    }

    /// Whether the action of a step is done.
    pub(super) fn is_done(&self, node: &Node) -> bool {
        crate::mutant!(
            "actions/done-by-act",
            self.done.contains(self.acts.act_of(&node.content_hash)),
            self.done.contains(&node.content_hash)
        )
    }

    /// The act of a step.
    pub(super) fn act_of<'b>(&'b self, node: &'b Node) -> &'b str {
        self.acts.act_of(&node.content_hash)
    }

    /// Of these steps the first of each act.
    pub(super) fn one_of_each_act(&self, graph: &Graph, steps: &[StepIx]) -> Vec<StepIx> {
        let mut seen = HashSet::new();
        let act = |step: &&StepIx| self.acts.act_of(&graph.node(**step).content_hash).to_owned();
        steps
            .iter()
            .filter(|step| crate::mutant!("actions/one-an-act", seen.insert(act(step)), true))
            .copied()
            .collect()
    }
}

fn find_again(
    session: &Session,
    visit: &Visit,
    old: &Graph,
    names: &StepNames,
    by_hash: &HashMap<&str, Vec<StepIx>>,
) -> Option<StepIx> {
    if visit.scenario_version == session.scenario_version {
        return old.find(&visit.step_id);
    }
    if let Some(step) = names.current_id(visit).and_then(|id| old.find(id)) {
        return Some(step);
    }
    // No plan tells: the same meaning, or the same step by id and name. A step that is known to stand for another one
    // of that version is not it, however alike they are: of two twins, the one that was visited may be gone.
    let same_meaning = by_hash.get(visit.step_content_hash.as_str()).map(Vec::as_slice).unwrap_or_default();
    let same_id = old.find(&visit.step_id);
    let found = match (same_meaning, same_id) {
        ([only], _) => Some(*only),
        (several, Some(step)) if several.contains(&step) => Some(step),
        (_, Some(step)) if old.node(step).name == visit.step_name => Some(step),
        _ => None,
    };
    found.filter(|step| !names.stands_for_another(visit, &old.node(*step).id))
}

/// How the steps of the versions that the session walked before are called in the one that it walks now: the plans that
/// moved it, composed.
struct StepNames {
    by_version: HashMap<i32, HashMap<String, String>>,
}

impl StepNames {
    fn load<F: Facts>(session: &Session, visits: &[Visit], facts: &mut F) -> Result<StepNames, F::Error> {
        // Versions in the order in which the session walked them, the current one last.
        let mut walked: Vec<i32> = Vec::new();
        for visit in visits {
            if walked.last() != Some(&visit.scenario_version) {
                walked.push(visit.scenario_version);
            }
        }
        if walked.last() != Some(&session.scenario_version) {
            walked.push(session.scenario_version);
        }
        let mut pairs: HashMap<i32, Rc<Vec<(String, String)>>> = HashMap::new();
        let mut seen: BTreeSet<i32> = BTreeSet::from([session.scenario_version]);
        for pair in walked.windows(2).rev() {
            let (from, to) = (pair[0], pair[1]);
            if !seen.insert(from) {
                continue;
            }
            let link = facts.walked_pairs(from, to)?;
            let composed = match pairs.get(&to) {
                None if to == session.scenario_version => link,
                None => Rc::default(),
                Some(onward) => Rc::new(compose_pairs(&link, onward)),
            };
            pairs.insert(from, composed);
        }
        let by_version = pairs.into_iter().map(|(version, pairs)| (version, pairs.iter().cloned().collect())).collect();
        Ok(StepNames { by_version })
    }

    /// Whether a step of the version that the session walks now is the counterpart of another step than the visited
    /// one.
    fn stands_for_another(&self, visit: &Visit, current_id: &str) -> bool {
        let Some(names) = self.by_version.get(&visit.scenario_version) else { return false };
        names.iter().any(|(was, now)| now == current_id && *was != visit.step_id)
    }

    fn current_id(&self, visit: &Visit) -> Option<&str> {
        self.by_version.get(&visit.scenario_version)?.get(&visit.step_id).map(String::as_str)
    }
}
