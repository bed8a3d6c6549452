//! What an operator changes of one session: `pin_session`, `unpin_session`, `move_session`.

use crate::error::{required, tenant};
use crate::manual_changes;
use crate::row::SessionRow;
use crate::store::audit::Author;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use pgrx::{Uuid, default};

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
