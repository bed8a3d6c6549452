//! What a person does with a session by hand: `pin_session`, `unpin_session`, `move_session`.

use crate::error::{required, tenant};
use crate::manual_changes;
use crate::row::SessionRow;
use crate::store::audit::Author;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

/// Pins a session to the version that it walks: `pin_session(tenant_id, session_id [, by, reason])`.
///
/// * `by`: who, default the login. `reason`: why, for the audit.
///
/// Returns the session's row. A plan from that version that is deployed later ends the pin, and so does
/// `unpin_session`. Errors: P0002 for a session that does not exist, 55000 for one that is neither active nor paused,
/// or in no scenario, 22023 for NULL. Locks the session; writes it (pin, count of deployments, mark) and an audit row.
#[pg_extern(requires = ["sessions"])]
fn pin_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    by: default!(Option<&str>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
) -> Result<SessionRow, ErrorReport> {
    let (tenant_id, session_id) = (tenant(tenant_id)?, required(session_id, "session_id")?);
    Ok(manual_changes::pin(tenant_id, session_id, Author { by, reason })?)
}

/// Ends the pin of a session: `unpin_session(tenant_id, session_id [, by, reason])`.
///
/// * `by`, `reason`: as for `pin_session`.
///
/// Returns the session's row. The next turn looks at everything that is deployed, as if the session had never been
/// looked at; it can pin it again. Errors: as `pin_session`, and 55000 if it is not pinned. Locks the session; writes
/// it and an audit row.
#[pg_extern(requires = ["sessions"])]
fn unpin_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    by: default!(Option<&str>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
) -> Result<SessionRow, ErrorReport> {
    let (tenant_id, session_id) = (tenant(tenant_id)?, required(session_id, "session_id")?);
    Ok(manual_changes::unpin(tenant_id, session_id, Author { by, reason })?)
}

/// Moves a session to a step of the published version: `move_session(tenant_id, session_id, step_id [, by, reason,
/// force])`.
///
/// * `by`, `reason`: as for `pin_session`. `force`: also where the move undoes a checkpoint that the session has
/// passed.
///
/// Returns the session's row. Its pin and its mark go. Errors: P0002 for a session or a step that does not exist; 55000
/// for a session that is neither active nor paused, or in no scenario, and for a move that undoes a passed checkpoint;
/// 22023 for NULL. Locks the session; writes it, a visit (reason move) and an audit row, which names the checkpoint if
/// one is undone.
#[pg_extern(requires = ["sessions"])]
fn move_session(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    step_id: Option<&str>,
    by: default!(Option<&str>, "NULL"),
    reason: default!(Option<&str>, "NULL"),
    force: default!(Option<bool>, "false"),
) -> Result<SessionRow, ErrorReport> {
    let (tenant_id, session_id) = (tenant(tenant_id)?, required(session_id, "session_id")?);
    let (step_id, force) = (required(step_id, "step_id")?, required(force, "force")?);
    Ok(manual_changes::move_to(tenant_id, session_id, step_id, Author { by, reason }, force)?)
}
