//! The scenario document: model, validation, canonical JSON, content hash, checksum and digest ("Definitions",
//! "Validation" and "Content hash" in docs/behaviour.md).

mod canonical;
mod findings;
mod hash;
mod model;
mod parse;
mod validate;

pub use findings::{Finding, Severity};
pub use hash::{checksum, definition_digest, fields_digest, step_content_hash};
pub use model::{Definition, Step, Transition};
pub use parse::{parse, parse_step};
pub use validate::validate;
