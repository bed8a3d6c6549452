//! What a decision writes: the session, its visit, its audit and undo rows, what was found out about the customer.
//! Everything that is written for a decision is written here, for one session of a turn or for the many of a batch's
//! page, in the caller's transaction and under the sessions' locks.

mod already_done;
mod decision;
mod found_values;
mod own_arrivals;
pub mod revert;

pub use decision::SessionDecision;
pub use own_arrivals::is_writing;

use crate::error::Result;
use crate::store::session_changes::decided::{self, Arrival, Exit, KeptPin};
use crate::store::sessions::{Position, SessionState};
use pgrx::Uuid;
use scenario_engine::reconcile::{Decision, Effect};
use std::collections::HashMap;

/// Writes that no plan that is deployed now ends the pins of these sessions. The sessions are locked.
pub fn keep_pins<'a>(
    tenant_id: Uuid,
    pinned: impl IntoIterator<Item = (&'a SessionState, &'a Position)>,
) -> Result<()> {
    let pins: Vec<KeptPin> = pinned
        .into_iter()
        .map(|(state, position)| KeptPin { session_id: state.session_id, deployments: position.deployments })
        .collect();
    if pins.is_empty() { Ok(()) } else { decided::keep_pins(tenant_id, &pins) }
}

/// Writes what the decisions' effects say, and nothing for [`Effect::None`]. The sessions are locked, and each occurs
/// once.
pub fn write(tenant_id: Uuid, decisions: &[SessionDecision<'_>]) -> Result<()> {
    let mut arrivals: Vec<Arrival<'_>> = Vec::new();
    // A decision that counts for several sessions at one step → the first of them, and its place among the arrivals.
    let mut common: HashMap<*const Decision, (&SessionDecision<'_>, usize)> = HashMap::new();
    let mut exits = Vec::new();
    let mut stays = Vec::new();
    for one in decisions {
        match one.decision.effect {
            Effect::None => {}
            Effect::Move => match common.get(&std::ptr::from_ref(one.decision)) {
                Some((first, at)) if one.moves_as(first) && !arrivals[*at].step.is_required_action => {
                    arrivals[*at].others.push(one.other_arrival());
                }
                _ => {
                    common.insert(one.decision, (one, arrivals.len()));
                    arrivals.push(one.arrival(tenant_id)?);
                }
            },
            Effect::Exit => exits.push(Exit { change: one.change("exit_scenario", None), before: one.before() }),
            Effect::Pin | Effect::Settle => stays.push(one.settled()),
            Effect::Wait(waiting_for) => stays.extend(one.waiting(tenant_id, waiting_for)?),
        }
    }
    if !arrivals.is_empty() {
        already_done::set(tenant_id, decisions, &mut arrivals)?;
        let own = arrivals.iter().flat_map(own_arrivals_of).collect();
        own_arrivals::while_writing(tenant_id, own, || decided::arrive(tenant_id, arrivals))?;
    }
    if !exits.is_empty() {
        decided::exit(tenant_id, exits)?;
    }
    if !stays.is_empty() {
        decided::stay(tenant_id, stays)?;
    }
    found_values::keep(tenant_id, decisions)
}

fn own_arrivals_of(arrival: &Arrival<'_>) -> impl Iterator<Item = (Uuid, own_arrivals::OwnArrival)> {
    let first = (arrival.change.session_id, arrival.before.visit_count);
    let others = arrival.others.iter().map(|other| (other.session_id, other.visit_count));
    std::iter::once(first).chain(others).map(|(session_id, visit_count)| {
        let to = own_arrivals::OwnArrival {
            scenario_version: arrival.change.to_version,
            step_id: arrival.change.step_after.unwrap_or_default().to_owned(),
            visit_no: visit_count + 1,
        };
        (session_id, to)
    })
}
