//! Values of our own as jsonb, written in the form in which PostgreSQL stores it.
//!
//! The way over text makes the text and lets PostgreSQL parse it, sort the keys of each object and write the stored
//! form: for the document of a diff, ten times the work of the diff. The stored form is the one on disk, which all
//! supported versions share and `pg_upgrade` relies on (`utils/jsonb.h`, `jsonb_util.c`). What cannot be written here
//! goes over text, so that PostgreSQL itself takes or refuses it.

mod form;

use crate::json::Json;
use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::datum::Datum;
use pgrx::{IntoDatum, pg_sys};
use serde::Serialize;

/// A jsonb value that is handed to PostgreSQL.
pub struct Jsonb(Form);

enum Form {
    /// The bytes of a container, behind room for the length in front of a datum.
    Stored(Vec<u8>),
    Text(Json),
}

impl Jsonb {
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Jsonb {
        Jsonb(form::written(value).map_or_else(|| Form::Text(Json::of(value)), Form::Stored))
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::Stored(bytes) => bytes.len(),
            Form::Text(json) => json.as_str().len(),
        }
    }

    /// A value of its own, in the current memory context.
    fn to_new_datum(&self) -> pg_sys::Datum {
        let bytes = match &self.0 {
            Form::Stored(bytes) => bytes,
            Form::Text(json) => return json.to_new_datum(),
        };
        // SAFETY: the place is as long as what is copied there, and begins with the room that is left for the length.
        // `form` keeps the length within 28 bits.
        unsafe {
            let place = pg_sys::palloc(bytes.len());
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place.cast::<u8>(), bytes.len());
            pgrx::set_varsize_4b(place.cast(), bytes.len() as i32);
            pg_sys::Datum::from(place)
        }
    }
}

pgrx::impl_sql_translatable!(Jsonb, "jsonb");

impl IntoDatum for Jsonb {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(self.to_new_datum())
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::JSONBOID
    }
}

// SAFETY: the datum is a jsonb allocated in the memory context of the function's caller, and returned at once.
unsafe impl BoxRet for Jsonb {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: as above.
        unsafe { fcinfo.return_raw_datum(self.to_new_datum()) }
    }
}
