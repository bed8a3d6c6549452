//! A session that starts in its scenario.

use crate::error::{Error, Result};
use crate::json::Json;
use crate::row::SessionRow;
use crate::store::sessions::{self, Start};
use pgrx::Uuid;

/// Starts a session at the entry of the published version, or at the step that is given.
pub fn start(tenant_id: Uuid, start: Start<'_>) -> Result<SessionRow> {
    check_variables(start.variables.as_ref())?;
    let session_id = start.session_id;
    sessions::insert(tenant_id, start)?;
    sessions::row(tenant_id, session_id)
}

/// Variables are an object.
pub fn check_variables(variables: Option<&Json>) -> Result<()> {
    if variables.is_some_and(|variables| !variables.as_str().starts_with('{')) {
        return Err(Error::bad_argument("variables must be a JSON object: name → value"));
    }
    Ok(())
}
