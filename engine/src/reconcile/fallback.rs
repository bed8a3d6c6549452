//! No plan to go by ("Fallback" in docs/behaviour.md): the session's step is found again by what it means.

use super::decision::Decision;
use super::facts::{Facts, Visit};
use super::reconciliation::{Past, Reconciliation, Situation};
use super::trace::Event;
use super::way::{Landing, relate_anew, relate_by_history};
use crate::acts::{Acts, words};
use crate::graph::{Graph, StepWords};
use serde_json::json;

impl Reconciliation<'_> {
    pub(super) fn fall_back<F: Facts>(mut self, why: &str, facts: &mut F) -> Result<Decision, F::Error> {
        self.trace.push(Event::Way, None, json!({"by": "fallback", "why": why}));
        self.plan_ids.clear();
        if self.session.finished {
            return Ok(self.stays("the session has come to its end".to_owned()));
        }
        let visits = facts.visits()?;
        let acts = self.acts(facts)?;
        let new = facts.graph(self.published_version)?;
        let kept = if self.session.matches_version { facts.kept_graph(self.session.scenario_version)? } else { None };
        let mut relation = match kept {
            Some(old) => relate_anew(old, new),
            None => relate_by_history(self.remembered(&visits, &acts), new),
        };
        let current = relation.old.find(&self.session.step_id);
        if let Some(step) = current {
            let hash = relation.old.node(step).content_hash.clone();
            relation.pair_by_act(step, &hash, &acts);
        }
        let past = Past::load(self.session, visits, acts, &relation, facts)?;
        let situation = Situation::of(&relation, &past, self.published_version, current, self.settings);
        if let Some(new) = current.and_then(|o| relation.pairing.new_of(o)) {
            let terms = self.terms_without_a_policy(format!("{why}; the step was found again by what it means"));
            let landing = Landing { new, old: current };
            return self.land(&situation, landing, terms, facts);
        }
        let last_existing = past.history.stops.iter().rev().find_map(|stop| {
            let new = stop.new?;
            let undone = crate::mutant!("fallback/undone-is-skipped", situation.checkpoints.undone_by(new), None);
            undone.is_none().then_some(Landing { new, old: stop.old })
        });
        match last_existing {
            Some(landing) => {
                let node = relation.new.node(landing.new);
                self.trace.step(Event::Relocation, node, json!({"from_step_id": self.session.step_id}));
                let terms =
                    self.terms_without_a_policy(format!("{why}; back at the last visited step that still exists"));
                self.land(&situation, landing, terms, facts)
            }
            None => Ok(self.has_nowhere_to_go(
                &situation.checkpoints,
                &format!("{why}, and none of the visited steps is left to go to"),
            )),
        }
    }

    /// The old steps as the history remembers them, with what is kept of their contents; the current one with the hash
    /// that the session keeps.
    fn remembered(&self, visits: &[Visit], acts: &Acts) -> Graph {
        let step = |id: &str, name: &str, content_hash: &str| match acts.said(content_hash) {
            Some(row) => words(row, id.to_owned()),
            None => StepWords {
                id: id.to_owned(),
                name: name.to_owned(),
                content_hash: content_hash.to_owned(),
                ..StepWords::default()
            },
        };
        let name = visits.iter().rev().find(|v| v.step_id == self.session.step_id).map(|v| v.step_name.as_str());
        let current = self
            .session
            .step_content_hash
            .as_deref()
            .map(|hash| step(&self.session.step_id, name.unwrap_or_default(), hash));
        let visited = visits.iter().rev().map(|v| step(&v.step_id, &v.step_name, &v.step_content_hash));
        Graph::from_words(current.into_iter().chain(visited))
    }
}
