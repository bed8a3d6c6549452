//! Deploying plans and publishing versions ("Publishing and deploying" in docs/behaviour.md).
//!
//! One mechanism, whichever way it came: an UPDATE of `scenarios.published_version` fires [`on_publish`], which
//! [`deploy`]s the plan between the two versions; `deploy_migration_plan` does that UPDATE. Where the plan leads to the
//! version that is published already, there is nothing to publish and it is deployed by itself.

use crate::acts;
use crate::error::{Error, Result};
use crate::planning::{self, PlanRequest};
use crate::settings;
use crate::store::plans::{self, Plan};
use crate::store::{notify, plan_sessions, policies, scenarios, versions};
use crate::{lifecycle, session_marks};
use pgrx::Uuid;
use scenario_engine::plan::{PlanRef, PlanStatus, Way, find_way};
use serde_json::json;

/// Deploys a plan, publishing its version if that is still a draft. Two at once: the second sees what the first did.
pub fn deploy_plan(tenant_id: Uuid, plan_id: Uuid, deployed_by: Option<&str>) -> Result<()> {
    let scenario_id = plans::by_id(tenant_id, plan_id)?.scenario_id;
    let published = scenarios::lock(tenant_id, scenario_id)?;
    let plan = plans::lock(tenant_id, plan_id)?;
    require_deployable(&plan)?;
    planning::require_fresh(tenant_id, &plan)?;
    if published == Some(plan.to_version) {
        deploy(tenant_id, &plan, deployed_by, None)?;
        return acts::keep_deployed(tenant_id, &plan);
    }
    require_publishable(tenant_id, &plan, published)?;
    scenarios::publish(tenant_id, scenario_id, plan.to_version, deployed_by)
}

/// With approval required only an approved plan, without it a pending one too.
fn require_deployable(plan: &Plan) -> Result<()> {
    let mut allowed = lifecycle::statuses_before(PlanStatus::Deployed).to_vec();
    if !settings::require_approval() {
        allowed.extend(lifecycle::statuses_before(PlanStatus::Approved));
    }
    let checked = lifecycle::require_status(plan, &allowed, "it cannot be deployed", "deploy_migration_plan");
    if plan.status == PlanStatus::Pending {
        checked.map_err(|error| error.hint("Approve it first: approve_migration_plan(tenant_id, plan_id)."))
    } else {
        checked
    }
}

/// Publishing takes the place of the published version, so the plan must start there.
fn require_publishable(tenant_id: Uuid, plan: &Plan, published: Option<i32>) -> Result<()> {
    let Plan { plan_id, from_version, to_version, .. } = plan;
    let refused = |why: String| Error::wrong_state(format!("plan {plan_id} cannot be deployed: {why}"));
    if !versions::find(tenant_id, plan.scenario_id, *to_version)?.is_draft() {
        return Err(refused(format!("version {to_version}, which it leads to, is archived"))
            .hint("Build a plan for the published version or for a draft."));
    }
    if published != Some(*from_version) {
        let now = published.map_or_else(|| "none".to_owned(), |version| version.to_string());
        return Err(refused(format!("it starts at version {from_version}, which is not the published one"))
            .detail(format!("The published version is {now}; version {to_version} is a draft."))
            .hint(format!(
                "Publish version {to_version} with a plan from version {now}; then this one can be deployed too."
            )));
    }
    Ok(())
}

/// What belongs to publishing `new` in the place of `old`. The trigger of `scenarios` calls it; the statuses of the
/// versions move after it. `published_by`: who publishes; `None`: the login.
pub fn on_publish(
    tenant_id: Uuid,
    scenario_id: Uuid,
    old: Option<i32>,
    new: i32,
    published_by: Option<&str>,
) -> Result<()> {
    let Some(old) = old else { return Ok(()) }; // a first version needs no plan
    let publication = Publication { tenant_id, scenario_id, old, new, published_by };
    let open = plans::lock_open(tenant_id, scenario_id, old, new)?;
    let approval_is_required = settings::require_approval();
    let plan = match open {
        Some(plan) if plan.status == PlanStatus::Approved => {
            planning::require_fresh(tenant_id, &plan)?;
            Some(plan)
        }
        ref open if approval_is_required => {
            return match publication.versions_without_way(None)?.first() {
                Some(version) => Err(publication.approval_needed(*version, open.as_ref())),
                None => Ok(()),
            };
        }
        open => Some(publication.plan_without_review(old, open)?),
    };
    let left = publication.versions_without_way(plan.as_ref())?;
    // The scenario is locked, and the publication has counted already: all its plans get the same number.
    let number = Some(scenarios::deployments(tenant_id, scenario_id)?);
    for version in left {
        if approval_is_required {
            return Err(publication.way_needed(version));
        }
        let open = plans::lock_open(tenant_id, scenario_id, version, new)?;
        deploy(tenant_id, &publication.plan_without_review(version, open)?, published_by, number)?;
    }
    plan.map_or(Ok(()), |plan| deploy(tenant_id, &plan, published_by, number))
}

/// A version that takes the place of the published one.
struct Publication<'a> {
    tenant_id: Uuid,
    scenario_id: Uuid,
    old: i32,
    new: i32,
    published_by: Option<&'a str>,
}

