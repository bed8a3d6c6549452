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
mod by_key;
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
pub mod session_counts;
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

/// Sessions for which one statement reads rows, each with the scenario that it walks.
pub struct SessionKeys {
    pub session_ids: Vec<pgrx::Uuid>,
    pub scenario_ids: Vec<pgrx::Uuid>,
}

impl SessionKeys {
    pub fn one(session_id: pgrx::Uuid, scenario_id: pgrx::Uuid) -> SessionKeys {
        SessionKeys { session_ids: vec![session_id], scenario_ids: vec![scenario_id] }
    }
}

/// The sessions `a` of a statement that reads rows for several of them: $2 and $3 are their ids and scenarios. The rows
/// come in the order of the sessions, and each has its session's place, from 1 on, as its first column. The rows of one
/// session are found by their key in a LATERAL subquery, in whose order they come. An ORDER BY, a LIMIT or an OFFSET 0
/// keeps the subquery by itself: a join could begin with the rows of the whole tenant.
#[macro_export]
macro_rules! sessions_and_scenarios {
    () => {
        "ROWS FROM (pg_catalog.unnest($2::uuid[]), pg_catalog.unnest($3::uuid[]))
               WITH ORDINALITY AS a (session_id, scenario_id, place)"
    };
}

/// What was found for each session, in the order of the sessions. `found`: the places of sessions, from 1 on, with a
/// row of each.
fn by_session<T>(sessions: usize, found: Vec<(i64, T)>) -> Vec<Vec<T>> {
    let mut all: Vec<Vec<T>> = std::iter::repeat_with(Vec::new).take(sessions).collect();
    for (place, row) in found {
        let of_session = usize::try_from(place - 1).ok().and_then(|place| all.get_mut(place));
        if let Some(of_session) = of_session {
            of_session.push(row);
        }
    }
    all
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
