//! jsonb in and out as JSON text.
//!
//! pgrx's own `JsonB` parses every value into a tree: it panics at 128 levels or on `1e400` and loses digits of long
//! numerics. Here the text is handed on as it is, and whoever needs to look inside parses it and maps the error.

use crate::error::{self, Error};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::nullable::Nullable;
use pgrx::{FromDatum, IntoDatum, PgMemoryContexts, direct_function_call_as_datum, pg_sys};
use serde_json::value::RawValue;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// A jsonb value as JSON text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json(pub String);

impl Json {
    /// What a value of our own serializes to. Our types have string keys only, so this cannot fail; if it ever did, the
    /// column would be JSON null, which the tables' checks refuse.
    pub fn of<T: serde::Serialize + ?Sized>(value: &T) -> Json {
        Json(serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned()))
    }

    /// The value of a field as it stands in a document, with every digit. XX000 if it is not JSON.
    pub fn raw_of_field(field: &str, value: &str) -> error::Result<Box<RawValue>> {
        RawValue::from_string(value.to_owned())
            .map_err(|error| Error::internal(format!("the value of field {field} is no JSON: {error}")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pgrx::impl_sql_translatable!(Json, "jsonb");

impl FromDatum for Json {
    unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Json> {
        if is_null {
            return None;
        }
        // SAFETY: PostgreSQL gave us a jsonb datum that is not null (pgrx compares the type's oid before). jsonb_out
        // takes it detoasted, and answers a string with a terminator, allocated in the current memory context, which is
        // ours to free; so is the detoasted copy, when it is one.
        unsafe {
            let stored = datum.cast_mut_ptr::<pg_sys::varlena>();
            let plain = pg_sys::pg_detoast_datum(stored);
            let out = direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(pg_sys::Datum::from(plain))])?;
            let text = CStr::from_ptr(out.cast_mut_ptr());
            // A database in another encoding than UTF-8 may hold bytes that are none: better replaced than refused.
            let json = Json(text.to_string_lossy().into_owned());
            pg_sys::pfree(out.cast_mut_ptr());
            if plain != stored {
                pg_sys::pfree(plain.cast());
            }
            Some(json)
        }
    }
}

thread_local! {
    /// The values that nearly every row has, made once in a backend.
    static EMPTY: OnceCell<[pg_sys::Datum; 2]> = const { OnceCell::new() };
}

/// `[]` and `{}`.
fn empty() -> [pg_sys::Datum; 2] {
    EMPTY.with(|empty| {
        *empty.get_or_init(|| {
            // SAFETY: this context lives for as long as the backend, and nobody frees or changes these values.
            unsafe { PgMemoryContexts::TopMemoryContext.switch_to(|_| [c"[]", c"{}"].map(parsed)) }
        })
    })
}

fn parsed(text: &CStr) -> pg_sys::Datum {
    // SAFETY: jsonb_in takes a string with a terminator, which lives until after the call, and copies what it keeps. It
    // is strict, and answers a value. What it raises (too large, too deep for the stack, \u0000) passes through as the
    // SQL error that it is.
    unsafe { direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(text.as_ptr().into())]) }
        .unwrap_or(pg_sys::Datum::null())
}

impl Json {
    /// A value of its own, in the current memory context.
    pub(crate) fn to_new_datum(&self) -> pg_sys::Datum {
        // JSON text has no NUL: serializers write \u0000, which jsonb_in refuses with an error of its own.
        parsed(&CString::new(self.as_str()).unwrap_or_default())
    }
}

/// The jsonb values of one statement: the same text is made into a value once.
#[derive(Default)]
pub struct JsonValues(HashMap<String, Option<pg_sys::Datum>>);

/// One of [`JsonValues`]. A copy is the same value in the same place.
#[derive(Clone, Copy)]
pub struct SharedJson(Option<pg_sys::Datum>);

impl JsonValues {
    /// The value of a text, in the memory context that is current when the text comes first.
    pub fn of(&mut self, json: Json) -> SharedJson {
        if let Some(known) = self.0.get(json.as_str()) {
            return SharedJson(*known);
        }
        let datum = json.clone().into_datum();
        self.0.insert(json.0, datum);
        SharedJson(datum)
    }
}

impl IntoDatum for SharedJson {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        self.0
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

impl IntoDatum for Json {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        match self.as_str() {
            "[]" => Some(empty()[0]),
            "{}" => Some(empty()[1]),
            _ => Some(self.to_new_datum()),
        }
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the argument's type is jsonb by `SqlTranslatable`, which is what `from_polymorphic_datum` reads.
unsafe impl<'fcx> ArgAbi<'fcx> for Json {
    unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Json {
        // SAFETY: as above. A NULL comes here only for an argument that is not `Option`; then the function is STRICT
        // and was not called.
        unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or_else(|| Json("null".to_owned()))
    }

    unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Json> {
        // SAFETY: as above.
        unsafe { arg.unbox_arg_using_from_datum() }.into()
    }
}

// SAFETY: the datum is a jsonb allocated in the memory context of the function's caller, and returned at once.
unsafe impl BoxRet for Json {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.to_new_datum()) }
    }
}
