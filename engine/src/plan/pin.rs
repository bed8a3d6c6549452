//! Pins ("Pins" in docs/behaviour.md): why a session stays on its version, and what ends that.

use super::way::{PlanRef, PlanStatus};
use serde::Serialize;
use uuid::Uuid;

/// Why a session is pinned. The sentence for people is in the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PinReason {
    /// A policy leaves it out.
    Policy,
    /// It is not in the share of a rollout.
    Rollout,
    /// Its way leads over a cancelled plan.
    Cancelled,
    /// It was reverted.
    Reverted,
    /// Every landing that is left would undo an act that it has passed.
    Undone,
    /// A redirect was blocked, and the policy pins for that.
    BlockedRedirect,
    /// Somebody pinned it by hand.
    Operator,
}

impl PinReason {
    /// The word in `sessions.pinned_reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            PinReason::Policy => "policy",
            PinReason::Rollout => "rollout",
            PinReason::Cancelled => "cancelled",
            PinReason::Reverted => "reverted",
            PinReason::Undone => "undone",
            PinReason::BlockedRedirect => "blocked_redirect",
            PinReason::Operator => "operator",
        }
    }

    /// The reason of that name.
    pub fn parse(text: &str) -> Option<PinReason> {
        use PinReason::*;
        [Policy, Rollout, Cancelled, Reverted, Undone, BlockedRedirect, Operator]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// A pin as it is stored with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPin {
    pub reason: PinReason,
    /// The plan that pinned it.
    pub plan_id: Option<Uuid>,
    /// The count of deployments that the session keeps since it was pinned.
    pub reconciled_deployments: i64,
}

/// Whether the pin of a session that walks `version` has ended: a plan from that version was deployed since; where a
/// cancelled link pinned it, a plan between that link's versions, too. `plans` are all plans of the scenario that were
/// ever deployed. A pin by a rollout ends with `set_rollout`, and every pin with `unpin_session`: both clear it, and do
/// not come by here.
pub fn pin_has_ended(pin: &StoredPin, version: i32, plans: &[PlanRef]) -> bool {
    let link = plans.iter().find(|p| Some(p.plan_id) == pin.plan_id).filter(|_| pin.reason == PinReason::Cancelled);
    plans
        .iter()
        .filter(|plan| plan.status == PlanStatus::Deployed)
        .filter(|plan| {
            crate::mutant!("pin/only-later-plans-end-it", plan.deployment_no > pin.reconciled_deployments, true)
        })
        .any(|plan| {
            crate::mutant!("pin/only-own-version-ends-it", plan.from_version == version, true)
                || link.is_some_and(|link| (plan.from_version, plan.to_version) == (link.from_version, link.to_version))
        })
}
