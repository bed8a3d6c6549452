//! Every error that a user can meet, with its SQLSTATE ("Errors" in docs/behaviour.md).
//!
//! Functions inside the extension return [`Result`]; a `#[pg_extern]` returns `Result<_, ErrorReport>`, to which `?`
//! converts: of all error types, pgrx keeps SQLSTATE, DETAIL and HINT only of that one.

use pgrx::pg_sys::panic::ErrorReport;
use pgrx::spi::SpiError;
use pgrx::{PgSqlErrorCode, Uuid};
use scenario_engine::definition::Finding;
use std::fmt::Display;

/// What a user is told, and the SQLSTATE by which a program tells errors apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    /// Names the thing.
    message: String,
    /// All findings.
    detail: Option<String>,
    /// What to do.
    hint: Option<String>,
}

/// The kinds of errors; each has an SQLSTATE of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    NotFound,
    WrongState,
    BadArgument,
    Duplicate,
    NoRight,
    TooLarge,
    ReadOnly,
    /// A function that a setting names does not exist.
    NoFunction,
    /// A defect of the extension, or rows that somebody wrote past its triggers.
    Internal,
}

impl ErrorKind {
    fn sqlstate(self) -> PgSqlErrorCode {
        match self {
            ErrorKind::NotFound => PgSqlErrorCode::ERRCODE_NO_DATA_FOUND,
            ErrorKind::WrongState => PgSqlErrorCode::ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
            ErrorKind::BadArgument => PgSqlErrorCode::ERRCODE_INVALID_PARAMETER_VALUE,
            ErrorKind::Duplicate => PgSqlErrorCode::ERRCODE_UNIQUE_VIOLATION,
            ErrorKind::NoRight => PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
            ErrorKind::TooLarge => PgSqlErrorCode::ERRCODE_PROGRAM_LIMIT_EXCEEDED,
            ErrorKind::ReadOnly => PgSqlErrorCode::ERRCODE_READ_ONLY_SQL_TRANSACTION,
            ErrorKind::NoFunction => PgSqlErrorCode::ERRCODE_UNDEFINED_FUNCTION,
            ErrorKind::Internal => PgSqlErrorCode::ERRCODE_INTERNAL_ERROR,
        }
    }
}

pub type Result<T> = std::result::Result<T, Error>;

/// How a session comes to a step to which nothing leads it. `move_session` keeps the rule of checkpoints, and an UPDATE
/// does not.
pub const MOVE_HINT: &str =
    "move_session(tenant_id, session_id, step_id) puts a session at any step of the published version.";

impl Error {
    fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into(), detail: None, hint: None }
    }

    /// P0002: `what` with that id does not exist. An id of another tenant gets the same words.
    pub fn not_found(what: &str, id: impl Display) -> Error {
        Error::none_such(format!("{what} {id} does not exist"))
    }

    /// P0002: a version, step or anchor that its owner does not have, in the caller's words.
    pub fn none_such(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::NotFound, message)
    }

    /// 55000
    pub fn wrong_state(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::WrongState, message)
    }

    /// 22023
    pub fn bad_argument(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::BadArgument, message)
    }

    /// 23505
    pub fn duplicate(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Duplicate, message)
    }

    /// 42501
    pub fn no_right(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::NoRight, message)
    }

    /// 54000
    pub fn too_large(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::TooLarge, message)
    }

    /// 25006
    pub fn read_only(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::ReadOnly, message)
    }

    /// 42883: a function that a setting names does not exist.
    pub fn no_function(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::NoFunction, message)
    }

    /// XX000
    pub fn internal(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Internal, message)
    }

    /// 22023: a required argument was NULL.
    pub fn null_argument(name: &str) -> Error {
        Error::bad_argument(format!("argument {name} must not be NULL"))
    }

    /// 22023: a definition (or a single step) was refused. DETAIL has every finding, one a line.
    pub fn refused_definition(what: &str, findings: &[Finding]) -> Error {
        let lines: Vec<String> = findings.iter().map(|f| format!("{}: {}", f.code, f.message)).collect();
        let plural = if lines.len() == 1 { "error" } else { "errors" };
        Error::bad_argument(format!("{what} has {} {plural}", lines.len()))
            .detail(lines.join("\n"))
            .hint("validate_scenario(definition) lists the findings as rows.")
    }

    /// With this DETAIL.
    pub fn detail(self, detail: impl Into<String>) -> Error {
        Error { detail: Some(detail.into()), ..self }
    }

    /// With this HINT.
    pub fn hint(self, hint: impl Into<String>) -> Error {
        Error { hint: Some(hint.into()), ..self }
    }

    /// Whether something does not exist (P0002).
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

/// A statement of the extension could not be run or read. What PostgreSQL itself raises while a statement runs does not
/// come by here: it keeps its own SQLSTATE.
impl From<SpiError> for Error {
    fn from(error: SpiError) -> Error {
        Error::internal(format!("internal error: {error}"))
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> ErrorReport {
        let Error { kind, message, detail, hint } = error;
        let report = ErrorReport::new(kind.sqlstate(), message, "pg_scenario");
        let report = detail.into_iter().fold(report, ErrorReport::set_detail);
        hint.into_iter().fold(report, ErrorReport::set_hint)
    }
}

/// The value of an argument that must not be NULL. Functions take every argument as `Option` and are not STRICT: a
/// strict function would answer NULL to a NULL tenant, in silence.
pub fn required<T>(argument: Option<T>, name: &str) -> Result<T> {
    argument.ok_or_else(|| Error::null_argument(name))
}

/// The `tenant_id` argument, which nearly every function has.
pub fn tenant(argument: Option<Uuid>) -> Result<Uuid> {
    required(argument, "tenant_id")
}

/// Ids for a DETAIL: `a, b, c`, each once, or `none`; of a long list the beginning.
pub fn listed<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 20;
    let mut listed: Vec<&str> = Vec::new();
    for id in ids {
        if listed.contains(&id) {
            continue;
        }
        if listed.len() == MOST {
            return format!("{}, …", listed.join(", "));
        }
        listed.push(id);
    }
    if listed.is_empty() { "none".to_owned() } else { listed.join(", ") }
}
