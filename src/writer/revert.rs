//! Taking a migration back ("Revert" in docs/behaviour.md). A session goes back only if it has not moved since its
//! migration and nothing that was done by it or since would be done again.

use super::own_arrivals;
use crate::error::{Error, MOVE_HINT, Result};
use crate::history::{self, SessionMove, VersionedStep};
use crate::store::audit::Author;
use crate::store::session_changes::reverted::{self, Revert};
use crate::store::sessions::{self, SessionState};
use crate::store::undo::{self, Undo};
use crate::store::{actions, acts, versions, visits};
use pgrx::Uuid;
use scenario_engine::acts::{SinceMigration, may_go_back};
use std::collections::HashMap;

/// Puts a session back where it was before its last migration, and pins it. Errors, before anything is written: P0002
/// for an unknown session; 55000 if it was not migrated, was taken back already, has moved since, its old version is
/// gone, or it would come again to a checkpoint or an action that the migration brought.
pub fn revert(tenant_id: Uuid, session_id: Uuid, author: Author<'_>) -> Result<()> {
    sessions::lock(tenant_id, session_id)?;
    let state = sessions::read(tenant_id, session_id)?;
    let undo = undo::of_session(tenant_id, session_id)?;
    let undo = undo.ok_or_else(|| {
        refused(session_id, "it has not been migrated").hint("What was done to it is in scenario.migration_audit.")
    })?;
    require_untouched(&state, &undo)?;
    if !versions::lock_kept(tenant_id, undo.scenario_id, undo.scenario_version)? {
        let why = format!("version {} is not kept any more", undo.scenario_version);
        return Err(refused(session_id, &why)
            .hint("scenario.version_retention_days says how long versions that nobody walks are kept."));
    }
    require_nothing_again(tenant_id, &state, &undo)?;
    let from = state.position.as_ref();
    let already_done = history::is_done_by_move(&SessionMove {
        tenant_id,
        session_id,
        scenario_id: undo.scenario_id,
        from: from
            .map(|position| VersionedStep { scenario_version: position.scenario_version, step_id: &position.step_id }),
        to: VersionedStep { scenario_version: undo.scenario_version, step_id: &undo.step_id },
        plan_ids: &[],
    })?;
    let arrival = own_arrivals::OwnArrival {
        scenario_version: undo.scenario_version,
        step_id: undo.step_id.clone(),
        visit_no: state.visit_count + 1,
    };
    let revert = Revert {
        session_id,
        revision: state.revision,
        visit_count: state.visit_count,
        from_version: from.map(|position| position.scenario_version),
        step_before: from.map(|position| position.step_id.as_str()),
        already_done,
        reason: audited_reason(author),
    };
    own_arrivals::while_writing(tenant_id, HashMap::from([(session_id, arrival)]), || {
        reverted::revert(tenant_id, &revert)
    })
}

/// What the audit row says of the change.
fn audited_reason(author: Author<'_>) -> String {
    let by = author.by.map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = author.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("taken back{by}, and pinned to its version{reason}")
}

fn refused(session_id: Uuid, why: &str) -> Error {
    Error::wrong_state(format!("session {session_id} cannot be reverted: {why}"))
}

fn require_untouched(state: &SessionState, undo: &Undo) -> Result<()> {
    let session_id = state.session_id;
    if undo.is_reverted {
        return Err(refused(session_id, "its last migration was taken back already")
            .detail(format!("It was at step \"{}\" of version {} then.", undo.step_id, undo.scenario_version))
            .hint("Only the last migration of a session can be taken back, and once."));
    }
    if (state.revision, state.visit_count) != (undo.revision, undo.visit_count) {
        return Err(refused(session_id, "it has moved since its migration")
            .detail(format!(
                "Visits then {}, now {}; revision then {}, now {}.",
                undo.visit_count, state.visit_count, undo.revision, state.revision
            ))
            .hint(MOVE_HINT));
    }
    Ok(())
}

/// A landing on the pair of the step that the session was at is no arrival there.
fn require_nothing_again(tenant_id: Uuid, state: &SessionState, undo: &Undo) -> Result<()> {
    let (session_id, scenario_id) = (state.session_id, undo.scenario_id);
    let old = versions::graph(tenant_id, scenario_id, undo.scenario_version)?;
    let old_step = old.find(&undo.step_id).ok_or_else(|| {
        refused(session_id, &format!("version {} has no step \"{}\"", undo.scenario_version, undo.step_id))
            .hint(MOVE_HINT)
    })?;
    let mut arrivals = Vec::new();
    if let Some(now) = &state.position {
        let new = versions::graph(tenant_id, now.scenario_id, now.scenario_version)?;
        let to = VersionedStep { scenario_version: now.scenario_version, step_id: &now.step_id };
        let from = Some(VersionedStep { scenario_version: undo.scenario_version, step_id: &undo.step_id });
        let moved = SessionMove { tenant_id, session_id, scenario_id, from, to, plan_ids: &[] };
        let landed = new.find(&now.step_id);
        let pair = landed.map(|step| moved.pair_of(&old, &new, step)).transpose()?.flatten();
        if pair != Some(old_step) {
            let last = visits::arrivals(tenant_id, session_id, scenario_id)?.pop();
            arrivals.extend(last.map(|arrived| (arrived.step_content_hash, arrived.is_checkpoint)));
        }
    }
    let executed = actions::executed_since(
        tenant_id,
        session_id,
        scenario_id,
        undo.visit_count + i32::from(state.position.is_none()),
        state.position.as_ref().map(|position| position.scenario_version),
    )?;
    let acts = acts::of_scenario(tenant_id, scenario_id)?;
    let since = SinceMigration { arrivals: &arrivals, executed: &executed };
    may_go_back(&old, old_step, &since, &acts).map_err(|again| {
        let what = acts.said(&again.content_hash).map_or(again.content_hash.as_str(), |said| &said.name);
        let (did, step) = (if again.is_action { "had executed" } else { "came to" }, old.node(again.step));
        refused(
            session_id,
            &format!(
                "by its migration or since it {did} \"{what}\", and from \"{}\" it would again",
                old.node(old_step).name
            ),
        )
        .detail(format!("Step \"{}\" of version {} stands for the same act.", step.id, undo.scenario_version))
        .hint(MOVE_HINT)
    })
}
