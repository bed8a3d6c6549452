//! The SQLSTATE of an error that the application raises in a trigger or function of its own.
//!
//! pgrx turns a PostgreSQL error into a Rust panic and the panic into an error again, and keeps no SQLSTATE on the way
//! that PostgreSQL does not list itself: an application's `P0042` would arrive as `XX000`. PostgreSQL tells callbacks
//! of every error while it is raised, and lets them look at its SQLSTATE and set it. So one callback takes note of it
//! when the error is raised first, and another one puts it back when pgrx raises it again.

use pgrx::pg_sys::{self, ErrorContextCallback};
use pgrx::prelude::PgSqlErrorCode;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

// pgrx does not bind `errcode`, and would guard `geterrcode` against errors that it does not raise.
unsafe extern "C-unwind" {
    fn errcode(sqlstate: c_int) -> c_int;
    fn geterrcode() -> c_int;
}

const INTERNAL_ERROR: c_int = PgSqlErrorCode::ERRCODE_INTERNAL_ERROR as c_int;

thread_local! {
    /// Of the message that PostgreSQL raised last.
    static LAST_RAISED: Cell<c_int> = const { Cell::new(0) };
}

/// Runs what may raise an application's error, and keeps the SQLSTATE of such an error.
pub fn keep_sqlstate<T>(run: impl FnOnce() -> T) -> T {
    // SAFETY: the stack of callbacks is this backend's. The callback lives longer than the guard that takes it off.
    unsafe {
        let previous = pg_sys::error_context_stack;
        let mut callback =
            ErrorContextCallback { previous, callback: Some(take_note), arg: std::ptr::null_mut::<c_void>() };
        let _taken_off = TakeOff { previous };
        pg_sys::error_context_stack = &raw mut callback;
        run()
    }
}

/// Takes a callback off the stack. PostgreSQL's errors unwind through here.
struct TakeOff {
    previous: *mut ErrorContextCallback,
}

impl Drop for TakeOff {
    fn drop(&mut self) {
        // SAFETY: these callbacks were there before, and are there still.
        unsafe { pg_sys::error_context_stack = self.previous };
        let is_unknown = |code: c_int| code != INTERNAL_ERROR && PgSqlErrorCode::from(code) == INTERNAL;
        if std::thread::panicking() && LAST_RAISED.try_with(Cell::get).is_ok_and(is_unknown) {
            put_back_later();
        }
    }
}

const INTERNAL: PgSqlErrorCode = PgSqlErrorCode::ERRCODE_INTERNAL_ERROR;

/// The panic ends in an error, and whoever catches that sets the stack of callbacks back: the callback need not be
/// taken off.
fn put_back_later() {
    static CALLBACK: AtomicPtr<ErrorContextCallback> = AtomicPtr::new(std::ptr::null_mut());
    let mut callback = CALLBACK.load(Ordering::Relaxed);
    if callback.is_null() {
        let new = ErrorContextCallback {
            previous: std::ptr::null_mut(),
            callback: Some(put_back),
            arg: std::ptr::null_mut::<c_void>(),
        };
        callback = Box::into_raw(Box::new(new));
        CALLBACK.store(callback, Ordering::Relaxed);
    }
    // SAFETY: the callback is never freed. It goes on the stack once at a time.
    unsafe {
        let mut on_stack = pg_sys::error_context_stack;
        while !on_stack.is_null() {
            if on_stack == callback {
                return;
            }
            on_stack = (*on_stack).previous;
        }
        (*callback).previous = pg_sys::error_context_stack;
        pg_sys::error_context_stack = callback;
    }
}

unsafe extern "C-unwind" fn take_note(_: *mut c_void) {
    // SAFETY: PostgreSQL calls this while it raises a message.
    let code = unsafe { geterrcode() };
    let _ = LAST_RAISED.try_with(|last| last.set(code));
}

unsafe extern "C-unwind" fn put_back(_: *mut c_void) {
    // SAFETY: PostgreSQL calls this while it raises a message.
    unsafe {
        if geterrcode() == INTERNAL_ERROR
            && let Ok(code) = LAST_RAISED.try_with(Cell::get)
        {
            errcode(code);
        }
    }
}
