//! One reconciliation on its way to a decision: what it was called with, and what it has looked up so far.

use super::checkpoint::Checkpoints;
use super::facts::{CompletedAction, Facts, Session, Visit};
use super::gap::Fields;
use super::history::{History, Relation};
use super::settings::Settings;
use super::trace::Trace;
use crate::acts::{Acts, PassedAtStart, executed_in_place};
use crate::graph::StepIx;
use std::rc::Rc;
use uuid::Uuid;

/// One call of [`reconcile`](super::reconcile).
pub(super) struct Reconciliation<'a> {
    pub session: &'a Session,
    pub published_version: i32,
    pub settings: &'a Settings,
    /// Each field is looked up at most once, whatever asks for it.
    pub fields: Fields<'a>,
    /// The plans that the session goes by, in order.
    pub plan_ids: Vec<Uuid>,
    pub trace: Trace,
    /// The acts, once they were asked for.
    acts: Option<Rc<Acts>>,
}

impl<'a> Reconciliation<'a> {
    pub(super) fn new(session: &'a Session, published_version: i32, settings: &'a Settings) -> Self {
        Reconciliation {
            session,
            published_version,
            settings,
            fields: Fields::new(session, settings),
            plan_ids: Vec::new(),
            trace: Trace::default(),
            acts: None,
        }
    }

    pub(super) fn acts<F: Facts>(&mut self, facts: &mut F) -> Result<Rc<Acts>, F::Error> {
        match &self.acts {
            Some(acts) => Ok(Rc::clone(acts)),
            None => Ok(Rc::clone(self.acts.insert(facts.acts()?))),
        }
    }

    pub(super) fn past<F: Facts>(&mut self, relation: &Relation, facts: &mut F) -> Result<Past, F::Error> {
        let visits = facts.visits()?;
        let acts = self.acts(facts)?;
        Past::load(self.session, visits, acts, relation, facts)
    }
}

/// What a session has behind it.
pub(super) struct Past {
    pub history: History,
    pub at_start: Vec<PassedAtStart>,
    /// Actions that were executed for it.
    pub completed: Vec<CompletedAction>,
    /// Of these, the checkpoints that were executed ahead of their place.
    pub executed_ahead: Vec<CompletedAction>,
    pub acts: Rc<Acts>,
}

impl Past {
    pub(super) fn load<F: Facts>(
        session: &Session,
        visits: Vec<Visit>,
        acts: Rc<Acts>,
        relation: &Relation,
        facts: &mut F,
    ) -> Result<Past, F::Error> {
        let completed = facts.completed_actions()?;
        let is_ahead = |action: &&CompletedAction| {
            acts.is_flagged(&action.step_content_hash)
                && executed_in_place(action.as_record(), visits.iter().map(Visit::as_record), &acts).is_none()
        };
        let executed_ahead = completed.iter().filter(is_ahead).cloned().collect();
        let history = History::load(session, visits, relation, &acts, facts)?;
        Ok(Past { history, at_start: facts.passed_at_start()?, completed, executed_ahead, acts })
    }
}

/// What every move of the session is judged on: the two versions, and what the session has behind it.
pub(super) struct Situation<'a> {
    pub relation: &'a Relation,
    pub past: &'a Past,
    /// The step of the old version that the session is at.
    pub current: Option<StepIx>,
    pub checkpoints: Checkpoints<'a>,
}

impl<'a> Situation<'a> {
    pub(super) fn of(
        relation: &'a Relation,
        past: &'a Past,
        published_version: i32,
        current: Option<StepIx>,
        settings: &Settings,
    ) -> Self {
        let checkpoints = Checkpoints::of(relation, past, published_version, current, settings);
        Situation { relation, past, current, checkpoints }
    }
}
