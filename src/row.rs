//! A whole row of a table, handed from a query to the caller of a function as it is.
//!
//! Functions that return "the row" (SPEC 19) are declared to return the table's own row type, so that
//! `SELECT * FROM scenario.approve_migration_plan(…)` has the table's columns, also those that an upgrade adds. Nothing
//! in between needs to look inside: [`PlanRecord`] and [`SessionRow`] are the bytes.

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{FromDatum, IntoDatum, pg_sys};

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

        // SAFETY: the bytes came from a query for this row type. They carry the type's oid, and are copied into the memory
        // context of the function's caller.
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

/// The bytes of a datum of variable length.
///
/// # Safety
/// The datum is not null and of a type of variable length.
unsafe fn bytes(datum: pg_sys::Datum) -> Vec<u8> {
    // SAFETY: by the caller's promise. Detoasting gives the datum with a plain length word, which counts itself; it is a copy
    // if the datum was compressed or out of line, and then ours to free.
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
