//! What an operator does with one session: pins it, ends its pin, moves it ("Pins" and
//! "Acts and checkpoints" in docs/behaviour.md). Each is one change of the session and one audit row, with who did it
//! and why.

use crate::error::{Error, Result};
use crate::facts::{PlanFacts, SessionFacts};
use crate::row::SessionRow;
use crate::store::audit::Author;
use crate::store::session_changes::manual::{self, ManualChange};
use crate::store::sessions::{self, Position, SessionState};
use pgrx::Uuid;
use scenario_engine::acts::{Acts, Ground, UndoneBy};
use scenario_engine::diff::Pairing;
use scenario_engine::graph::{Graph, StepIx};
use scenario_engine::reconcile::Facts;
use std::rc::Rc;

/// Pins a session to the version that it walks. A pin that it has is replaced. 55000 unless it is live and in a
/// scenario.
pub fn pin(tenant_id: Uuid, session_id: Uuid, author: Author<'_>) -> Result<SessionRow> {
    let (state, _) = lock_live(tenant_id, session_id, "pinned")?;
    manual::pin(tenant_id, &ManualChange { session_id, revision: state.revision, what: "pinned", author })?;
    sessions::row(tenant_id, session_id)
}

/// Ends a session's pin: its next turn considers what was deployed, whenever that was. 55000 if it is not pinned.
pub fn unpin(tenant_id: Uuid, session_id: Uuid, author: Author<'_>) -> Result<SessionRow> {
    let (state, _) = lock_live(tenant_id, session_id, "unpinned")?;
    if state.pin.is_none() {
        return Err(Error::wrong_state(format!("session {session_id} is not pinned"))
            .hint("Whether a session is pinned, and why, is in pinned_at and pinned_reason of scenario.sessions."));
    }
    manual::unpin(tenant_id, &ManualChange { session_id, revision: state.revision, what: "unpinned", author })?;
    sessions::row(tenant_id, session_id)
}

/// Moves a session to a step of the published version. 55000 unless it is live and in a scenario, and where the move
/// would undo a checkpoint that it has passed; `force` makes such a move all the same, and has that recorded. P0002 if
/// the version has no such step.
pub fn move_to(
    tenant_id: Uuid,
    session_id: Uuid,
    step_id: &str,
    author: Author<'_>,
    force: bool,
) -> Result<SessionRow> {
    let (state, position) = lock_live(tenant_id, session_id, "moved")?;
    let undone = undone_by_moving(tenant_id, &state, &position, step_id)?;
    let what = match (&undone, force) {
        (Some(undone), false) => return Err(undone.refusal(session_id, step_id)),
        (Some(_), true) => "moved by force",
        (None, _) => "moved",
    };
    let change = ManualChange { session_id, revision: state.revision, what, author };
    let checkpoint = undone.as_ref().map(|undone| undone.checkpoint.as_str());
    manual::move_to(tenant_id, &change, position.published_version, step_id, checkpoint)?;
    sessions::row(tenant_id, session_id)
}

/// The session, locked, and its position. 55000 unless it is live and in a scenario.
fn lock_live(tenant_id: Uuid, session_id: Uuid, done: &str) -> Result<(SessionState, Position)> {
    sessions::lock(tenant_id, session_id)?;
    let state = sessions::read(tenant_id, session_id)?;
    let position = state.require_position(session_id)?.clone();
    if !state.is_live() {
        return Err(Error::wrong_state(format!("session {session_id} is {} and cannot be {done}", state.status))
            .detail("Only an active or a paused session can."));
    }
    Ok((state, position))
}

/// A checkpoint that was passed, and how a move undoes it.
struct UndoneCheckpoint {
    checkpoint: String,
    by: UndoneBy,
}

impl UndoneCheckpoint {
    fn refusal(&self, session_id: Uuid, step_id: &str) -> Error {
        let how = match self.by {
            UndoneBy::Again => "would come to it again",
            UndoneBy::Forced => "could not avoid it any more",
        };
        Error::wrong_state(format!("session {session_id} cannot be moved to step \"{step_id}\""))
            .detail(format!("Checkpoint \"{}\" was passed, and from there the customer {how}.", self.checkpoint))
            .hint("move_session(…, force => true) moves it all the same, which is recorded.")
    }
}

/// The first checkpoint that the session has passed and that a move to the step of the published version undoes.
fn undone_by_moving(
    tenant_id: Uuid,
    state: &SessionState,
    position: &Position,
    step_id: &str,
) -> Result<Option<UndoneCheckpoint>> {
    let plans = PlanFacts::new(tenant_id);
    let mut facts = SessionFacts::of(tenant_id, state, position, plans);
    let new = facts.graph(position.published_version)?;
    let to = new.find(step_id).ok_or_else(|| {
        let version = position.published_version;
        Error::none_such(format!("version {version} has no step \"{step_id}\""))
            .hint("The steps of a version are in scenario.scenario_steps.")
    })?;
    let acts = facts.acts()?;
    let passed = passed_checkpoints(&mut facts, &acts)?;
    if passed.is_empty() {
        return Ok(None);
    }
    let old = kept_old_graph(&mut facts, position)?;
    let stand_in = Rc::clone(&new);
    let old_is_whole = old.is_some();
    let old = old.unwrap_or(stand_in);
    let pairing = pairing(&mut facts, position, old_is_whole, &old, &new)?;
    let from: Option<StepIx> = old.find(&position.step_id).filter(|_| old_is_whole);
    let ground = Ground::new(&old, old_is_whole, &new, &pairing, &acts);
    Ok(passed.into_iter().find_map(|(act, checkpoint)| {
        let by = ground.undoes(from, to, &act)?;
        Some(UndoneCheckpoint { checkpoint, by })
    }))
}

/// The checkpoints that the session has passed: the act of each, and what it was called.
fn passed_checkpoints(facts: &mut SessionFacts, acts: &Acts) -> Result<Vec<(String, String)>> {
    let at_start = facts.passed_at_start()?.into_iter().map(|passed| (passed.content_hash, passed.step_name));
    let visits = facts.visits()?.into_iter();
    let visited = visits
        .filter(|visit| visit.is_checkpoint || acts.is_flagged(&visit.step_content_hash))
        .map(|visit| (visit.step_content_hash, visit.step_name));
    let executed = facts.completed_actions()?.into_iter();
    let executed = executed.filter(|action| acts.is_flagged(&action.step_content_hash)).map(|action| {
        let name = acts.said(&action.step_content_hash).map_or(action.step_id, |said| said.name.clone());
        (action.step_content_hash, name)
    });
    let passed = at_start.chain(visited).chain(executed);
    Ok(passed.map(|(hash, name)| (acts.act_of(&hash).to_owned(), name)).collect())
}

/// The version that the session walks, if it is kept and the session is at it as it is stored.
fn kept_old_graph(facts: &mut SessionFacts, position: &Position) -> Result<Option<Rc<Graph>>> {
    if position.matches_version { facts.kept_graph(position.scenario_version) } else { Ok(None) }
}

/// How the steps of the two versions belong together: as the deployed plans between them say, else by what they mean.
fn pairing(facts: &mut SessionFacts, position: &Position, is_whole: bool, old: &Graph, new: &Graph) -> Result<Pairing> {
    let (from, to) = (position.scenario_version, position.published_version);
    if !is_whole {
        return Ok(Pairing::from_ids(old, new, std::iter::empty()));
    }
    match facts.deployed_pairs(from, to)?.filter(|_| from != to) {
        Some(pairs) => Ok(Pairing::from_ids(old, new, pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())))),
        None => Ok(Pairing::of(old, new)),
    }
}
