//! Versions and plans for people to look at: pictures and pages.

use crate::acts;
use crate::error::{Error, required, tenant};
use crate::json::Json;
use crate::planning;
use crate::store::plans::{self, Plan};
use crate::store::{policies, scenarios, session_counts, versions};
use pgrx::Uuid;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::definition;
use scenario_engine::graph::Graph;
use scenario_engine::plan::SummaryInput;
use scenario_engine::report::{PlanHeader, PlanView, plan_diagram, plan_report as page, scenario_diagram};

#[pg_extern(immutable, parallel_safe)]
fn scenario_mermaid(definition: Option<Json>) -> Result<String, ErrorReport> {
    let definition = required(definition, "definition")?;
    let definition = definition::parse(definition.as_str())
        .map_err(|findings| Error::refused_definition("the definition", &findings))?;
    Ok(scenario_diagram(&Graph::compile(&definition)))
}

#[pg_extern(stable, parallel_restricted)]
fn plan_mermaid(tenant_id: Option<Uuid>, plan_id: Option<Uuid>) -> Result<String, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let plan = plans::by_id(tenant_id, plan_id)?;
    Ok(picture(tenant_id, &plan)?)
}

#[pg_extern(stable, parallel_restricted)]
fn plan_report(tenant_id: Option<Uuid>, plan_id: Option<Uuid>) -> Result<SetOfIterator<'static, String>, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let plan = plans::by_id(tenant_id, plan_id)?;
    let name = scenarios::name(tenant_id, plan.scenario_id)?;
    let header = PlanHeader {
        plan_id: &plan_id.to_string(),
        scenario_name: &name,
        from_version: plan.from_version,
        to_version: plan.to_version,
        status: plan.status.as_str(),
        stale: planning::is_stale(tenant_id, &plan)?,
    };
    let lines = planning::with_summary(tenant_id, &plan, |input, summary| {
        let SummaryInput { map, policies, sessions_by_old_step, old, new, .. } = *input;
        page(&header, &PlanView { map, old, new, policies, sessions_by_old_step }, &summary)
    })?;
    Ok(SetOfIterator::new(lines))
}

/// Reads what a picture of the plan shows.
fn picture(tenant_id: Uuid, plan: &Plan) -> crate::error::Result<String> {
    let acts = acts::as_if_deployed(tenant_id, plan)?;
    Ok(plan_diagram(&PlanView {
        map: &planning::transformation_map(tenant_id, plan.plan_id)?,
        old: &*versions::graph(tenant_id, plan.scenario_id, plan.from_version)?,
        new: &*versions::graph(tenant_id, plan.scenario_id, plan.to_version)?,
        policies: &policies::of_plan(tenant_id, plan.plan_id)?,
        sessions_by_old_step: &session_counts::census(tenant_id, plan)?.by_step(tenant_id, plan, &acts, false)?,
    }))
}
