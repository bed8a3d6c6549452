//! One SQL statement of the extension: prepared when it is first run in a backend, and planned for tables of any size.
//!
//! pgrx prepares statements for PostgreSQL to choose their plans. It would then plan a statement anew at each call, by
//! the lengths of its arrays and the statistics of the moment: more than a third of the time of a turn, and a bad plan
//! wherever statistics lag behind. A statement of ours finds its rows by their keys, whatever the statistics say, and
//! so it has one plan, which is made as if no table could be read from end to end. That takes functions of SPI that
//! pgrx does not wrap.

use super::sqlstate::keep_sqlstate;
use crate::error::{Error, Result};
use pgrx::datum::{DatumWithOid, FromDatum, IntoDatum};
use pgrx::spi::{Spi, SpiClient};
use pgrx::{PgTupleDesc, pg_sys};
use std::ffi::{CStr, CString, c_char};
use std::sync::atomic::{AtomicPtr, Ordering};

/// A statement that is kept prepared. Declare it as a `static`.
pub struct Statement {
    sql: &'static str,
    sees: Sees,
    plan: Plan,
    /// Null until it is first run. What is prepared stays for as long as the backend: freeing a plan while the process
    /// exits would reach for memory that is gone.
    prepared: AtomicPtr<Prepared>,
}

/// What a statement sees.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sees {
    /// What the query sees that has called the extension.
    Query,
    /// The same, and what the transaction has written: after that, also what others have committed since.
    OwnWrites,
    /// What was committed until now.
    Latest,
}

/// How a statement is planned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plan {
    /// Once, by keys: index scans and nested loops.
    ByKeys,
    /// The same, and the rows come in the order of an index: none are sorted.
    InOrder,
    /// The same as by keys, but the rows of a table come in the order in which they lie: a bitmap of an index says
    /// where, and a row that is written is found by its place. Groups are made by hashing.
    InPlace,
    /// As PostgreSQL thinks best for the tables as they are.
    ForTheTables,
}

/// A prepared statement with the types of its parameters.
struct Prepared {
    plan: pg_sys::SPIPlanPtr,
    types: Vec<pg_sys::Oid>,
    /// What PostgreSQL keeps of it: a statement of ours is one query.
    source: *const pg_sys::CachedPlanSource,
}

/// What a plan by keys does without. A nested loop over index scans costs at most a few times what the best plan does;
/// a scan of a table that was small when the plan was made costs without bound. What would save the second of two equal
/// lookups costs more to set up than the lookup.
const NOT_BY_KEYS: [&CStr; 6] =
    [c"enable_seqscan", c"enable_hashjoin", c"enable_mergejoin", c"enable_material", c"enable_memoize", c"jit"];
/// What every plan of ours may use, whatever the caller has switched off for queries of their own.
const AT_HAND: [&CStr; 7] = [
    c"enable_indexscan",
    c"enable_indexonlyscan",
    c"enable_bitmapscan",
    c"enable_nestloop",
    c"enable_sort",
    c"enable_incremental_sort",
    c"enable_hashagg",
];
/// What a plan that takes each row when its key is found does without besides.
const NOT_ROW_BY_ROW: [&CStr; 1] = [c"enable_bitmapscan"];
/// What a plan in the order of an index does without besides.
const NOT_IN_ORDER: [&CStr; 3] = [c"enable_bitmapscan", c"enable_sort", c"enable_incremental_sort"];
/// What a plan in the order of a table does without besides.
const NOT_IN_PLACE: [&CStr; 2] = [c"enable_indexscan", c"enable_sort"];

