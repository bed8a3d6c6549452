//! The scenario document: model, validation, canonical JSON, content hash, checksum and digest (SPEC sections 2, 3,
//! 18).

mod canonical;
mod hash;
mod model;
mod parse;
mod validate;

pub use hash::{checksum, definition_digest, fields_digest, step_content_hash};
pub use model::{Definition, Step, Transition};
pub use parse::{parse, parse_step};
pub use validate::{Finding, Severity, validate};
