//! The facts of the sessions of a page: each kind of fact is read with one statement for many sessions, when the first
//! of them asks for it.

use super::{DefinitionFacts, PlanFacts};
use crate::error::{Error, Result};
use crate::settings;
use crate::store::attempts::{self, Attempt};
use crate::store::audit::{self, AuditedMove};
use crate::store::profiles::{self, ProfileValue};
use crate::store::sessions::{Position, SessionState};
use crate::store::sources::{self, Source};
use crate::store::{SessionKeys, actions, messages, passed_at_start, visits};
use pgrx::Uuid;
use scenario_engine::acts::PassedAtStart;
use scenario_engine::reconcile::{CompletedAction, SubmittedDecision, Visit};
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

/// What the tables say of the sessions of a page.
pub struct PageFacts {
    pub(super) tenant_id: Uuid,
    pub(super) plans: PlanFacts,
    pub(super) definitions: DefinitionFacts,
    sessions: Vec<PageSession>,
    places: HashMap<Uuid, usize>,
    passed_at_start: ReadAhead<Vec<PassedAtStart>>,
    visits: ReadAhead<Vec<Visit>>,
    moves: ReadAhead<Vec<AuditedMove>>,
    completed_actions: ReadAhead<Vec<CompletedAction>>,
    decisions: ReadAhead<Vec<SubmittedDecision>>,
    profile: ReadAhead<Option<ProfileValue>>,
    to_confirm: ReadAhead<Option<Attempt>>,
    denied: ReadAhead<Vec<String>>,
    declined: ReadAhead<Vec<String>>,
    messages: ReadAhead<Vec<String>>,
    /// The application's own sources, once a field has asked for them; `None` inside: the built-in ones.
    profile_source: OnceCell<Option<Source>>,
    extraction_source: OnceCell<Option<Source>>,
}

/// A session of a page, as far as facts are found by it.
#[derive(Clone, Copy)]
pub(super) struct PageSession {
    pub session_id: Uuid,
    pub scenario_id: Uuid,
    pub customer_id: Option<Uuid>,
    /// How many visits it has, about.
    pub visit_count: i32,
}

impl PageSession {
    pub fn of(state: &SessionState, position: &Position) -> PageSession {
        PageSession {
            session_id: state.session_id,
            scenario_id: position.scenario_id,
            customer_id: state.customer_id,
            visit_count: state.visit_count,
        }
    }
}

/// Rows that are read ahead at most: a page of sessions with long histories is read in several parts.
const ROWS_READ_AHEAD: usize = 10_000;
/// Messages are long: a session's count as so many rows.
const ROWS_OF_MESSAGES: usize = 200;

