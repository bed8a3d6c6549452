//! A row by its primary key, found as PostgreSQL's own code finds rows of the catalogue: by the index, without a plan.
//!
//! The turn that has nothing to do looks at two rows and answers. To set up and take down a query for that costs
//! several times what the look costs. Whatever a query would judge is left to a query: row security, rights on single
//! columns, and a transaction that has written. So is a row that is not found.

use crate::error::{Error, Result};
use crate::postgres_version::{begin_index_scan, primary_key_index};
use pgrx::{FromDatum, IntoDatum, PgTupleDesc, Uuid, pg_sys};
use std::cell::RefCell;
use std::ffi::CStr;

/// A table of the extension whose primary key is two ids, with columns to read.
pub struct KeyedTable {
    pub name: &'static CStr,
    /// The columns of its primary key, in order.
    pub key: [&'static CStr; 2],
    pub columns: &'static [&'static CStr],
    /// Where the columns are, once they have been looked for.
    pub places: &'static std::thread::LocalKey<RefCell<Places>>,
}

/// The numbers of a table's columns.
#[derive(Default)]
pub struct Places {
    table_id: pg_sys::Oid,
    columns_of_table: i32,
    /// The index of the primary key, once it was found to be as the extension has made it.
    key_index_id: pg_sys::Oid,
    numbers: Vec<pg_sys::AttrNumber>,
}

/// A row that was found, read by the position of its column, from 0 on.
pub struct FoundRow<'a> {
    slot: *mut pg_sys::TupleTableSlot,
    description: PgTupleDesc<'a>,
    numbers: &'a [pg_sys::AttrNumber],
}

