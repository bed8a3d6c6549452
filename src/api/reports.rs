//! Versions and plans for people to look at (SPEC 5, 19): pictures and pages.

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

/// A definition as a flow chart in Mermaid.
///
/// Arguments: the definition. Result: the text of the diagram. Errors: 22023 for NULL or a definition with errors, with all
/// findings. Writes nothing.
#[pg_extern(immutable, parallel_safe)]
fn scenario_mermaid(definition: Option<Json>) -> Result<String, ErrorReport> {
    let definition = required(definition, "definition")?;
    let definition = definition::parse(definition.as_str())
        .map_err(|findings| Error::refused_definition("the definition", &findings))?;
    Ok(scenario_diagram(&Graph::compile(&definition)))
}

/// A plan as a picture in Mermaid (SPEC 5): what is kept, edited, inserted and deleted, new forks, and the sessions at each
/// step.
///
/// Arguments: tenant, plan. Result: the text of the diagram. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
#[pg_extern(stable, parallel_restricted)]
fn plan_mermaid(tenant_id: Option<Uuid>, plan_id: Option<Uuid>) -> Result<String, ErrorReport> {
    let (tenant_id, plan_id) = (tenant(tenant_id)?, required(plan_id, "plan_id")?);
    let plan = plans::by_id(tenant_id, plan_id)?;
    Ok(picture(tenant_id, &plan)?)
}

/// A plan as a page of plain text (SPEC 5): figures, warnings, fields, and a line a step with what its sessions need.
///
/// Arguments: tenant, plan. Result: the lines in order. Errors: P0002 for an unknown plan; 22023 for NULL. Writes nothing.
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
