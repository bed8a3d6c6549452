//! `scenario.field_definitions`: what a tenant says of a field ("Gap fill" in docs/behaviour.md).

use super::{Row, Statement};
use crate::args;
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::Uuid;
use scenario_engine::field::{FieldDefinition, RequiredLevel};
use std::collections::HashMap;

/// The columns of [`read`].
macro_rules! select_definition {
    () => {
        "SELECT f.display_name, f.schema, f.collection_prompt, f.extraction_hint, f.extraction_pattern,
                f.required_level, f.field_name
           FROM scenario.field_definitions AS f WHERE f.tenant_id = $1 AND "
    };
}

static BY_NAME: Statement = Statement::reading(concat!(select_definition!(), "f.field_name = $2"));

static BY_NAMES: Statement = Statement::reading(concat!(select_definition!(), "f.field_name = ANY ($2)"));

/// The definition of a field; `None` if the tenant has declared nothing for it.
pub fn definition(tenant_id: Uuid, field_name: &str) -> Result<Option<FieldDefinition>> {
    BY_NAME.row(&args![tenant_id, field_name], read)
}

/// Those of these fields that the tenant has declared, by name.
pub fn definitions(tenant_id: Uuid, field_names: Vec<&str>) -> Result<HashMap<String, FieldDefinition>> {
    let found = BY_NAMES.rows(&args![tenant_id, field_names], read)?;
    Ok(found.into_iter().map(|field| (field.field_name.clone(), field)).collect())
}

fn read(row: &Row<'_>) -> Result<FieldDefinition> {
    let (level, field_name): (String, String) = (row.get(6)?, row.get(7)?);
    let required_level = RequiredLevel::from_name(&level)
        .ok_or_else(|| Error::internal(format!("field {field_name} has the level {level}")))?;
    Ok(FieldDefinition {
        field_name,
        display_name: row.opt(1)?,
        schema: row.opt::<Json>(2)?.map(|schema| schema.0),
        collection_prompt: row.opt(3)?,
        extraction_hint: row.opt(4)?,
        extraction_pattern: row.opt(5)?,
        required_level,
    })
}

/// The definition of a field, or that of one for which nothing is declared: any value but null.
pub fn definition_or_default(tenant_id: Uuid, field_name: &str) -> Result<FieldDefinition> {
    Ok(definition(tenant_id, field_name)?.unwrap_or_else(|| FieldDefinition::undeclared(field_name)))
}
