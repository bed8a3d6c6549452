//! The lifecycle of a plan: which status can come after which. The functions that change
//! the status of a plan ask here before they do so, and the trigger of `scenario.migration_plans` asks for every other
//! statement.

use crate::error::{Error, Result};
use crate::store::plans::Plan;
use pgrx::Uuid;
use scenario_engine::plan::PlanStatus;

const HINT: &str = "A plan goes pending → approved → deployed → cancelled, or ends as rejected or superseded. \
                    Build a new one to start over.";

/// The statuses from which a plan can become `next`.
pub fn statuses_before(next: PlanStatus) -> &'static [PlanStatus] {
    match next {
        PlanStatus::Pending => &[],
        PlanStatus::Approved | PlanStatus::Rejected => &[PlanStatus::Pending],
        PlanStatus::Superseded => &[PlanStatus::Pending, PlanStatus::Approved],
        PlanStatus::Deployed => &[PlanStatus::Approved],
        PlanStatus::Cancelled => &[PlanStatus::Deployed],
    }
}

/// Refuses a change of status that the lifecycle does not have (55000). A status that there is not is left to the
/// table's CHECK.
pub fn check_change(plan_id: Uuid, status: &str, next: &str) -> Result<()> {
    let Some(allowed) = PlanStatus::parse(next).map(statuses_before) else { return Ok(()) };
    if allowed.iter().any(|allowed| allowed.as_str() == status) {
        return Ok(());
    }
    let error = Error::wrong_state(format!("plan {plan_id} is {status} and cannot become {next}"));
    let error = if allowed.is_empty() {
        error.detail("No plan goes back to pending.")
    } else {
        error.detail(format!("A plan can become {next} when it is {}.", either(allowed)))
    };
    Err(error.hint(HINT))
}

/// Refuses unless the plan has one of these statuses (55000), naming the status that it has and those that are allowed.
///
/// * `refused`: what cannot be done, as the end of a sentence on the plan.
/// * `function`: what the user called.
pub fn require_status(plan: &Plan, allowed: &[PlanStatus], refused: &str, function: &str) -> Result<()> {
    if allowed.contains(&plan.status) {
        return Ok(());
    }
    Err(Error::wrong_state(format!("plan {} is {}: {refused}", plan.plan_id, plan.status.as_str()))
        .detail(format!("{function} is allowed while a plan is {}.", either(allowed)))
        .hint(HINT))
}

fn either(statuses: &[PlanStatus]) -> String {
    statuses.iter().map(|status| status.as_str()).collect::<Vec<_>>().join(" or ")
}
