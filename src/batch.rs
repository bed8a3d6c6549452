//! One page of a batch migration: the sessions that `migrate_sessions` has locked are decided as at a turn, and written
//! together. A batch asks nobody: a session whose turn would ask for something is left as it is.

use crate::error::Result;
use crate::facts::{DefinitionFacts, PageFacts, PlanFacts, SessionFacts};
use crate::settings;
use crate::store::sessions::{self, Position, SessionState, Variables};
use crate::turn::{self, common_move};
use crate::writer::{self, SessionDecision};
use pgrx::{Uuid, check_for_interrupts};
use scenario_engine::reconcile::{Decision, Effect};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Instant;

/// What became of the sessions of a page.
#[derive(Debug, Default)]
pub struct Counts {
    /// Moved to the new version.
    pub applied: i32,
    /// Left marked and as they are: their turn asks somebody to answer, act or decide, or the policy cannot tell yet.
    pub deferred: i32,
    pub pinned: i32,
    pub exited: i32,
    /// Of all these, those whose redirect a checkpoint forbade.
    pub blocked: i32,
}

impl Counts {
    fn count(&mut self, decision: &Decision) {
        *match decision.effect {
            Effect::Move => &mut self.applied,
            Effect::Wait(_) | Effect::None => &mut self.deferred,
            Effect::Pin | Effect::Settle => &mut self.pinned,
            Effect::Exit => &mut self.exited,
        } += 1;
        if decision.is_blocked_by_checkpoint() {
            self.blocked += 1;
        }
    }
}

/// A session and what was decided for it.
struct DecidedSession {
    state: SessionState,
    position: Position,
    decision: Rc<Decision>,
    microseconds: Option<i64>,
}

/// Migrates the sessions, which are locked, as far as they need nobody. Fails with the first error of a session, and
/// has then written nothing that the caller's savepoint does not take back.
pub fn migrate_page(tenant_id: Uuid, session_ids: &[Uuid]) -> Result<Counts> {
    let plans = PlanFacts::new(tenant_id);
    let mut counts = Counts::default();
    let mut decided = Vec::with_capacity(session_ids.len());
    let mut undecided = Vec::new();
    let mut pinned = Vec::new();
    let mut moves: HashMap<(Uuid, i32, String), Option<Rc<Decision>>> = HashMap::new();
    for mut state in sessions::read_many(tenant_id, session_ids, Variables::Omit)? {
        let Some(position) = due_position(&mut state, &mut counts) else { continue };
        if turn::is_pinned(&state, &position, &plans)? {
            counts.pinned += 1;
            pinned.push((state, position));
            continue;
        }
        // A policy decides whether a finished session is migrated.
        if !position.matches_version || state.is_finished() {
            undecided.push((state, position));
            continue;
        }
        let key = (position.scenario_id, position.scenario_version, position.step_id.clone());
        let decision = match moves.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = common_move::find(tenant_id, &position, &plans)?;
                moves.insert(key, found.clone());
                found
            }
        };
        match decision {
            Some(decision) => decided.push(DecidedSession { state, position, decision, microseconds: None }),
            None => undecided.push((state, position)),
        }
    }
    decided.extend(decide_one_by_one(tenant_id, undecided, &plans)?);
    decided.iter().for_each(|one| counts.count(&one.decision));
    decided.retain(|one| !matches!(one.decision.effect, Effect::Wait(_)));
    let decisions: Vec<SessionDecision<'_>> = decided.iter().map(DecidedSession::decision).collect();
    writer::write(tenant_id, &decisions)?;
    writer::keep_pins(tenant_id, pinned.iter().map(|(state, position)| (state, position)))?;
    for one in &decisions {
        turn::announce(tenant_id, one)?;
    }
    Ok(counts)
}

/// Decides sessions whose decision depends on the session. What is read for them is read for many at once.
fn decide_one_by_one(
    tenant_id: Uuid,
    mut sessions: Vec<(SessionState, Position)>,
    plans: &PlanFacts,
) -> Result<Vec<DecidedSession>> {
    sessions::read_variables(tenant_id, sessions.iter_mut().map(|(state, _)| state).collect())?;
    let settings = settings::engine_settings();
    let all = sessions.iter().map(|(state, position)| (state, position));
    let page = PageFacts::new(tenant_id, plans.clone(), DefinitionFacts::new(tenant_id), all);
    let mut decided = Vec::with_capacity(sessions.len());
    for (state, position) in sessions {
        check_for_interrupts!();
        let began = Instant::now();
        let way = turn::way_to_published(&position, plans)?;
        let mut facts = SessionFacts::on_page(&page, state.session_id)?;
        let decision = Rc::new(turn::decide(&state, &position, way, &settings, &mut facts)?);
        let microseconds = Some(turn::microseconds_since(began));
        decided.push(DecidedSession { state, position, decision, microseconds });
    }
    Ok(decided)
}

/// The position of a session that is due. One that needs nothing any more counts as staying where it is.
fn due_position(state: &mut SessionState, counts: &mut Counts) -> Option<Position> {
    let position = state.position.take().filter(|_| !state.settled);
    if position.is_none() {
        counts.pinned += 1;
    }
    position
}

impl DecidedSession {
    fn decision(&self) -> SessionDecision<'_> {
        SessionDecision {
            state: &self.state,
            position: &self.position,
            decision: &self.decision,
            microseconds: self.microseconds,
        }
    }
}