impl KeyedTable {
    /// Finds a row in the snapshot of the statement that runs. `None` where a query has to tell.
    pub fn find<T>(&'static self, key: [Uuid; 2], read: impl FnOnce(&FoundRow<'_>) -> Result<T>) -> Result<Option<T>> {
        // SAFETY: reads the state of this backend's transaction.
        let has_written = unsafe { pg_sys::GetCurrentTransactionIdIfAny() } != pg_sys::InvalidTransactionId;
        let Some(table_id) = self.readable_id().filter(|_| !has_written) else { return Ok(None) };
        // SAFETY: the table and its index are opened with a lock that is held until the end of the transaction, as a
        // query would, and closed below; should anything raise an error, the transaction closes them. The active
        // snapshot is that of the statement that called the function. The key lives through the scan.
        unsafe {
            let table = pg_sys::table_open(table_id, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            let index_id = primary_key_index(table);
            let found = if index_id == pg_sys::InvalidOid || !pg_sys::ActiveSnapshotSet() {
                Ok(None)
            } else {
                self.find_in(table, index_id, key, read)
            };
            pg_sys::table_close(table, pg_sys::NoLock as pg_sys::LOCKMODE);
            found
        }
    }

    /// The table's id, if the present role may read all of it and no row security stands before it.
    fn readable_id(&self) -> Option<pg_sys::Oid> {
        // SAFETY: lookups in the caches of the catalogue, by strings with a terminator.
        unsafe {
            let schema_id = pg_sys::get_namespace_oid(c"scenario".as_ptr(), true);
            let table_id = pg_sys::get_relname_relid(self.name.as_ptr(), schema_id);
            let is_table =
                table_id != pg_sys::InvalidOid && pg_sys::get_rel_relkind(table_id) as u8 == pg_sys::RELKIND_RELATION;
            let may_read = is_table
                && pg_sys::pg_class_aclcheck(table_id, pg_sys::GetUserId(), pg_sys::ACL_SELECT as pg_sys::AclMode)
                    == pg_sys::AclResult::ACLCHECK_OK
                && pg_sys::check_enable_rls(table_id, pg_sys::InvalidOid, true) as u32
                    != pg_sys::CheckEnableRlsResult::RLS_ENABLED;
            may_read.then_some(table_id)
        }
    }

    /// # Safety
    /// The table is open and locked, and the index is that of its primary key.
    unsafe fn find_in<T>(
        &'static self,
        table: pg_sys::Relation,
        index_id: pg_sys::Oid,
        key: [Uuid; 2],
        read: impl FnOnce(&FoundRow<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        // SAFETY: by the caller's promise. The two columns of the key are uuids, which a btree compares by uuid_eq, and
        // the key's bytes live until the scan has ended. The slot is the table's own, and dropped after it was read.
        unsafe {
            let index = pg_sys::index_open(index_id, pg_sys::AccessShareLock as pg_sys::LOCKMODE);
            let is_known = self.places.with_borrow(|places| places.key_index_id == index_id);
            if !is_known && !self.is_key_of((*index).rd_index, (*table).rd_id) {
                pg_sys::index_close(index, pg_sys::NoLock as pg_sys::LOCKMODE);
                return Ok(None);
            }
            let mut conditions = [pg_sys::ScanKeyData::default(); 2];
            for (number, (condition, id)) in (1..).zip(conditions.iter_mut().zip(&key)) {
                pg_sys::ScanKeyInit(
                    condition,
                    number,
                    pg_sys::BTEqualStrategyNumber as pg_sys::StrategyNumber,
                    pg_sys::F_UUID_EQ.into(),
                    pg_sys::Datum::from(id.as_bytes().as_ptr()),
                );
            }
            let scan = begin_index_scan(table, index, pg_sys::GetActiveSnapshot(), 2);
            pg_sys::index_rescan(scan, conditions.as_mut_ptr(), 2, std::ptr::null_mut(), 0);
            let slot = pg_sys::table_slot_create(table, std::ptr::null_mut());
            let is_found = pg_sys::index_getnext_slot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot);
            let row = is_found.then(|| self.read_slot(table, index_id, slot, read));
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::index_endscan(scan);
            pg_sys::index_close(index, pg_sys::NoLock as pg_sys::LOCKMODE);
            row.transpose()
        }
    }

    /// Whether an index is that of the key as the extension has made it: somebody may have made another one.
    ///
    /// # Safety
    /// The index is open, and one of the table's.
    unsafe fn is_key_of(&self, index: pg_sys::Form_pg_index, table_id: pg_sys::Oid) -> bool {
        // SAFETY: by the caller's promise: the index has as many columns as it says. The names end with a NUL.
        unsafe {
            let numbers = (*index).indkey.values.as_slice((*index).indnkeyatts as usize);
            let is_column = |(name, number): (&&CStr, &pg_sys::AttrNumber)| {
                pg_sys::get_attnum(table_id, name.as_ptr()) == *number
                    && pg_sys::get_atttype(table_id, *number) == pg_sys::UUIDOID
            };
            numbers.len() == self.key.len() && self.key.iter().zip(numbers).all(is_column)
        }
    }

    /// # Safety
    /// The slot holds a row of the table, which is open.
    unsafe fn read_slot<T>(
        &'static self,
        table: pg_sys::Relation,
        key_index_id: pg_sys::Oid,
        slot: *mut pg_sys::TupleTableSlot,
        read: impl FnOnce(&FoundRow<'_>) -> Result<T>,
    ) -> Result<T> {
        self.places.with_borrow_mut(|places| {
            // SAFETY: by the caller's promise; the names are strings with a terminator.
            unsafe {
                let (table_id, columns) = ((*table).rd_id, (*(*table).rd_att).natts);
                if (places.table_id, places.columns_of_table) != (table_id, columns) {
                    let numbers = self.columns.iter().map(|name| pg_sys::get_attnum(table_id, name.as_ptr())).collect();
                    *places = Places { table_id, columns_of_table: columns, key_index_id, numbers };
                }
                places.key_index_id = key_index_id;
                let last = places.numbers.iter().copied().max().unwrap_or_default();
                pg_sys::slot_getsomeattrs_int(slot, last.into());
                let description = PgTupleDesc::from_pg_unchecked((*table).rd_att);
                read(&FoundRow { slot, description, numbers: &places.numbers })
            }
        })
    }
}

impl FoundRow<'_> {
    /// A column that is never NULL.
    pub fn get<T: FromDatum + IntoDatum>(&self, position: usize) -> Result<T> {
        self.opt(position)?.ok_or_else(|| Error::internal(format!("column {position} of a row is NULL")))
    }

    /// A column that may be NULL.
    pub fn opt<T: FromDatum + IntoDatum>(&self, position: usize) -> Result<Option<T>> {
        let number = self.numbers.get(position).copied().unwrap_or_default();
        let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let attribute = place.and_then(|place| Some((place, self.description.get(place)?)));
        let (place, attribute) = attribute.ok_or_else(|| Error::internal(format!("a row has no column {position}")))?;
        // SAFETY: the slot's values have been read up to the last of these columns; the value is of the column's type,
        // which is compared with the one that is asked for.
        unsafe {
            let (datum, is_null) = (*(*self.slot).tts_values.add(place), *(*self.slot).tts_isnull.add(place));
            T::try_from_datum(datum, is_null, attribute.atttypid)
        }
        .map_err(|error| Error::internal(format!("column {position} of a row: {error}")))
    }

    /// The transaction that wrote this version of the row.
    pub fn written_by(&self) -> pg_sys::TransactionId {
        let mut is_copy = false;
        // SAFETY: the slot holds a row; a tuple that was made for the call lives until the call's memory is freed.
        unsafe {
            let tuple = pg_sys::ExecFetchSlotHeapTuple(self.slot, false, &mut is_copy);
            (*(*tuple).t_data).t_choice.t_heap.t_xmin
        }
    }
}
