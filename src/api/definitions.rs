//! Definitions and what is computed from them alone (SPEC sections 2 and 3).

use crate::error::{Error, required, tenant};
use crate::json::Json;
use crate::store::{scenarios, versions};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use scenario_engine::definition::{self, Definition};
use scenario_engine::graph::{Graph, Node};
use serde::Serialize;

/// Checks a definition and returns every finding (SPEC 2), errors first. No rows: nothing to complain about.
///
/// Arguments: the definition. Result: rows of severity (`error` or `warning`), code, step_id (NULL where it is about no
/// one step) and message. Errors: 22023 for NULL. Writes nothing.
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

/// The content hash of a step: what it means, whatever its id and transitions are (SPEC 3).
///
/// Arguments: the step, as in a definition; id and transitions may be absent. Result: 16 hex digits. Errors: 22023 for NULL
/// or a step that cannot be read, with all findings. Writes nothing.
#[pg_extern(immutable, parallel_safe)]
fn step_content_hash(step: Option<Json>) -> Result<String, ErrorReport> {
    let step = required(step, "step")?;
    let step = definition::parse_step(step.as_str()).map_err(|found| Error::refused_definition("the step", &found))?;
    Ok(definition::step_content_hash(&step))
}

/// The checksum of a version: tells whether a session's version is the one that is stored (SPEC 3).
///
/// Arguments: the definition and the number of its version. Result: 16 hex digits. Errors: 22023 for NULL or a definition
/// with errors, with all findings. Writes nothing.
#[pg_extern(immutable, parallel_safe)]
fn scenario_checksum(definition: Option<Json>, version: Option<i32>) -> Result<String, ErrorReport> {
    let definition = parse(&required(definition, "definition")?)?;
    let version = required(version, "version")?;
    Ok(definition::checksum(&definition, version))
}

/// The digest of a definition: tells whether anything has changed that pg_scenario reads ("Plans" in
/// docs/behaviour.md).
///
/// Arguments: the definition. Result: 32 hex digits over every key that is known, in document order; unknown keys have
/// no part in it. Errors: 22023 for NULL or a definition with errors, with all findings. Writes nothing.
#[pg_extern(immutable, parallel_safe)]
fn scenario_digest(definition: Option<Json>) -> Result<String, ErrorReport> {
    Ok(definition::definition_digest(&parse(&required(definition, "definition")?)?))
}

/// Creates a scenario with its first version, which is published at once (SPEC 2, 6).
///
/// Arguments: tenant, definition; optionally the scenario's id (else one is made) and who creates it (else the login).
/// Result: the scenario's id. Errors: 22023 for NULL or a definition with errors, with all findings; 23505 if the tenant
/// has a scenario of that id. Writes scenarios, scenario_versions, scenario_steps.
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

/// Adds a version to a scenario, as a draft (SPEC 2).
///
/// Arguments: tenant, scenario, definition; optionally who creates it (else the login). Result: the number of the version.
/// Errors: P0002 for an unknown scenario; 22023 for NULL or a definition with errors, with all findings. Writes
/// scenario_versions, scenario_steps.
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

/// The steps of a definition as the rows of `scenario_steps`: for the trigger that derives them.
///
/// Arguments: the definition. Result: one row a step, in document order; transitions in the order in which they are tried.
/// Errors: 22023 for NULL or a definition with errors, with all findings. Writes nothing.
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

/// Checks what is stored of a field: that its schema and its pattern can be used (SPEC 8). For the trigger of
/// `field_definitions`.
///
/// Arguments: the field's name, its JSON Schema, its extraction pattern; any may be NULL. Result: none. Errors: 22023 with
/// every reason. Writes nothing.
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
