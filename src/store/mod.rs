//! Every SQL statement that Rust runs, one file a table.
//!
//! A [`Statement`] is prepared when it is first run in a backend and kept from then on: PostgreSQL plans it anew when a
//! table changes or the extension is dropped and created again. Reads take no transaction id, so they work on a hot
//! standby. Values are always parameters, never part of the text; every name in the text has its schema.

pub mod actions;
pub mod acts;
pub mod anchors;
pub mod attempts;
pub mod audit;
pub mod fields;
pub mod messages;
pub mod notify;
pub mod passed_at_start;
pub mod plan_sessions;
pub mod plans;
pub mod policies;
pub mod profiles;
pub mod progress;
pub mod requests;
pub mod scenarios;
pub mod session_changes;
pub mod sessions;
pub mod sources;
mod sqlstate;
mod statement;
pub mod steps;
pub mod undo;
pub mod versions;
pub mod visits;

pub use statement::{Row, Statement};

use crate::cache::ScenarioKey;
use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::datum::TimestampWithTimeZone;
use pgrx::pg_sys;
use serde::de::DeserializeOwned;

/// Parameters of a statement: `args![tenant_id, name, Some(1)]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { [$(::pgrx::datum::DatumWithOid::from($value)),*] };
}

/// What a column of JSON that the extension wrote says. XX000 if it cannot be read.
fn stored_json<T: DeserializeOwned>(json: &Json) -> Result<T> {
    serde_json::from_str(json.as_str())
        .map_err(|error| Error::internal(format!("a stored plan cannot be read: {error}")))
}

/// The name of a scenario in the cache.
fn scenario_key(tenant_id: pgrx::Uuid, scenario_id: pgrx::Uuid, created_at: TimestampWithTimeZone) -> ScenarioKey {
    let made_at: pg_sys::TimestampTz = created_at.into();
    ScenarioKey { tenant_id: engine_id(tenant_id), scenario_id: engine_id(scenario_id), made_at }
}

/// Ids as the engine has them.
pub fn engine_id(id: pgrx::Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*id.as_bytes())
}

/// Ids as PostgreSQL has them.
pub fn sql_id(id: uuid::Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(id.into_bytes())
}
