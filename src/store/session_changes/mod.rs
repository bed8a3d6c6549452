//! The statements that change sessions, each together with what belongs to the same change: a visit, the undo row, the
//! audit row.

/// Assignments to the session `s`: it carries no mark, and waits for nothing.
macro_rules! no_mark {
    () => {
        "pending_plan_id = NULL, pending_target_version = NULL, pending_anchor_hash = NULL, pending_marked_at = NULL,
         waiting_for = NULL, waiting_since = NULL"
    };
}

/// Assignments to the session `s`: it is not pinned.
macro_rules! no_pin {
    () => {
        "pinned_at = NULL, pinned_reason = NULL, pinned_plan_id = NULL"
    };
}

mod change;
pub mod decided;
pub mod manual;
pub mod reverted;

use crate::error::{Error, Result};

/// Fails unless every row was written as it was asked for. A trigger that somebody has added to `sessions` can change a
/// row on its way or keep it from being written; the visit and the audit row would then tell of a move that was not
/// made.
fn check_all_written(asked: usize, as_asked: &[bool]) -> Result<()> {
    let written = as_asked.iter().filter(|as_asked| **as_asked).count();
    if written == asked {
        return Ok(());
    }
    Err(Error::wrong_state(format!("{} of {asked} sessions could not be written as decided", asked - written))
        .detail("A row of scenario.sessions was changed, or kept from being written, while it was written.")
        .hint("Look for a BEFORE trigger on scenario.sessions that is not the extension's."))
}
