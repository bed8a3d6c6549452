//! One reconciliation on its way to a decision: what it was called with, and what it has looked up so far.

use super::checkpoint::Checkpoints;
use super::facts::{Facts, Session};
use super::gap::Fields;
use super::history::{History, Relation};
use super::settings::Settings;
use super::trace::Trace;
use crate::acts::{Acts, PassedAtStart};
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
        let history = History::load(self.session, visits, relation, &acts, facts)?;
        Ok(Past { history, at_start: facts.passed_at_start()?, acts })
    }
}

/// What a session has behind it.
pub(super) struct Past {
    pub history: History,
    pub at_start: Vec<PassedAtStart>,
    pub acts: Rc<Acts>,
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
    pub(super) fn of(relation: &'a Relation, past: &'a Past, current: Option<StepIx>, settings: &Settings) -> Self {
        let Past { history, at_start, acts } = past;
        let checkpoints = Checkpoints::of(relation, history, at_start, acts, current, settings);
        Situation { relation, past, current, checkpoints }
    }
}
