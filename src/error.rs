//! Every error that a user can meet, with its SQLSTATE (SPEC section 17).
//!
//! Functions inside the extension return [`Result`]; a `#[pg_extern]` returns `Result<_, ErrorReport>`, to which `?`
//! converts: of all error types, pgrx keeps SQLSTATE, DETAIL and HINT only of that one.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::spi::SpiError;
use pgrx::{PgSqlErrorCode, Uuid};
use scenario_engine::definition::Finding;
use std::fmt::Display;

/// What a user is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Report {
    /// Names the thing.
    pub message: String,
    /// All findings.
    pub detail: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

/// An error by its kind, which is its SQLSTATE.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// P0002
    #[error(transparent)]
    NotFound(Report),
    /// 55000
    #[error(transparent)]
    WrongState(Report),
    /// 22023
    #[error(transparent)]
    BadArgument(Report),
    /// 23505
    #[error(transparent)]
    Duplicate(Report),
    /// 42501
    #[error(transparent)]
    NoRight(Report),
    /// 54000
    #[error(transparent)]
    TooLarge(Report),
    /// 25006
    #[error(transparent)]
    ReadOnly(Report),
    /// 42883: a function that a setting names.
    #[error(transparent)]
    NoFunction(Report),
    /// XX000: a defect of the extension, or rows that somebody wrote past its triggers.
    #[error(transparent)]
    Internal(Report),
    /// XX000: a statement of the extension could not be run or read. What PostgreSQL itself raises while a statement runs
    /// does not come by here: it keeps its own SQLSTATE.
    #[error("internal error: {0}")]
    Spi(#[from] SpiError),
}

pub type Result<T> = std::result::Result<T, Error>;

fn report(message: impl Into<String>) -> Report {
    Report { message: message.into(), detail: None, hint: None }
}

impl Error {
    /// `what` with that id does not exist: the same words for an id of another tenant's.
    pub fn not_found(what: &str, id: impl Display) -> Error {
        Error::NotFound(report(format!("{what} {id} does not exist")))
    }

    /// A version, step or anchor that its owner does not have, in the caller's words.
    pub fn none_such(message: impl Into<String>) -> Error {
        Error::NotFound(report(message))
    }

    pub fn wrong_state(message: impl Into<String>) -> Error {
        Error::WrongState(report(message))
    }

    pub fn bad_argument(message: impl Into<String>) -> Error {
        Error::BadArgument(report(message))
    }

    pub fn duplicate(message: impl Into<String>) -> Error {
        Error::Duplicate(report(message))
    }

    pub fn no_right(message: impl Into<String>) -> Error {
        Error::NoRight(report(message))
    }

    pub fn too_large(message: impl Into<String>) -> Error {
        Error::TooLarge(report(message))
    }

    pub fn read_only(message: impl Into<String>) -> Error {
        Error::ReadOnly(report(message))
    }

    pub fn no_function(message: impl Into<String>) -> Error {
        Error::NoFunction(report(message))
    }

    pub fn internal(message: impl Into<String>) -> Error {
        Error::Internal(report(message))
    }

    /// A required argument was NULL.
    pub fn null_argument(name: &str) -> Error {
        Error::bad_argument(format!("argument {name} must not be NULL"))
    }

    /// A definition (or a single step) was refused: every finding, one a line, in DETAIL.
    pub fn refused_definition(what: &str, findings: &[Finding]) -> Error {
        let lines: Vec<String> = findings.iter().map(|f| format!("{}: {}", f.code, f.message)).collect();
        let plural = if lines.len() == 1 { "error" } else { "errors" };
        Error::bad_argument(format!("{what} has {} {plural}", lines.len()))
            .detail(lines.join("\n"))
            .hint("validate_scenario(definition) lists the findings as rows.")
    }

    /// With this DETAIL.
    pub fn detail(mut self, detail: impl Into<String>) -> Error {
        if let Some(report) = self.report_mut() {
            report.detail = Some(detail.into());
        }
        self
    }

    /// With this HINT.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        if let Some(report) = self.report_mut() {
            report.hint = Some(hint.into());
        }
        self
    }

    fn report_mut(&mut self) -> Option<&mut Report> {
        match self {
            Error::NotFound(report)
            | Error::WrongState(report)
            | Error::BadArgument(report)
            | Error::Duplicate(report)
            | Error::NoRight(report)
            | Error::TooLarge(report)
            | Error::ReadOnly(report)
            | Error::NoFunction(report)
            | Error::Internal(report) => Some(report),
            Error::Spi(_) => None,
        }
    }

    fn code(&self) -> PgSqlErrorCode {
        match self {
            Error::NotFound(_) => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            Error::WrongState(_) => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            Error::BadArgument(_) => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            Error::Duplicate(_) => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            Error::NoRight(_) => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            Error::TooLarge(_) => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            Error::ReadOnly(_) => PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            Error::NoFunction(_) => PgSqlErrorCode::ERRCODE_UNDEFINED_FUNCTION,
            Error::Internal(_) | Error::Spi(_) => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }
}

impl From<Error> for ErrorReport {
    fn from(mut error: Error) -> ErrorReport {
        let mut report = ErrorReport::new(error.code(), error.to_string(), "pg_scenario");
        if let Some(told) = error.report_mut() {
            if let Some(detail) = told.detail.take() {
                report = report.set_detail(detail);
            }
            if let Some(hint) = told.hint.take() {
                report = report.set_hint(hint);
            }
        }
        report
    }
}

/// The value of an argument that must not be NULL. Functions take every argument as `Option` and are not STRICT: a strict
/// function would answer NULL to a NULL tenant, in silence.
pub fn required<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| Error::null_argument(name))
}

/// The `tenant_id` argument, which nearly every function has.
pub fn tenant(argument: Option<Uuid>) -> Result<Uuid> {
    required(argument, "tenant_id")
}
