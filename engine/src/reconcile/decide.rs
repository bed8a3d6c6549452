//! One reconciliation from its beginning to its [`Decision`] ("What is due" to "Chains" in docs/behaviour.md).

use super::decision::Decision;
use super::facts::{Facts, Session};
use super::reconciliation::Reconciliation;
use super::settings::Settings;
use super::trace::Event;
use crate::plan::{PinReason, Way};
use serde_json::json;

/// Decides what becomes of a session that walks another version than the published one, or is marked.
///
/// * `session`: as it stands; it is in a scenario, active or finished, and no pin holds it
///   ([`crate::plan::pin_has_ended`]).
/// * `way`: how it comes to `published_version`, from [`crate::plan::find_way`]; for a preview of one plan, that plan.
/// * `published_version`: the version to come to.
///
/// Writes nothing; what to write is in [`Decision::effect`]. Fails only with an error of `facts`.
pub fn reconcile<F: Facts>(
    session: &Session,
    way: Way,
    published_version: i32,
    settings: &Settings,
    facts: &mut F,
) -> Result<Decision, F::Error> {
    let mut reconciliation = Reconciliation::new(session, published_version, settings);
    if session.scenario_version == published_version && session.matches_version {
        return Ok(reconciliation.settles());
    }
    if !session.matches_version {
        let why = "the session's checksum is not its version's, so no plan can be gone by";
        return reconciliation.fall_back(why, facts);
    }
    match way {
        Way::Plans(chain) => reconciliation.go_by_plans(&chain, facts),
        Way::Cancelled(_) if session.finished => {
            Ok(reconciliation.stays("the session has come to its end, and its way is cancelled".to_owned()))
        }
        Way::Cancelled(plan) => {
            reconciliation.plan_ids.push(plan.plan_id);
            let trace = &mut reconciliation.trace;
            trace.push(Event::Way, None, json!({"by": "cancelled plan", "plan_id": plan.plan_id}));
            let why = "a plan on the way from this version was cancelled, which pins its sessions";
            Ok(reconciliation.pins(PinReason::Cancelled, Some(plan.plan_id), why.to_owned()))
        }
        Way::None => {
            let why = "no deployed plan leads from the session's version to the published one";
            reconciliation.fall_back(why, facts)
        }
    }
}