impl PageFacts {
    /// The facts of these sessions, each with its position. Nothing is read yet.
    ///
    /// * `plans`, `definitions`: can be shared with other pages.
    pub fn new<'a>(
        tenant_id: Uuid,
        plans: PlanFacts,
        definitions: DefinitionFacts,
        sessions: impl IntoIterator<Item = (&'a SessionState, &'a Position)>,
    ) -> Rc<PageFacts> {
        let sessions = sessions.into_iter().map(|(state, position)| PageSession::of(state, position));
        PageFacts::of(tenant_id, plans, definitions, sessions.collect())
    }

    pub(super) fn of(
        tenant_id: Uuid,
        plans: PlanFacts,
        definitions: DefinitionFacts,
        sessions: Vec<PageSession>,
    ) -> Rc<PageFacts> {
        Rc::new(PageFacts {
            tenant_id,
            plans,
            definitions,
            places: (0..).zip(&sessions).map(|(place, session)| (session.session_id, place)).collect(),
            sessions,
            passed_at_start: ReadAhead::default(),
            visits: ReadAhead::default(),
            moves: ReadAhead::default(),
            completed_actions: ReadAhead::default(),
            decisions: ReadAhead::default(),
            profile: ReadAhead::default(),
            to_confirm: ReadAhead::default(),
            denied: ReadAhead::default(),
            declined: ReadAhead::default(),
            messages: ReadAhead::default(),
            profile_source: OnceCell::new(),
            extraction_source: OnceCell::new(),
        })
    }

    /// A session and its place on the page. XX000 if it is not of this page.
    pub(super) fn find(&self, session_id: Uuid) -> Result<(usize, PageSession)> {
        let place = self.places.get(&session_id).copied();
        let place = place.ok_or_else(|| Error::internal(format!("session {session_id} is not of the page")))?;
        Ok((place, self.sessions[place]))
    }

    pub(super) fn passed_at_start(&self, place: usize) -> Result<Vec<PassedAtStart>> {
        self.passed_at_start.take(
            "",
            place,
            || self.part(place, |_| 1),
            |part| passed_at_start::of_sessions(self.tenant_id, self.keys(part)),
        )
    }

    pub(super) fn visits(&self, place: usize) -> Result<Vec<Visit>> {
        let weight = |session: &PageSession| usize::try_from(session.visit_count).unwrap_or_default();
        self.visits.take(
            "",
            place,
            || self.part(place, weight),
            |part| visits::histories(self.tenant_id, self.keys(part)),
        )
    }

    pub(super) fn moves(&self, place: usize) -> Result<Vec<AuditedMove>> {
        self.moves.take("", place, || self.part(place, |_| 1), |part| audit::moves(self.tenant_id, self.keys(part)))
    }

    pub(super) fn completed_actions(&self, place: usize) -> Result<Vec<CompletedAction>> {
        self.completed_actions.take(
            "",
            place,
            || self.part(place, |_| 1),
            |part| actions::completed(self.tenant_id, self.keys(part)),
        )
    }

    pub(super) fn decisions(&self, place: usize) -> Result<Vec<SubmittedDecision>> {
        self.decisions.take(
            "",
            place,
            || self.part(place, |_| 1),
            |part| actions::decisions(self.tenant_id, self.keys(part)),
        )
    }

    pub(super) fn profile(&self, place: usize, field: &str) -> Result<Option<ProfileValue>> {
        self.profile.take(
            field,
            place,
            || self.part(place, |_| 1),
            |part| profiles::look_up_many(self.tenant_id, self.customers(part), field),
        )
    }

    pub(super) fn to_confirm(&self, place: usize, field: &str) -> Result<Option<Attempt>> {
        self.to_confirm.take(
            field,
            place,
            || self.part(place, |_| 1),
            |part| attempts::to_confirm_many(self.tenant_id, self.keys(part).session_ids, field),
        )
    }

    pub(super) fn denied(&self, place: usize, field: &str) -> Result<Vec<String>> {
        self.denied.take(
            field,
            place,
            || self.part(place, |_| 1),
            |part| {
                let customer_ids = self.customers(part.clone());
                attempts::denied_many(self.tenant_id, self.keys(part).session_ids, customer_ids, field)
            },
        )
    }

    pub(super) fn declined(&self, place: usize) -> Result<Vec<String>> {
        self.declined.take(
            "",
            place,
            || self.part(place, |_| 1),
            |part| attempts::declined(self.tenant_id, self.keys(part).session_ids),
        )
    }

    pub(super) fn messages(&self, place: usize) -> Result<Vec<String>> {
        self.messages.take(
            "",
            place,
            || self.part(place, |_| ROWS_OF_MESSAGES),
            |part| {
                let most = settings::max_conversation_turns();
                messages::last_of_customers(self.tenant_id, self.keys(part).session_ids, most)
            },
        )
    }

    pub(super) fn own_profile(&self) -> Result<Option<&Source>> {
        if self.profile_source.get().is_none() {
            let source = settings::profile_source().map(|name| sources::profile(&name)).transpose()?;
            return Ok(self.profile_source.get_or_init(|| source).as_ref());
        }
        Ok(self.profile_source.get().and_then(Option::as_ref))
    }

    pub(super) fn own_extraction(&self) -> Result<Option<&Source>> {
        if self.extraction_source.get().is_none() {
            let source = settings::extraction_source().map(|name| sources::extraction(&name)).transpose()?;
            return Ok(self.extraction_source.get_or_init(|| source).as_ref());
        }
        Ok(self.extraction_source.get().and_then(Option::as_ref))
    }

    /// The sessions from a place on for which facts are read together. `weight`: the rows that a session is expected to
    /// have.
    fn part(&self, from: usize, weight: impl Fn(&PageSession) -> usize) -> Range<usize> {
        let mut rows = 0;
        let fits = self.sessions.iter().skip(from).take_while(|session| {
            let is_first = rows == 0;
            rows += weight(session).max(1);
            is_first || rows <= ROWS_READ_AHEAD
        });
        from..from + fits.count()
    }

    fn keys(&self, part: Range<usize>) -> SessionKeys {
        let sessions = &self.sessions[part];
        SessionKeys {
            session_ids: sessions.iter().map(|session| session.session_id).collect(),
            scenario_ids: sessions.iter().map(|session| session.scenario_id).collect(),
        }
    }

    fn customers(&self, part: Range<usize>) -> Vec<Option<Uuid>> {
        self.sessions[part].iter().map(|session| session.customer_id).collect()
    }
}

/// One kind of fact, by field (empty: the kind knows no fields) and place on the page. Who asks takes the fact away;
/// who asks again reads it again.
struct ReadAhead<T>(RefCell<HashMap<String, HashMap<usize, T>>>);

impl<T> Default for ReadAhead<T> {
    fn default() -> Self {
        ReadAhead(RefCell::default())
    }
}

impl<T> ReadAhead<T> {
    /// The fact of the session at a place; where it was not read yet, it is read for the sessions of `part`, of which
    /// that one is the first.
    fn take(
        &self,
        field: &str,
        place: usize,
        part: impl FnOnce() -> Range<usize>,
        read: impl FnOnce(Range<usize>) -> Result<Vec<T>>,
    ) -> Result<T> {
        if let Some(known) = self.0.borrow_mut().get_mut(field).and_then(|known| known.remove(&place)) {
            return Ok(known);
        }
        // No borrow is held while a statement runs.
        let mut facts = read(part())?.into_iter();
        let first = facts.next().ok_or_else(|| Error::internal("a statement has answered for no session"))?;
        let mut known = self.0.borrow_mut();
        known.entry(field.to_owned()).or_default().extend((place + 1..).zip(facts));
        Ok(first)
    }
}