impl Statement {
    const fn new(sql: &'static str, sees: Sees, plan: Plan) -> Statement {
        Statement { sql, sees, plan, prepared: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// A SELECT that locks nothing, by keys.
    pub const fn reading(sql: &'static str) -> Statement {
        Statement::new(sql, Sees::OwnWrites, Plan::ByKeys)
    }

    /// A SELECT that locks nothing and looks at many rows.
    pub const fn counting(sql: &'static str) -> Statement {
        Statement::new(sql, Sees::OwnWrites, Plan::ForTheTables)
    }

    /// Anything else, by keys: INSERT, UPDATE, DELETE, SELECT … FOR UPDATE, a call of a function that writes. It sees
    /// what was committed until now, also in the middle of a function (READ COMMITTED).
    pub const fn writing(sql: &'static str) -> Statement {
        Statement::new(sql, Sees::Latest, Plan::ByKeys)
    }

    /// For the next rows in the order of an index, of however many.
    pub const fn in_order(self) -> Statement {
        Statement { plan: Plan::InOrder, ..self }
    }

    /// For all rows of a plan or a scenario: to count them, or to UPDATE those of which a subquery gives the `ctid`.
    pub const fn in_place(self) -> Statement {
        Statement { plan: Plan::InPlace, ..self }
    }

    /// For a function that is STABLE: however often it runs, the statement sees what the query saw that called the
    /// function.
    pub const fn stable(self) -> Statement {
        Statement { sees: Sees::Query, ..self }
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
        let prepared = self.prepared(args)?;
        let mut values: Vec<pg_sys::Datum> = Vec::with_capacity(args.len());
        let mut nulls: Vec<c_char> = Vec::with_capacity(args.len());
        for arg in args {
            let datum = arg.datum();
            nulls.push(if datum.is_some() { b' ' } else { b'n' } as c_char);
            values.push(datum.map_or(pg_sys::Datum::null(), |datum| datum.sans_lifetime()));
        }
        let run = |_: &mut SpiClient<'_>| {
            self.plan_if_needed(prepared);
            // SAFETY: SPI is connected, the plan is kept for as long as the backend, and there is a value of the type
            // that it was prepared for, and a flag, for each parameter. What it finds lives until SPI is left.
            let (status, count, table) = unsafe {
                // A transaction that has written must see what it wrote.
                let sees_the_start = match self.sees {
                    Sees::Query => true,
                    Sees::OwnWrites => pg_sys::GetCurrentTransactionIdIfAny() == pg_sys::InvalidTransactionId,
                    Sees::Latest => false,
                };
                let status =
                    pg_sys::SPI_execute_plan(prepared.plan, values.as_mut_ptr(), nulls.as_ptr(), sees_the_start, 0);
                (status, pg_sys::SPI_processed, pg_sys::SPI_tuptable)
            };
            Spi::check_status(status)?;
            // An INSERT, UPDATE or DELETE without RETURNING counts rows and has none to read.
            // SAFETY: SPI gives a table of its own, or none.
            let Some(table) = (unsafe { table.as_ref() }) else { return Ok((Vec::new(), count)) };
            let mut found = Vec::with_capacity(usize::try_from(table.numvals).unwrap_or_default());
            let mut row = Row::of(table.tupdesc);
            for position in 0..table.numvals as usize {
                // SAFETY: the table has that many rows, each of its description.
                unsafe { row.take(*table.vals.add(position)) };
                found.push(read(&row)?);
            }
            Ok((found, count))
        };
        keep_sqlstate(|| Spi::connect_mut(run))
    }

    fn prepared(&'static self, args: &[DatumWithOid<'_>]) -> Result<&'static Prepared> {
        // SAFETY: null, or a box that was leaked below.
        if let Some(prepared) = unsafe { self.prepared.load(Ordering::Relaxed).as_ref() } {
            // A datum of another type than the plan was made for would be read as what it is not. A type of ours has
            // another oid once the extension was dropped and created again.
            if prepared.types.iter().copied().eq(args.iter().map(DatumWithOid::oid)) {
                return Ok(prepared);
            }
        }
        let mut types: Vec<pg_sys::Oid> = args.iter().map(DatumWithOid::oid).collect();
        let sql = CString::new(self.sql).map_err(|_| Error::internal("a statement has a NUL character"))?;
        let options = match self.plan {
            Plan::ByKeys | Plan::InOrder | Plan::InPlace => pg_sys::CURSOR_OPT_GENERIC_PLAN as i32,
            Plan::ForTheTables => pg_sys::CURSOR_OPT_PARALLEL_OK as i32,
        };
        let (plan, source) = Spi::connect(|_| {
            // SAFETY: SPI is connected, and both the text and the types live through the call. A kept plan is freed by
            // nobody.
            unsafe {
                let plan = pg_sys::SPI_prepare_cursor(sql.as_ptr(), types.len() as i32, types.as_mut_ptr(), options);
                if plan.is_null() {
                    Spi::check_status(pg_sys::SPI_result)?;
                }
                let kept = pg_sys::SPI_keepplan(plan);
                if kept != 0 {
                    Spi::check_status(kept)?;
                }
                let sources = pg_sys::SPI_plan_get_plan_sources(plan);
                Result::Ok((plan, pg_sys::list_nth(sources, 0).cast::<pg_sys::CachedPlanSource>().cast_const()))
            }
        })?;
        let prepared = Box::leak(Box::new(Prepared { plan, types, source }));
        self.prepared.store(prepared, Ordering::Relaxed);
        Ok(prepared)
    }

    /// Makes the plan by keys where there is none, or where a table has changed since.
    fn plan_if_needed(&self, prepared: &Prepared) {
        if self.plan == Plan::ForTheTables {
            return;
        }
        // SAFETY: SPI is connected and the plan is kept. What others have changed is heard of first, so that the plan
        // is not found to be out of date only while it is run. The settings are put back here, or, should planning
        // raise an error, at the end of the transaction or savepoint.
        unsafe {
            pg_sys::AcceptInvalidationMessages();
            let made = (*prepared.source).gplan;
            if (*prepared.source).is_valid && !made.is_null() && (*made).is_valid {
                return;
            }
            let level = pg_sys::NewGUCNestLevel();
            let besides: &[&CStr] = match self.plan {
                Plan::InOrder => &NOT_IN_ORDER,
                Plan::InPlace => &NOT_IN_PLACE,
                Plan::ByKeys => &NOT_ROW_BY_ROW,
                Plan::ForTheTables => &[],
            };
            let off = NOT_BY_KEYS.iter().chain(besides).map(|setting| (setting, c"off"));
            for (setting, value) in AT_HAND.iter().map(|setting| (setting, c"on")).chain(off) {
                pg_sys::set_config_option(
                    setting.as_ptr(),
                    value.as_ptr(),
                    pg_sys::GucContext::PGC_USERSET,
                    pg_sys::GucSource::PGC_S_SESSION,
                    pg_sys::GucAction::GUC_ACTION_SAVE,
                    true,
                    0,
                    false,
                );
            }
            let plan = pg_sys::SPI_plan_get_cached_plan(prepared.plan);
            if !plan.is_null() {
                pg_sys::ReleaseCachedPlan(plan, pg_sys::CurrentResourceOwner);
            }
            pg_sys::AtEOXact_GUC(true, level);
        }
    }
}

