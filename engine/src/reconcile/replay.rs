//! Replay ("Replay" in docs/behaviour.md): walking the customer's own path through the new version, to see what they
//! would have met. What happens at a fork is in `fork`.

use super::decision::NeededFor;
use super::facts::Facts;
use super::gap::Fields;
use super::trace::{Event, Trace};
use super::walker::{Replay, Replayed, Walker, WayOn};
use crate::condition::Truth;
use crate::diff::added_fields;
use crate::graph::{Node, StepIx};
use serde_json::json;

/// Steps of one walk. No honest flow comes near; the limit keeps a turn from walking for minutes through a maze of
/// cycles.
const MOST_STEPS: usize = 100_000;

impl Replay<'_> {
    /// Walks from the start of the path to its landing step. What it needs is noted in `fields`, what happens in
    /// `trace`.
    pub(super) fn walk<F: Facts>(
        &self,
        fields: &mut Fields<'_>,
        facts: &mut F,
        trace: &mut Trace,
    ) -> Result<Replayed, F::Error> {
        Walker::at_the_start(self, fields, facts, trace).run()
    }
}

impl<F: Facts> Walker<'_, '_, F> {
    fn run(mut self) -> Result<Replayed, F::Error> {
        for _ in 0..MOST_STEPS {
            let was_unsure = self.unsure;
            if self.is_at_the_landing_step() {
                self.trace.step(Event::Landing, self.graph.node(self.at), json!({}));
                return Ok(self.replayed);
            }
            if self.expanded.put(self.at) {
                self.jump("came to a step for the second time");
                continue;
            }
            self.meet_the_step(was_unsure && !self.unsure)?;
            let Some(leads) = self.branches_that_lead_on() else {
                self.jump("no way leads on to the path");
                continue;
            };
            match self.way_on(&leads)? {
                WayOn::To(next) => self.at = next,
                WayOn::Unsure(next) => {
                    self.unsure = true;
                    self.at = next;
                }
                WayOn::Redirect(elsewhere) => {
                    self.replayed.redirect = Some(elsewhere);
                    return Ok(self.replayed);
                }
                WayOn::Stop => return Ok(self.replayed),
            }
        }
        self.replayed.warn(format!("the replay was ended after {MOST_STEPS} steps"));
        let landing = self.path_step(self.replay.path.steps.len() - 1);
        self.trace.step(Event::Jump, self.graph.node(landing), json!({"why": "the replay has become too long"}));
        Ok(self.replayed)
    }

    /// On to the next step of the path, though no way leads there.
    fn jump(&mut self, why: &str) {
        self.at = self.path_step(self.target);
        self.trace.step(Event::Jump, self.graph.node(self.at), json!({"why": why}));
    }

    /// Whether the step at hand is the last one of the path. Notes where on the path the walk stands.
    ///
    /// A step of the path makes the walk sure again. Where there are loops, the walk can come to a later step of the
    /// path than the next one; it is not sent round for what lies between. Where the new version is entered in the
    /// middle of the path, the walk can come to an earlier step that it has not been at; from there it follows the path
    /// on.
    fn is_at_the_landing_step(&mut self) -> bool {
        let Some(position) = self.position_on_path.get(&self.at).copied() else { return false };
        self.unsure = false;
        if !self.arrived.put(position) || position >= self.target {
            self.last_position = Some(position);
            self.target = position + 1;
            self.expanded.clear();
        }
        position + 1 == self.replay.path.steps.len()
    }

    /// The branches of the step at hand that lead to the target; if none does, to the first later step of the path that
    /// can be reached, which becomes the target.
    fn branches_that_lead_on(&mut self) -> Option<Vec<usize>> {
        let positions = self.target..self.replay.path.steps.len();
        let (position, leads) =
            positions.map(|position| (position, self.leads(position))).find(|(_, leads)| !leads.is_empty())?;
        self.target = position;
        Some(leads)
    }

    /// The branches of the step at hand from which a step of the path can be reached without coming back through it.
    fn leads(&self, position: usize) -> Vec<usize> {
        let branches = &self.graph.node(self.at).branches;
        (0..branches.len()).filter(|b| self.leads_to(branches[*b].to, position)).collect()
    }

    /// Notes what the step at hand asks of a customer who passes it: fields, and its action.
    fn meet_the_step(&mut self, sure_again: bool) -> Result<(), F::Error> {
        let (replay, node) = (self.replay, self.graph.node(self.at));
        let old = replay.relation.pairing.old_of(self.at);
        let detail = if sure_again { json!({"sure_again": true}) } else { json!({}) };
        if replay.history.visited.contains(self.at) {
            let added = match old {
                Some(old) => added_fields(&replay.relation.old, self.graph, old, self.at),
                None => Vec::new(),
            };
            self.trace.step(if added.is_empty() { Event::Visited } else { Event::Edited }, node, detail);
            return self.need_fields(node, &added);
        }
        if old.is_some_and(|old| self.let_past_before(old)) {
            self.trace.step(Event::PassedBefore, node, detail);
            return Ok(());
        }
        self.trace.step(Event::Inserted, node, detail);
        if node.is_required_action && !self.replayed.actions.contains(&self.at) {
            let done = replay.completed.is_done(node);
            self.trace.step(Event::RequiredAction, node, json!({"completed": done}));
            if done {
                self.met.insert(replay.completed.act_of(node).to_owned());
            } else {
                self.replayed.actions.push(self.at);
            }
        }
        self.need_fields(node, &node.collects)
    }

    /// Whether the old version had already let the customer past a step that they did not visit: it lies before the
    /// step that they are at, and every old way from the last step of their path to the next leads over it, so they
    /// jumped over it.
    fn let_past_before(&self, old_step: StepIx) -> bool {
        let old = &self.replay.relation.old;
        let Some(current) = self.replay.current_old else { return false };
        if !old.is_upstream(old_step, current) {
            return false;
        }
        let steps = &self.replay.path.steps;
        let from = match self.last_position {
            Some(position) => steps[position].old,
            None => Some(old.entry()),
        };
        match (from, steps[self.target].old) {
            (Some(from), Some(to)) => !old.reaches_avoiding(from, to, old_step),
            _ => false,
        }
    }

    fn need_fields(&mut self, node: &Node, needed: &[String]) -> Result<(), F::Error> {
        needed.iter().try_for_each(|field| {
            let why = NeededFor::Step { step_id: node.id.clone(), step_name: node.name.clone() };
            self.need_field(node, field, why)
        })
    }

    /// Where the walk goes from the step at hand; `leads` are its branches that lead to the target, one at least.
    fn way_on(&mut self, leads: &[usize]) -> Result<WayOn, F::Error> {
        let node = self.graph.node(self.at);
        let [only] = node.branches.as_slice() else { return self.at_fork(leads) };
        let is_false = matches!(self.known_truth(only)?, Truth::False);
        if is_false && !self.replay.history.went(self.at, only.to) {
            self.trace.fork(node, only, self.graph, "its only way on, though the condition is false: unsure from here");
            return Ok(WayOn::Unsure(only.to));
        }
        Ok(WayOn::To(only.to))
    }
}
