//! One page of a batch migration: the sessions that `migrate_sessions` has locked are decided as at a turn, and written
//! together. A batch asks nobody: a session whose turn would ask for something is left as it is.

use crate::error::Result;
use crate::store::plan_facts::PlanFacts;
use crate::store::sessions::{self, Place, State, Variables};
use crate::turn::{self, everybody};
use crate::writer::{self, Decided};
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
struct Turn {
    state: State,
    place: Place,
    decision: Rc<Decision>,
    microseconds: Option<i64>,
}

/// Migrates the sessions, which are locked, as far as they need nobody. Fails with the first error of a session, and has then
/// written nothing that the caller's savepoint does not take back.
pub fn migrate_page(tenant_id: Uuid, session_ids: &[Uuid]) -> Result<Counts> {
    let plans = PlanFacts::new(tenant_id);
    let mut counts = Counts::default();
    let mut turns = Vec::with_capacity(session_ids.len());
    let mut undecided = Vec::new();
    let mut held = Vec::new();
    let mut moves: HashMap<(Uuid, i32, String), Option<Rc<Decision>>> = HashMap::new();
    for state in sessions::look_at(tenant_id, session_ids, Variables::Leave)? {
        let Some(place) = place_to_leave(&state, &mut counts) else { continue };
        if turn::is_held(&state, &place, &plans)? {
            counts.pinned += 1;
            held.push((state, place));
            continue;
        }
        // Whether who has finished comes along is a matter of policy.
        if !place.matches_version || state.is_finished() {
            undecided.push(state.session_id);
            continue;
        }
        let key = (place.scenario_id, place.scenario_version, place.step_id.clone());
        let decision = match moves.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = everybody::move_of_everybody(tenant_id, &place, &plans)?.map(Rc::new);
                moves.insert(key, found.clone());
                found
            }
        };
        match decision {
            Some(decision) => turns.push(Turn { state, place, decision, microseconds: None }),
            None => undecided.push(state.session_id),
        }
    }
    for state in sessions::look_at(tenant_id, &undecided, Variables::Read)? {
        let Some(place) = state.place.clone() else { continue };
        let began = Instant::now();
        check_for_interrupts!();
        let (decision, _) = turn::decide(tenant_id, &state, &place, None, &plans)?;
        turns.push(Turn {
            state,
            place,
            decision: Rc::new(decision),
            microseconds: Some(turn::microseconds_since(began)),
        });
    }
    turns.iter().for_each(|turn| counts.count(&turn.decision));
    turns.retain(|turn| !matches!(turn.decision.effect, Effect::Wait(_)));
    let decided: Vec<Decided<'_>> = turns.iter().map(Turn::decided).collect();
    writer::write(tenant_id, &decided)?;
    writer::hold(tenant_id, held.iter().map(|(state, place)| (state, place)))?;
    for one in &decided {
        turn::announce(tenant_id, one)?;
    }
    Ok(counts)
}

/// Where a session is that needs something. One that needs nothing any more counts as staying where it is.
fn place_to_leave(state: &State, counts: &mut Counts) -> Option<Place> {
    let place = state.place.clone().filter(|_| !state.settled);
    if place.is_none() {
        counts.pinned += 1;
    }
    place
}

impl Turn {
    fn decided(&self) -> Decided<'_> {
        Decided { state: &self.state, place: &self.place, decision: &self.decision, microseconds: self.microseconds }
    }
}
