//! What differs between the versions of PostgreSQL, and nothing else.

use pgrx::pg_sys;
use std::ffi::CStr;

/// Makes a misspelt setting with our prefix an error (PostgreSQL 14: a warning).
pub fn reserve_settings_prefix(prefix: &'static CStr) {
    // SAFETY: the prefix is a string with a terminator that lives for ever; called from `_PG_init`.
    #[cfg(not(feature = "pg14"))]
    unsafe {
        pg_sys::MarkGUCPrefixReserved(prefix.as_ptr());
    }
    // SAFETY: as above.
    #[cfg(feature = "pg14")]
    unsafe {
        pg_sys::EmitWarningsOnPlaceholders(prefix.as_ptr());
    }
}

/// Begins to look for rows by an index.
///
/// # Safety
/// Both are open and locked, and the index is one of the table's.
pub unsafe fn begin_index_scan(
    table: pg_sys::Relation,
    index: pg_sys::Relation,
    snapshot: pg_sys::Snapshot,
    conditions: i32,
) -> pg_sys::IndexScanDesc {
    // SAFETY: by the caller's promise.
    #[cfg(not(feature = "pg18"))]
    unsafe {
        pg_sys::index_beginscan(table, index, snapshot, conditions, 0)
    }
    // SAFETY: as above; nothing is counted for EXPLAIN.
    #[cfg(feature = "pg18")]
    unsafe {
        pg_sys::index_beginscan(table, index, snapshot, std::ptr::null_mut(), conditions, 0)
    }
}

/// The index of a table's primary key; an invalid id where it has none.
///
/// # Safety
/// The table is open and locked.
pub unsafe fn primary_key_index(table: pg_sys::Relation) -> pg_sys::Oid {
    // SAFETY: by the caller's promise.
    #[cfg(not(feature = "pg18"))]
    unsafe {
        pg_sys::RelationGetPrimaryKeyIndex(table)
    }
    // SAFETY: as above; a key that is checked at the end of a transaction is not asked for.
    #[cfg(feature = "pg18")]
    unsafe {
        pg_sys::RelationGetPrimaryKeyIndex(table, false)
    }
}
