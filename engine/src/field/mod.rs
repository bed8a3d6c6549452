//! Field definitions: validation of values and extraction from messages ("Gap fill" in docs/behaviour.md).
//!
//! Schemas and patterns are written by operators and run inside a database: nothing here does I/O, backtracks, or grows
//! without a bound. Compiled ones are kept, a few of each, per thread.
//!
//! | file | holds |
//! |---|---|
//! | `definition` | [`FieldDefinition`]: what a field is and which values it takes |
//! | `schema` | JSON Schemas that are safe to use |
//! | `extraction` | values in a customer's messages |

mod definition;
mod extraction;
mod kept;
mod reason;
mod schema;
#[cfg(test)]
mod tests;

pub use definition::{FieldDefinition, RequiredLevel};
pub use extraction::Extracted;
