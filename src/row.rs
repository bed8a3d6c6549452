//! Rows as results of functions, by a row type that SQL declares.
//!
//! A function that returns a row of a table is declared to return the table's own row type, so that
//! `SELECT * FROM scenario.approve_migration_plan(…)` has the table's columns, also those that an upgrade adds. Nothing
//! in between needs to look inside: [`PlanRecord`] and [`SessionRow`] are the bytes.
//!
//! A row that Rust makes is a struct of [`composite_type!`](crate::composite_type). SQL says which columns there are
//! and in which order; the struct's fields are put into the columns of their names. One composite value costs less
//! than a set of one row.

use crate::error::{self, Error};
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::{Datum, DatumWithOid};
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::{FromDatum, IntoDatum, PgLogLevel, PgMemoryContexts, PgTupleDesc, pg_sys};
use std::cell::OnceCell;

macro_rules! row_type {
    ($(#[$doc:meta])* $name:ident, $sql:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(Vec<u8>);

        pgrx::impl_sql_translatable!($name, $sql);

        impl FromDatum for $name {
            unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<$name> {
                // SAFETY: PostgreSQL gave us a datum of a composite type (`is_compatible_with`).
                (!is_null).then(|| $name(unsafe { bytes(datum) }))
            }
        }

        impl IntoDatum for $name {
            fn into_datum(self) -> Option<pg_sys::Datum> {
                Some(datum(&self.0))
            }

            fn type_oid() -> pg_sys::Oid {
                pg_sys::RECORDOID
            }

            // Which row type a query gives is written in the query; here it is only made sure that it is one.
            fn is_compatible_with(other: pg_sys::Oid) -> bool {
                // SAFETY: a lookup in the catalogue's cache; it takes any oid.
                unsafe { pg_sys::type_is_rowtype(other) }
            }
        }

        // SAFETY: the bytes came from a query for this row type. They carry the type's oid, and are copied into the
        // memory context of the function's caller.
        unsafe impl BoxRet for $name {
            unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
                // SAFETY: as above.
                unsafe { fcinfo.return_raw_datum(datum(&self.0)) }
            }
        }
    };
}

row_type! {
    /// A row of `scenario.migration_plans`.
    PlanRecord, "scenario.migration_plans"
}

row_type! {
    /// A row of `scenario.sessions`.
    SessionRow, "scenario.sessions"
}

/// A struct whose fields are columns of the composite type `$sql`, each of the column's name.
#[macro_export]
macro_rules! composite_type {
    (
        $(#[$doc:meta])*
        pub struct $name:ident: $sql:literal {
            $($(#[$column_doc:meta])* pub $column:ident: $type:ty,)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name {
            $($(#[$column_doc])* pub $column: $type,)*
        }

        ::pgrx::impl_sql_translatable!($name, $sql);

        // SAFETY: the datum is of the function's own result type, in the memory context of the function's caller.
        unsafe impl ::pgrx::callconv::BoxRet for $name {
            unsafe fn box_into<'fcx>(self, fcinfo: &mut ::pgrx::callconv::FcInfo<'fcx>) -> ::pgrx::datum::Datum<'fcx> {
                let columns = [$($crate::row::Column::new(stringify!($column), self.$column)),*];
                // SAFETY: the function is declared to return the composite type.
                unsafe { $crate::row::return_composite(fcinfo, &columns) }
            }
        }
    };
}

/// A text[] that is nearly always empty: an empty one is made once in a backend.
#[derive(Debug, Clone)]
pub struct TextList(pub Vec<String>);

thread_local! {
    static NO_TEXTS: OnceCell<pg_sys::Datum> = const { OnceCell::new() };
}

impl IntoDatum for TextList {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        if !self.0.is_empty() {
            return self.0.into_datum();
        }
        NO_TEXTS.with(|empty| {
            let empty = empty.get_or_init(|| {
                // SAFETY: this context lives for as long as the backend, and nobody frees or changes the array.
                unsafe {
                    PgMemoryContexts::TopMemoryContext
                        .switch_to(|_| pg_sys::Datum::from(pg_sys::construct_empty_array(pg_sys::TEXTOID)))
                }
            });
            Some(*empty)
        })
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TEXTARRAYOID
    }
}

/// A value for one column of a composite type. A copy is the same value in the same place.
#[derive(Clone, Copy)]
pub struct Column {
    name: &'static str,
    type_oid: pg_sys::Oid,
    datum: Option<pg_sys::Datum>,
}

impl Column {
    pub fn new<T: IntoDatum>(name: &'static str, value: T) -> Column {
        Column { name, type_oid: T::type_oid(), datum: value.into_datum() }
    }

    pub fn is_null(&self) -> bool {
        self.datum.is_none()
    }

    /// The value as the parameter of a statement.
    pub fn into_parameter(self) -> DatumWithOid<'static> {
        match self.datum {
            // SAFETY: the datum is of that type, and lives for as long as the memory context in which it was made,
            // which outlives the statement.
            Some(datum) => unsafe { DatumWithOid::new(datum, self.type_oid) },
            None => DatumWithOid::null_oid(self.type_oid),
        }
    }
}

/// An array of the composite type `type_name`, as the parameter of a statement. Raises as PostgreSQL does where there
/// is no such type; XX000 for a column of another type.
pub fn array_of_rows(
    type_name: &str,
    rows: impl IntoIterator<Item = Vec<Column>>,
) -> error::Result<DatumWithOid<'static>> {
    let type_oid = pgrx::regtypein(type_name);
    // SAFETY: a composite type has a description, which is released when `description` is dropped.
    let (raw, description) = unsafe {
        let raw = pg_sys::lookup_rowtype_tupdesc(type_oid, -1);
        (raw, PgTupleDesc::from_pg(raw))
    };
    let mut tuples = Vec::new();
    for columns in rows {
        let (mut values, mut is_null) = in_order(&description, &columns)?;
        // SAFETY: both lists are as long as the description, and each value is of the type of its column.
        tuples.push(unsafe {
            let tuple = pg_sys::heap_form_tuple(raw, values.as_mut_ptr(), is_null.as_mut_ptr());
            pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data)
        });
    }
    // SAFETY: the datums are of the composite type, which is of variable length and aligned like a double. The array is
    // allocated in the current memory context, and of the array type of the composite type.
    unsafe {
        let array = pg_sys::construct_array(
            tuples.as_mut_ptr(),
            i32::try_from(tuples.len()).map_err(|_| Error::internal("more rows than an array can hold"))?,
            type_oid,
            -1,
            false,
            pg_sys::TYPALIGN_DOUBLE as std::ffi::c_char,
        );
        Ok(DatumWithOid::new(pg_sys::Datum::from(array), pg_sys::get_array_type(type_oid)))
    }
}

