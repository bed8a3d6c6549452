//! How the triggers of `sessions` and `step_visits` tell a move of the writer from any other statement.
//!
//! The writer has looked up the step and appends the visit itself, so the triggers need not do it again. What they go
//! by is kept in this backend's memory for as long as the writer's statement runs: the depth of triggers at which it
//! runs, and each arrival that it is about to write. A statement in a trigger that the writer's statement fires is
//! deeper, and so it is foreign. A statement at the same depth, in a function that a constraint of somebody's calls, is
//! foreign unless it writes the very arrival that is being written. No setting and no argument can say otherwise.

use crate::error::Result;
use pgrx::{Uuid, direct_function_call, pg_sys};
use std::cell::RefCell;
use std::collections::HashMap;

thread_local! {
    static IN_PROGRESS: RefCell<Option<WriteInProgress>> = const { RefCell::new(None) };
}

struct WriteInProgress {
    trigger_depth: i32,
    tenant_id: Uuid,
    arrivals: HashMap<Uuid, OwnArrival>,
}

/// An arrival that the writer is about to write.
#[derive(PartialEq, Eq)]
pub(super) struct OwnArrival {
    pub scenario_version: i32,
    pub step_id: String,
    pub visit_no: i32,
}

/// Puts back what was there before when it goes out of scope, however the statement ends: PostgreSQL's errors unwind
/// through here. Something was there where a trigger of somebody's, which the writer's statement fired, calls the
/// writer again.
struct RestoreOuter {
    outer: Option<WriteInProgress>,
}

impl Drop for RestoreOuter {
    fn drop(&mut self) {
        IN_PROGRESS.set(self.outer.take());
    }
}

/// Runs the statement that writes these arrivals.
pub(super) fn while_writing<T>(
    tenant_id: Uuid,
    arrivals: HashMap<Uuid, OwnArrival>,
    statement: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let in_progress = WriteInProgress { trigger_depth: trigger_depth(), tenant_id, arrivals };
    let _restored = RestoreOuter { outer: IN_PROGRESS.replace(Some(in_progress)) };
    statement()
}

/// Whether this is an arrival that the writer is writing here and now.
pub fn is_writing(tenant_id: Uuid, session_id: Uuid, scenario_version: i32, step_id: &str, visit_no: i32) -> bool {
    IN_PROGRESS.with_borrow(|in_progress| {
        in_progress.as_ref().is_some_and(|writer| {
            writer.tenant_id == tenant_id
                && writer.arrivals.get(&session_id).is_some_and(|arrival| {
                    arrival.scenario_version == scenario_version
                        && arrival.step_id == step_id
                        && arrival.visit_no == visit_no
                })
                && writer.trigger_depth == trigger_depth()
        })
    })
}

/// How many triggers the running statement is inside of.
fn trigger_depth() -> i32 {
    // SAFETY: the function takes no arguments and reads a variable of this backend.
    unsafe { direct_function_call(pg_sys::pg_trigger_depth, &[]) }.unwrap_or_default()
}
