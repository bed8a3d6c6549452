//! How the triggers of `sessions` and `step_visits` ask whether a row is the writer's own.

use crate::writer;
use pgrx::Uuid;
use pgrx::prelude::*;

// Not STRICT: a trigger's condition would be NULL for a NULL step, and the trigger would not fire.
#[pg_extern(volatile, parallel_unsafe)]
pub fn is_written_by_writer(
    tenant_id: Option<Uuid>,
    session_id: Option<Uuid>,
    scenario_version: Option<i32>,
    step_id: Option<&str>,
    visit_no: Option<i32>,
) -> bool {
    match (tenant_id, session_id, scenario_version, step_id, visit_no) {
        (Some(tenant_id), Some(session_id), Some(scenario_version), Some(step_id), Some(visit_no)) => {
            writer::is_writing(tenant_id, session_id, scenario_version, step_id, visit_no)
        }
        _ => false,
    }
}