impl Publication<'_> {
    /// The versions whose sessions no chain of deployed plans and this one leads to the new version. A way that was
    /// cancelled pins them, so they are not left.
    fn versions_without_way(&self, plan: Option<&Plan>) -> Result<Vec<i32>> {
        let mut ways = plans::refs(self.tenant_id, self.scenario_id)?;
        ways.extend(plan.map(|plan| PlanRef { status: PlanStatus::Deployed, ..plan.engine_ref() }));
        let mut versions = versions::walkable_but(self.tenant_id, self.scenario_id, self.new)?;
        versions.retain(|version| find_way(&ways, *version, self.new) == Way::None);
        if versions.is_empty() {
            return Ok(versions);
        }
        plan_sessions::walked_among(self.tenant_id, self.scenario_id, &versions)
    }

    /// A plan that does not need an approval. Policies that an operator has set are not lost by building it anew: the
    /// operator is told that the plan is stale.
    fn plan_without_review(&self, from_version: i32, open: Option<Plan>) -> Result<Plan> {
        match open {
            Some(plan) if plan.status == PlanStatus::Approved || has_policies(self.tenant_id, &plan)? => {
                planning::require_fresh(self.tenant_id, &plan)?;
                Ok(plan)
            }
            Some(plan) if planning::require_fresh(self.tenant_id, &plan).is_ok() => Ok(plan),
            _ => planning::build(&PlanRequest {
                tenant_id: self.tenant_id,
                scenario_id: self.scenario_id,
                to_version: self.new,
                from_version: Some(from_version),
                created_by: self.published_by,
                replace: true,
            }),
        }
    }

    fn refusal(&self, version: i32, why: &str) -> Error {
        let Publication { scenario_id, new, .. } = self;
        Error::wrong_state(format!(
            "version {new} of scenario {scenario_id} cannot be published: sessions walk version {version}, and {why}"
        ))
    }

    /// `open`: the plan between the two versions that is not approved.
    fn approval_needed(&self, version: i32, open: Option<&Plan>) -> Error {
        self.refusal(version, "no plan for them is approved").hint(match open {
            Some(plan) => format!(
                "Plan {} is pending: look at migration_summary(tenant_id, plan_id), then approve_migration_plan(…) and \
                 deploy_migration_plan(…).",
                plan.plan_id
            ),
            None => "Build a plan and approve it: build_migration_plan(tenant_id, scenario_id, to_version), \
                     approve_migration_plan(…), deploy_migration_plan(…). Or set scenario.require_approval to off."
                .to_owned(),
        })
    }

    fn way_needed(&self, version: i32) -> Error {
        let Publication { old, new, .. } = self;
        self.refusal(version, &format!("no deployed plans lead from there to version {new}")).hint(format!(
            "Lead them to version {old} first: build_migration_plan(tenant_id, scenario_id, {old}, from_version => \
             {version}), approve_migration_plan(…), deploy_migration_plan(…). Or pin them with pin_session(…), or set \
             scenario.require_approval to off."
        ))
    }
}

fn has_policies(tenant_id: Uuid, plan: &Plan) -> Result<bool> {
    Ok(!policies::of_plan(tenant_id, plan.plan_id)?.is_empty())
}

/// The plan becomes deployed, open ones that it makes needless superseded, and its sessions get their marks.
/// `number`: the deployment's, where a publication has counted it; `None`: it is one of its own.
fn deploy(tenant_id: Uuid, plan: &Plan, deployed_by: Option<&str>, number: Option<i32>) -> Result<()> {
    if plan.status == PlanStatus::Pending {
        plans::approve(tenant_id, plan.plan_id, deployed_by)?; // approval is not required
    }
    plans::deploy(tenant_id, plan.plan_id, deployed_by, number)?;
    let plan = &plans::by_id(tenant_id, plan.plan_id)?;
    plans::supersede_rivals(tenant_id, plan)?;
    if settings::auto_mark_sessions() {
        session_marks::mark_all(tenant_id, plan)?;
    }
    notify("deployed", tenant_id, plan)
}

/// Stops a deployment: the plan pins the sessions that it has not migrated yet, at their next turn. Waits for no
/// session, and gives the number of marks that are void now.
pub fn cancel(tenant_id: Uuid, plan_id: Uuid, cancelled_by: Option<&str>) -> Result<i64> {
    let scenario_id = plans::by_id(tenant_id, plan_id)?.scenario_id;
    scenarios::lock(tenant_id, scenario_id)?;
    let plan = plans::lock(tenant_id, plan_id)?;
    let allowed = lifecycle::statuses_before(PlanStatus::Cancelled);
    lifecycle::require_status(&plan, allowed, "it cannot be cancelled", "cancel_deployment")?;
    plans::cancel(tenant_id, plan_id, cancelled_by)?;
    notify("cancelled", tenant_id, &plan)?;
    plan_sessions::count_marks(tenant_id, plan_id)
}

fn notify(event: &str, tenant_id: Uuid, plan: &Plan) -> Result<()> {
    notify::notify(&json!({
        "event": event,
        "tenant_id": tenant_id.to_string(),
        "scenario_id": plan.scenario_id.to_string(),
        "plan_id": plan.plan_id.to_string(),
        "from_version": plan.from_version,
        "to_version": plan.to_version,
    }))
}