/// Returns a composite value. A column of the type that is not among `columns` is NULL, and a value without a column
/// is left out: so a library works with the type of an older or newer version of the extension. Raises XX000 for a
/// column of another type.
///
/// # Safety
/// The function that is called is declared to return a composite type.
pub unsafe fn return_composite<'fcx>(fcinfo: &mut FcInfo<'fcx>, columns: &[Column]) -> Datum<'fcx> {
    // SAFETY: PostgreSQL sets flinfo for every call; a function's result type is a lookup in the catalogue's cache,
    // and that of a composite type has a description, which is released when `description` is dropped.
    let (raw, description) = unsafe {
        let result_type = pg_sys::get_func_rettype((*(*fcinfo.as_mut_ptr()).flinfo).fn_oid);
        let raw = pg_sys::lookup_rowtype_tupdesc(result_type, -1);
        (raw, PgTupleDesc::from_pg(raw))
    };
    match in_order(&description, columns) {
        // SAFETY: both lists are as long as the description, and each value is of the type of its column. The tuple
        // is a datum of the function's result type, allocated just now.
        Ok((mut values, mut is_null)) => unsafe {
            let tuple = pg_sys::heap_form_tuple(raw, values.as_mut_ptr(), is_null.as_mut_ptr());
            fcinfo.return_raw_datum(pg_sys::HeapTupleHeaderGetDatum((*tuple).t_data))
        },
        Err(error) => {
            ErrorReport::from(error).report(PgLogLevel::ERROR);
            fcinfo.return_null()
        }
    }
}

/// The values in the order of the type, and which of them are NULL.
fn in_order(description: &PgTupleDesc<'_>, columns: &[Column]) -> error::Result<(Vec<pg_sys::Datum>, Vec<bool>)> {
    let mut values = vec![pg_sys::Datum::null(); description.len()];
    let mut is_null = vec![true; description.len()];
    for (position, attribute) in description.iter().enumerate().filter(|(_, attribute)| !attribute.attisdropped) {
        let is_it = |column: &&Column| is_name(&attribute.attname, column.name);
        // The columns are nearly always in the order of the type.
        let column = columns.get(position).filter(is_it).or_else(|| columns.iter().find(is_it));
        let Some(column) = column else { continue };
        if column.type_oid != attribute.atttypid {
            return Err(Error::internal(format!("column {} of a result is of another type", column.name)));
        }
        if let Some(datum) = column.datum {
            values[position] = datum;
            is_null[position] = false;
        }
    }
    Ok((values, is_null))
}

/// Whether a name of the catalogue is this one. It ends with a NUL.
fn is_name(stored: &pg_sys::NameData, name: &str) -> bool {
    let is_same = |(stored, wanted): (&std::ffi::c_char, u8)| *stored as u8 == wanted;
    name.len() < stored.data.len() && stored.data.iter().zip(name.bytes().chain([0])).all(is_same)
}

/// The bytes of a datum of variable length.
///
/// # Safety
/// The datum is not null and of a type of variable length.
unsafe fn bytes(datum: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: by the caller's promise. Detoasting gives the datum with a plain length word, which counts itself; it is
    // a copy if the datum was compressed or out of line, and then ours to free.
    unsafe {
        let stored = datum.cast_mut_ptr::<pg_sys::varlena>();
        let plain = pg_sys::pg_detoast_datum(stored);
        let bytes = std::slice::from_raw_parts(plain as *const u8, pgrx::varsize(plain)).to_vec();
        if plain != stored {
            pg_sys::pfree(plain.cast());
        }
        bytes
    }
}

/// The datum of such bytes, in the current memory context.
fn datum(bytes: &[u8]) -> pg_sys::Datum {
    // SAFETY: palloc gives that many bytes, aligned for every type, or raises an error.
    unsafe {
        let copy = pg_sys::palloc(bytes.len()).cast::<u8>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
        pg_sys::Datum::from(copy)
    }
}
