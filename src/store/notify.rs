//! `NOTIFY pg_scenario`: sent when the transaction commits, and heard on one node only ("Audit" in docs/behaviour.md).

use super::Statement;
use crate::args;
use crate::error::Result;

static NOTIFY: Statement = Statement::writing("SELECT pg_catalog.pg_notify('pg_scenario', $1)");

/// Tells listeners. The payload must stay under 8,000 bytes.
pub fn notify(payload: &serde_json::Value) -> Result<()> {
    NOTIFY.execute(&args![payload.to_string()])?;
    Ok(())
}
