//! Definitions and what is computed from them alone.

use crate::error::{Error, required, tenant};
use crate::json::Json;
use crate::store::{scenarios, versions};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::definition::{self, Definition};
use scenario_engine::graph::{Graph, Node};
use serde::Serialize;

#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::type_complexity)]
fn validate_scenario(
    definition: Option<Json>,
) -> Result<
    TableIterator<
        'static,
        (name!(severity, String), name!(code, String), name!(step_id, Option<String>), name!(message, String)),
    >,
    ErrorReport,
> {
    let definition = required(definition, "definition")?;
    let rows = definition::validate(definition.as_str())
        .into_iter()
        .map(|f| (f.severity.as_str().to_owned(), f.code.to_owned(), f.step_id, f.message));
    Ok(TableIterator::new(rows))
}

#[pg_extern(immutable, parallel_safe)]
fn step_content_hash(step: Option<Json>) -> Result<String, ErrorReport> {
    let step = required(step, "step")?;
    let step = definition::parse_step(step.as_str()).map_err(|found| Error::refused_definition("the step", &found))?;
    Ok(definition::step_content_hash(&step))
}

#[pg_extern(immutable, parallel_safe)]
fn scenario_checksum(definition: Option<Json>, version: Option<i32>) -> Result<String, ErrorReport> {
    let definition = parse(&required(definition, "definition")?)?;
    let version = required(version, "version")?;
    Ok(definition::checksum(&definition, version))
}

#[pg_extern(immutable, parallel_safe)]
fn scenario_digest(definition: Option<Json>) -> Result<String, ErrorReport> {
    Ok(definition::definition_digest(&parse(&required(definition, "definition")?)?))
}

#[pg_extern]
fn create_scenario(
    tenant_id: Option<pgrx::Uuid>,
    definition: Option<Json>,
    scenario_id: default!(Option<pgrx::Uuid>, "NULL"),
    created_by: default!(Option<String>, "NULL"),
) -> Result<pgrx::Uuid, ErrorReport> {
    let tenant_id = tenant(tenant_id)?;
    let document = required(definition, "definition")?;
    let definition = parse(&document)?;
    let created_by = created_by.as_deref();
    let scenario_id =
        scenarios::insert(tenant_id, scenario_id, &definition.name, definition.description.as_deref(), created_by)?;
    let version = versions::insert_draft(tenant_id, scenario_id, document, created_by)?;
    scenarios::publish(tenant_id, scenario_id, version, None)?;
    Ok(scenario_id)
}

#[pg_extern]
fn create_scenario_version(
    tenant_id: Option<pgrx::Uuid>,
    scenario_id: Option<pgrx::Uuid>,
    definition: Option<Json>,
    created_by: default!(Option<String>, "NULL"),
) -> Result<i32, ErrorReport> {
    let tenant_id = tenant(tenant_id)?;
    let scenario_id = required(scenario_id, "scenario_id")?;
    let document = required(definition, "definition")?;
    scenarios::lock(tenant_id, scenario_id)?;
    parse(&document)?;
    Ok(versions::insert_draft(tenant_id, scenario_id, document, created_by.as_deref())?)
}

#[pg_extern(immutable, parallel_safe)]
#[allow(clippy::type_complexity)]
fn definition_steps(
    definition: Option<Json>,
) -> Result<
    TableIterator<
        'static,
        (
            name!(ordinal, i32),
            name!(step_id, String),
            name!(name, String),
            name!(content_hash, String),
            name!(is_checkpoint, bool),
            name!(checkpoint_description, Option<String>),
            name!(is_terminal, bool),
            name!(is_required_action, bool),
            name!(is_entry, bool),
            name!(collects_profile_fields, Vec<String>),
            name!(next_step_ids, Vec<String>),
            name!(transitions, Json),
        ),
    >,
    ErrorReport,
> {
    let definition = parse(&required(definition, "definition")?)?;
    let graph = Graph::compile(&definition);
    let rows = (0..graph.len()).map(move |step| {
        let node = graph.node(step);
        (
            i32::try_from(step).unwrap_or(i32::MAX),
            node.id.clone(),
            node.name.clone(),
            node.content_hash.clone(),
            node.is_checkpoint,
            node.checkpoint_description.clone(),
            node.is_terminal,
            node.is_required_action,
            step == graph.entry(),
            node.collects.clone(),
            graph.successors(step).map(|next| graph.node(next).id.clone()).collect(),
            transitions(&graph, node),
        )
    });
    Ok(TableIterator::new(rows))
}

#[pg_extern(immutable, parallel_safe)]
fn check_field_definition(
    field_name: Option<String>,
    schema: Option<Json>,
    extraction_pattern: Option<String>,
) -> Result<(), ErrorReport> {
    let name = field_name.unwrap_or_default();
    let mut field = scenario_engine::field::FieldDefinition::undeclared(&name);
    field.schema = schema.map(|schema| schema.0);
    field.extraction_pattern = extraction_pattern;
    let refused = |reasons: Vec<String>| {
        Error::bad_argument(format!("the definition of field \"{name}\" cannot be used")).detail(reasons.join("\n"))
    };
    Ok(field.check().map_err(refused)?)
}

/// A definition without errors.
fn parse(document: &Json) -> crate::error::Result<Definition> {
    parse_named("the definition", document)
}

/// The same, called `name` in the error.
pub(super) fn parse_named(name: &str, document: &Json) -> crate::error::Result<Definition> {
    definition::parse(document.as_str()).map_err(|findings| Error::refused_definition(name, &findings))
}

fn transitions(graph: &Graph, node: &Node) -> Json {
    #[derive(Serialize)]
    struct Transition<'a> {
        to_step_id: &'a str,
        condition_text: &'a str,
        condition_kind: &'a str,
        condition_fields: &'a [String],
        priority: i64,
    }
    let transitions = node.branches.iter().map(|branch| Transition {
        to_step_id: &graph.node(branch.to).id,
        condition_text: branch.condition.text(),
        condition_kind: branch.condition.kind().as_str(),
        condition_fields: branch.condition.fields(),
        priority: branch.priority,
    });
    Json::of(&transitions.collect::<Vec<_>>())
}
