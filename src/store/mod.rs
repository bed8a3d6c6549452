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
pub mod steps;
pub mod undo;
pub mod versions;
pub mod visits;

use crate::error::{Error, Result};
use crate::json::Json;
use pgrx::datum::{DatumWithOid, FromDatum, IntoDatum};
use pgrx::pg_sys;
use pgrx::spi::{OwnedPreparedStatement, Spi, SpiClient, SpiHeapTupleData};
use serde::de::DeserializeOwned;
use sqlstate::keep_sqlstate;
use std::cell::RefCell;
use std::collections::HashMap;

/// A statement that is kept prepared. Declare it as a `static`: its address is its name among the kept ones.
pub struct Statement {
    sql: &'static str,
    writes: bool,
}

/// A prepared statement with the types of its parameters.
struct Prepared {
    plan: OwnedPreparedStatement,
    types: Vec<pg_sys::Oid>,
}

thread_local! {
    /// By address of the `Statement`. There are only as many as there are statics, and each stays for as long as the
    /// backend: freeing a plan while the process exits would reach for memory that is gone.
    static PREPARED: RefCell<HashMap<usize, &'static Prepared>> = RefCell::new(HashMap::new());
}

impl Statement {
    /// A SELECT that locks nothing.
    pub const fn reading(sql: &'static str) -> Statement {
        Statement { sql, writes: false }
    }

    /// Anything else: INSERT, UPDATE, DELETE, SELECT … FOR UPDATE, a call of a function that writes. Takes a
    /// transaction id, and sees what was committed until now, also in the middle of a function (READ COMMITTED).
    pub const fn writing(sql: &'static str) -> Statement {
        Statement { sql, writes: true }
    }

    /// Runs it and reads every row.
    pub fn rows<T>(
        &'static self,
        args: &[DatumWithOid<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.run(args, read).map(|(rows, _)| rows)
    }

    /// Runs it and reads the first row, if there is one.
    pub fn row<T>(
        &'static self,
        args: &[DatumWithOid<'_>],
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.run(args, read).map(|(rows, _)| rows.into_iter().next())
    }

    /// Runs it and says how many rows it wrote (or, for a SELECT, found).
    pub fn execute(&'static self, args: &[DatumWithOid<'_>]) -> Result<u64> {
        self.run(args, |_| Ok(())).map(|(_, count)| count)
    }

    fn run<T>(
        &'static self,
        args: &[DatumWithOid<'_>],
        mut read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<(Vec<T>, u64)> {
        // No borrow of PREPARED is held while the statement runs: triggers come back here.
        let prepared = self.prepared(args)?;
        let run = |client: &mut SpiClient<'_>| {
            let table = if self.writes {
                client.update(&prepared.plan, None, args)?
            } else {
                client.select(&prepared.plan, None, args)?
            };
            let count = table.len() as u64;
            let mut rows = Vec::with_capacity(table.len());
            // An INSERT, UPDATE or DELETE without RETURNING counts rows and has none to read.
            if table.columns().is_ok() {
                for tuple in table {
                    rows.push(read(&Row(tuple))?);
                }
            }
            Ok((rows, count))
        };
        keep_sqlstate(|| Spi::connect_mut(run))
    }

    fn prepared(&'static self, args: &[DatumWithOid<'_>]) -> Result<&'static Prepared> {
        let key = std::ptr::from_ref(self).addr();
        if let Some(prepared) = PREPARED.with_borrow(|all| all.get(&key).copied()) {
            // A datum of another type than the plan was made for would be read as what it is not.
            if prepared.types.iter().eq(args.iter().map(DatumWithOid::oid).collect::<Vec<_>>().iter()) {
                return Ok(prepared);
            }
            return Err(Error::internal(format!("parameters of another type for: {}", self.sql)));
        }
        let types: Vec<pg_sys::Oid> = args.iter().map(DatumWithOid::oid).collect();
        let oids: Vec<pg_sys::PgOid> = types.iter().map(|oid| pg_sys::PgOid::from(*oid)).collect();
        let plan = Spi::connect(|client| {
            let plan = if self.writes { client.prepare_mut(self.sql, &oids) } else { client.prepare(self.sql, &oids) };
            plan.map(|plan| plan.keep())
        })?;
        let prepared: &'static Prepared = Box::leak(Box::new(Prepared { plan, types }));
        PREPARED.with_borrow_mut(|all| all.insert(key, prepared));
        Ok(prepared)
    }
}

/// A row that a statement found, read by position, from 1 on.
pub struct Row<'a>(SpiHeapTupleData<'a>);

impl Row<'_> {
    /// A column that is never NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<T> {
        self.opt(column)?.ok_or_else(|| Error::internal(format!("column {column} of a row is NULL")))
    }

    /// A column that may be NULL.
    pub fn opt<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<Option<T>> {
        Ok(self.0.get(column)?)
    }
}

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

/// Ids as the engine has them.
pub fn engine_id(id: pgrx::Uuid) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*id.as_bytes())
}

/// Ids as PostgreSQL has them.
pub fn sql_id(id: uuid::Uuid) -> pgrx::Uuid {
    pgrx::Uuid::from_bytes(id.into_bytes())
}
