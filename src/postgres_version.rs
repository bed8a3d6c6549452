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