/// A row that a statement found, read by position, from 1 on.
pub struct Row<'a> {
    description: PgTupleDesc<'a>,
    /// The same, as PostgreSQL takes it.
    raw_description: pg_sys::TupleDesc,
    values: Vec<pg_sys::Datum>,
    is_null: Vec<bool>,
}

impl<'a> Row<'a> {
    fn of(raw_description: pg_sys::TupleDesc) -> Row<'a> {
        // SAFETY: the description is that of a table that SPI gave, which frees it when it is left.
        let description = unsafe { PgTupleDesc::from_pg_unchecked(raw_description) };
        let columns = description.len();
        let (values, is_null) = (vec![pg_sys::Datum::null(); columns], vec![true; columns]);
        Row { description, raw_description, values, is_null }
    }

    /// Reads the next row into the place of the one before.
    ///
    /// # Safety
    /// The row is of this description, and lives for as long as it is read.
    unsafe fn take(&mut self, tuple: pg_sys::HeapTuple) {
        // SAFETY: by the caller's promise; both lists are as long as the description.
        unsafe {
            pg_sys::heap_deform_tuple(tuple, self.raw_description, self.values.as_mut_ptr(), self.is_null.as_mut_ptr());
        }
    }

    /// A column that is never NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<T> {
        self.opt(column)?.ok_or_else(|| Error::internal(format!("column {column} of a row is NULL")))
    }

    /// A column that may be NULL.
    pub fn opt<T: FromDatum + IntoDatum>(&self, column: usize) -> Result<Option<T>> {
        let at = column.wrapping_sub(1);
        let attribute = self.description.get(at);
        let attribute = attribute.ok_or_else(|| Error::internal(format!("a row has no column {column}")))?;
        // SAFETY: the value is of the column's type, which is compared with the one that is asked for.
        unsafe { T::try_from_datum(self.values[at], self.is_null[at], attribute.atttypid) }
            .map_err(|error| Error::internal(format!("column {column} of a row: {error}")))
    }
}
