//! `scenario.messages`: the conversation, as extraction reads it ("Gap fill" in docs/behaviour.md).

use super::{Statement, by_session};
use crate::args;
use crate::error::Result;
use pgrx::Uuid;

static LAST_OF_CUSTOMERS: Statement = Statement::reading(
    "SELECT a.place, l.content
       FROM pg_catalog.unnest($2::uuid[]) WITH ORDINALITY AS a (session_id, place)
      CROSS JOIN LATERAL (
            SELECT m.content FROM scenario.messages AS m
             WHERE m.tenant_id = $1 AND m.session_id = a.session_id AND m.role = 'customer'
             ORDER BY m.message_no DESC LIMIT $3) AS l",
);

/// The last messages of each session's customer, newest first.
pub fn last_of_customers(tenant_id: Uuid, session_ids: Vec<Uuid>, most: i32) -> Result<Vec<Vec<String>>> {
    let count = session_ids.len();
    let found = LAST_OF_CUSTOMERS.rows(&args![tenant_id, session_ids, most], |row| Ok((row.get(1)?, row.get(2)?)))?;
    Ok(by_session(count, found))
}
