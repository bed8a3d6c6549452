//! `scenario.messages`: the conversation, as extraction reads it ("Gap fill" in docs/behaviour.md).

use super::Statement;
use crate::args;
use crate::error::Result;
use pgrx::Uuid;

static LAST_OF_CUSTOMER: Statement = Statement::reading(
    "SELECT m.content FROM scenario.messages AS m
      WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.role = 'customer'
      ORDER BY m.message_no DESC LIMIT $3",
);

/// The customer's last messages, newest first.
pub fn last_of_customer(tenant_id: Uuid, session_id: Uuid, most: i32) -> Result<Vec<String>> {
    LAST_OF_CUSTOMER.rows(&args![tenant_id, session_id, most], |row| row.get(1))
}
